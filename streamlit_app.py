"""Orchard: page configuration and navigation. Start with `make app`."""

from base64 import b64encode
from pathlib import Path

import streamlit as st

# In the page itself: a Material icon here would be fetched from the internet, and a file is served
# for as long as a run of the script lasts, which a browser may miss.
ICON = (Path(__file__).parent / "assets" / "orchard.png").read_bytes()
ICON_URL = f"data:image/png;base64,{b64encode(ICON).decode()}"


def main() -> None:
    """Set up the page, admit or refuse the visitor, draw."""
    from core.ui import components, sign_in

    st.set_page_config(page_title="Orchard", page_icon=ICON_URL, layout="wide")
    # Not in a folder named `pages`: Streamlit would run those files by themselves, without this
    # one, when a link to a page is the first thing opened after the start.
    search = st.Page(
        "views/search.py", title="Search", icon=":material/image_search:", default=True
    )
    evaluation = st.Page("views/evaluation.py", title="Evaluation", icon=":material/fact_check:")
    embedding_map = st.Page(
        "views/embedding_map.py", title="Embedding map", icon=":material/scatter_plot:"
    )
    collection = st.Page("views/collection.py", title="Collection", icon=":material/database:")
    page = st.navigation([search, evaluation, embedding_map, collection])
    components.readable_buttons()
    if sign_in.is_admitted():
        components.frame()
        page.run()


# The processes that draw the sample dataset import this file under another name: they must draw
# no page and open no database.
if __name__ == "__main__":
    main()
