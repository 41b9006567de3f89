"""Which collection a session looks at: chosen from a list, by a link, or that of the settings.

Every page and every callback asks `family`, and hands the name on; nothing below the pages knows of
a session. The address carries it wherever there is more than one collection, by a key that all
pages share.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import streamlit as st

from core.collection.listed import Listed
from core.errors import OrchardError
from core.runs.run_record import RunStatus
from core.runs.task import Rename
from core.ui import resources

logger = logging.getLogger(__name__)

T = TypeVar("T")

PARAMETER = "collection"
_CHOICE = "collection_choice"


@dataclass
class Choice:
    """What a session has chosen.

    Attributes:
        name: Of the collection; empty for that of the settings.
        written: What this session wrote into the address, or took from it, last.
        notice: Why another collection is shown than was asked for; empty if it is not.
        has_changed: Whether a person has chosen since the page was drawn last.
        owners: Whose the state of each page is, by its key.
        laid_by: What pages keep of collections that are not looked at now.
        left: By page, the collection that was looked at before, and what was kept of it.
    """

    name: str = ""
    written: str = ""
    notice: str = ""
    has_changed: bool = False
    owners: dict[str, str] = field(default_factory=dict)
    laid_by: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False)
    left: dict[str, tuple[str, Any]] = field(default_factory=dict, repr=False)


def _choice() -> Choice:
    choice: Choice = st.session_state.setdefault(_CHOICE, Choice())
    return choice


def family() -> str:
    """Return the name of the collection that this session looks at."""
    choice, asked = _choice(), st.query_params.get(PARAMETER, "")
    if asked and asked != choice.written:
        # A link, or a step back: else the address is what was written there.
        choice.written = asked
        _take(choice, asked)
    return choice.name or usual()


def usual() -> str:
    """Return the collection that a session looks at which has chosen none."""
    return resources.get_settings().collection


def offered() -> list[Listed]:
    """Return what there is to choose from; raises StoreError."""
    return resources.get_families()


def choose(name: str) -> None:
    """Look at another collection in the run that follows; a callback."""
    choice = _choice()
    choice.name, choice.notice, choice.has_changed = name, "", True


def turned_to() -> dict[str, str]:
    """Return the address of the collection that was chosen since this was asked last, if any."""
    choice = _choice()
    changed, choice.has_changed = choice.has_changed, False
    if not changed:
        return {}
    for key in st.query_params:
        # Said once more, a control's choice comes back into the address that is begun anew.
        if key in st.session_state:
            st.session_state[key] = st.session_state[key]
    choice.written = choice.name
    return parameters()


def follow() -> None:
    """Look at what there is when the chosen collection is there no more; write the address."""
    name, choice = family(), _choice()
    if (renamed := _renamed(name)) != name:
        choice.name, choice.notice = renamed, f"{name} is called {renamed} now."
    elif choice.name:
        _take(choice, name)
    try:
        several = len({usual(), *(one.name for one in offered())}) > 1
    except OrchardError as error:
        logger.info("the collections cannot be listed: %s", error)
        return
    if several:
        choice.written = choice.name or usual()
        if st.query_params.get(PARAMETER) != choice.written:
            st.query_params[PARAMETER] = choice.written
    elif PARAMETER in st.query_params:
        choice.written = ""
        del st.query_params[PARAMETER]


def kept(key: str, make: Callable[[], T]) -> T:
    """Return what a page keeps in `st.session_state` under a key: for each collection its own.

    Args:
        make: Makes it when it is asked for first.
    """
    choice, here = _choice(), family()
    before = choice.owners.setdefault(key, here)
    if before != here:
        choice.owners[key] = here
        choice.left[key] = before, st.session_state.get(key)
        choice.laid_by[before, key] = st.session_state.pop(key, None)
        if (found := choice.laid_by.pop((here, key), None)) is not None:
            st.session_state[key] = found
    state: T = st.session_state.setdefault(key, make())
    return state


def left(key: str) -> tuple[str, Any] | None:
    """Return the collection a page was drawn for before, with what it kept; once, then None."""
    return _choice().left.pop(key, None)


def parameters() -> dict[str, str]:
    """Return what a link has to carry so that it leads to the same collection."""
    written = _choice().written
    return {PARAMETER: written} if written else {}


def notice() -> str:
    """Return why another collection is shown than was asked for; empty if it is not."""
    return _choice().notice


def dismiss() -> None:
    """Take the notice away; a callback."""
    _choice().notice = ""


def _take(choice: Choice, name: str) -> None:
    """Look at a collection if there is one of this name, else at the usual one."""
    try:
        known = _is_known(name)
    except OrchardError as error:
        # The page says what is wrong; the collection may be there.
        logger.info("nobody knows whether there is a collection %r: %s", name, error)
        known = True
    if known:
        choice.name = name
        return
    choice.name = ""
    choice.notice = (
        f"there is no collection {name[:60]!r}, or no longer. This is {usual()}; others are in the "
        "list at the side."
    )


def _renamed(name: str) -> str:
    """Return the name a collection was given by the last run of this process, or the same."""
    try:
        state = resources.get_runner().state()
        if state is None or state.status is not RunStatus.DONE:
            return name
        task, there = state.task, {one.name for one in offered()}
    except OrchardError:
        return name
    if not isinstance(task, Rename) or task.family != name or name in there:
        return name
    return task.name if task.name in there else name


def _is_known(name: str) -> bool:
    if name == usual() or name in {one.name for one in offered()}:
        return True
    # One that is being built for the first time, or was stopped before its first row.
    runner = resources.get_runner()
    state = runner.state()
    if state and state.is_open and state.task.family == name:
        return True
    return runner.unfinished(name) is not None
