"""What of an answer is shown: classes, a worst score, the query itself, near-duplicates."""

from dataclasses import dataclass

import streamlit as st

from core.collection.catalogue import Catalogue
from core.collection.columns import Having, searchable, title_of
from core.embeddings.near_duplicates import NEAR_DUPLICATE
from core.metric import Metric
from core.search.link import is_number
from core.ui.controls import Range, where_control, where_options
from core.ui.text import plain
from pages.search.keys import Address, Takes, limit_of

HIDE_QUERY = "Hide the query itself"
_SIMILARITIES = Range(0.8, 1.0)
# Steps of the limit, and digits that show all of it: what is hidden must not look like the limit.
_LIMITS = {Metric.COSINE: (0.005, "%.4f"), Metric.L2: (0.1, "%.4g"), Metric.IP: (1.0, "%.6g")}


@dataclass(frozen=True, slots=True)
class Filters:
    """What is shown, see `core.search.answer.Question`."""

    labels: tuple[str, ...]
    having: Having
    limit: float | None
    exclude: frozenset[int]
    similarity: float | None


def filters_control(
    metric: Metric, catalogue: Catalogue, own: frozenset[int], *, can_compare: bool
) -> Filters:
    """Ask what to show; what differs from the usual is told also while the panel is closed.

    Args:
        own: Ids of the query itself.
        can_compare: Whether the embeddings are at hand.
    """
    with st.expander("Filters", icon=":material/filter_alt:"):
        labels = st.multiselect(
            "Only classes",
            list(catalogue.by_class),
            format_func=lambda name: name or "no class",
            placeholder="All classes",
            key=Address.CLASSES,
            bind="query-params",
        )
        having = where_control(searchable(catalogue.columns), key=Address.WHERE)
        limit = _limit_control(metric)
        exclude = _hide_query_control(own)
        similarity = _hide_duplicates_control(can_compare=can_compare)
    filters = Filters(tuple(labels), having, limit, exclude, similarity)
    if told := _told(filters, metric, own):
        st.caption(told)
    return filters


def takes(catalogue: Catalogue) -> Takes:
    """Return what the filters take from the address."""
    switch = ("true", "false").__contains__
    return {
        Address.CLASSES: lambda value: value in catalogue.by_class,
        Address.WHERE: lambda value: value in where_options(searchable(catalogue.columns)),
        **{limit_of(metric): is_number for metric in Metric},
        Address.HIDE_QUERY: switch,
        Address.HIDE_DUPLICATES: switch,
        Address.DUPLICATES_FROM: _SIMILARITIES.takes,
    }


def _told(filters: Filters, metric: Metric, own: frozenset[int]) -> str:
    parts = []
    if filters.labels:
        parts.append("Only " + ", ".join(plain(name or "no class") for name in filters.labels))
    parts += [f"{plain(title_of(n))} {plain(' or '.join(v))}" for n, v in filters.having]
    if filters.limit is not None:
        side = "at least" if metric.higher_is_better else "at most"
        parts.append(f"{metric.noun} {side} {filters.limit:.6g}")
    if own and not filters.exclude:
        parts.append("the query itself is shown")
    if filters.similarity is not None:
        parts.append(f"no near-duplicates (similarity from {filters.similarity:.3f})")
    told = "; ".join(parts)
    return told[:1].upper() + told[1:]


def _limit_control(metric: Metric) -> float | None:
    side = "At least this" if metric.higher_is_better else "At most this"
    step, digits = _LIMITS[metric]
    limit = st.number_input(
        f"{side} {metric.noun}",
        value=None,
        step=step,
        format=digits,
        placeholder="No limit",
        key=limit_of(metric),
        bind="query-params",
        help=f"Hides worse hits. {metric}: {metric.direction}.",
    )
    return None if limit is None else float(limit)


def _hide_query_control(own: frozenset[int]) -> frozenset[int]:
    hide = st.toggle(
        HIDE_QUERY,
        True,
        key=Address.HIDE_QUERY,
        bind="query-params",
        wrap=True,
        help="By its id, and other files with the same bytes."
        + ("" if own else " It has no effect now: the query is not in the collection."),
    )
    return own if hide else frozenset()


def _hide_duplicates_control(*, can_compare: bool) -> float | None:
    hide = st.toggle(
        "Hide near-duplicates",
        key=Address.HIDE_DUPLICATES,
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
        _SIMILARITIES.least,
        _SIMILARITIES.most,
        NEAR_DUPLICATE,
        0.005,
        format="%.3f",
        key=Address.DUPLICATES_FROM,
        bind="query-params",
    )
