"""What one session keeps on the Collection page; what all sessions share is in `cache`."""

import random
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st

from core.dataset.archives.archive import ArchivePlan
from core.errors import OrchardError
from core.runs.task import TaskKind
from core.ui.choosing import looked_at
from pages.collection.keys import Address, Key

BUILD = "Build"


@dataclass
class Session:
    """State of one browser tab, beside the controls.

    Attributes:
        refusal: Why a run was not started; empty if nothing was refused.
        watched: Name of a run that was seen going on, whose end is yet to be told.
        closed: Name of the run whose end was read and closed, by this visitor alone.
        change: The kind of change whose inputs are shown.
        seed: Of the pictures that are drawn to be browsed: the same until others are asked for.
        plans: What an upload holds and the folder it belongs into, by the id of the upload.
    """

    refusal: str = ""
    watched: str = ""
    closed: str = ""
    change: TaskKind | None = None
    seed: int = 0
    plans: dict[str, tuple[ArchivePlan, Path]] = field(default_factory=dict, repr=False)


def current() -> Session:
    """Return the state of this session."""
    return looked_at.kept(Key.SESSION, Session)


def come_back() -> None:
    """Browse all of a collection that was not looked at when the page was drawn last."""
    current()
    if looked_at.left(Key.SESSION):
        for key in (Address.BROWSE_CLASS, Address.BROWSE_WHERE, Address.BROWSE_WORDS):
            st.session_state.pop(key, None)
        forget_confirmation()


def refuse(error: OrchardError) -> None:
    """Keep a refusal until the page is drawn: a callback cannot write on it."""
    current().refusal = str(error)


def pop_refusal() -> str:
    """Return the refusal that was kept and forget it; empty if there is none."""
    session = current()
    refusal, session.refusal = session.refusal, ""
    return refusal


def draw_again() -> None:
    """Draw other pictures to browse; a callback."""
    current().seed = random.randrange(2**32)  # noqa: S311


def show_bar(label: str | None) -> None:
    """Mark the bar of the class that is chosen; None marks the one for all."""
    st.session_state[Key.BAR] = label


def take_bar() -> None:
    """Choose the class whose bar was pressed; a callback."""
    st.session_state[Address.BROWSE_CLASS] = st.session_state[Key.BAR]


def open_build() -> None:
    """Open the part that builds; a callback."""
    st.session_state[Address.PART] = BUILD


def open_change(kind: TaskKind | None) -> None:
    """Show the inputs of one kind of change, or of none; a callback."""
    current().change = kind
    forget_confirmation()


def forget_confirmation() -> None:
    """Have the next change confirmed anew; a callback."""
    st.session_state[Key.CONFIRM] = ""
