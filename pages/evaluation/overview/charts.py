"""Figures of the overview: data -> Plotly; knows no Streamlit."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.measures.slices import Slice
from core.measures.summary import ClassSummary
from core.measures.target import Verdict, verdict_of
from core.ui.charts import (
    DASHES,
    GREEN,
    GREY,
    PALETTE,
    VERMILION,
    accent,
    chart_text,
    class_ticks,
    framed,
    short_text,
)

_SHARE = {"range": [0, 1.02], "tickformat": ".1f"}
# From the eye's end of what needs work to what does not; a pattern for those who see no colours.
_LOOKS = {
    Verdict.BELOW: (VERMILION, "/", "below"),
    Verdict.UNDECIDED: (GREY, "", "undecided"),
    Verdict.REACHED: (GREEN, "", "reached"),
    Verdict.OUT_OF_REACH: ("#C9C5BD", ".", "out of reach"),
}
_FAINT = 0.35


def target_bars(
    classes: Sequence[ClassSummary], *, k: int, target: float, focus: str, dark: bool
) -> go.Figure:
    """Draw precision@k with its 95 % interval per class against a target, the first on top.

    Every bar carries the name of its class, to be clicked.

    Args:
        focus: The class that stands out; empty for none.
    """
    name, ink = f"precision@{k}", _ink(dark=dark)
    figure = go.Figure()
    verdicts = [verdict_of(c, k=k, target=target) for c in classes]
    for kind, (colour, pattern, word) in _LOOKS.items():
        shown = [c for c, found in zip(classes, verdicts, strict=True) if found is kind]
        if not shown:
            continue
        found = [c.measures[name] for c in shown]
        figure.add_bar(
            x=[e.value for e in found],
            y=[chart_text(c.label) for c in shown],
            orientation="h",
            name=f"{word} ({len(shown)})",
            marker={
                "color": colour,
                "pattern": {
                    "shape": pattern,
                    "fillmode": "overlay",
                    "fgcolor": "rgba(255, 255, 255, 0.6)",
                    "size": 6,
                },
                "opacity": [1.0 if focus in ("", c.label) else _FAINT for c in shown],
            },
            # A choice is told by the class that stands out, which the address knows as well.
            unselected={"marker": {"opacity": 1 if not focus else _FAINT}},
            selected={"marker": {"opacity": 1}},
            customdata=[
                [c.label, str(e), c.queries, c.chance] for c, e in zip(shown, found, strict=True)
            ],
            hovertemplate="%{y}: " + word + "<br>" + name + " %{customdata[1]}<br>"
            "%{customdata[2]} queries, by chance %{customdata[3]:.2f}<extra></extra>",
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [_gap(e.high, e.value) for e in found],
                "arrayminus": [_gap(e.value, e.low) for e in found],
                "color": ink,
                "thickness": 1.5,
                "width": 4,
            },
        )
    _add_ceilings(figure, classes, k, ink)
    figure.add_vline(x=target, line={"color": ink, "width": 1.5, "dash": "dash"})
    # As tall as the pictures beside it, where that makes bars neither thin nor fat.
    row = min(max(480 // max(len(classes), 1), 24), 36)
    framed(figure, height=90 + row * len(classes), x=f"{name}, 95 % interval")
    figure.update_layout(barmode="overlay", bargap=0.3)
    figure.update_xaxes(_SHARE)
    # Rows in the order given, whatever the verdicts.
    names = [chart_text(c.label) for c in reversed(classes)]
    figure.update_yaxes(
        categoryorder="array",
        categoryarray=names,
        range=[-0.6, len(names) - 0.4],
        **class_ticks([c.label for c in classes]),
    )
    return figure


def slice_bars(slices: Sequence[Slice], *, k: int, dark: bool) -> go.Figure:
    """Draw precision@k with its 95 % interval per value, the first on top; a line marks the others.

    Args:
        slices: One a row.
    """
    name, ink = f"precision@{k}", _ink(dark=dark)
    labels = [f"{one.value} ({one.queries:,})" for one in slices]
    rows = [chart_text(label) for label in labels]
    figure = go.Figure()
    figure.add_bar(
        x=[one.measure.value for one in slices],
        y=rows,
        orientation="h",
        name="with this value",
        # The line of the others is to be seen on it.
        marker={"color": accent(dark=dark), "opacity": 0.6},
        customdata=[
            [str(one.measure), one.queries, str(one.others), one.other_queries] for one in slices
        ],
        hovertemplate="%{y}: " + name + " %{customdata[0]}, %{customdata[1]} queries<br>"
        "others %{customdata[2]}, %{customdata[3]} queries<extra></extra>",
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [_gap(one.measure.high, one.measure.value) for one in slices],
            "arrayminus": [_gap(one.measure.value, one.measure.low) for one in slices],
            "color": ink,
            "thickness": 1.5,
            "width": 4,
        },
    )
    figure.add_scatter(
        x=[one.others.value for one in slices],
        y=rows,
        mode="markers",
        name="all others",
        marker={"symbol": "line-ns-open", "color": ink, "size": 14, "line": {"width": 2}},
        hoverinfo="skip",
    )
    framed(figure, height=90 + 30 * len(slices), x=f"{name}, 95 % interval")
    figure.update_layout(bargap=0.3)
    figure.update_xaxes(_SHARE)
    figure.update_yaxes(
        categoryorder="array",
        categoryarray=list(reversed(rows)),
        range=[-0.6, len(rows) - 0.4],
        **class_ticks(labels),
    )
    return figure


def _add_ceilings(figure: go.Figure, classes: Sequence[ClassSummary], k: int, ink: str) -> None:
    """Mark how far a class can come that has fewer than k others to find."""
    low = [c for c in classes if c.ceilings[k] < 0.995]
    if not low:
        return
    figure.add_scatter(
        x=[c.ceilings[k] for c in low],
        y=[chart_text(c.label) for c in low],
        mode="markers",
        name="most there can be",
        marker={"symbol": "line-ns-open", "color": ink, "size": 12, "line": {"width": 2}},
        hovertemplate="%{y}<br>at most %{x:.2f}<extra></extra>",
    )


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
            line = {"color": _ink(dark=dark), "width": 4}
        elif place is not None:
            dash = DASHES[place % len(DASHES)]
            line = {"color": PALETTE[place % len(PALETTE)], "width": 2.5, "dash": dash}
        figure.add_scatter(
            x=np.arange(1, len(lines[name]) + 1),
            y=lines[name],
            mode="lines",
            name=short_text(name),
            line=line,
            opacity=1 if mean or place is not None else 0.45,
            showlegend=mean or place is not None,
            hovertemplate=chart_text(name) + "<br>precision@%{x} %{y:.3f}<extra></extra>",
        )
    figure.update_yaxes(_SHARE)
    return framed(figure, height=420, x="Top k", y="precision@k")


def _ink(*, dark: bool) -> str:
    return "#ECEAE6" if dark else "#22211F"


def _gap(upper: float, lower: float) -> float:
    return 0.0 if math.isnan(upper) or math.isnan(lower) else max(0.0, upper - lower)
