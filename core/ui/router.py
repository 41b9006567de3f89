"""Page configuration, sign-in and navigation: every request for a page passes here first."""

from base64 import b64encode
from pathlib import Path

import streamlit as st

# In the page itself: a Material icon here would be fetched from the internet, and a file is served
# for as long as a run of the script lasts, which a browser may miss.
ICON = (Path(__file__).resolve().parents[2] / "assets" / "orchard.png").read_bytes()
ICON_URL = f"data:image/png;base64,{b64encode(ICON).decode()}"


def main() -> None:
    """Set up the page, admit or refuse the visitor, draw."""
    from core.ui import frame, links, sign_in

    st.set_page_config(page_title="Orchard", page_icon=ICON_URL, layout="wide")
    search = st.Page(
        links.SEARCH_PAGE,
        title="Search",
        icon=":material/image_search:",
        url_path="search",
        default=True,
    )
    evaluation = st.Page(
        links.EVALUATION_PAGE,
        title="Evaluation",
        icon=":material/fact_check:",
        url_path="evaluation",
    )
    embedding_map = st.Page(
        links.MAP_PAGE,
        title="Embedding map",
        icon=":material/scatter_plot:",
        url_path="embedding_map",
    )
    collection = st.Page(
        links.COLLECTION_PAGE,
        title="Collection",
        icon=":material/database:",
        url_path="collection",
    )
    frame.readable_buttons()
    is_admitted = sign_in.is_admitted()
    page = st.navigation(
        [search, evaluation, embedding_map, collection],
        position="sidebar" if is_admitted else "hidden",
    )
    if is_admitted:
        frame.frame()
        page.run()


# The processes that draw the sample dataset import this file under another name: they must draw
# no page and open no database.
if __name__ == "__main__":
    main()
