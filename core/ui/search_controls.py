"""The column's lower half: metric, k, how thoroughly to search, and what of it to show."""

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from core.answer import Question
from core.catalogue import Catalogue
from core.feedback import Weights
from core.index import default_ef, nprobe_steps
from core.metric import Metric
from core.records import CollectionInfo
from core.search import DEFAULT_K, DEFAULT_NPROBE, MAX_K
from core.search_link import is_number, is_whole_number, unusable
from core.ui import controls, search_state
from core.ui.search_grid import PAGE_SIZE
from core.ui.search_state import Session
from core.wording import counted

EXACT = "exact"
DEFAULT_SIMILARITY = 0.97


@dataclass(frozen=True, slots=True)
class Thoroughness:
    """How the index is searched, see `core.answer.Question`."""

    nprobe: int | None = None
    ef: int | None = None
    exact: bool = False


def note_bad_values(
    session: Session, infos: Mapping[Metric, CollectionInfo], catalogue: Catalogue
) -> None:
    """Say which values of the address the controls will ignore."""
    asked = {name: st.query_params.get_all(name) for name in st.query_params}
    metric = asked.get("metric", [""])[0]
    info = next((i for m, i in infos.items() if m == metric), next(iter(infos.values())))
    steps = {str(step) for step in [*_steps(info), EXACT]}
    switches = ("hide_query", "hide_duplicates")
    found = unusable(
        asked,
        {
            "metric": lambda value: value in infos,
            "k": lambda value: is_whole_number(value, 1, MAX_K),
            "nprobe": lambda value: not info.nlist or value in steps,
            "ef": lambda value: not info.m or value in steps,
            "classes": lambda value: value in catalogue.by_class,
            "page": lambda value: is_whole_number(value, 1, -(-MAX_K // PAGE_SIZE)),
            **{f"limit_{name}": is_number for name in infos},
            **{name: lambda value: value in ("true", "false") for name in switches},
        },
    )
    # Streamlit takes a value it cannot use out of the address only where its control is drawn.
    session.notices += [notice for notice in found if notice not in session.noted]
    session.noted.update(found)


def metric_control(infos: Mapping[Metric, CollectionInfo]) -> Metric:
    """Ask for the metric."""
    metric = controls.segmented(
        "Metric",
        list(infos),
        key="metric",
        help="  \n".join(f"**{metric}**: {metric.direction}" for metric in infos),
    )
    return Metric(metric)


def question_control(
    info: CollectionInfo, catalogue: Catalogue, own: frozenset[int], *, can_compare: bool
) -> Question:
    """Ask for everything else of a question.

    Args:
        own: Ids of the query itself.
        can_compare: Whether the embeddings are at hand.
    """
    k = st.slider("Hits (k)", 1, MAX_K, DEFAULT_K, key="k", bind="query-params")
    thorough = _thoroughness(info, k)
    labels = st.multiselect(
        "Only classes",
        list(catalogue.by_class),
        format_func=lambda name: name or "no class",
        placeholder="All classes",
        key="classes",
        bind="query-params",
    )
    limit = _limit_control(info.metric)
    exclude = _hide_query_control(own)
    similarity = _hide_duplicates_control(can_compare=can_compare)
    return Question(
        k=k,
        nprobe=thorough.nprobe,
        ef=thorough.ef,
        exact=thorough.exact and can_compare,
        labels=tuple(labels),
        exclude=exclude,
        limit=limit,
        similarity=similarity,
    )


def weights_control(session: Session) -> Weights:
    """Ask how far marked hits move the query; nothing is asked while none is marked."""
    if not (session.more or session.less):
        return Weights()
    usual = Weights()
    with st.container(border=True, key="feedback"):
        st.markdown(
            f"The query is moved: **{len(session.more)}** more like this, **{len(session.less)}** "
            "less like this."
        )
        query = st.slider(
            "Weight of the query",
            0.1,
            2.0,
            usual.query,
            0.05,
            key="weight_query",
            bind="query-params",
        )
        more, less = usual.more, usual.less
        if session.more:
            more = st.slider(
                "Weight of more", 0.0, 2.0, usual.more, 0.05, key="weight_more", bind="query-params"
            )
        if session.less:
            less = st.slider(
                "Weight of less", 0.0, 1.0, usual.less, 0.05, key="weight_less", bind="query-params"
            )
        st.button("Take all marks away", icon=":material/undo:", on_click=search_state.forget_marks)
    return Weights(query, more, less)


def _steps(info: CollectionInfo) -> list[int]:
    if info.m:
        return [16, 32, 64, 128, 256, 512]
    return nprobe_steps(info.nlist)


def _thoroughness(info: CollectionInfo, k: int) -> Thoroughness:
    if not info.m and info.nlist <= 1:
        st.caption(f"nprobe has no effect: {info.index_type or 'no index'} searches every row.")
        return Thoroughness(nprobe=1 if info.nlist else None)
    name = "ef" if info.m else "nprobe"
    steps = _steps(info)
    usual = default_ef(DEFAULT_K) if info.m else max(s for s in steps if s <= DEFAULT_NPROBE)
    chosen = st.select_slider(
        "ef (candidates)" if info.m else f"nprobe (of {info.nlist} lists)",
        [*steps, EXACT],
        value=usual,
        key=name,
        bind="query-params",
        help="More find more of the true neighbours and take longer. *exact* compares with every "
        "row and leaves the index out.",
    )
    if info.pending_rows:
        st.caption(
            f"Not in the index yet: {counted(info.pending_rows, 'row')}, always searched, whatever "
            f"{name} is."
        )
    if chosen == EXACT:
        return Thoroughness(nprobe=info.nlist or None, ef=512 if info.m else None, exact=True)
    number = int(str(chosen))
    if not info.m:
        return Thoroughness(nprobe=number)
    if number < k:
        st.caption(f"ef has no effect below k: {k} candidates are looked at.")
    return Thoroughness(ef=number)


def _limit_control(metric: Metric) -> float | None:
    side = "At least this" if metric.higher_is_better else "At most this"
    limit = st.number_input(
        f"{side} {metric.noun}",
        value=None,
        placeholder="No limit",
        # A limit for one metric means nothing for another.
        key=f"limit_{metric}",
        bind="query-params",
        help=f"Hides worse hits. {metric}: {metric.direction}.",
    )
    return None if limit is None else float(limit)


def _hide_query_control(own: frozenset[int]) -> frozenset[int]:
    hide = st.toggle(
        "Hide the query itself",
        True,
        key="hide_query",
        bind="query-params",
        wrap=True,
        help="By its id, and other files with the same bytes."
        + ("" if own else " It has no effect now: the query is not in the collection."),
    )
    return own if hide else frozenset()


def _hide_duplicates_control(*, can_compare: bool) -> float | None:
    hide = st.toggle(
        "Hide near-duplicates",
        key="hide_duplicates",
        bind="query-params",
        wrap=True,
        help="Of hits that are nearly the same picture only the best is shown.",
    )
    if not hide:
        return None
    if not can_compare:
        st.caption("It has no effect yet: the embeddings are still being read.")
    return st.slider(
        "Nearly the same from this cosine similarity",
        0.8,
        1.0,
        DEFAULT_SIMILARITY,
        0.005,
        format="%.3f",
        key="duplicates_from",
        bind="query-params",
    )
