"""What one session keeps on the Evaluation page: which report is open, what was measured."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import streamlit as st

from core.evaluation.report import Request
from core.evaluation.sweep import SweepPoint
from core.metric import Metric
from core.ui.choosing import looked_at
from pages.evaluation.keys import Address, Key

_PAIR = (Address.ASKED, Address.GOT)
_COMPARED = (Address.FIRST, Address.SECOND)


class Dialog(StrEnum):
    """What can lie open over the page."""

    NONE = ""
    NEW_REPORT = "new report"
    RENAME = "rename"
    DELETE = "delete"


@dataclass
class Session:
    """State of one browser tab, beside the controls.

    Attributes:
        dialog: Which dialog is open.
        wanted: Reports that were asked for and are to be run.
        opens: Whether the one that was asked for is to be opened.
        made: Name of a report that was just made and is to be opened; empty otherwise.
        opened: Name of the report that was shown last.
        view: Which view of the report was shown last.
        sweeps: What measuring nprobe gave, by the report's name and k.
        shown: How many pictures of a long list are shown, by the list's key.
        pair: Classes of the confusion the address named last, as shown and as brought back.
        clicked: What was clicked last in a chart, by the chart's key.
    """

    dialog: Dialog = Dialog.NONE
    wanted: Sequence[tuple[Request, Metric]] = ()
    opens: bool = True
    made: str = ""
    opened: str = ""
    view: str = ""
    sweeps: dict[tuple[str, int], list[SweepPoint]] = field(default_factory=dict)
    shown: dict[str, int] = field(default_factory=dict)
    pair: tuple[str, str] = ("", "")
    clicked: dict[str, tuple[str, ...]] = field(default_factory=dict)


def current() -> Session:
    """Return the state of this session."""
    return looked_at.kept(Key.SESSION, Session)


def come_back() -> None:
    """Take up the confusion that was looked at before another page was opened.

    Only where the address names no view: the menu leads here without one, and so does the first
    step back from a page that a button led to.
    """
    pair = current().pair
    if looked_at.left(Key.SESSION):
        # What was chosen of the reports of another collection.
        for key in (Address.REPORT, Address.CLASS, Address.CURVE_CLASSES, *_PAIR, *_COMPARED):
            st.session_state.pop(key, None)
    if _has_just_come() and Address.VIEW not in st.query_params and any(pair):
        st.query_params.update({k.value: v for k, v in zip(_PAIR, pair, strict=True) if v})


def open_report(names: Collection[str]) -> str:
    """Set the control of the report before it is drawn: made just now, chosen, or in the address.

    Returns:
        The report that was asked for, also where it is not among `names`; empty for none.
    """
    name = asked()
    current().made = ""
    if name in names:
        st.session_state[Address.REPORT] = name
    else:
        # Its control refuses what it does not offer.
        st.session_state.pop(Address.REPORT, None)
    return name


def was_open(name: str) -> bool:
    """Whether this session has shown a report before."""
    return current().opened == name


def forget_report() -> None:
    """Let the page open the newest report: the one that was open has been deleted."""
    current().opened = ""
    st.session_state.pop(Address.REPORT, None)
    st.query_params.pop(Address.REPORT, None)


def asked() -> str:
    """Return the name of the report that was made just now, chosen, or is in the address."""
    session, named = current(), st.query_params.get(Address.REPORT, "")
    # A link or the way back has changed the address, which names what was opened last otherwise.
    told = named if named != session.opened else ""
    return str(session.made or told or st.session_state.get(Address.REPORT) or named)


def write_report(name: str) -> None:
    """Tell the address which report is open.

    Its control is not bound: a bound one leaves its default out of the address, so that a link to
    the newest report would open whatever is newest then. Whoever goes back to an address without
    one stays there: to write it anew would lead forward again.
    """
    session = current()
    if _has_just_come() or _follows_link() or session.opened != name:
        st.query_params[Address.REPORT] = name
    session.opened = name


def _has_just_come() -> bool:
    """Whether the page is drawn for the first time since another one was left."""
    return Key.TAB not in st.session_state


def view_of(tab: str) -> str:
    """Return the key of the control that chooses among the views of a tab."""
    return f"{Key.TAB} {tab}"


def open_view(tabs: Mapping[str, Sequence[str]]) -> None:
    """Set the controls of the view before they are drawn, as the address says.

    They are not bound: the address names a view and leaves it to the page in which tab that is, so
    that links outlive the tabs.

    Args:
        tabs: Their views; the first of all is shown where nothing is asked for.
    """
    session = current()
    is_new = _has_just_come()
    usual = next(iter(tabs.values()))[0]
    asked = st.query_params.get(Address.VIEW) or (is_new and session.view) or usual
    for tab, views in tabs.items():
        # Streamlit forgets the value of a control that was not drawn.
        st.session_state.setdefault(view_of(tab), views[0])
        # Else what was pressed just now goes before the address, which is still that of before.
        if asked in views and (is_new or asked != session.view):
            st.session_state[Key.TAB] = tab
            st.session_state[view_of(tab)] = asked
    st.session_state.setdefault(Key.TAB, next(iter(tabs)))


def write_view(view: str, *, usual: str) -> None:
    """Tell the address which view is open; the usual one needs no word there."""
    current().view = view
    named = "" if view == usual else view
    if named == st.query_params.get(Address.VIEW, ""):
        return
    if named:
        st.query_params[Address.VIEW] = named
    else:
        del st.query_params[Address.VIEW]


def open_dialog(dialog: Dialog) -> None:
    """Open a dialog in the run that follows; it stays until it is closed."""
    current().dialog = dialog


def close_dialog() -> None:
    """Close the dialog: one that stayed would lie over the progress and the Cancel button."""
    current().dialog = Dialog.NONE


def want(request: Request, metric: Metric) -> None:
    """Ask for a report, which the page runs next, and opens."""
    current().wanted, current().opens = [(request, metric)], True


def want_beside(wanted: Sequence[tuple[Request, Metric]]) -> None:
    """Ask for reports beside the one that stays open; a callback."""
    current().wanted, current().opens = wanted, False


def take_wanted() -> Sequence[tuple[Request, Metric]]:
    """Return the reports that were asked for, once: what stops them must not begin them anew."""
    wanted, current().wanted = current().wanted, ()
    return wanted


def shown(key: str, usual: int) -> int:
    """Return how many pictures of a list are shown."""
    return current().shown.get(key, usual)


def show_more(key: str, number: int) -> None:
    """Show so many pictures of a list; a callback."""
    current().shown[key] = number


def offer(key: Address, options: Collection[str]) -> str:
    """Make sure that a control is asked only for what it offers, before it is drawn.

    Returns:
        What the address asks for and the control does not offer; empty for nothing.
    """
    if st.session_state.get(key, "") not in options:
        st.session_state.pop(key, None)
    asked = st.query_params.get(key, "")
    return "" if asked in options else asked


def open_pair(classes: Collection[str]) -> list[str]:
    """Set the controls of a confusion before they are drawn, as the address says.

    They are not bound: each would be a step of its own on the way back.

    Returns:
        The classes that the address asks for and the report does not have.
    """
    session, asked = current(), _pair_asked()
    for key, name in zip(_PAIR, asked, strict=True):
        # What was pressed just now goes before the address, which is still that of before.
        if key not in st.session_state or asked != session.pair:
            st.session_state[key] = name
        if st.session_state[key] not in classes:
            st.session_state[key] = ""
    return [name for name in asked if name and name not in classes]


def write_pair(asked: str, got: str) -> None:
    """Tell the address which confusion is looked at; what is left open needs no word there."""
    pair = (asked, got)
    if pair != _pair_asked():
        for key, name in zip(_PAIR, pair, strict=True):
            if not name and key in st.query_params:
                del st.query_params[key]
        # At once, so that the way back is one step.
        st.query_params.update(
            {key.value: name for key, name in zip(_PAIR, pair, strict=True) if name}
        )
    current().pair = pair


def leave_class() -> None:
    """Look at all classes when a link leads to a confusion, before the control is drawn.

    One to Apple would otherwise show Apple among the confusions of the class looked at before.
    """
    if _follows_link() and Address.CLASS not in st.query_params:
        st.session_state[Address.CLASS] = ""


def _follows_link() -> bool:
    """Whether the address names another confusion than this page has written into it."""
    asked = _pair_asked()
    return bool(asked[0]) and asked != current().pair


def _pair_asked() -> tuple[str, str]:
    return st.query_params.get(Address.ASKED, ""), st.query_params.get(Address.GOT, "")


def look_at(label: str) -> None:
    """Look at one class alone, or at all by an empty text; a callback."""
    st.session_state[Address.CLASS] = label
    # What was chosen of another class is not among what is looked at now.
    choose_pair("", "")


def look_into(view: str, label: str) -> None:
    """Open a view of the mistakes of one class; a callback."""
    look_at(label)
    st.query_params[Address.VIEW] = view


def choose_bar(chart: str) -> None:
    """Look at the class whose bar was clicked, or at all by a second click; a callback."""
    for label in _clicked(chart, 1):
        look_at("" if label == st.session_state.get(Address.CLASS) else label)


def choose_pair(asked: str, got: str) -> None:
    """Look at the pictures of one class that brought back another; a callback."""
    st.session_state[Address.ASKED] = asked
    st.session_state[Address.GOT] = got


def choose_cell(chart: str) -> None:
    """Look at the cell of the confusion matrix that was clicked; a callback."""
    pair = _clicked(chart, 2)
    if pair:
        choose_pair(*pair)


def _clicked(chart: str, length: int) -> tuple[str, ...]:
    """Return the texts behind the point of a chart that was clicked; empty for none.

    A second click on the same point takes Plotly's choice away: it is a click on it all the same.
    """
    session = current()
    points = st.session_state[chart]["selection"]["points"]
    if points:
        session.clicked[chart] = tuple(points[0]["customdata"][:length])
    return session.clicked.get(chart, ())


def open_compared(names: Collection[str], usual: tuple[str, str]) -> None:
    """Set which two reports are compared before their controls are drawn, as the address says.

    Args:
        usual: The two where the address names none that is there. They are not written into it:
            whoever goes back to an address without them would be led forward again.
    """
    for key, name in zip(_COMPARED, usual, strict=True):
        asked = st.query_params.get(key, "")
        st.session_state[key] = asked if asked in names else name


def write_compared() -> None:
    """Tell the address which two reports are compared; a callback of their controls."""
    st.query_params.update({key.value: st.session_state[key] for key in _COMPARED})


def swap_compared() -> None:
    """Compare the other way round; a callback."""
    first, second = (st.session_state[key] for key in _COMPARED)
    st.session_state[Address.FIRST], st.session_state[Address.SECOND] = second, first
    write_compared()
