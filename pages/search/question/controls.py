"""Metric, k, and how thoroughly to search."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from core.collection.catalogue import Catalogue
from core.collection.index_types.parameters import Effort, SearchParameter
from core.collection.info import CollectionInfo
from core.metric import Metric
from core.search.answer import Question
from core.search.index_search import DEFAULT_K, MAX_K
from core.search.link import is_whole_number, unusable
from core.ui import controls
from core.wording import counted
from pages.search import view
from pages.search.answer import beside, grid
from pages.search.keys import Address, Takes, effort_of
from pages.search.question import filters, marks, pictures
from pages.search.state import Session

EXACT = "exact"

# The track of a slider in a side bar of the usual width; it begins half a knob from the edge.
_TRACK_PIXELS = 228
_LETTER_PIXELS, _GAP_PIXELS = 8, 4
# As small and as pale as a caption.
_STOPS_STYLE = (
    "position: relative; height: 1.4rem; margin: 0 6px; font-size: 0.875rem; opacity: 0.6"
)


@dataclass(frozen=True, slots=True)
class Thoroughness:
    """How the index is searched, see `core.search.answer.Question`."""

    effort: Effort
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
        **beside.takes(),
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
        exact=thorough.exact and can_compare,
        labels=shown.labels,
        having=shown.having,
        exclude=shown.exclude,
        limit=shown.limit,
        similarity=shown.similarity,
        **thorough.effort,
    )


def _takes_k(text: str) -> bool:
    return is_whole_number(text, 1, MAX_K)


def _takes_thoroughness(info: CollectionInfo) -> Takes:
    takes: dict[Address, Callable[[str], bool]] = {}
    for place, parameter in enumerate(info.searched_by):
        usable = [*map(str, parameter.offered(nlist=info.nlist)), *([] if place else [EXACT])]
        takes[effort_of(parameter.name)] = usable.__contains__
    return takes


def _thoroughness(info: CollectionInfo, k: int) -> Thoroughness:
    """Ask for the numbers of the index's type; the first may be exact search instead."""
    parameters = info.searched_by
    if not parameters or info.nlist == 1:
        st.caption(f"nprobe has no effect: {info.index_type or 'no index'} searches every row.")
        return Thoroughness(Effort(nprobe=1) if info.nlist else Effort())
    chosen = [_depth(info, parameter, place) for place, parameter in enumerate(parameters)]
    if info.pending_rows:
        st.caption(
            f"Not in the index yet: {counted(info.pending_rows, 'row')}, always searched, whatever "
            f"{parameters[0].name} is."
        )
    effort: Effort = {}
    for parameter, value in zip(parameters, chosen, strict=True):
        if value == EXACT:
            # What would be asked of the index, were the embeddings not at hand.
            effort[parameter.name] = parameter.offered(nlist=info.nlist)[-1]
            continue
        effort[parameter.name] = number = int(value)
        if parameter.holds_k and number < k:
            st.caption(f"{parameter.name} has no effect below k: {k} candidates are looked at.")
    return Thoroughness(effort, exact=EXACT in chosen)


def _depth(info: CollectionInfo, parameter: SearchParameter, place: int) -> str:
    steps: list[int | str] = [*parameter.offered(nlist=info.nlist)]
    wanted = parameter.usual_for(DEFAULT_K, nlist=info.nlist)
    usual = max(step for step in steps if int(step) <= wanted)
    of = f"of {info.nlist} lists" if parameter.is_lists else parameter.what
    options = [*steps, *([] if place else [EXACT])]
    chosen = st.select_slider(
        f"{parameter.name} ({of})",
        options,
        value=usual,
        key=effort_of(parameter.name),
        bind="query-params",
        help="More find more of the true neighbours and take longer."
        + ("" if place else " *exact* compares with every row and leaves the index out."),
    )
    # The slider itself names its stops only while it is moved.
    st.html(stops_html(options))
    return str(chosen)


def stops_html(stops: Sequence[int | str]) -> str:
    """Return the names of a slider's stops, each below its own; those without room are left out.

    Args:
        stops: As many as the slider has, numbers and words of our own.
    """
    apart = _TRACK_PIXELS / max(1, len(stops) - 1)
    named: list[str] = []
    free = math.inf
    # From the end, which is the one that has to be named.
    for place, stop in reversed([*enumerate(stops)]):
        half = (len(str(stop)) * _LETTER_PIXELS + _GAP_PIXELS) / 2
        if place * apart + half > free:
            continue
        free = place * apart - half
        share = place / max(1, len(stops) - 1)
        named.append(
            f'<span style="position: absolute; left: {share:.1%}; transform: translateX(-50%)">'
            f"{stop}</span>"
        )
    return f'<div style="{_STOPS_STYLE}">{"".join(reversed(named))}</div>'
