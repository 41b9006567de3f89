"""The figure of a confusion matrix: data -> Plotly; knows no Streamlit."""

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.measures.confusions import errors_of
from core.ui.charts import VERMILION, chart_text, class_ticks, framed

# A cell with a smaller share has no number: it would be told by its colour.
_LEAST_NUMBER = 0.05
_LIGHT = {"page": "#FFFFFF", "grey": "#E4E1DB", "ink": "#22211F"}
_DARK = {"page": "#1D1E22", "grey": "#3A3B40", "ink": "#ECEAE6"}


def confusion_figure(
    shares: NDArray[np.float64],
    classes: Sequence[str],
    *,
    chosen: tuple[str, str],
    dark: bool,
) -> go.Figure:
    """Draw the matrix: right hits in grey, errors in vermilion up to the largest one.

    Args:
        shares: (C, C), rows are the query's class, columns the class that came back; NaN is blank.
        classes: Their names, in the order in which they are drawn.
        chosen: The cell with a frame.
    """
    colours = _DARK if dark else _LIGHT
    names = [chart_text(label) for label in classes]
    errors = errors_of(shares)
    figure = go.Figure()
    figure.add_trace(
        go.Heatmap(
            z=np.where(np.isnan(shares) | np.eye(len(names), dtype=bool), np.nan, errors),
            colorscale=[[0, colours["page"]], [1, VERMILION]],
            zmin=0,
            # Without an error every cell is as the page.
            zmax=float(errors.max(initial=0)) or 1,
            **_cells(names, np.where(errors >= _LEAST_NUMBER, errors, np.nan)),
        )
    )
    right = np.where(np.eye(len(names), dtype=bool), shares, np.nan)
    figure.add_trace(
        go.Heatmap(
            z=np.where(np.isnan(right), np.nan, 1.0),
            colorscale=[[0, colours["grey"]], [1, colours["grey"]]],
            **_cells(names, right),
        )
    )
    _add_points(figure, shares, classes, names)
    if chosen[0] in classes and chosen[1] in classes:
        figure.add_scatter(
            x=[chart_text(chosen[1])],
            y=[chart_text(chosen[0])],
            mode="markers",
            marker={
                "symbol": "square-open",
                "size": _cell_size(names) + 4,
                "color": colours["ink"],
                "line": {"width": 2.5},
            },
            hoverinfo="skip",
        )
    axis = {"tickfont": {"size": 11 if len(names) <= 20 else 9}, "showgrid": False}
    axis |= class_ticks(classes)
    framed(figure, height=150 + 24 * len(names), legend=False, x="Came back", y="Picture shown")
    last = len(names) - 0.5
    # Given, since Plotly would leave room around points.
    figure.update_xaxes(tickangle=-90, range=[-0.5, last], title_standoff=6, **axis)
    figure.update_yaxes(range=[last, -0.5], title_standoff=6, **axis)
    return figure


def _cells(names: list[str], numbers: NDArray[np.float64]) -> dict[str, object]:
    """What both kinds of cells share; a number is in percent, NaN is none."""
    return {
        "x": names,
        "y": names,
        "text": [[f"{100 * n:.0f}" if not math.isnan(n) else "" for n in row] for row in numbers],
        "texttemplate": "%{text}",
        "textfont": {"size": 11 if len(names) <= 20 else 8},
        "xgap": 1,
        "ygap": 1,
        "showscale": False,
        "hoverinfo": "skip",
    }


def _add_points(
    figure: go.Figure, shares: NDArray[np.float64], classes: Sequence[str], names: list[str]
) -> None:
    """Lay a point that can be clicked, and that is not seen, over every cell with a share."""
    rows, columns = np.nonzero(np.nan_to_num(shares) > 0)
    unseen = {"marker": {"opacity": 0}}
    figure.add_scatter(
        x=[names[column] for column in columns],
        y=[names[row] for row in rows],
        mode="markers",
        marker={"symbol": "square", "size": _cell_size(names), "opacity": 0},
        selected=unseen,
        unselected=unseen,
        customdata=[[classes[int(r)], classes[int(c)]] for r, c in zip(rows, columns, strict=True)],
        text=[f"{shares[r, c]:.1%}" for r, c in zip(rows, columns, strict=True)],
        hovertemplate="Picture shown: %{y}<br>Came back: %{x}<br>%{text} of the hits"
        "<extra></extra>",
        showlegend=False,
    )


def _cell_size(names: list[str]) -> int:
    return max(8, min(22, 400 // max(1, len(names))))
