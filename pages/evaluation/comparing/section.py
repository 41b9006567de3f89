"""The section of the Evaluation page that compares reports."""

import math
from collections.abc import Mapping, Sequence

import streamlit as st

from core.collection.info import CollectionInfo
from core.evaluation.comparison import ClassDifference, Comparison, common_measures
from core.evaluation.files import ListedReport
from core.evaluation.report import Report
from core.metric import Metric
from core.ui.choosing import looked_at
from core.ui.controls import is_dark
from core.ui.progress import errors_in_place
from core.ui.text import number_or_none, plain
from pages.evaluation import state
from pages.evaluation.cache import get_comparison, get_report
from pages.evaluation.comparing.dumbbell import dumbbell_figure
from pages.evaluation.comparing.leaderboard import leaderboard, measure_button, missing_metrics
from pages.evaluation.comparing.verdict import by_class, names_apart, verdict
from pages.evaluation.keys import Address, Key
from pages.evaluation.mistakes.lists import more_button
from pages.evaluation.reports.names import browser_zone, labels

# Classes in the chart, those with the largest differences.
_CLASSES = 30


def compare_section(
    report: Report,
    listed: Sequence[ListedReport],
    infos: Mapping[Metric, CollectionInfo],
    *,
    k: int,
) -> None:
    """Compare two reports, and show all of them in a table."""
    called = labels(listed, zone=browser_zone(), here=looked_at.family())
    if len(called) > 1:
        with errors_in_place():
            _two(report, listed, called, k=k)
    else:
        st.info("There is no other report yet. Run one with another setting.")
    st.subheader("All reports", anchor=False)
    measure_button(report, missing_metrics(report, listed, infos))
    leaderboard(listed, called, k=k)


def _two(
    report: Report, listed: Sequence[ListedReport], called: Mapping[str, str], *, k: int
) -> None:
    """Compare the two reports that are chosen.

    Raises:
        ReportError: The two are not comparable, or one of them cannot be opened.
    """
    state.open_compared(called, (report.name, _partner(report, listed)))
    # Drawn last, since what it says follows from the controls; read first.
    said = st.container()
    first, second = _reports_controls(called)
    measures = common_measures(first, second)
    measure, index = _measure_controls(measures, k=k)
    found = get_comparison(first.name, second.name, measure, index=index)
    names = names_apart(first, second, called)
    with said:
        st.subheader(plain(verdict(found, *names)), anchor=False)
        st.caption(by_class(found))
    _chart(found, *names, measure=measure)
    _table(found, *names)


def _reports_controls(called: Mapping[str, str]) -> tuple[Report, Report]:
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        first = _report_control("A", called, key=Address.FIRST)
        st.button(
            "Swap",
            icon=":material/swap_horiz:",
            help="Compare the other way round",
            on_click=state.swap_compared,
        )
        second = _report_control("B", called, key=Address.SECOND)
    return get_report(first), get_report(second)


def _report_control(label: str, called: Mapping[str, str], *, key: Address) -> str:
    return st.selectbox(
        label,
        list(called),
        format_func=called.__getitem__,
        key=key,
        on_change=state.write_compared,
        width=340,
    )


def _measure_controls(measures: list[str], *, k: int) -> tuple[str, bool]:
    preferred = f"precision@{k}"
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        measure = st.selectbox(
            "Measure",
            measures or [preferred],
            index=measures.index(preferred) if preferred in measures else 0,
            width=200,
        )
        index = st.toggle("Of the index instead of exact search", key=Key.COMPARE_INDEX)
    return measure, index


def _partner(report: Report, listed: Sequence[ListedReport]) -> str:
    """Return the report to compare with at first: of another metric, else asked the same."""
    asked = report.configuration

    def likeness(other: ListedReport) -> tuple[bool, bool, bool]:
        its = other.configuration
        return (
            its.fingerprint == asked.fingerprint,
            its.request == asked.request,
            its.metric is not asked.metric,
        )

    return max((one for one in listed if one.name != report.name), key=likeness).name


def _chart(found: Comparison, first: str, second: str, *, measure: str) -> None:
    key = f"dumbbell {first} {second} {measure}"
    widest = sorted(found.classes, key=lambda c: -abs(c.difference.value))
    kept = {c.label for c in widest[: state.shown(key, _CLASSES)]}
    st.plotly_chart(
        dumbbell_figure(
            [c for c in found.classes if c.label in kept],
            first=first,
            second=second,
            measure=measure,
            dark=is_dark(),
        ),
        key="dumbbell",
        config={"displayModeBar": False},
        alt=f"{measure} of both reports per class; the table below has the same numbers",
    )
    more_button(key, _CLASSES, len(found.classes))
    st.caption(
        "Losses first. Green and orange: certain. Grey: could be chance.",
        help="Intervals are bootstrapped over queries, paired; p is corrected for the number of "
        "classes by Holm's method.",
    )


def _table(found: Comparison, first: str, second: str) -> None:
    number = st.column_config.NumberColumn
    with st.expander("Table of classes", icon=":material/table:"):
        st.dataframe(
            [_row(c) for c in found.classes],
            hide_index=True,
            column_config={
                "n": number(format="%d", width="small"),
                "A": number(format="%.2f", width="small", help=first),
                "B": number(format="%.2f", width="small", help=second),
                "Difference": number(format="%+.2f", width="small"),
                "p (Holm)": number(format="%.3f", width="small"),
            },
        )


def _row(c: ClassDifference) -> dict[str, object]:
    known = not math.isnan(c.difference.low)
    return {
        "Class": c.label,
        "n": c.queries,
        "A": c.before,
        "B": c.after,
        "Difference": c.difference.value,
        "95 % interval": f"{c.difference.low:+.2f} to {c.difference.high:+.2f}" if known else "",
        "p (Holm)": number_or_none(c.p),
        "Verdict": _verdict(c.difference.value, certain=c.certain),
    }


def _verdict(difference: float, *, certain: bool) -> str:
    if not certain:
        return "could be chance" if difference else "no difference"
    return "worse" if difference < 0 else "better"
