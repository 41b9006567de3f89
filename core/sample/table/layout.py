"""How the fruit of a drawn sample picture lies: one, a few, a pile, cut, on a tree, in a bowl.

Every arrangement paints onto a canvas that already shows the surroundings; `radius` is that of one
piece where several lie together, in frame fractions.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.sample.canvas.canvas import Canvas
from core.sample.canvas.texture import rgb
from core.sample.parts.piece import Fruit
from core.sample.parts.plants import Point, curve, paint_leaf, paint_stem
from core.sample.table.vessels import (
    draw_glaze,
    paint_board,
    paint_bowl,
    paint_bowl_front,
    paint_plate,
    paint_rail,
)

Arrangement = Callable[[Canvas, np.random.Generator, Fruit, float], None]


@dataclass(frozen=True)
class _Area:
    """Where fruit may lie: centre and half extents, in frame fractions."""

    x: float = 0.5
    y: float = 0.52
    across: float = 0.5
    down: float = 0.48


def arrange_one(canvas: Canvas, rng: np.random.Generator, fruit: Fruit, radius: float) -> None:
    """A single large piece, at times on a plate."""
    x, y = 0.5 + rng.normal(0, 0.06), 0.53 + rng.normal(0, 0.05)
    if rng.random() < 0.25:
        paint_plate(canvas, rng, x=x, y=y + 0.05, radius=rng.uniform(0.42, 0.55))
    fruit.whole(canvas, rng, (x, y, rng.uniform(0.27, 0.42)))


def arrange_few(canvas: Canvas, rng: np.random.Generator, fruit: Fruit, radius: float) -> None:
    """As many as fit loosely, on the table, a plate or a board."""
    area = _underlay(canvas, rng) if rng.random() < 0.35 else _Area()
    radius = min(radius, area.across * 0.55)
    room = area.across * area.down / 0.25
    count = max(2, round(rng.uniform(0.4, 1.0) * room * 0.12 / radius**2))
    for x, y in _scatter(rng, area, count=count, radius=radius):
        fruit.whole(canvas, rng, (x, y, radius * rng.uniform(0.9, 1.1)))


def arrange_cut(canvas: Canvas, rng: np.random.Generator, fruit: Fruit, radius: float) -> None:
    """One to three cut pieces, and whole ones behind them."""
    area = _underlay(canvas, rng) if rng.random() < 0.6 else _Area()
    size = min(max(radius, 0.15) * rng.uniform(1.05, 1.35), area.across * 0.62)
    pieces = int(rng.integers(1, 4))
    spots = _scatter(rng, area, count=pieces + int(rng.integers(0, 3)), radius=size)
    behind = max(0, len(spots) - pieces)
    for k, (x, y) in enumerate(spots):
        paint = fruit.whole if k < behind or fruit.cut is None else fruit.cut
        paint(canvas, rng, (x, y, size))


def _underlay(canvas: Canvas, rng: np.random.Generator) -> _Area:
    """A plate or a chopping board; returns where on it fruit may lie."""
    x, y = 0.5 + rng.normal(0, 0.04), 0.52 + rng.normal(0, 0.03)
    if rng.random() < 0.6:
        radius = rng.uniform(0.44, 0.58)
        paint_plate(canvas, rng, x=x, y=y, radius=radius)
        flat = max(0.35, math.sin(canvas.elevation))
        return _Area(x, y - 0.03, radius * 0.72, radius * 0.72 * flat)
    across, down = rng.uniform(0.38, 0.47), rng.uniform(0.32, 0.42)
    paint_board(canvas, rng, x=x, y=y, across=across, down=down)
    return _Area(x, y, across, down * max(0.4, math.sin(canvas.elevation)))


def _scatter(rng: np.random.Generator, area: _Area, *, count: int, radius: float) -> list[Point]:
    """Up to `count` places for pieces of a radius that hardly overlap, far ones (small y) first."""
    across, down = (max(0.1, half - radius * 0.8) for half in (area.across, area.down))
    spots: list[Point] = []
    for _ in range(count * 15):
        x, y = area.x + rng.uniform(-across, across), area.y + rng.uniform(-down, down)
        if len(spots) < count and all(math.hypot(x - a, y - b) > radius * 1.65 for a, b in spots):
            spots.append((x, y))
    return sorted(spots, key=lambda spot: spot[1])


def arrange_pile(canvas: Canvas, rng: np.random.Generator, fruit: Fruit, radius: float) -> None:
    """Heaped over the whole frame; at times behind the slats of a crate."""
    step = radius * 1.5
    rows, turn = math.ceil(1.2 / step) + 1, rng.uniform(-0.1, 0.1)
    spots = []
    for j in range(rows):
        for i in range(rows):
            x = (i + 0.5 * (j % 2)) * step - 0.1 + rng.normal(0, 0.16) * step
            y = j * step * 0.9 - 0.1 + rng.normal(0, 0.14) * step
            spots.append((x + turn * y, y))
    canvas.pixels *= 0.2  # what shows between the pieces lies deep in their shadow
    for k in rng.permutation(len(spots)):
        x, y = spots[k]
        fruit.whole(canvas, rng, (x, y, radius * rng.uniform(0.92, 1.1)))
    if rng.random() < 0.4:
        edge = rng.uniform(0.74, 0.86)
        paint_rail(canvas, rng, top=edge, bottom=edge + rng.uniform(0.13, 0.3))
        if rng.random() < 0.5:
            paint_rail(canvas, rng, top=-0.1, bottom=rng.uniform(0.06, 0.14), upright=True)


def arrange_cluster(canvas: Canvas, rng: np.random.Generator, fruit: Fruit, radius: float) -> None:
    """One bunch, lying."""
    if rng.random() < 0.25:
        paint_plate(canvas, rng, x=0.5, y=0.54, radius=rng.uniform(0.46, 0.58))
    paint = fruit.cluster or fruit.whole
    x, y = 0.5 + rng.normal(0, 0.05), 0.52 + rng.normal(0, 0.04)
    paint(canvas, rng, (x, y, rng.uniform(0.34, 0.46)))


def arrange_tree(canvas: Canvas, rng: np.random.Generator, fruit: Fruit, radius: float) -> None:
    """On the tree: a leafy branch, the fruit below it, leaves in front."""
    branch = _branch(canvas, rng)
    _leaves(canvas, rng, branch, count=int(rng.integers(5, 10)))
    if fruit.cluster is not None:
        x, y = branch[int(rng.integers(3, 7))]
        size = rng.uniform(0.3, 0.4)
        fruit.cluster(canvas, rng, (x, y + size, size))
    else:
        size = min(0.3, radius * rng.uniform(1.1, 1.5))
        area = _Area(0.5, 0.3 + size, 0.45, 0.3)
        for x, y in _scatter(rng, area, count=int(rng.integers(1, 4)), radius=size):
            near = min(branch, key=lambda spot: abs(spot[0] - x))
            line = curve(near, ((near[0] + x) / 2, near[1] + 0.03), (x, y - size * 0.5))
            paint_stem(canvas, line, width=(0.016, 0.012), colour=rgb("6f6a3a"), shadow=0.2)
            fruit.whole(canvas, rng, (x, y, size))
    _leaves(canvas, rng, branch, count=int(rng.integers(2, 5)))


def _branch(canvas: Canvas, rng: np.random.Generator) -> list[Point]:
    """A twig across the top of the frame."""
    start, end = (-0.05, rng.uniform(-0.02, 0.2)), (1.05, rng.uniform(-0.02, 0.2))
    line = curve(start, (0.5, rng.uniform(0.0, 0.25)), end)
    if rng.random() < 0.5:
        line = [(1.0 - x, y) for x, y in line]
    width = (rng.uniform(0.025, 0.05), 0.014)
    paint_stem(canvas, line, width=width, colour=rgb("6b5138"), tip=rgb("6f6a3a"))
    return line


def _leaves(canvas: Canvas, rng: np.random.Generator, branch: list[Point], *, count: int) -> None:
    for _ in range(count):
        base = branch[int(rng.integers(len(branch)))]
        angle, length = rng.uniform(-2.9, -0.25), rng.uniform(0.18, 0.4)
        paint_leaf(canvas, rng, base=base, angle=angle, length=length)


def arrange_bowl(canvas: Canvas, rng: np.random.Generator, fruit: Fruit, radius: float) -> None:
    """A heap in a bowl whose near wall hides the lower ones."""
    x, y = 0.5 + rng.normal(0, 0.03), 0.56 + rng.normal(0, 0.03)
    wide, glaze = rng.uniform(0.36, 0.45), draw_glaze(rng)
    paint_bowl(canvas, rng, x=x, y=y, radius=wide, colour=glaze)
    size = min(radius, wide * 0.42)
    flat = max(0.28, math.sin(canvas.elevation) * 0.8)
    spots: list[Point] = []
    reach = 0.95 - 0.6 * size / wide
    for _ in range(700):
        u, v = rng.uniform(-reach, reach), rng.uniform(-1.0, 0.8)
        heap = 0.55 * (1 - u * u)  # it stands above the rim in the middle
        px, py = x + u * wide, y + (v * flat - heap * max(0.0, 0.3 - v * 0.5)) * wide
        inside = u * u + max(v, 0.0) ** 2 < 0.75
        if inside and all(math.hypot(px - a, py - b) > size * 1.1 for a, b in spots):
            spots.append((px, py))
    for px, py in sorted(spots, key=lambda spot: spot[1]):
        fruit.whole(canvas, rng, (px, py, size * rng.uniform(0.92, 1.08)))
    paint_bowl_front(canvas, x=x, y=y, radius=wide, colour=glaze)
