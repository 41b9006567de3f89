"""Collection: what is indexed and whether all is well; build, change, browse."""

import streamlit as st

from core.ui import frame, resources, resources_collection
from core.ui.collection_browse import show_browse
from core.ui.collection_build import show_build
from core.ui.collection_change import show_change
from core.ui.collection_health import show_health
from core.ui.collection_history import show_history
from core.ui.collection_run import show_run
from core.ui.controls import segmented

PARTS = {
    "Health": show_health,
    "Build": show_build,
    "Change": show_change,
    "Browse": show_browse,
    "History": show_history,
}
CHANGING = ("Build", "Change")


def main() -> None:
    """The run that goes on, then one part of the page."""
    st.subheader("Collection")
    read_only = resources.get_settings().read_only
    show_run()
    parts = [name for name in PARTS if not (read_only and name in CHANGING)]
    is_empty = not resources_collection.find_infos()
    first = "Build" if is_empty and not read_only else "Health"
    PARTS[segmented("Show", parts, key="part", default=first)]()


with frame.page_errors():
    main()
