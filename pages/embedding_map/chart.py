"""The map as a Plotly figure; knows no Streamlit."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.projection.colours import Categories, Values
from core.ui.charts import chart_text, class_colour, short_text

# Shapes that exist in two and in three dimensions. One for ten of the twenty colours: where two are
# hard to tell apart the shape often helps.
SYMBOLS = ("circle", "diamond", "square", "cross", "x")
REST_COLOUR = "#9A968F"
# How much of their opacity is left to points that are pale.
PALE = 0.2
# Vermilion to blue, which colour-blind readers tell apart; neither end drowns in its background.
LIGHT_SCALE = ("#D55E00", "#C9C0B0", "#0072B2")
DARK_SCALE = ("#FF8A3D", "#7D7A75", "#56B4E9")
HEIGHT = 620

# (rows up to, size in pixels, opacity): few points may be large, many must let others through.
_SIZES = ((300, 10, 0.9), (2_000, 7, 0.85), (10_000, 5, 0.7), (30_000, 4, 0.6), (10**9, 3, 0.5))


@dataclass(frozen=True, slots=True)
class Marks:
    """What is drawn over the points.

    Attributes:
        ringed: Rows with a ring.
        centre: A row with a larger ring and lines to `ends`.
        ends: The true nearest neighbours of `centre`.
        query: Position of a picture that is not in the collection, with lines to `ends`.
    """

    ringed: tuple[int, ...] = ()
    centre: int | None = None
    ends: tuple[int, ...] = ()
    query: tuple[float, ...] | None = field(default=None)


def map_figure(
    coordinates: NDArray[np.float32],
    paint: Categories | Values,
    hover: NDArray[np.str_],
    *,
    marks: Marks = Marks(),
    pale: NDArray[np.bool_] | None = None,
    density: NDArray[np.float32] | None = None,
    dark: bool = False,
    scale: float = 1,
) -> go.Figure:
    """Draw the map; every point carries its row as custom data.

    Args:
        coordinates: (N, 2) or (N, 3).
        hover: (N,) texts as `hover_texts` makes them: already escaped.
        pale: (N,) which points are pale; None means none.
        density: (V, 2) lines of equal density, a row of NaN behind each; None means none.
        dark: Whether the page is dark.
        scale: Of the points, 1 for the usual size.
    """
    figure = go.Figure()
    if isinstance(paint, Categories):
        _add_categories(figure, coordinates, paint, hover, dark=dark, scale=scale)
    else:
        _add_values(figure, coordinates, paint, hover, dark=dark, scale=scale)
    if pale is not None:
        figure = _faded(figure, pale)
    if density is not None:
        line = {"color": ink(dark=dark), "width": 1}
        quiet = {"hoverinfo": "skip", "showlegend": False, "connectgaps": False}
        figure.add_trace(_trace(density, mode="lines", line=line, **quiet))
    _add_marks(figure, coordinates, marks, dark=dark)
    _arrange(figure, coordinates.shape[1])
    return figure


def hover_texts(
    labels: Sequence[str],
    files: Sequence[str],
    ids: NDArray[np.int64],
    purity: NDArray[np.float32] | None,
) -> NDArray[np.str_]:
    """Return (N,) tooltips; Plotly reads some HTML, so text of data is escaped."""
    names = {label: chart_text(label or "no class") for label in set(labels)}
    known = itertools.repeat(math.nan) if purity is None else purity.tolist()
    # A fixed width costs memory, but such an array is copied and sent many times faster.
    return np.array(
        [
            f"<b>{names[label]}</b><br>{chart_text(file)}<br>id {number}"
            + ("" if math.isnan(share) else f"<br>purity {share:.2f}")
            for label, file, number, share in zip(labels, files, ids.tolist(), known, strict=False)
        ],
        dtype=str,
    )


def style_of(place: int, *, dark: bool) -> tuple[str, str]:
    """Return colour and shape number `place`; after 100 they repeat."""
    return class_colour(place, dark=dark), SYMBOLS[place // 10 % len(SYMBOLS)]


def ink(*, dark: bool) -> str:
    """Return the colour of what is drawn over the points."""
    return "#FFFFFF" if dark else "#000000"


def colour_scale(paint: Values, *, dark: bool) -> list[str]:
    """Return the colours of a scale, from its lower end to its upper one."""
    colours = DARK_SCALE if dark else LIGHT_SCALE
    return list(colours[::-1] if paint.notable_high else colours)


def point_style(rows: int, dimensions: int) -> tuple[float, float]:
    """Return size in pixels and opacity of a point of so many."""
    size, opacity = next((size, opacity) for limit, size, opacity in _SIZES if rows <= limit)
    # In space points are drawn about twice as large, and hide one another.
    return (size / 2 if dimensions == 3 else size), opacity


def _add_categories(
    figure: go.Figure,
    coordinates: NDArray[np.float32],
    paint: Categories,
    texts: NDArray[np.str_],
    *,
    dark: bool,
    scale: float,
) -> None:
    size, opacity = point_style(*coordinates.shape)
    size *= scale
    rest = np.flatnonzero(paint.codes < 0)
    if len(rest):
        # First, so that it lies below.
        marker = {"size": size, "color": REST_COLOUR, "opacity": opacity / 2, "symbol": "circle"}
        _add_points(figure, coordinates, rest, texts, marker, name=paint.rest)
    for code, (name, style) in enumerate(zip(paint.names, paint.styles, strict=True)):
        members = np.flatnonzero(paint.codes == code)
        colour, symbol = style_of(style, dark=dark)
        marker = {"size": size, "color": colour, "opacity": opacity, "symbol": symbol}
        _add_points(figure, coordinates, members, texts, marker, name=name)


def _add_values(
    figure: go.Figure,
    coordinates: NDArray[np.float32],
    paint: Values,
    texts: NDArray[np.str_],
    *,
    dark: bool,
    scale: float,
) -> None:
    size, opacity = point_style(*coordinates.shape)
    size *= scale
    # What is worth a look is vermilion and lies on top; rows without a value lie below.
    notable = paint.values if paint.notable_high else -paint.values
    order = np.argsort(np.nan_to_num(notable, nan=-np.inf), kind="stable")
    marker = {
        "size": size,
        "opacity": opacity,
        "color": paint.values[order],
        "cmin": paint.low,
        "cmax": paint.high,
        "colorscale": colour_scale(paint, dark=dark),
        "colorbar": {
            "title": {"text": paint.title, "side": "top"},
            "orientation": "h",
            "y": -0.02,
            "yanchor": "top",
            "thickness": 12,
            "len": 0.6,
        },
    }
    _add_points(figure, coordinates, order, texts, marker, name=paint.title)
    figure.update_traces(showlegend=False)


def _add_points(
    figure: go.Figure,
    coordinates: NDArray[np.float32],
    rows: NDArray[np.intp],
    texts: NDArray[np.str_],
    marker: dict[str, Any],
    *,
    name: str,
) -> None:
    figure.add_trace(
        _trace(
            coordinates[rows],
            mode="markers",
            marker=marker,
            name=short_text(name),
            customdata=rows,
            hovertext=texts[rows],
            hoverinfo="text",
        )
    )


def _faded(figure: go.Figure, pale: NDArray[np.bool_]) -> go.Figure:
    """Return the same points, those that are pale below the others."""
    faded, kept = [], []
    for trace in figure.data:
        is_pale = pale[np.asarray(trace.customdata)]
        opacity = PALE * trace.marker.opacity
        part = _part(trace, is_pale).update(marker_opacity=opacity, showlegend=False)
        faded.append(part.update(marker_showscale=False))
        kept.append(_part(trace, ~is_pale))
    return go.Figure([*faded, *kept])


def _part(trace: Any, which: NDArray[np.bool_]) -> Any:  # noqa: ANN401 - a trace of either kind
    part = type(trace)(trace)
    axes = ["x", "y", "z"] if isinstance(trace, go.Scatter3d) else ["x", "y"]
    for name in (*axes, "customdata", "hovertext"):
        part[name] = np.asarray(trace[name])[which]
    if not isinstance(trace.marker.color, str):
        part.marker.color = np.asarray(trace.marker.color)[which]
    return part


def _add_marks(
    figure: go.Figure, coordinates: NDArray[np.float32], marks: Marks, *, dark: bool
) -> None:
    colour = ink(dark=dark)
    quiet: dict[str, Any] = {"hoverinfo": "skip", "showlegend": False}
    start = marks.query if marks.centre is None else coordinates[marks.centre]
    if start is not None and marks.ends:
        gap = np.full(coordinates.shape[1], np.nan)
        path = np.array([p for end in marks.ends for p in (start, coordinates[end], gap)])
        line = {"color": colour, "width": 1}
        figure.add_trace(_trace(path, mode="lines", line=line, connectgaps=False, **quiet))
    ringed = list(dict.fromkeys([*marks.ringed, *marks.ends]))
    if ringed:
        _add_rings(figure, coordinates[ringed], colour, size=11, **quiet)
    if marks.centre is not None:
        _add_rings(figure, coordinates[[marks.centre]], colour, size=24, **quiet)
    if marks.query is not None:
        marker = {"size": 14, "color": colour, "symbol": "x"}
        figure.add_trace(_trace(np.array([marks.query]), mode="markers", marker=marker, **quiet))


def _add_rings(
    figure: go.Figure, places: NDArray[np.float32], colour: str, *, size: int, **more: object
) -> None:
    marker = {"size": size, "color": colour, "symbol": "circle-open", "line": {"width": 1.5}}
    figure.add_trace(_trace(places, mode="markers", marker=marker, **more))


def _trace(places: NDArray[Any], **more: object) -> Any:  # noqa: ANN401
    if places.shape[1] == 3:
        return go.Scatter3d(x=places[:, 0], y=places[:, 1], z=places[:, 2], **more)
    return go.Scattergl(x=places[:, 0], y=places[:, 1], **more)


def _arrange(figure: go.Figure, dimensions: int) -> None:
    # Positions have no unit and no zero, so the axes carry neither numbers nor lines.
    axis = {"visible": False, "showgrid": False, "zeroline": False}
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        legend={
            "orientation": "h",
            "yanchor": "top",
            "y": -0.02,
            "itemsizing": "constant",
            "title": {"text": ""},
            "maxheight": 0.25,
        },
        # As other maps: dragging moves, the wheel zooms, a click selects. Streamlit lets clicks
        # select only while dragging does not.
        dragmode="pan" if dimensions == 2 else "orbit",
        hovermode="closest",
    )
    if dimensions == 3:
        bare = {"visible": False, "showbackground": False}
        figure.update_layout(scene={"xaxis": bare, "yaxis": bare, "zaxis": bare})
    else:
        # One scale for both directions: a stretched map would lie about distances.
        figure.update_layout(xaxis=axis, yaxis=axis | {"scaleanchor": "x"})
