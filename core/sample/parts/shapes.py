"""The forms of the ten fruits and of their cut pieces, as distance-like functions of a point.

Each builder draws its proportions from a generator and returns a `Shape`: points (3, n) in, the
distance to the surface out, in body radii, negative inside. The stem axis is z.
"""

import math

import numpy as np

from core.sample.canvas.texture import Field, cells
from core.sample.parts.bodies import Shape


def pome(rng: np.random.Generator) -> Shape:
    """An apple: broad shoulders, a deep hollow at the stem, five faint lobes below."""
    hollow, foot = rng.uniform(0.3, 0.42), rng.uniform(0.1, 0.18)
    tall, taper = rng.uniform(0.86, 1.02), rng.uniform(0.02, 0.1)
    lobes, spin = rng.uniform(0.0, 0.03), rng.uniform(0, 6)

    def shape(p: Field) -> Field:
        z = p[2] / tall
        r = np.sqrt(p[0] ** 2 + p[1] ** 2 + z * z) + 1e-6
        c = z / r
        edge = 0.95 + taper * c - hollow * np.exp((c - 1) * 16) - foot * np.exp((-1 - c) * 20)
        angle = np.arctan2(p[1], p[0])
        edge += lobes * np.cos(5 * angle + spin) * np.exp((-1 - c) * 1.8)
        distance: Field = (r - edge) * 0.82
        return distance

    return shape


def globe(
    rng: np.random.Generator,
    *,
    tall: tuple[float, float],
    hollow: tuple[float, float],
    seam: tuple[float, float] = (0.0, 0.0),
    point: tuple[float, float] = (0.0, 0.0),
) -> Shape:
    """A round fruit. Ranges in radii: height, hollow at the stem, seam down one side, far tip."""
    high, deep = rng.uniform(*tall), rng.uniform(*hollow)
    groove, tip = rng.uniform(*seam), rng.uniform(*point)
    lean = rng.uniform(-0.05, 0.05)

    def shape(p: Field) -> Field:
        z = p[2] / high
        x = p[0] + lean * z
        r = np.sqrt(x * x + p[1] ** 2 + z * z) + 1e-6
        c = z / r
        edge = 0.97 - deep * np.exp((c - 1) * 17) + tip * np.exp((-1 - c) * 24)
        if groove:
            side = np.maximum(x / r, 0.0)
            edge -= groove * np.exp(-((p[1] / (0.12 * r)) ** 2)) * np.sqrt(side)
        distance: Field = (r - edge) * min(0.92, high * 0.92)
        return distance

    return shape


def spindle(rng: np.random.Generator) -> Shape:
    """A lemon: longer than wide, a nipple at one end and a short neck at the other."""
    long, tip, neck = rng.uniform(1.18, 1.42), rng.uniform(0.14, 0.3), rng.uniform(0.05, 0.14)

    def shape(p: Field) -> Field:
        z = p[2] / long
        r = np.sqrt(p[0] ** 2 + p[1] ** 2 + z * z) + 1e-6
        c = z / r
        edge = 0.74 + tip * np.exp((-1 - c) * 20) * 0.9 + neck * np.exp((c - 1) * 14)
        edge += 0.03 * c
        distance: Field = (r - edge) * 0.8
        return distance

    return shape


def kidney(rng: np.random.Generator) -> Shape:
    """A mango: flattened, one side fuller, the far end drawn into a slight beak."""
    wide, thick = rng.uniform(0.68, 0.8), rng.uniform(0.56, 0.68)
    bend, beak = rng.uniform(0.08, 0.24), rng.uniform(0.0, 0.1)

    def shape(p: Field) -> Field:
        z = p[2]
        x = (p[0] - bend * (z * z - 0.3) * 0.8 - 0.08 * z) / wide
        y = p[1] / thick
        r = np.sqrt(x * x + y * y + z * z) + 1e-6
        c = z / r
        edge = 0.97 + 0.07 * c + beak * np.exp((-1 - c) * 9) - 0.04 * np.exp((c - 1) * 40)
        distance: Field = (r - edge) * (thick * 0.82)
        return distance

    return shape


def bow(rng: np.random.Generator, *, thick: float) -> Shape:
    """A banana: a five-sided tube along an arc in the x-z plane; the stem end is at `bow_end`."""
    arc, half = _BOW
    ridge = rng.uniform(0.02, 0.07)
    blunt = rng.uniform(0.3, 0.5)

    def shape(p: Field) -> Field:
        dx = p[0] + arc
        t = np.clip(np.arctan2(p[2], dx), -half, half)
        radial = np.cos(t) * dx + np.sin(t) * p[2] - arc
        along = -np.sin(t) * dx + np.cos(t) * p[2]
        across = np.sqrt(radial**2 + p[1] ** 2)
        s = t / half
        body = np.clip((1.0 - s) / 0.34, 0.0, 1.0)
        foot = np.clip((1.0 + s) / blunt, 0.0, 1.0)
        girth = 0.05 + (thick - 0.05) * (body * body * (3 - 2 * body)) * np.sqrt(foot * (2 - foot))
        girth = girth * (1 + ridge * np.cos(5 * np.arctan2(p[1], radial)))
        distance: Field = (np.sqrt(across**2 + along**2) - girth) * 0.85
        return distance

    return shape


_BOW = (1.2, 0.86)  # arc radius and half angle (radians) of every banana


def bow_end(*, side: int) -> tuple[float, float, float]:
    """The stem end (side 1) or the blossom end (side -1) of a banana."""
    arc, half = _BOW
    return arc * math.cos(half) - arc, 0.0, side * arc * math.sin(half)


def disc(*, radius: float, half: float) -> Shape:
    """A slice: a flat cylinder about z with slightly rounded rims."""

    def shape(p: Field) -> Field:
        side = np.sqrt(p[0] ** 2 + p[1] ** 2) - (radius - 0.03)
        flat = np.abs(p[2]) - (half - 0.03)
        outside = np.sqrt(np.maximum(side, 0) ** 2 + np.maximum(flat, 0) ** 2)
        distance: Field = outside + np.minimum(np.maximum(side, flat), 0.0) - 0.03
        return distance

    return shape


def ellipsoid(semiaxes: tuple[float, float, float]) -> Shape:
    """An ellipsoid; the distance is exact in direction, approximate in length."""
    a, b, c = semiaxes
    scale = min(semiaxes)

    def shape(p: Field) -> Field:
        distance: Field = (np.sqrt((p[0] / a) ** 2 + (p[1] / b) ** 2 + (p[2] / c) ** 2) - 1) * scale
        return distance

    return shape


def shift(shape: Shape, by: tuple[float, float, float]) -> Shape:
    """The shape moved by a vector."""
    offset = np.asarray(by, np.float32)[:, None]
    return lambda p: shape(p - offset)


def halve(shape: Shape, *, axis: int, level: float = 0.0) -> Shape:
    """What is left below `level` along a body axis (0 x, 1 y, 2 z)."""
    return lambda p: _cut(shape(p), p[axis] - level)


def slab(shape: Shape, *, axis: int, low: float, high: float) -> Shape:
    """The slice between two levels along a body axis."""
    return lambda p: _cut(_cut(shape(p), p[axis] - high), low - p[axis])


def _cut(first: Field, second: Field) -> Field:
    """What lies inside both, with a rim rounded so little that it only calms its highlight."""
    rounding = 0.035
    share = np.clip(0.5 + (0.5 / rounding) * (first - second), 0.0, 1.0)
    return second + (first - second) * share + rounding * share * (1.0 - share)


def join(first: Shape, second: Shape) -> Shape:
    """Both bodies together."""
    return lambda p: np.minimum(first(p), second(p))


def scales(*, scale: float, height: float, offset: float) -> Shape:
    """Relief of a litchi's shell: one blunt cone a cell."""
    return lambda p: height * (0.75 - cells(p, scale=scale, shift=offset))


def pores(*, scale: float, depth: float, offset: float) -> Shape:
    """Relief of citrus peel: one shallow pit a cell."""

    def relief(p: Field) -> Field:
        near = cells(p, scale=scale, shift=offset)
        return depth * np.minimum(near, 0.42)

    return relief


def crown(p: Field) -> Field:
    """Relief of a blueberry's crown: a raised rim around a hollow."""
    away = np.sqrt(p[0] ** 2 + p[1] ** 2) + 2.0 * (p[2] < 0)
    ring: Field = np.exp(-(((away - 0.31) / 0.06) ** 2)) - 1.3 * np.exp(-((away / 0.2) ** 2))
    return ring * 0.06
