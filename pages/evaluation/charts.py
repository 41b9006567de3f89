"""Figures of the Evaluation page: data -> Plotly; knows no Streamlit."""

import html
import math
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from core.evaluation.sweep import SweepPoint
from core.measures.findings import ScoreBins
from core.measures.summary import ClassSummary
from core.ui.charts import DASHES, GREEN, GREY, ORANGE, PALETTE, SYMBOLS, VERMILION, accent, framed

_SHARE = {"range": [0, 1.02], "tickformat": ".1f"}


def interval_bars(
    classes: Sequence[ClassSummary], measure: str, *, k: int, dark: bool
) -> go.Figure:
    """Draw a bar with its 95 % interval per class, the first on top, with ceiling and chance."""
    shown = list(reversed(classes))
    names = [_name(c.label) for c in shown]
    found = [c.measures[measure] for c in shown]
    figure = go.Figure(
        go.Bar(
            x=[e.value for e in found],
            y=names,
            orientation="h",
            name=measure,
            marker={"color": accent(dark=dark)},
            customdata=[[str(e), c.queries] for e, c in zip(found, shown, strict=True)],
            hovertemplate="%{y}<br>" + measure + " %{customdata[0]}<br>%{customdata[1]} queries"
            "<extra></extra>",
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [_gap(e.high, e.value) for e in found],
                "arrayminus": [_gap(e.value, e.low) for e in found],
                "color": "#ECEAE6" if dark else "#22211F",
                "thickness": 1.5,
                "width": 4,
            },
        )
    )
    if measure.startswith("precision@"):
        marks = (
            ("ceiling", [c.ceilings[k] for c in shown], "line-ns-open", VERMILION),
            ("chance", [c.chance for c in shown], "diamond", ORANGE),
        )
        for name, values, symbol, colour in marks:
            figure.add_scatter(
                x=values,
                y=names,
                mode="markers",
                name=name,
                marker={
                    "symbol": symbol,
                    "color": colour,
                    "size": 12 if name == "ceiling" else 8,
                    "line": {"width": 2, "color": colour},
                },
                hovertemplate="%{y}<br>" + name + " %{x:.3f}<extra></extra>",
            )
    figure.update_xaxes(_SHARE)
    return framed(figure, height=90 + 26 * len(shown), x=f"{measure} (0 to 1)")


def curves(
    lines: Mapping[str, NDArray[np.float64]], *, highlighted: Sequence[str], dark: bool
) -> go.Figure:
    """Draw precision@k over k: chosen classes in colour, the others grey, the mean thick.

    Args:
        lines: Name to (K,) values for k = 1 to K; the mean goes by the name `macro mean`.
    """
    figure = go.Figure()
    for name in [*(n for n in lines if n not in highlighted), *highlighted]:
        mean = name == "macro mean"
        place = list(highlighted).index(name) if name in highlighted else None
        line: dict[str, object] = {"color": GREY, "width": 1}
        if mean:
            line = {"color": "#ECEAE6" if dark else "#22211F", "width": 4}
        elif place is not None:
            dash = DASHES[place % len(DASHES)]
            line = {"color": PALETTE[place % len(PALETTE)], "width": 2.5, "dash": dash}
        figure.add_scatter(
            x=np.arange(1, len(lines[name]) + 1),
            y=lines[name],
            mode="lines",
            name=_name(name),
            line=line,
            opacity=1 if mean or place is not None else 0.45,
            showlegend=mean or place is not None,
            hovertemplate=_name(name) + "<br>precision@%{x} %{y:.3f}<extra></extra>",
        )
    figure.update_yaxes(_SHARE)
    return framed(figure, height=420, x="k (first hits)", y="precision@k")


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
    points: Sequence[SweepPoint], *, k: int, chosen: int, target: float, dark: bool
) -> go.Figure:
    """Draw macro precision, ANN recall and latency over nprobe, the recommended one marked."""
    figure = make_subplots(rows=2, shared_xaxes=True, row_heights=[0.6, 0.4], vertical_spacing=0.08)
    x = [str(point.nprobe) for point in points]
    series = (
        (f"macro precision@{k}", [p.precision for p in points], accent(dark=dark), 1, ".3f", ""),
        (f"ANN recall@{k}", [p.recall for p in points], ORANGE, 1, ".3f", ""),
        ("p50", [p.p50 for p in points], GREEN, 2, ".1f", " ms"),
        ("p95", [p.p95 for p in points], VERMILION, 2, ".1f", " ms"),
    )
    for place, (name, values, colour, row, form, unit) in enumerate(series):
        figure.add_scatter(
            x=x,
            y=values,
            mode="lines+markers",
            name=name,
            line={"color": colour, "width": 2.5, "dash": DASHES[place % 2]},
            marker={"symbol": SYMBOLS[place], "size": 8},
            hovertemplate=f"nprobe %{{x}}<br>{name} %{{y:{form}}}{unit}<extra></extra>",
            row=row,
            col=1,
        )
    figure.add_hline(y=target, line={"dash": "dot", "color": GREY}, row=1, col=1)
    figure.add_vline(x=x.index(str(chosen)), line={"dash": "dash", "color": GREY})
    framed(figure, height=460)
    figure.update_yaxes(title="share", row=1, col=1)
    figure.update_yaxes(title="milliseconds", rangemode="tozero", row=2, col=1)
    figure.update_xaxes(type="category")
    figure.update_xaxes(title="nprobe (lists searched)", row=2, col=1)
    return figure


def _name(label: str) -> str:
    """A class as Plotly shows it: it understands some HTML, which a folder name may contain."""
    return html.escape(label or "no class")


def _gap(upper: float, lower: float) -> float:
    return 0.0 if math.isnan(upper) or math.isnan(lower) else max(0.0, upper - lower)
