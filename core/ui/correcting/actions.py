"""What menus say of pictures, and what came of it: kept by the session until it is told."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import streamlit as st

from core.corrections.book import Book, Step
from core.corrections.correction import Correction, Corrections, Edit, as_label
from core.errors import OrchardError
from core.records import ImageRecord
from core.ui import resources
from core.ui.choosing import looked_at
from core.wording import sentence

logger = logging.getLogger(__name__)


class Way(StrEnum):
    """What can be said of pictures."""

    TAG = "Tag…"
    EXCLUDE = "Leave out"
    RELABEL = "Another class…"


WAY_ICONS = {Way.TAG: "sell", Way.EXCLUDE: "block", Way.RELABEL: "drive_file_move"}

# Of the session: what is asked of whom, and what was done last.
_ASKED, _DONE = "correcting", "corrected"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be said of pictures of a collection, and has to be asked for."""

    way: Way
    records: tuple[ImageRecord, ...]
    family: str


@dataclass(frozen=True, slots=True)
class Done:
    """What came of the last change: a step that can be undone, or why there is none.

    Attributes:
        family: The collection that was changed; empty where nothing can be undone.
    """

    said: str
    number: int | None = None
    family: str = ""


def ways() -> list[Way]:
    """Return what can be said of pictures here: nothing where the dashboard is read-only."""
    return [] if resources.get_settings().read_only else list(Way)


def way_text(way: Way) -> str:
    """Return the line of a menu for it; Markdown."""
    return f":material/{WAY_ICONS[way]}: {way}"


def ways_menu(
    records: Sequence[ImageRecord],
    *,
    key: str,
    label: str = "Correct",
    icon: str = "edit",
    quiet: bool = False,
    without: Collection[Way] = (),
) -> None:
    """Draw a menu of what can be said of pictures; nothing where nothing may be changed.

    Args:
        quiet: Without the frame of a button.
        without: What is so already.
    """
    if options := [way for way in ways() if way not in without]:
        st.menu_button(
            label,
            options,
            icon=f":material/{icon}:",
            key=key,
            type="tertiary" if quiet else "secondary",
            format_func=way_text,
            help="Tag, leave out, give another class",
            on_click=_take_chosen,
            args=(key, tuple(records)),
        )


def _take_chosen(key: str, records: tuple[ImageRecord, ...]) -> None:
    take(Way(st.session_state[key]), records)


def take(way: Way, records: Sequence[ImageRecord]) -> None:
    """Leave pictures out, or have what is to be said of them asked for; a callback."""
    if way is Way.EXCLUDE:
        change([record.path for record in records], Edit(excluded=True))
    else:
        st.session_state[_ASKED] = Asked(way, tuple(records), looked_at.family())


def change(paths: Sequence[str], edit: Edit) -> None:
    """Say something of pictures; what came of it is told by `dialogs.follow`."""
    _try(lambda book, family: book.change(family, paths, edit))


def give_class(paths: Sequence[str], label: str) -> None:
    """Give pictures a class; a new one is told to be new, since it may be a slip of the pen."""

    def work(book: Book, family: str) -> Step | None:
        wanted = as_label(label)
        is_new = wanted not in resources.get_catalogue(family).by_class
        return book.change(family, paths, Edit(label=wanted, is_new=is_new))

    _try(work)


def put(
    corrections: Mapping[str, Correction], *, said: Callable[[int], str], before: Corrections
) -> None:
    """Say something of pictures in the place of what was said, as `Book.put`."""
    _try(lambda book, family: book.put(family, corrections, said=said, before=before))


def undo(number: int, family: str) -> None:
    """Take back a step of a collection; a callback."""
    try:
        step = _book().undo(family, number)
        st.session_state[_DONE] = Done(f"Undone: {step.said}")
    except OrchardError as error:
        _failed(error)


def _try(work: Callable[[Book, str], Step | None]) -> None:
    """Change something, and keep what came of it until it is told."""
    family = looked_at.family()
    try:
        step = work(_book(), family)
    except OrchardError as error:
        _failed(error)
    else:
        done = Done(sentence(step.said), step.number, family) if step else Done("It was so already")
        st.session_state[_DONE] = done


def _failed(error: OrchardError) -> None:
    logger.info("not corrected: %s", error)
    st.session_state[_DONE] = Done(sentence(str(error)))


def done() -> Done | None:
    """Return what came of the last change; None once it was closed."""
    found = st.session_state.get(_DONE)
    return found if isinstance(found, Done) else None


def close() -> None:
    """Tell of the last change no longer; a callback."""
    st.session_state.pop(_DONE, None)


def asked() -> Asked | None:
    """Return what is to be asked for."""
    found = st.session_state.get(_ASKED)
    # Another collection may have been chosen meanwhile, by a step back.
    is_here = isinstance(found, Asked) and found.family == looked_at.family()
    return found if is_here else None


def forget() -> None:
    """Ask no longer."""
    st.session_state.pop(_ASKED, None)


def _book() -> Book:
    book = resources.get_store().book
    assert book is not None  # as `open_store` makes it
    return book
