"""Orchard: page configuration and navigation. Start with `make app`."""

from pathlib import Path

import streamlit as st

from core.ui import components

# A file of our own: a Material icon here would be fetched from the internet.
ICON = Path(__file__).parent / "assets" / "orchard.png"

st.set_page_config(page_title="Orchard", page_icon=str(ICON), layout="wide")

page = st.navigation(
    [
        st.Page("pages/search.py", title="Search", icon=":material/image_search:", default=True),
        st.Page("pages/evaluation.py", title="Evaluation", icon=":material/fact_check:"),
        st.Page("pages/embedding_map.py", title="Embedding map", icon=":material/scatter_plot:"),
        st.Page("pages/collection.py", title="Collection", icon=":material/database:"),
    ]
)
components.frame()
page.run()
