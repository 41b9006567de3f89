"""A card of the Health part: an icon, a title, one sentence, a sign; the facts on request."""

from collections.abc import Mapping
from enum import StrEnum

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.ui.text import plain


class Sign(StrEnum):
    """How it stands: by colour, and by shape for those who see none."""

    GOOD = ":green[:material/check_circle:]"
    LOOK = ":orange[:material/warning:]"
    BAD = ":red[:material/error:]"
    UNKNOWN = ":gray[:material/help:]"


def card(title: str, sign: Sign, sentence: str, *, icon: str) -> DeltaGenerator:
    """Draw a card; returns it, for what else stands in it.

    Args:
        sentence: Markdown; text of data in it is escaped.
    """
    box = st.container(border=True, height="stretch")
    with box.container(horizontal=True, vertical_alignment="center", wrap=False):
        st.markdown(f":material/{icon}: **{title}**", width="stretch")
        st.markdown(sign.value, width="content")
    box.markdown(sentence)
    return box


def facts(lines: Mapping[str, str]) -> None:
    """Draw facts that are read on request, one a line."""
    with st.expander("Details", type="compact"):
        st.markdown(
            "  \n".join(f":small[{name}: **{plain(value)}**]" for name, value in lines.items())
        )


def size_text(size: int) -> str:
    """Return bytes as a person says them, in powers of 1,000."""
    for unit, power in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= power:
            return f"{size / power:.1f} {unit}"
    return f"{size} B"
