"""Orchard: page configuration and navigation. Start with `make app`."""

from pathlib import Path

import streamlit as st

from core.ui import components

# A file of our own: a Material icon here would be fetched from the internet.
ICON = Path(__file__).parent / "assets" / "orchard.png"

st.set_page_config(page_title="Orchard", page_icon=str(ICON), layout="wide")

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
components.frame()
page.run()
