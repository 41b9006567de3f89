"""Long work on the Evaluation page: a bar with time left, a way to stop, errors in place."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.errors import OrchardError
from core.ui.text import plain

logger = logging.getLogger(__name__)

_NOTE = "evaluation_note"

Progress = Callable[[str, int, int], None]


@contextlib.contextmanager
def cancellable(note: str) -> Iterator[Progress]:
    """Show progress and a button that stops the work; so does anything else that is pressed.

    Args:
        note: What to say after Cancel: what became of the work.
    """
    bar = st.progress(0.0, "Starting")
    watch = Stopwatch()
    # The press itself is what stops the run: Streamlit starts the page anew.
    cancel = st.empty()
    cancel.button("Cancel", icon=":material/cancel:", on_click=_remember, args=(note,))
    try:
        yield lambda stage, done, total: _advance(bar, watch.text(stage, done, total), done / total)
    except OrchardError:
        bar.empty()
        cancel.empty()
        raise
    bar.empty()
    cancel.empty()


def cancelled_note() -> None:
    """Say once that work was cancelled."""
    note = st.session_state.pop(_NOTE, "")
    if note:
        st.info(note, icon=":material/cancel:")


@contextlib.contextmanager
def errors_in_place() -> Iterator[None]:
    """Show what a person can mend where it went wrong, and go on with the rest of the page."""
    try:
        yield
    except OrchardError as error:
        logger.info("%s", error, exc_info=True)
        st.error(plain(str(error)), icon=":material/error:")


class Stopwatch:
    """Text for a progress bar: what is done, how many, and how long the rest may take."""

    NAMES = {  # noqa: RUF012
        "read": "Reading embeddings",
        "exact": "Exact search",
        "index": "Index search",
        "sweep": "Measuring nprobe, step",
    }

    def __init__(self) -> None:
        self._stage, self._started = "", 0.0

    def text(self, stage: str, done: int, total: int) -> str:
        """Return such as `Index search: 450 of 1,253, 12 s left`."""
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._started = stage, now
        text = f"{self.NAMES[stage]}: {done:,} of {total:,}"
        elapsed = now - self._started
        if elapsed > 0.5 and done:
            text += f", {elapsed / done * (total - done):.0f} s left"
        return text


def _advance(bar: DeltaGenerator, text: str, share: float) -> None:
    bar.progress(share, text)


def _remember(note: str) -> None:
    st.session_state[_NOTE] = note
