"""The control that chooses the collection, on every page where there is more than one."""

import streamlit as st

from core.collection.listed import Listed
from core.errors import OrchardError
from core.ui.choosing import looked_at

KEY = "collection_picked"


def collection_picker() -> None:
    """Ask which collection to look at; nothing where there is no other one."""
    try:
        listed = {one.name: one for one in looked_at.offered()}
    except OrchardError:
        # The page says why.
        return
    here = looked_at.family()
    names = sorted({*listed, here, looked_at.usual()})
    if len(names) < 2:
        return
    # As a link or the way back may have changed it.
    st.session_state[KEY] = here
    st.selectbox(
        "Collection",
        names,
        key=KEY,
        format_func=lambda name: line_of(name, listed.get(name)),
        on_change=_take,
    )


def line_of(name: str, listed: Listed | None) -> str:
    """Return a collection in a line of a list: its name, rows and encoder."""
    if listed is None:
        return f"{name} (not built)"
    return f"{name} ({listed.rows:,}, {listed.encoder.short_title})"


def _take() -> None:
    looked_at.choose(st.session_state[KEY])
