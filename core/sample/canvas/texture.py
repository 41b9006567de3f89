"""Noise and colour: the raw material that the drawn sample pictures are textured with.

Everything is float32, colours are linear light (not sRGB). Two kinds of noise: `fog` fills a flat
picture; `solid`, `speckle` and `cells` are sampled at points in space, so that a texture wraps a
body without a seam. The space-filling ones come from fixed lattices: only where they are sampled
depends on the picture.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# float32 all through; NumPy's stubs widen it too readily to be declared as such.
Field = NDArray[np.floating[Any]]

_SIDE = 32  # voxels a side of the noise lattices; a power of two, so that wrapping is a mask
_CELL_VOXELS = 6  # voxels across one cell of the cellular lattice
_CELL_COUNT = 10  # cells a side of the cellular lattice


@cache
def rgb(code: str) -> Field:
    """Linear light, shape (3,), of an sRGB colour written as six hexadecimal digits."""
    srgb = np.frombuffer(bytes.fromhex(code), np.uint8).astype(np.float32) / 255
    linear = to_linear(srgb)
    linear.setflags(write=False)
    return linear


def to_linear(srgb: Field) -> Field:
    """Linear light of sRGB values in [0, 1]."""
    high = ((srgb + 0.055) / 1.055) ** 2.4
    return np.where(srgb <= 0.04045, srgb / 12.92, high).astype(np.float32)


def smooth(value: Field, low: float, high: float) -> Field:
    """0 below `low`, 1 above `high`, an S-curve between; `low` > `high` turns it around."""
    t = np.clip((value - low) * (1.0 / (high - low)), 0.0, 1.0)
    result: Field = t * t * (3.0 - 2.0 * t)
    return result


def blend(first: Field, second: Field, share: Field | float) -> Field:
    """Colours (..., 3) mixed: `share` (...) is the part of the second, in [0, 1]."""
    part = share[..., None] if isinstance(share, np.ndarray) else share
    return first + (second - first) * part


def fog(
    rng: np.random.Generator, *, size: int, cells: tuple[float, float], octaves: int = 3
) -> Field:
    """Soft noise of shape (size, size), about [-1, 1].

    `cells` is how many bumps fit down and across the picture; each octave doubles that and halves
    the height. The random numbers drawn do not depend on `size`, so neither does the pattern.
    """
    total = np.zeros((size, size), np.float32)
    down, across = cells
    weight, norm = 1.0, 0.0
    for _ in range(octaves):
        shape = (max(2, round(down) + 1), max(2, round(across) + 1))
        grid = rng.random(shape, np.float32) * 2 - 1
        layer = Image.fromarray(grid).resize((size, size), Image.Resampling.BICUBIC)
        total += weight * np.asarray(layer)
        norm += weight
        down, across, weight = down * 2, across * 2, weight * 0.5
    return total * (1.5 / norm)


def solid(points: Field, *, scale: float, octaves: int = 1, shift: float = 0.0) -> Field:
    """Soft noise, about [-1, 1], at points (3, n); `scale` is bumps per body radius."""
    total = np.zeros(points.shape[1], np.float32)
    weight, norm = 1.0, 0.0
    for octave in range(octaves):
        offset = shift + 7.3 * octave
        total += weight * _sample(_lattice(), points * scale + offset, rounded=True)
        norm += weight
        scale, weight = scale * 2.03, weight * 0.5
    return total * (1.4 / norm)


def speckle(points: Field, *, scale: float, share: float, shift: float = 0.0) -> Field:
    """Round spots: 1 in a spot, 0 outside; about `share` (0 to 1) of the cells carry one."""
    distance = cells(points, scale=scale, shift=shift)
    chosen = solid(points, scale=scale * 0.8, shift=shift + 3.1)
    return smooth(distance, 0.34, 0.16) * smooth(chosen, 0.9 - 1.8 * share, 1.1 - 1.8 * share)


def cells(points: Field, *, scale: float, shift: float = 0.0) -> Field:
    """Distance to the nearest of scattered points, in cell widths: 0 at a point, about 0.8 far."""
    place = (points * scale + shift) * _CELL_VOXELS
    return _sample(_cell_lattice(), place, rounded=False)


@cache
def _lattice() -> Field:
    return np.random.default_rng(20).random((_SIDE,) * 3, np.float32) * 2 - 1


@cache
def _cell_lattice() -> Field:
    """Distances (in cell widths) to the nearest of one jittered point a cell, wrapping around."""
    count, side = _CELL_COUNT, _CELL_COUNT * _CELL_VOXELS
    jitter = np.random.default_rng(21).random((count, count, count, 3), np.float32) * 0.8 + 0.1
    axis = np.arange(side) / np.float32(_CELL_VOXELS)
    home = axis.astype(np.int64)
    nearest = np.full((side,) * 3, 9.0, np.float32)
    for step in np.ndindex(3, 3, 3):
        squared = np.zeros((side,) * 3, np.float32)
        near = [home + step[k] - 1 for k in range(3)]
        spot = jitter[np.ix_(*(n % count for n in near))]
        for k in range(3):
            shape = [1, 1, 1]
            shape[k] = side
            corner = (near[k] - axis).astype(np.float32).reshape(shape)
            squared += (corner + spot[..., k]) ** 2
        np.minimum(nearest, squared, out=nearest)
    return np.sqrt(nearest)


def _sample(volume: Field, place: Field, *, rounded: bool) -> Field:
    """Values of a wrapping lattice at places (3, n) in voxels, interpolated."""
    side = volume.shape[0]
    floor = np.floor(place)
    part = place - floor
    if rounded:
        part = part * part * (3.0 - 2.0 * part)
    low = floor.astype(np.int32) % side
    high = (low + 1) % side
    flat = volume.ravel()
    x0, x1 = low[0] * (side * side), high[0] * (side * side)
    y0, y1 = low[1] * side, high[1] * side
    z0, z1 = low[2], high[2]

    def row(base: NDArray[np.int32]) -> Field:
        near = flat[base + z0]
        result: Field = near + (flat[base + z1] - near) * part[2]
        return result

    front = row(x0 + y0)
    front += (row(x0 + y1) - front) * part[1]
    back = row(x1 + y0)
    back += (row(x1 + y1) - back) * part[1]
    result: Field = front + (back - front) * part[0]
    return result
