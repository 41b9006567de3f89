"""Collection: what is indexed and whether all is well; build, change, browse."""

import streamlit as st

from core.ui import resources
from core.ui.controls import segmented
from core.ui.errors import page_errors
from pages.collection import cache
from pages.collection.browse import show_browse
from pages.collection.build import show_build
from pages.collection.change import show_change
from pages.collection.health import show_health
from pages.collection.history import show_history
from pages.collection.keys import Address
from pages.collection.run import show_run
from pages.collection.state import BUILD

PARTS = {
    "Health": show_health,
    BUILD: show_build,
    "Change": show_change,
    "Browse": show_browse,
    "History": show_history,
}
CHANGING = (BUILD, "Change")


def main() -> None:
    """The run that goes on, then one part of the page."""
    st.subheader("Collection")
    read_only = resources.get_settings().read_only
    show_run()
    parts = [name for name in PARTS if not (read_only and name in CHANGING)]
    is_empty = not cache.find_infos()
    first = BUILD if is_empty and not read_only else "Health"
    PARTS[segmented("Show", parts, key=Address.PART, default=first)]()


with page_errors():
    main()
