"""Controls of the Evaluation page: which report, a new one, what of it to look at."""

from collections.abc import Mapping

import streamlit as st

from core.collection.index_choice import nprobe_steps
from core.collection.info import CollectionInfo
from core.embeddings.near_duplicates import NEAR_DUPLICATE
from core.errors import QueryError, ReportError
from core.evaluation.files import Listing
from core.evaluation.report import Configuration, QuerySet, Report, Request, Variant
from core.measures.retrieval import check_ks
from core.metric import Metric
from core.search.index_search import DEFAULT_NPROBE
from core.ui.text import plain
from core.wording import counted
from pages.evaluation import cache as shared
from pages.evaluation import state
from pages.evaluation.keys import Address, Key

KS = (1, 2, 3, 5, 10, 20, 50, 100)
EXACT_ONLY = "exact"


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


def request_form(infos: Mapping[Metric, CollectionInfo]) -> tuple[Request, Metric] | None:
    """Ask for a new report; None until the button is pressed.

    Raises:
        QueryError: A cut-off that was typed in is no number from 1 to 1,000.
    """
    usual = shared.get_usual_paths()
    popover = st.popover(
        "New report", icon=":material/add:", width="stretch", key=Key.NEW_REPORT, on_change="rerun"
    )
    with popover, st.form("request", border=False):
        metric = Metric(
            st.segmented_control(
                "Metric", list(infos), default=next(iter(infos)), required=True, width="stretch"
            )
        )
        ks = st.multiselect(
            "Cut-offs (k)",
            KS,
            default=[1, 5, 10],
            accept_new_options=True,
            help="Type any other, 1 to 1,000.",
        )
        nprobe = _index_control(infos, limited=bool(usual[1]))
        queries = _queries_control(next(iter(infos.values())))
        sample = st.number_input(
            "At most so many queries",
            min_value=0,
            value=0,
            step=100,
            help="Drawn from every class in proportion; 0 asks with every picture.",
        )
        seed = st.number_input(
            "Seed", min_value=0, value=0, step=1, help="Of the sample and of the intervals."
        )
        paths = _path_controls(usual)
        pressed = st.form_submit_button(
            "Run report", type="primary", icon=":material/play_arrow:", on_click=state.close_form
        )
        if not pressed:
            return None
    request = Request(
        ks=_cut_offs(ks),
        nprobe=nprobe,
        sample=int(sample) or None,
        seed=int(seed),
        queries=queries,
        query_paths=paths[0],
        gallery_paths=paths[1],
    )
    return request, metric


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


def _index_control(infos: Mapping[Metric, CollectionInfo], *, limited: bool) -> int | None:
    """Ask for nprobe, or for exact search alone; an index without lists has no nprobe."""
    nlist = max(info.nlist for info in infos.values())
    if not nlist:
        beside = st.toggle("Index beside exact search", value=not limited)
        return 1 if beside else None
    steps = nprobe_steps(nlist)
    usual = EXACT_ONLY if limited else str(max(step for step in steps if step <= DEFAULT_NPROBE))
    nprobe = st.select_slider(
        "Index: nprobe",
        [EXACT_ONLY, *map(str, steps)],
        value=usual,
        help="Exact search is always measured; `exact` leaves the index out.",
    )
    return None if nprobe == EXACT_ONLY else int(nprobe)


def _queries_control(info: CollectionInfo) -> QuerySet:
    held_out = shared.has_held_out(info)
    return QuerySet(
        st.segmented_control(
            "Queries",
            [query.value for query in QuerySet] if held_out else [QuerySet.ALL.value],
            default=QuerySet.HELD_OUT.value if held_out else QuerySet.ALL.value,
            required=True,
            help="Held-out pictures are those the encoder was not trained on.",
            width="stretch",
        )
    )


def _path_controls(usual: tuple[str, str]) -> tuple[str, str]:
    queries = st.text_input(
        "Only queries whose path matches",
        value=usual[0],
        placeholder="*/test/*",
        help="`*` is anything. Folders `train` and `test` are found by themselves.",
    )
    gallery = st.text_input(
        "Only hits whose path matches",
        value=usual[1],
        placeholder="*/train/*",
        help="`*` is anything. Needs exact search only.",
    )
    return queries.strip(), gallery.strip()


def _cut_offs(chosen: list[int | str]) -> tuple[int, ...]:
    """Return the cut-offs; those typed in come as text."""
    ks = []
    for k in chosen:
        if isinstance(k, str) and not k.strip().isdecimal():
            raise QueryError(f"the cut-off {k!r} is no whole number from 1 to 1,000. Remove it.")
        ks.append(int(k))
    check_ks(ks)
    return tuple(ks)
