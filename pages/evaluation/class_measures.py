"""Sections of the Evaluation page about classes: headline, table, bars, curves."""

import math

import streamlit as st

from core.evaluation.notes import left_out, notes, training_note
from core.evaluation.report import Report, Variant
from core.measures.bootstrap import Estimate
from core.measures.curves import MACRO_MEAN, precision_curves
from core.measures.summary import Summary
from core.ui.controls import is_dark
from core.ui.text import plain
from core.wording import counted
from pages.evaluation import charts
from pages.evaluation.cache import Figures

# Classes drawn in colour on the curves when none is chosen: the worst ones.
_HIGHLIGHTED = 4
# Four figures beside the controls at 1,400 pixels, two at 390.
_FIGURE_PIXELS = 160


def headline(report: Report, figures: Figures, *, k: int, variant: Variant) -> None:
    """Show the means with their intervals, and what a reader must know beside them."""
    name = f"precision@{k}"
    shown, as_is = figures.shown, figures.as_is
    flattered = training_note(report)
    if flattered:
        st.warning(plain(flattered), icon=":material/school:")
    with st.container(horizontal=True, gap="small"):
        _figure(f"Macro {name}", shown.macro[name], "Mean over classes, each counting the same.")
        _figure(f"Micro {name}", shown.micro[name], "Mean over queries: large classes count more.")
        _figure("Macro MAP@R", shown.macro["MAP@R"], "Order within the first R hits; 1 is perfect.")
        if figures.index:
            text = "Macro mean of what the index returned."
            _figure(f"Index {name}", figures.index.macro[name], text)
        else:
            _figure(f"Macro MRR@{k}", shown.macro[f"MRR@{k}"], "1 over the rank of the first hit.")
    if variant != Variant():
        _gap(as_is.macro[name], shown.macro[name], name, variant)
        if report.index and not figures.index and k <= report.index.depth:
            st.caption(
                f"Not of the index: it was asked for {counted(report.index.depth, 'hit')}, and "
                f"without those left out some queries have fewer than {k}. A smaller k shows it."
            )
    lines = notes(report, shown, variant)
    st.caption("  \n".join(plain(line) for line in lines))


def class_table(summary: Summary, *, k: int) -> None:
    """Show one row per class, worst first, sortable by every column."""
    name = f"precision@{k}"
    rows = [
        {
            "Class": c.label,
            "n": c.queries,
            **({"P@1": _number(c.measures["precision@1"].value)} if k > 1 else {}),
            f"P@{k}": _number(c.measures[name].value),
            "95 % interval": _interval(c.measures[name]) + (" *" if c.few else ""),
            "Ceiling": c.ceilings[k],
            "Of ceiling": _number(c.over_ceiling(k)),
            "MAP@R": _number(c.measures["MAP@R"].value),
            "Confused with": f"{c.confused_with} ({c.confused_share:.0%})"
            if c.confused_with
            else "",
            "Chance": c.chance,
        }
        for c in summary.worst_first(name)
    ]
    helps = {
        "P@1": "precision@1, the share of queries whose first hit is right.",
        f"P@{k}": f"precision@{k}, the share of right hits among the first {k}.",
        "Ceiling": f"The most precision@{k} there can be: a class of R + 1 pictures has only R to "
        "find.",
        "Of ceiling": f"precision@{k} divided by its ceiling.",
        "Chance": "Precision of hits drawn at random.",
        "MAP@R": "Order within the first R hits; 1 is perfect.",
    }
    st.dataframe(
        rows,
        hide_index=True,
        height=min(38 + 35 * len(rows), 740),
        column_config={
            **{
                heading: st.column_config.NumberColumn(format="%.3f", width=62, help=text)
                for heading, text in helps.items()
            },
            "Class": st.column_config.TextColumn(width=110),
            "n": st.column_config.NumberColumn(width=44, help="Queries of this class."),
            "95 % interval": st.column_config.TextColumn(
                width=112, help="*: below 30 queries, where the interval is itself uncertain."
            ),
            "Confused with": st.column_config.TextColumn(
                width=112,
                help=f"The other class met most often, with its share of the first {k} hits.",
            ),
        },
    )
    st.caption(
        "All shares run from 0 to 1; higher is better. A star: below 30 queries, where the "
        "interval is itself uncertain. Click a heading to sort."
    )


def class_charts(report: Report, figures: Figures, *, k: int, chosen: list[str]) -> None:
    """Show bars with intervals, worst first, and precision over k."""
    dark, name = is_dark(), f"precision@{k}"
    worst = figures.shown.worst_first(name)
    st.subheader(f"precision@{k} per class, with 95 % intervals")
    st.plotly_chart(
        charts.interval_bars(worst, name, k=k, dark=dark),
        key="bars",
        config={"displayModeBar": False},
        alt=f"Bars of {name} per class with intervals; the table above has the same numbers",
    )
    st.subheader("precision over k")
    lines = precision_curves(figures.judged, report.rows)
    shown = chosen or [c.label for c in worst[:_HIGHLIGHTED]]
    st.plotly_chart(
        charts.curves(lines, highlighted=[*shown, MACRO_MEAN], dark=dark),
        key="curves",
        config={"displayModeBar": False},
        alt="precision at every k per class",
    )
    st.caption(
        "In colour: "
        + ("the chosen classes" if chosen else "the worst classes; choose others at the left")
        + ". Thin grey lines are the other classes, the thick line is the macro mean."
    )


def _gap(before: Estimate, after: Estimate, name: str, variant: Variant) -> None:
    text = (
        f"macro {name} is undefined; the line below says for how many queries"
        if math.isnan(after.value)
        else f"macro {name} is {after.value:.3f} instead of {before.value:.3f}, a gap of "
        f"{after.value - before.value:+.3f}"
    )
    st.info(f"{left_out(variant)} left out: {text}.", icon=":material/content_copy:")


def _figure(label: str, estimate: Estimate, text: str) -> None:
    value = "undefined" if math.isnan(estimate.value) else f"{estimate.value:.3f}"
    with st.container(width=_FIGURE_PIXELS, gap=None):
        st.metric(label, value, help=text + " 0 to 1, higher is better.")
        if not math.isnan(estimate.low):
            st.caption(f"95 % interval {_interval(estimate)}")


def _interval(estimate: Estimate) -> str:
    if math.isnan(estimate.low):
        return "undefined"
    return f"{estimate.low:.3f} to {estimate.high:.3f}"


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def estimate_text(estimate: Estimate) -> str:
    """Return such as `0.840 (0.790 to 0.880)`; `undefined` where it is."""
    if math.isnan(estimate.value):
        return "undefined"
    return f"{estimate.value:.3f} ({_interval(estimate)})"
