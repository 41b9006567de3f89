"""The head of a report: a sentence, the weakest classes, the means, and what to know of them."""

import math
from collections.abc import Mapping
from typing import Literal

import streamlit as st

from core.evaluation.notes import encoder_note, in_words, left_out, notes, training_note
from core.evaluation.report import Report, Variant
from core.measures.bootstrap import Estimate
from core.measures.summary import Summary
from core.measures.target import Verdict, verdict_of
from core.ui.text import plain
from core.wording import counted, queries
from pages.evaluation.cache import Figures

# Classes that are named beside the headline.
_WEAKEST = 4
# Nearest to the colours of the bars, see `pages.evaluation.overview.charts`.
_COLOURS: Mapping[Verdict, Literal["orange", "gray", "green"]] = {
    Verdict.BELOW: "orange",
    Verdict.UNDECIDED: "gray",
    Verdict.REACHED: "green",
    Verdict.OUT_OF_REACH: "gray",
}
# A ceiling from here on reads as 100 %.
_FULL = 0.995
# Four figures beside the controls at 1,400 pixels, two at 390.
_FIGURE_PIXELS = 160


def headline(report: Report, figures: Figures, *, k: int, target: float, variant: Variant) -> None:
    """Say how often hits are right, where least, and what flatters or changes that."""
    name = f"precision@{k}"
    shown, as_is = figures.shown, figures.as_is
    flattered = training_note(report)
    if flattered:
        st.warning(plain(flattered), icon=":material/school:")
    st.subheader(in_words(shown.macro[name], k=k), anchor=False)
    ceilings = [c.ceilings[k] for c in shown.classes]
    if ceilings and (most := sum(ceilings) / len(ceilings)) < _FULL:
        st.caption(f"At most {100 * most:.0f} can be: small classes have no more to find.")
    _weakest(shown, k=k, target=target)
    if variant != Variant():
        _gap(as_is.macro[name], shown.macro[name], name, variant)
        if report.index and not figures.index and k <= report.index.depth:
            st.caption(
                f"Not of the index: it was asked for {counted(report.index.depth, 'hit')}, and "
                f"without those left out some queries have fewer than {k}. A smaller k shows it."
            )


def means(figures: Figures, *, k: int) -> None:
    """Show the means with their intervals."""
    name, shown = f"precision@{k}", figures.shown
    with st.container(horizontal=True, gap="small"):
        _figure(f"Macro {name}", shown.macro[name], "Mean over classes, each counting the same.")
        _figure(f"Micro {name}", shown.micro[name], "Mean over queries: large classes count more.")
        _figure("Macro MAP@R", shown.macro["MAP@R"], "Order within the first R hits; 1 is perfect.")
        if figures.index:
            text = "Macro mean of what the index returned."
            _figure(f"Index {name}", figures.index.macro[name], text)
        else:
            _figure(f"Macro MRR@{k}", shown.macro[f"MRR@{k}"], "1 over the rank of the first hit.")


def caveats(report: Report, figures: Figures, *, variant: Variant) -> None:
    """Say what the encoder knows; what was left out, is doubtful, or flatters is folded."""
    encoder = encoder_note(report)
    if encoder:
        st.caption(plain(encoder))
    lines = [line for line in notes(report, figures.shown, variant) if line != encoder]
    with st.expander("What to know about these figures", icon=":material/info:"):
        st.markdown("\n".join(f"- {plain(line)}" for line in lines))


def _weakest(summary: Summary, *, k: int, target: float) -> None:
    """Name the classes that reach least of what they could, coloured as their bars are."""
    name = f"precision@{k}"
    known = [c for c in summary.classes if not math.isnan(c.over_ceiling(k))]
    weak = sorted((c for c in known if c.over_ceiling(k) < 1), key=lambda c: c.over_ceiling(k))
    # Of few classes all would be among the weakest.
    shown = weak[: min(_WEAKEST, len(known) // 2)]
    if not shown:
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.caption("Weakest classes", width="content")
        for c in shown:
            precision, ceiling = c.measures[name], c.ceilings[k]
            most = f" of at most {ceiling:.2f}" if ceiling < _FULL else ""
            found = verdict_of(c, k=k, target=target)
            st.badge(
                f"{plain(c.label)} {precision.value:.0%}, {found}",
                color=_COLOURS[found],
                help=f"{name} {precision}{most}, by {queries(c.queries)}. The interval beside the "
                f"target of {target:.2f}, as the bars show it: {found}.",
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
    with st.container(width=_FIGURE_PIXELS, gap=None):
        st.metric(label, estimate.short, help=text + " 0 to 1, higher is better.")
        if not math.isnan(estimate.low):
            st.caption(f"95 % interval {estimate.interval}")


def estimate_text(estimate: Estimate) -> str:
    """Return such as `0.840 (0.790 to 0.880)`, where differences of thousandths matter."""
    if math.isnan(estimate.value):
        return "undefined"
    if math.isnan(estimate.low):
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
