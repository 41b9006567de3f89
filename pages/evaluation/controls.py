"""Controls of the Evaluation page: which report, and what of it to look at."""

import streamlit as st

from core.embeddings.near_duplicates import NEAR_DUPLICATE
from core.errors import ReportError
from core.evaluation.files import Listing, read_json_text
from core.evaluation.report import Report, Variant
from core.ui.choosing import looked_at
from core.ui.text import plain
from core.wording import counted, sentence
from pages.evaluation import cache as shared
from pages.evaluation import state
from pages.evaluation.keys import Address
from pages.evaluation.reports.editing import edit_buttons
from pages.evaluation.reports.names import browser_zone, labels
from pages.evaluation.reports.request import KS

_TARGET = 0.8


def report_control(listing: Listing) -> str | None:
    """Choose a saved report; None when there is none. A link may name one."""
    own = shared.own_reports()
    # Those of other collections last: they can be opened and compared, and are never the newest.
    others = [report for report in listing.reports if report not in own]
    called = labels([*own, *others], zone=browser_zone(), here=looked_at.family())
    wanted = state.open_report(called)
    if wanted and wanted not in called:
        _missing(wanted, is_last=not called)
    name = None
    if called:
        name = st.selectbox(
            "Report",
            list(called),
            index=0 if own else None,
            format_func=called.__getitem__,
            placeholder="None of this collection yet",
            key=Address.REPORT,
        )
    if name:
        state.write_report(name)
        edit_buttons()
    if listing.unreadable:
        count = len(listing.unreadable)
        with st.expander(
            f"{counted(count, 'report file')} cannot be opened", icon=":material/warning:"
        ):
            for reason in listing.unreadable:
                st.caption(plain(reason))
    return name


def _missing(name: str, *, is_last: bool) -> None:
    """Say why a report that was asked for is not there."""
    if state.was_open(name):
        state.forget_report()
        shown = "There is no other one." if is_last else "The newest one is shown instead."
        st.warning(
            f"The report that was open here has been deleted. {shown}", icon=":material/delete:"
        )
        return
    try:
        # Not the report itself, which may still be at hand although its files are gone.
        read_json_text(name, shared.reports_folder())
    except ReportError as error:
        st.error(plain(sentence(str(error))), icon=":material/error:")


def k_control(report: Report) -> int:
    """Choose k among those that the stored neighbours can answer."""
    request, depth = report.configuration.request, report.exact.depth
    options = sorted({*request.ks, *(k for k in KS if k <= depth)})
    default = 10 if 10 in request.ks else max(request.ks)
    return int(
        st.select_slider("Top k", options, value=default, key=Address.K, bind="query-params")
    )


def target_control() -> float:
    """Choose the precision that every class is to reach."""
    return st.slider(
        "Target",
        0.0,
        1.0,
        _TARGET,
        0.05,
        key=Address.TARGET,
        bind="query-params",
        help="The precision wanted of every class. A class is below or has reached it where its "
        "95 % interval says so.",
    )


def focus_control(report: Report) -> tuple[str, list[str]]:
    """Choose the class that is looked at alone; empty for all.

    Returns:
        The class, and what an address asks for that the report does not have.
    """
    options = ["", *report.rows.classes]
    unknown = state.offer(Address.CLASS, options)
    state.leave_class()
    focus = st.selectbox(
        "Class",
        options,
        format_func=lambda name: name or "All classes",
        key=Address.CLASS,
        bind="query-params",
    )
    return focus or "", [unknown] if unknown else []


def variant_control() -> Variant:
    """Choose which duplicates are left out."""
    copies = st.toggle(
        "Ignore exact copies",
        key=Address.COPIES,
        bind="query-params",
        help="Leaves out hits whose file has the same bytes as the query.",
    )
    near = st.slider(
        "Ignore near-duplicates from",
        0.5,
        1.0,
        1.0,
        0.01,
        key=Address.NEAR,
        bind="query-params",
        help="Leaves out hits with at least this cosine similarity to the query: frames of one "
        f"video or bursts inflate every figure. 1.00 leaves none out; from {NEAR_DUPLICATE} on two "
        "pictures count as near-duplicates elsewhere.",
    )
    return Variant(without_copies=copies, from_similarity=None if near >= 1 else near)


def class_control(report: Report) -> list[str]:
    """Choose the classes that the curves show in colour; empty for the worst ones."""
    return st.multiselect(
        "Classes on the curves",
        report.rows.classes,
        key=Address.CURVE_CLASSES,
        bind="query-params",
        max_selections=5,
        placeholder="The worst ones",
    )
