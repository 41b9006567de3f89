"""Controls of the Evaluation page: which report, and what of it to look at."""

import streamlit as st

from core.embeddings.near_duplicates import NEAR_DUPLICATE
from core.errors import ReportError
from core.evaluation.files import Listing
from core.evaluation.report import Configuration, QuerySet, Report, Variant
from core.ui.text import plain
from core.wording import counted
from pages.evaluation import cache as shared
from pages.evaluation import state
from pages.evaluation.keys import Address
from pages.evaluation.reports.request import KS


def report_control(listing: Listing) -> str | None:
    """Choose a saved report; None when there is none. A link may name one."""
    by_name = dict(listing.reports)
    wanted = state.open_report(by_name)
    if wanted and wanted not in by_name:
        try:
            shared.get_report(wanted)
        except ReportError as error:
            st.error(plain(str(error)), icon=":material/error:")
    name = None
    if by_name:
        name = st.selectbox("Report", list(by_name), key=Address.REPORT)
        state.write_report(name)
    if name:
        st.caption(plain(describe(by_name[name])))
    if listing.unreadable:
        count = len(listing.unreadable)
        with st.expander(
            f"{counted(count, 'report file')} cannot be opened", icon=":material/warning:"
        ):
            for reason in listing.unreadable:
                st.caption(plain(reason))
    return name


def describe(configuration: Configuration) -> str:
    """Return one line that tells reports apart."""
    request = configuration.request
    index = "exact only" if request.nprobe is None else f"nprobe {request.nprobe}"
    queries = "held-out queries" if request.queries == QuerySet.HELD_OUT else "all pictures"
    if request.query_paths:
        queries += f" like {request.query_paths}"
    if request.sample:
        queries = f"{request.sample:,} of {queries}"
    moment = configuration.created[:16].replace("T", " ")
    return f"{moment}, {configuration.metric}, {index}, {queries}"


def k_control(report: Report) -> int:
    """Choose k among those that the stored neighbours can answer."""
    request, depth = report.configuration.request, report.exact.depth
    options = sorted({*request.ks, *(k for k in KS if k <= depth)})
    default = 10 if 10 in request.ks else max(request.ks)
    return int(
        st.select_slider(
            "Hits looked at (k)", options, value=default, key=Address.K, bind="query-params"
        )
    )


def variant_control() -> Variant:
    """Choose which duplicates are left out."""
    copies = st.toggle(
        "Without copies",
        key=Address.COPIES,
        bind="query-params",
        help="Leaves out hits whose file has the same bytes as the query.",
    )
    near = st.slider(
        "Ignore neighbours from similarity",
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
