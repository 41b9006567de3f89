"""Precision by what is known of the pictures besides their class: bars against all others."""

import math

import streamlit as st

from core.collection.columns import Column
from core.evaluation.figures import MOST_VALUES, slices_of
from core.evaluation.report import Report
from core.measures.slices import Slice
from core.ui.controls import is_dark
from core.ui.text import number_or_none, plain
from pages.evaluation import state
from pages.evaluation.cache import Figures
from pages.evaluation.keys import Address
from pages.evaluation.overview import charts

# Bars that stand on a page without being scrolled away.
_BARS = 24


def column_section(report: Report, figures: Figures, *, k: int) -> None:
    """Show precision by the values of a column, lowest first, beside that of all others."""
    column = _column_control(report)
    found = slices_of(report, column, judged=figures.judged, k=k)
    if not found:
        st.info(f"Of no query the {plain(column.title)} is known.", icon=":material/info:")
        return
    lowest = sorted(found, key=lambda one: (math.isnan(one.measure.value), one.measure.value))
    for sentence in _notes(report, column, values=len(lowest)):
        st.caption(plain(sentence))
    st.plotly_chart(
        charts.slice_bars(lowest[:_BARS], k=k, dark=is_dark()),
        key=f"slices {report.name} {column.name}",
        config={"displayModeBar": False},
        alt=f"Bars of precision@{k} by {column.title} with intervals; the table has the same "
        "numbers",
    )
    _table(column.title, lowest, k=k)


def _column_control(report: Report) -> Column:
    by_title = {column.title: column for column in report.columns.values()}
    state.offer(Address.COLUMN, by_title)
    chosen = st.selectbox("By", list(by_title), key=Address.COLUMN, bind="query-params", width=320)
    return by_title[chosen or next(iter(by_title))]


def _notes(report: Report, column: Column, *, values: int) -> list[str]:
    said = []
    if len(column.rows) > MOST_VALUES:
        said.append(f"The {MOST_VALUES} most frequent of {len(column.rows):,} values.")
    if values > _BARS:
        said.append(f"The {_BARS} lowest have bars; the table has all {values}.")
    asked = sum(column.mask(*column.rows)[report.queries].tolist())
    if missing := len(report.queries) - asked:
        said.append(f"Of {missing:,} of {len(report.queries):,} queries nothing is known.")
    return said


def _table(name: str, found: list[Slice], *, k: int) -> None:
    all_few = all(one.few for one in found)
    rows = [
        {
            name: one.value,
            "n": one.queries,
            f"P@{k}": number_or_none(one.measure.value),
            "95 % interval": one.measure.interval + (" *" if one.few and not all_few else ""),
            "Others": number_or_none(one.others.value),
            "of n": one.other_queries,
            "Interval of others": one.others.interval if one.other_queries else "",
        }
        for one in found
    ]
    with st.expander(f"Table of {len(rows):,} values", icon=":material/table:"):
        number = st.column_config.NumberColumn
        st.dataframe(
            rows,
            hide_index=True,
            height=min(38 + 35 * len(rows), 740),
            column_config={
                f"P@{k}": number(format="%.2f", help=f"precision@{k}, each query the same."),
                "Others": number(format="%.2f", help="The same of all queries without the value."),
            },
        )
        st.caption(
            "Every value has below 30 queries: the intervals are themselves uncertain."
            if all_few
            else "A star: below 30 queries, where the interval is itself uncertain."
        )
