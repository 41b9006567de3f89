"""Orchard: page configuration and navigation. Start with `make app`."""

from base64 import b64encode
from pathlib import Path

import streamlit as st

from core.ui import components, sign_in

# In the page itself: a Material icon here would be fetched from the internet, and a file is served
# for as long as a run of the script lasts, which a browser may miss.
ICON = (Path(__file__).parent / "assets" / "orchard.png").read_bytes()
ICON_URL = f"data:image/png;base64,{b64encode(ICON).decode()}"

st.set_page_config(page_title="Orchard", page_icon=ICON_URL, layout="wide")

# Not in a folder named `pages`: Streamlit would run those files by themselves, without this one,
# when a link to a page is the first thing opened after the start.
page = st.navigation(
    [
        st.Page("views/search.py", title="Search", icon=":material/image_search:", default=True),
        st.Page("views/evaluation.py", title="Evaluation", icon=":material/fact_check:"),
        st.Page("views/embedding_map.py", title="Embedding map", icon=":material/scatter_plot:"),
        st.Page("views/collection.py", title="Collection", icon=":material/database:"),
    ]
)
if sign_in.is_admitted():
    components.frame()
    page.run()
