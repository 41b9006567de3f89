"""The figure of two reports class by class: data -> Plotly; knows no Streamlit."""

from collections.abc import Sequence

import plotly.graph_objects as go

from core.evaluation.comparison import ClassDifference
from core.ui.charts import GREEN, GREY, VERMILION, chart_text, class_ticks, framed


def dumbbell_figure(
    classes: Sequence[ClassDifference], *, first: str, second: str, measure: str, dark: bool
) -> go.Figure:
    """Draw a line from the first report to the second per class; colour only where it is certain.

    Args:
        classes: The first on top.
        first: Name of the first report.
        second: Name of the second.
    """
    figure = go.Figure()
    names = [chart_text(c.label) for c in classes]
    ink = "#ECEAE6" if dark else "#22211F"
    for one, name in zip(classes, names, strict=True):
        figure.add_scatter(
            x=[one.before, one.after],
            y=[name, name],
            mode="lines",
            line={"color": _colour(one), "width": 5 if one.certain else 2},
            showlegend=False,
            hoverinfo="skip",
        )
    for called, values, symbol, filled in (
        (first, [c.before for c in classes], "circle-open", False),
        (second, [c.after for c in classes], "diamond", True),
    ):
        figure.add_scatter(
            x=values,
            y=names,
            mode="markers",
            name=chart_text(called),
            marker={
                "symbol": symbol,
                "size": 10,
                "color": [_colour(c) for c in classes] if filled else ink,
                "line": {"width": 2 if not filled else 0},
            },
            customdata=[[c.difference.value, c.queries, _word(c)] for c in classes],
            hovertemplate=f"%{{y}}, {chart_text(called)} %{{x:.2f}}<br>difference "
            "%{customdata[0]:+.2f}: %{customdata[2]}<br>%{customdata[1]} queries<extra></extra>",
        )
    framed(figure, height=90 + 24 * len(classes), x=measure)
    values = [value for c in classes for value in (c.before, c.after)] or [0.0, 1.0]
    # No bars stand here, which would have to begin at 0.
    figure.update_xaxes(
        range=[max(-0.02, min(values) - 0.05), min(1.02, max(values) + 0.05)], tickformat=".2f"
    )
    figure.update_yaxes(
        categoryorder="array",
        categoryarray=names[::-1],
        range=[-0.6, len(names) - 0.4],
        **class_ticks([c.label for c in classes]),
    )
    return figure


def _colour(one: ClassDifference) -> str:
    if not one.certain:
        return GREY
    return GREEN if one.difference.value > 0 else VERMILION


def _word(one: ClassDifference) -> str:
    if not one.certain:
        return "could be chance"
    return "better" if one.difference.value > 0 else "worse"
