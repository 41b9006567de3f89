"""The section of the Evaluation page about scores: how far right and wrong hits lie apart."""

import numpy as np
import streamlit as st

from core.evaluation.report import Report
from core.measures.findings import score_bins
from core.ui.controls import is_dark
from pages.evaluation import charts
from pages.evaluation.cache import Figures


def scores_section(report: Report, figures: Figures, *, k: int) -> None:
    """Show how scores of right and wrong hits are spread."""
    metric = report.configuration.metric
    st.subheader(
        "What a score is worth",
        anchor=False,
        help=f"Pairs of a query and one of its first {k} hits; {metric.direction}. The lower curve "
        "says how often a pair of that score is of one class, among retrieved pairs.",
    )
    scores = metric.displayed(figures.lists.scores.astype(np.float64))
    bins = score_bins(scores, figures.judged, k=k)
    st.plotly_chart(
        charts.score_figure(bins, axis=metric.noun, dark=is_dark()),
        key="scores",
        config={"displayModeBar": False},
        alt="Pairs by score, and the chance that such a hit is right",
    )
