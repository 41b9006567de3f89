"""Where most points of a map in two dimensions are, as lines around them."""

import numpy as np
from numpy.typing import NDArray

# From so many on they cover one another: at the size they are drawn in, five pixels across, 10,000
# have half the area of the figure, and where they lie in two or in ten layers cannot be seen.
DENSE_FROM = 10_000
# The lines enclose these shares of the points.
ENCLOSED = (0.9, 0.7, 0.5, 0.3, 0.1)
# Fields of the histogram in each direction: the lines are smooth, and soon found.
_FIELDS = 96
# The standard deviation of the smoothing, in fields.
_SIGMA = 1.5


def density_lines(coordinates: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Return lines of equal density; None for fewer than `DENSE_FROM` points, or without an area.

    They are the borders of the highest density regions (Hyndman, 1996) of the smoothed histogram:
    the smallest areas that hold the shares `ENCLOSED` of the points.

    Args:
        coordinates: (N, 2).

    Returns:
        (V, 2) float32, the corners of all lines one after another, a row of NaN behind each line.
    """
    low, high = coordinates.min(axis=0), coordinates.max(axis=0)
    if len(coordinates) < DENSE_FROM or not (high > low).all():
        return None
    from contourpy import contour_generator

    # Room for what the smoothing spreads beyond the outermost points.
    room = 4 * _SIGMA * (high - low) / _FIELDS
    low, high = low - room, high + room
    step = (high - low) / _FIELDS
    smooth = _histogram(((coordinates - low) / step).astype(np.int32))
    across, up = (low[axis] + step[axis] * (np.arange(_FIELDS) + 0.5) for axis in (0, 1))
    generator = contour_generator(across, up, smooth)
    lines: list[NDArray[np.float64]] = []
    for level in _levels(smooth):
        for line in generator.lines(level):
            lines += [np.asarray(line, dtype=np.float64), np.full((1, 2), np.nan)]
    return np.concatenate(lines).astype(np.float32)


def _histogram(places: NDArray[np.int32]) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter

    # Faster than NumPy's histogram of two dimensions, which looks for the edges of each field.
    counts = np.bincount(places[:, 1] * _FIELDS + places[:, 0], minlength=_FIELDS**2)
    smooth: NDArray[np.float64] = gaussian_filter(
        counts.reshape(_FIELDS, _FIELDS).astype(np.float64), _SIGMA
    )
    return smooth


def _levels(smooth: NDArray[np.float64]) -> list[float]:
    """Return the densities above which the shares `ENCLOSED` of all points lie."""
    falling = np.sort(smooth, axis=None)[::-1]
    held = np.cumsum(falling) / falling.sum()
    return [float(falling[np.searchsorted(held, share)]) for share in ENCLOSED]
