"""What one piece of fruit is in the drawn sample pictures, and the ways that many kinds share of
painting one: with a stem, cut, with a stone.

A `Fruit` is made once a picture, so that everything in one picture is of one variety.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.sample.canvas.canvas import Canvas
from core.sample.canvas.texture import rgb
from core.sample.parts import flesh, shapes
from core.sample.parts.bodies import Body, Pose, Shape, Skin, paint_body
from core.sample.parts.flesh import Flesh
from core.sample.parts.plants import curve, paint_leaf, paint_stem
from core.sample.parts.poses import face

Place = tuple[float, float, float]  # frame x, frame y, radius
Painter = Callable[[Canvas, np.random.Generator, Place], None]


@dataclass(frozen=True)
class Fruit:
    """One variety: how to paint a whole piece and, where the fruit is ever cut, a cut piece."""

    whole: Painter
    cut: Painter | None = None
    cluster: Painter | None = None  # several joined pieces; the place is that of the cluster


def with_stem(
    canvas: Canvas,
    rng: np.random.Generator,
    body: Body,
    pose: Pose,
    *,
    depth: float,
    length: float,
    leaf: float = 0.0,
    thick: float = 0.075,
) -> None:
    """A body and the stem on its pole: in front of it, or behind when it points away."""
    bend = rng.uniform(-0.2, 0.2)
    points = [
        (0.0, 0.0, depth),
        (bend * 0.3, 0.0, depth + length * 0.5),
        (bend, bend * 0.5, depth + length),
    ]
    start, middle, end = (pose.project(p)[:2] for p in points)
    toward = float(pose.turn[2, 2])

    def stem() -> None:
        line = curve(start, middle, end)
        width = (thick * pose.radius, thick * 1.25 * pose.radius)
        paint_stem(canvas, line, width=width, colour=rgb("5f4526"), tip=rgb("3c2a18"))
        if leaf and rng.random() < leaf:
            angle = math.atan2(start[1] - end[1], end[0] - start[0]) + rng.normal(0, 0.7)
            spot = line[4]
            paint_leaf(
                canvas, rng, base=spot, angle=angle, length=pose.radius * rng.uniform(0.8, 1.2)
            )

    if toward < 0:
        stem()
    paint_body(canvas, body, pose)
    if toward >= 0:
        stem()


def cut_painter(pieces: list[tuple[Body, int]]) -> Painter:
    """Paints one of the pieces, each a body and the axis that its cut looks along."""

    def paint(canvas: Canvas, rng: np.random.Generator, place: Place) -> None:
        body, axis = pieces[int(rng.integers(len(pieces)))]
        paint_body(canvas, body, Pose(*place, face(canvas, rng, axis=axis)), shadow=0.9)

    return paint


def stoned_halves(
    rng: np.random.Generator,
    whole: Shape,
    skin: Skin,
    inside: Flesh,
    *,
    size: tuple[float, float, float],
) -> list[tuple[Body, int]]:
    """Halves cut through the seam: one with the stone, one with the hollow it left."""
    stone = shapes.ellipsoid(size)
    half = shapes.halve(whole, axis=1)
    full = Body(
        shapes.join(half, stone), flesh.cut_skin(whole, skin, inside, stone=stone), reach=1.12
    )
    hollow = Body(
        lambda p: np.maximum(half(p), -stone(p)), flesh.cut_skin(whole, skin, inside), reach=1.12
    )
    return [(full, 1), (hollow, 1)]
