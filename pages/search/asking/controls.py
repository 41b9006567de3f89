"""The column's lower half: metric, k, and how thoroughly to search."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import streamlit as st

from core.collection.catalogue import Catalogue
from core.collection.index import default_ef, nprobe_steps
from core.collection.info import CollectionInfo
from core.metric import Metric
from core.search.answer import Question
from core.search.index_search import DEFAULT_K, DEFAULT_NPROBE, MAX_K
from core.search.link import is_number, is_whole_number, unusable
from core.ui import controls
from core.wording import counted
from pages.search.answer.grid import PAGE_SIZE
from pages.search.asking.filters import LEAST_SIMILARITY, filters_control
from pages.search.asking.marks import WEIGHTS
from pages.search.asking.pictures import CAMERA, STORED, UPLOAD
from pages.search.state import Session
from pages.search.view import DUEL, HITS

EXACT = "exact"


@dataclass(frozen=True, slots=True)
class Thoroughness:
    """How the index is searched, see `core.search.answer.Question`."""

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
    k = asked.get("k", [""])[0]
    hits = int(k) if is_whole_number(k, 1, MAX_K) else DEFAULT_K
    found = unusable(
        asked,
        {
            "metric": lambda value: value in infos,
            "k": lambda value: is_whole_number(value, 1, MAX_K),
            "nprobe": lambda value: not info.nlist or value in steps,
            "ef": lambda value: not info.m or value in steps,
            "classes": lambda value: value in catalogue.by_class,
            "page": lambda value: is_whole_number(value, 1, -(-hits // PAGE_SIZE)),
            "view": lambda value: value in (HITS, DUEL),
            "source": lambda value: value in (UPLOAD, CAMERA, STORED),
            "duplicates_from": lambda value: is_number(value, LEAST_SIMILARITY, 1),
            **{f"limit_{name}": is_number for name in infos},
            **{name: partial(_in_range, ends=ends) for name, ends in WEIGHTS.items()},
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
    with st.container():
        thorough = _thoroughness(info, k)
    filters = filters_control(info.metric, catalogue, own, can_compare=can_compare)
    return Question(
        k=k,
        nprobe=thorough.nprobe,
        ef=thorough.ef,
        exact=thorough.exact and can_compare,
        labels=filters.labels,
        exclude=filters.exclude,
        limit=filters.limit,
        similarity=filters.similarity,
    )


def _in_range(text: str, ends: tuple[float, float]) -> bool:
    return is_number(text, *ends)


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
