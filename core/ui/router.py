"""Page configuration, sign-in and navigation: every request for a page passes here first."""

import streamlit as st


def main() -> None:
    """Set up the page, admit or refuse the visitor, draw."""
    from core.ui import frame, links, sign_in
    from core.ui.choosing import looked_at

    st.set_page_config(page_title="Orchard", page_icon=frame.ICON_URL, layout="wide")
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
    frame.style()
    frame.name()
    frame.history()
    frame.theme()
    is_admitted = sign_in.is_admitted()
    page = st.navigation(
        [search, evaluation, embedding_map, collection],
        position="top" if is_admitted else "hidden",
    )
    if is_admitted:
        links.follow()
        if there := looked_at.turned_to():
            # The rest of the address is about the collection of before.
            st.switch_page(page, query_params=there)
        frame.frame(is_of_collection=page is collection)
        page.run()


# The processes that draw the sample dataset import this file under another name: they must draw
# no page and open no database.
if __name__ == "__main__":
    main()
