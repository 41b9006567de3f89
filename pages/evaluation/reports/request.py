"""What a report is asked for: the usual request, and the form that asks for another."""

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from core.collection.index_choice import nprobe_steps
from core.collection.info import CollectionInfo
from core.errors import OrchardError, QueryError
from core.evaluation.report import QuerySet, Request
from core.measures.retrieval import check_ks
from core.metric import Metric
from core.search.index_search import DEFAULT_NPROBE
from core.ui.text import plain
from core.wording import duration, sentence
from pages.evaluation import cache as shared
from pages.evaluation import state

KS = (1, 2, 3, 5, 10, 20, 50, 100)
_USUAL_KS = (1, 5, 10)
# Queries of the first report: on two processors an index is asked about 120 times a second, and
# the means of so many have intervals of a few hundredths.
_FIRST_QUERIES = 2_000
_EXACT_ONLY = "exact"
# Room for what is rarely changed, beside which the button can still be seen on a phone.
_MORE_PIXELS = 240


def usual_request(infos: Mapping[Metric, CollectionInfo]) -> tuple[Request, Metric]:
    """Return what a report is asked for where nobody wants anything else."""
    metric, info = next(iter(infos.items()))
    query_paths, gallery_paths = shared.get_usual_paths()
    request = Request(
        ks=_USUAL_KS,
        nprobe=None if gallery_paths else _usual_nprobe(info.nlist),
        queries=QuerySet.HELD_OUT if shared.has_held_out(info) else QuerySet.ALL,
        query_paths=query_paths,
        gallery_paths=gallery_paths,
    )
    return request, metric


def first_request(infos: Mapping[Metric, CollectionInfo]) -> tuple[Request, Metric]:
    """Return what the first report is asked for: the usual, with so many queries as are quick."""
    request, metric = usual_request(infos)
    if infos[metric].rows > _FIRST_QUERIES:
        request = replace(request, sample=_FIRST_QUERIES)
    return request, metric


def new_report_button() -> None:
    """Offer to ask for a new report."""
    st.button(
        "New report",
        icon=":material/add:",
        width="stretch",
        on_click=state.open_dialog,
        args=(state.Dialog.NEW_REPORT,),
    )


@st.dialog("New report", icon=":material/add:", on_dismiss=state.close_dialog)
def new_report(infos: Mapping[Metric, CollectionInfo]) -> None:
    """Ask for a report; it is run by the page once the dialog has closed."""
    usual, first = usual_request(infos)
    with st.form("request", border=False):
        metric = Metric(
            st.segmented_control(
                "Metric", list(infos), default=first, required=True, width="stretch"
            )
        )
        nprobe = _index_control(infos, usual)
        queries = _queries_control(usual)
        with st.expander("More"), st.container(height=_MORE_PIXELS, border=False):
            ks = st.multiselect(
                "Top k",
                KS,
                default=list(usual.ks),
                accept_new_options=True,
                help="Type any other, 1 to 1,000.",
            )
            sample = st.number_input(
                "Limit to so many queries",
                min_value=1,
                value=None,
                step=100,
                placeholder="all of them",
                help="Drawn from every class in proportion.",
            )
            seed = st.number_input(
                "Seed", min_value=0, value=0, step=1, help="Of the sample and of the intervals."
            )
            query_paths, gallery_paths = _path_controls(usual)
        pressed = st.form_submit_button(
            "Run report", type="primary", icon=":material/play_arrow:", width="stretch"
        )
        _how_long()
    if not pressed:
        return
    try:
        request = Request(
            ks=_cut_offs(ks),
            nprobe=nprobe,
            sample=int(sample) if sample else None,
            seed=int(seed),
            queries=queries,
            query_paths=query_paths,
            gallery_paths=gallery_paths,
        )
    except OrchardError as error:
        st.error(plain(sentence(str(error))), icon=":material/error:")
        return
    state.close_dialog()
    state.want(request, metric)
    st.rerun()


def _usual_nprobe(nlist: int) -> int:
    """Return how many lists are searched by default; an index without lists takes any number."""
    return max((step for step in nprobe_steps(nlist) if step <= DEFAULT_NPROBE), default=1)


def _index_control(infos: Mapping[Metric, CollectionInfo], usual: Request) -> int | None:
    """Ask for nprobe, or for exact search alone; an index without lists has no nprobe."""
    nlist = max(info.nlist for info in infos.values())
    if not nlist:
        beside = st.toggle("Index beside exact search", value=usual.nprobe is not None)
        return 1 if beside else None
    nprobe = st.select_slider(
        "Index: nprobe",
        [_EXACT_ONLY, *map(str, nprobe_steps(nlist))],
        value=_EXACT_ONLY if usual.nprobe is None else str(_usual_nprobe(nlist)),
        help="Exact search is always measured; `exact` leaves the index out.",
    )
    return None if nprobe == _EXACT_ONLY else int(nprobe)


def _queries_control(usual: Request) -> QuerySet:
    held_out = usual.queries is QuerySet.HELD_OUT
    return QuerySet(
        st.segmented_control(
            "Queries",
            [query.value for query in QuerySet] if held_out else [QuerySet.ALL.value],
            default=usual.queries.value,
            required=True,
            help="Held-out pictures are those the encoder was not trained on.",
            width="stretch",
        )
    )


def _path_controls(usual: Request) -> tuple[str, str]:
    queries = st.text_input(
        "Only queries whose path matches",
        value=usual.query_paths,
        placeholder="*/test/*",
        help="`*` is anything. Folders `train` and `test` are found by themselves.",
    )
    gallery = st.text_input(
        "Only hits whose path matches",
        value=usual.gallery_paths,
        placeholder="*/train/*",
        help="`*` is anything. Needs exact search only.",
    )
    return queries.strip(), gallery.strip()


def _how_long() -> None:
    """Say how long the last report of this collection took, which a new one will, about."""
    fingerprint = shared.get_fingerprint()
    for report in shared.get_report_list().reports:
        if report.configuration.fingerprint == fingerprint:
            st.caption(f"The last one took {duration(report.configuration.seconds)}.")
            return


def _cut_offs(chosen: list[int | str]) -> tuple[int, ...]:
    """Return the cut-offs; those typed in come as text."""
    ks = []
    for k in chosen:
        if isinstance(k, str) and not k.strip().isdecimal():
            raise QueryError(f"the top k {k!r} is no whole number from 1 to 1,000. Remove it.")
        ks.append(int(k))
    check_ks(ks)
    return tuple(ks)
