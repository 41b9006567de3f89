"""Files of a folder, an archive or a run that are no part of the collection, by name and reason."""

from collections.abc import Sequence

import streamlit as st

from core.records import LeftOut, SkippedFile
from core.ui.text import plain
from core.wording import counted

_SHOWN = 20


def show_named(what: str, named: Sequence[SkippedFile], count: int) -> None:
    """Show how many files something is said of, and on a click the first of them with the reason.

    Args:
        what: Said of them, such as `skipped`.
        named: As many as are known by name.
        count: Of all; nothing is shown for 0.
    """
    if not count:
        return
    with st.expander(f"{counted(count, 'file')} {what}", icon=":material/warning:"):
        _list(named, count)


def show_left_out(left: LeftOut) -> None:
    """Show what is no picture: counted by kind, and on a click by name."""
    if not left.count:
        return
    said = f"Left out, not pictures: {left.said(most=3)}"
    with st.expander(plain(said), icon=":material/filter_alt:"):
        _list(left.named, left.count)


def _list(named: Sequence[SkippedFile], count: int) -> None:
    for one in named[:_SHOWN]:
        st.caption(plain(f"{one.path}: {one.reason}"))
    if count > _SHOWN:
        st.caption(f"and {count - _SHOWN:,} more; the report in the history lists them.")
