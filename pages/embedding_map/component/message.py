"""What the browser is told of a map: a short message, and numbers that it fetches by their names.

The message comes with every run of the page, the numbers are fetched when their name is new. So
the points are sent once, and again only when the map is another one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.files import fingerprint_of
from core.projection.colours import Categories, Values
from pages.embedding_map import chart


@dataclass(frozen=True, slots=True)
class Message:
    """What the browser is told.

    Attributes:
        text: JSON, a few kilobytes whatever the number of points.
        numbers: By the names that stand in `text`: (N, 2) float32 positions, (N,) int16 categories
            or float32 values; where some points are pale (N,) uint8, 1 for those; where there are
            lines of equal density (V, 2) float32.
    """

    text: dict[str, Any]
    numbers: Mapping[str, NDArray[Any]]


def message_of(
    coordinates: NDArray[np.float32],
    paint: Categories | Values,
    *,
    marks: chart.Marks,
    dark: bool,
    scale: float,
    named: bool = False,
    pale: NDArray[np.bool_] | None = None,
    density: NDArray[np.float32] | None = None,
) -> Message:
    """Describe a map for `map.js`.

    Args:
        coordinates: (N, 2).
        scale: Of the points, 1 for the usual size.
        named: Whether the names of the categories stand on their points as well.
        pale: (N,) which points are to be pale; None means none.
        density: (V, 2) lines of equal density, a row of NaN behind each; None means none.
    """
    points = fingerprint_of(coordinates.tobytes())
    size, opacity = chart.point_style(*coordinates.shape)
    told, painted = _paint(paint, dark=dark)
    text: dict[str, Any] = {
        "points": points,
        "rows": len(coordinates),
        "size": size * scale,
        "opacity": opacity,
        "named": named,
        "paint": told,
        "marks": {
            "ringed": list(marks.ringed),
            "centre": marks.centre,
            "ends": list(marks.ends),
            "query": None if marks.query is None else [float(place) for place in marks.query],
        },
        "ink": chart.ink(dark=dark),
        "pale": None,
        "density": None,
    }
    numbers: dict[str, NDArray[Any]] = {points: coordinates, told["numbers"]: painted}
    if pale is not None:
        text["pale"] = fingerprint_of("pale", pale.tobytes())
        numbers[text["pale"]] = pale.astype(np.uint8)
    if density is not None:
        text["density"] = fingerprint_of("density", density.tobytes())
        numbers[text["density"]] = density
    return Message(text, numbers)


def _paint(paint: Categories | Values, *, dark: bool) -> tuple[dict[str, Any], NDArray[Any]]:
    if isinstance(paint, Values):
        values = paint.values.astype(np.float32)
        return {
            "numbers": fingerprint_of("values", values.tobytes()),
            "title": paint.title,
            "low": paint.low,
            "high": paint.high,
            "notable_high": paint.notable_high,
            "scale": chart.colour_scale(paint, dark=dark),
            "rest": {"name": "", "colour": chart.REST_COLOUR},
        }, values
    codes = paint.codes.astype(np.int16)
    styles = [chart.style_of(style, dark=dark) for style in paint.styles]
    return {
        "numbers": fingerprint_of("codes", codes.tobytes()),
        "rest": {"name": paint.rest, "colour": chart.REST_COLOUR},
        "categories": [
            {"name": name, "colour": colour, "symbol": symbol}
            for name, (colour, symbol) in zip(paint.names, styles, strict=True)
        ],
    }, codes
