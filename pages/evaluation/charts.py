"""Figures of scores and of settings: data -> Plotly; knows no Streamlit."""

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.evaluation.sweep import SweepPoint
from core.measures.findings import ScoreBins
from core.ui.charts import DASHES, GREEN, GREY, ORANGE, SYMBOLS, VERMILION, accent, framed


def score_figure(bins: ScoreBins, *, axis: str, dark: bool) -> go.Figure:
    """Draw counts of same-class and other-class pairs by score, and P(same class | score)."""
    figure = make_subplots(rows=2, shared_xaxes=True, row_heights=[0.6, 0.4], vertical_spacing=0.06)
    middles = (bins.edges[:-1] + bins.edges[1:]) / 2
    series = (
        ("same class", bins.same, accent(dark=dark), ""),
        ("other class", bins.other, VERMILION, "/"),
    )
    for name, counts, colour, pattern in series:
        figure.add_bar(
            x=middles,
            y=counts,
            name=name,
            marker={"color": colour, "pattern": {"shape": pattern}},
            hovertemplate=name + "<br>score %{x:.3g}<br>%{y} pairs<extra></extra>",
            row=1,
            col=1,
        )
    figure.add_scatter(
        x=middles,
        y=bins.probability,
        mode="lines+markers",
        name="chance that the hit is right",
        line={"color": GREEN, "width": 2.5},
        customdata=bins.same + bins.other,
        hovertemplate="score %{x:.3g}<br>right: %{y:.3f} of %{customdata} pairs<extra></extra>",
        row=2,
        col=1,
    )
    framed(figure, height=460)
    figure.update_layout(barmode="stack", bargap=0.05)
    figure.update_yaxes(title="pairs", row=1, col=1)
    figure.update_yaxes(title="chance", range=[0, 1.05], row=2, col=1)
    figure.update_xaxes(title=axis, row=2, col=1)
    return figure


def sweep_figure(
    points: Sequence[SweepPoint], *, name: str, k: int, chosen: int, target: float, dark: bool
) -> go.Figure:
    """Draw macro precision, ANN recall and latency over a setting, the recommended one marked.

    Args:
        name: Of the setting, such as nprobe.
    """
    figure = make_subplots(rows=2, shared_xaxes=True, row_heights=[0.6, 0.4], vertical_spacing=0.08)
    x = [str(point.value) for point in points]
    series = (
        (f"macro precision@{k}", [p.precision for p in points], accent(dark=dark), 1, ".3f", ""),
        (f"ANN recall@{k}", [p.recall for p in points], ORANGE, 1, ".3f", ""),
        ("p50", [p.p50 for p in points], GREEN, 2, ".1f", " ms"),
        ("p95", [p.p95 for p in points], VERMILION, 2, ".1f", " ms"),
    )
    for place, (title, values, colour, row, form, unit) in enumerate(series):
        figure.add_scatter(
            x=x,
            y=values,
            mode="lines+markers",
            name=title,
            line={"color": colour, "width": 2.5, "dash": DASHES[place % 2]},
            marker={"symbol": SYMBOLS[place], "size": 8},
            hovertemplate=f"{name} %{{x}}<br>{title} %{{y:{form}}}{unit}<extra></extra>",
            row=row,
            col=1,
        )
    figure.add_hline(y=target, line={"dash": "dot", "color": GREY}, row=1, col=1)
    figure.add_vline(x=x.index(str(chosen)), line={"dash": "dash", "color": GREY})
    framed(figure, height=460)
    figure.update_yaxes(title="share", row=1, col=1)
    figure.update_yaxes(title="milliseconds", rangemode="tozero", row=2, col=1)
    figure.update_xaxes(type="category")
    figure.update_xaxes(title=name, row=2, col=1)
    return figure
