"""What one session keeps on the Evaluation page: which report is open, what was measured."""

from collections.abc import Collection
from dataclasses import dataclass, field

import streamlit as st

from core.evaluation.sweep import SweepPoint
from pages.evaluation.keys import Address, Key


@dataclass
class Session:
    """State of one browser tab, beside the controls.

    Attributes:
        made: Name of a report that was just made and is to be opened; empty otherwise.
        sweeps: What measuring nprobe gave, by the report's name and k.
        shown: How many pictures of a long list are shown, by the list's key.
    """

    made: str = ""
    sweeps: dict[tuple[str, int], list[SweepPoint]] = field(default_factory=dict)
    shown: dict[str, int] = field(default_factory=dict)


def current() -> Session:
    """Return the state of this session."""
    state: Session = st.session_state.setdefault(Key.SESSION, Session())
    return state


def open_report(names: Collection[str]) -> str:
    """Set the control of the report before it is drawn: made just now, chosen, or in the address.

    Returns:
        The report that was asked for, also where it is not among `names`; empty for none.
    """
    session = current()
    asked = session.made or st.session_state.get(Address.REPORT)
    asked = str(asked or st.query_params.get(Address.REPORT, ""))
    session.made = ""
    if asked in names:
        st.session_state[Address.REPORT] = asked
    return asked


def write_report(name: str) -> None:
    """Tell the address which report is open.

    Its control is not bound: a bound one leaves its default out of the address, so that a link to
    the newest report would open whatever is newest then.
    """
    st.query_params[Address.REPORT] = name


def close_form() -> None:
    """Close the form of a new report, which would lie over the progress and the Cancel button."""
    st.session_state[Key.NEW_REPORT] = False


def shown(key: str, usual: int) -> int:
    """Return how many pictures of a list are shown."""
    return current().shown.get(key, usual)


def show_more(key: str, number: int) -> None:
    """Show so many pictures of a list; a callback."""
    current().shown[key] = number
