"""The section of the Evaluation page that compares two reports."""

import math
from collections.abc import Sequence

import streamlit as st

from core.evaluation.comparison import ClassDifference, Comparison, common_measures
from core.evaluation.files import ListedReport
from core.evaluation.report import Report
from core.wording import classes, queries
from pages.evaluation.cache import get_comparison, get_report
from pages.evaluation.keys import Key
from pages.evaluation.reports.names import browser_zone, labels


def compare_section(report: Report, others: Sequence[ListedReport], *, k: int) -> None:
    """Compare with another report, losses first.

    Raises:
        ReportError: The two are not comparable, or the other one cannot be opened.
    """
    st.subheader("Compare with another report")
    called = labels(others, zone=browser_zone())
    called.pop(report.name, None)
    if not called:
        st.info("There is no other report yet. Run one with another setting.")
        return
    name = st.selectbox("Before", list(called), format_func=called.__getitem__)
    before = get_report(name)
    measures = common_measures(before, report)
    preferred = f"precision@{k}"
    measure = st.selectbox(
        "Measure",
        measures or [preferred],
        index=measures.index(preferred) if preferred in measures else 0,
        width=280,
    )
    index = st.toggle("Of the index instead of exact search", key=Key.COMPARE_INDEX)
    _show(get_comparison(name, report.name, measure, index=index), measure)


def _show(found: Comparison, measure: str) -> None:
    certain = [c for c in found.classes if c.certain]
    worse = sum(c.difference.value < 0 for c in certain)
    interval = (
        ""
        if math.isnan(found.macro.low)
        else f" ({found.macro.low:+.3f} to {found.macro.high:+.3f})"
    )
    st.markdown(
        f"**Macro {measure} changed by {found.macro.value:+.3f}**{interval} from the report "
        f"chosen here to the one that is open, over {queries(found.queries)} asked in both. "
        f"{_measurably(worse, 'worse')}; {_measurably(len(certain) - worse, 'better')}."
    )
    st.dataframe(
        [_row(c) for c in found.classes],
        hide_index=True,
        column_config={
            name: st.column_config.NumberColumn(format=form, width="small")
            for name, form in (
                ("n", "%d"),
                ("Before", "%.3f"),
                ("After", "%.3f"),
                ("Difference", "%+.3f"),
                ("p (Holm)", "%.3f"),
            )
        },
    )
    left = f" Left out: {queries(found.left_out)} asked in only one." if found.left_out else ""
    st.caption(
        "Losses first. Intervals are bootstrapped over queries, paired; p is corrected for the "
        f"number of classes by Holm's method.{left}"
    )


def _measurably(count: int, how: str) -> str:
    return f"{classes(count) if count else 'no class'} got measurably {how}"


def _row(c: ClassDifference) -> dict[str, object]:
    known = not math.isnan(c.difference.low)
    return {
        "Class": c.label,
        "n": c.queries,
        "Before": c.before,
        "After": c.after,
        "Difference": c.difference.value,
        "95 % interval": f"{c.difference.low:+.3f} to {c.difference.high:+.3f}" if known else "",
        "p (Holm)": None if math.isnan(c.p) else c.p,
        "Verdict": _verdict(c.difference.value, certain=c.certain),
    }


def _verdict(difference: float, *, certain: bool) -> str:
    if not certain:
        return "could be chance" if difference else "no difference"
    return "worse" if difference < 0 else "better"
