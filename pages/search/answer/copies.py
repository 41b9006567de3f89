"""Files of the collection that have the bytes of the query, and whether the hits show them."""

from collections.abc import Sequence

import streamlit as st

from core.records import ImageRecord
from core.ui.text import plain
from core.wording import counted, listed
from pages.search import state
from pages.search.query import copies_of
from pages.search.question.filters import HIDE_QUERY
from pages.search.view import View

# With their paths; the others are counted.
_NAMED = 3


def copies(view: View) -> None:
    """Say which files have the bytes of the query, with the way to see them among the hits.

    Nothing is said of a picture that was picked from the collection, unless there are more of it.
    """
    pictures = view.session.pictures
    found = copies_of(pictures, view.catalogue)
    if not found:
        return
    is_upload = len(pictures) == 1 and pictures[0].record is None
    are = "file with the same bytes is", "files with the same bytes are"
    what = "This picture is" if is_upload else counted(len(found), *are)
    said = f"{what} in the collection: {_named(found)}."
    with st.container(horizontal=True, vertical_alignment="center", key="copies"):
        if not view.question.exclude:
            st.caption(said, width="content")
            return
        st.caption(f"{said} Left out by *{HIDE_QUERY}*.", width="content")
        st.button("Show", key="show_query", type="tertiary", on_click=state.show_query)


def _named(found: Sequence[ImageRecord]) -> str:
    names = [plain(record.path) for record in found[:_NAMED]]
    more = len(found) - len(names)
    return listed([*names, f"{more:,} more"] if more else names)
