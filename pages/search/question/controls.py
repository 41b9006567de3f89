"""Metric, k, and how thoroughly to search."""

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from core.collection.catalogue import Catalogue
from core.collection.index_choice import default_ef, nprobe_steps
from core.collection.info import CollectionInfo
from core.metric import Metric
from core.search.answer import Question
from core.search.index_search import DEFAULT_K, DEFAULT_NPROBE, MAX_K
from core.search.link import is_whole_number, unusable
from core.ui import controls
from core.wording import counted
from pages.search import view
from pages.search.answer import grid
from pages.search.keys import Address, Takes
from pages.search.question import filters, marks, pictures
from pages.search.state import Session

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
    metric = asked.get(Address.METRIC, [""])[0]
    info = next((i for m, i in infos.items() if m == metric), next(iter(infos.values())))
    k = asked.get(Address.K, [""])[0]
    takes = {
        Address.METRIC: lambda value: value in infos,
        Address.K: _takes_k,
        **_takes_thoroughness(info),
        **filters.takes(catalogue),
        **marks.takes(),
        **pictures.takes(),
        **view.takes(),
        **grid.takes(int(k) if _takes_k(k) else DEFAULT_K),
    }
    found = unusable(asked, {key.value: usable for key, usable in takes.items()})
    # Streamlit takes a value it cannot use out of the address only where its control is drawn.
    session.notices += [notice for notice in found if notice not in session.noted]
    session.noted.update(found)


def metric_control(infos: Mapping[Metric, CollectionInfo]) -> Metric:
    """Ask for the metric."""
    metric = controls.segmented(
        "Metric",
        list(infos),
        key=Address.METRIC,
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
    k = st.slider("Top k", 1, MAX_K, DEFAULT_K, key=Address.K, bind="query-params")
    with st.container():
        thorough = _thoroughness(info, k)
    shown = filters.filters_control(info.metric, catalogue, own, can_compare=can_compare)
    return Question(
        k=k,
        nprobe=thorough.nprobe,
        ef=thorough.ef,
        exact=thorough.exact and can_compare,
        labels=shown.labels,
        exclude=shown.exclude,
        limit=shown.limit,
        similarity=shown.similarity,
    )


def _takes_k(text: str) -> bool:
    return is_whole_number(text, 1, MAX_K)


def _takes_thoroughness(info: CollectionInfo) -> Takes:
    if not info.m and not info.nlist:
        return {}
    return {_depth_key(info): [*map(str, _steps(info)), EXACT].__contains__}


def _depth_key(info: CollectionInfo) -> Address:
    return Address.EF if info.m else Address.NPROBE


def _steps(info: CollectionInfo) -> list[int]:
    if info.m:
        return [16, 32, 64, 128, 256, 512]
    return nprobe_steps(info.nlist)


def _thoroughness(info: CollectionInfo, k: int) -> Thoroughness:
    if not info.m and info.nlist <= 1:
        st.caption(f"nprobe has no effect: {info.index_type or 'no index'} searches every row.")
        return Thoroughness(nprobe=1 if info.nlist else None)
    steps = _steps(info)
    usual = default_ef(DEFAULT_K) if info.m else max(s for s in steps if s <= DEFAULT_NPROBE)
    chosen = st.select_slider(
        "ef (candidates)" if info.m else f"nprobe (of {info.nlist} lists)",
        [*steps, EXACT],
        value=usual,
        key=_depth_key(info),
        bind="query-params",
        help="More find more of the true neighbours and take longer. *exact* compares with every "
        "row and leaves the index out.",
    )
    # The slider itself names its steps only while it is moved.
    with st.container(horizontal=True, horizontal_alignment="distribute", gap=None, key="steps"):
        for step in (*steps, EXACT):
            st.caption(str(step), width="content")
    if info.pending_rows:
        st.caption(
            f"Not in the index yet: {counted(info.pending_rows, 'row')}, always searched, whatever "
            f"{_depth_key(info)} is."
        )
    if chosen == EXACT:
        return Thoroughness(nprobe=info.nlist or None, ef=512 if info.m else None, exact=True)
    number = int(str(chosen))
    if not info.m:
        return Thoroughness(nprobe=number)
    if number < k:
        st.caption(f"ef has no effect below k: {k} candidates are looked at.")
    return Thoroughness(ef=number)
