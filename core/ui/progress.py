"""Long work in the run of a page: a bar with time left, a way to stop, errors in place."""

import contextlib
import logging
from collections.abc import Iterator

import streamlit as st

from core.errors import OrchardError
from core.progress import Progress, Stage, Stopwatch, share_done
from core.ui.text import plain

logger = logging.getLogger(__name__)

_NOTE = "cancelled_note"
_ENDED = "work_has_ended"


@contextlib.contextmanager
def progress_bar() -> Iterator[Progress]:
    """Show a bar with count and time left until the work has ended."""
    bar = st.empty()
    watch = Stopwatch()

    def show(stage: Stage, done: int, total: int) -> None:
        bar.progress(share_done(done, total), watch.text(stage, done, total))

    show(Stage.START, 0, 0)
    try:
        yield show
    except OrchardError:
        bar.empty()
        raise
    bar.empty()


@contextlib.contextmanager
def cancellable(note: str) -> Iterator[Progress]:
    """Show progress and a button that stops the work; so does anything else that is pressed.

    Args:
        note: What to say after Cancel: what became of the work.
    """
    with progress_bar() as show:
        # The press itself is what stops the run: Streamlit starts the page anew.
        cancel = st.empty()
        st.session_state[_ENDED] = False
        cancel.button("Cancel", icon=":material/cancel:", on_click=_remember, args=(note,))
        try:
            yield show
        except OrchardError:
            cancel.empty()
            raise
        st.session_state[_ENDED] = True
        cancel.empty()


def cancelled_note() -> bool:
    """Say once that work was cancelled; returns whether it was."""
    note = st.session_state.pop(_NOTE, "")
    if note:
        st.info(note, icon=":material/cancel:")
    return bool(note)


@contextlib.contextmanager
def errors_in_place() -> Iterator[None]:
    """Show what a person can mend where it went wrong, and go on with the rest of the page."""
    try:
        yield
    except OrchardError as error:
        logger.info("%s", error, exc_info=True)
        st.error(plain(str(error)), icon=":material/error:")


def _remember(note: str) -> None:
    ended = st.session_state.get(_ENDED)
    st.session_state[_NOTE] = "It had ended before it could be cancelled." if ended else note
