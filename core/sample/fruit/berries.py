"""Grapes, cherries and blueberries for the drawn sample pictures: small, round, in numbers."""

import math
from collections.abc import Callable

import numpy as np

from core.sample.canvas.canvas import Canvas
from core.sample.canvas.texture import Field, rgb
from core.sample.parts import flesh, shapes, skins
from core.sample.parts.bodies import Body, Pose, Skin, paint_body
from core.sample.parts.piece import Fruit, Painter, Place, cut_painter, stoned_halves
from core.sample.parts.plants import Point, curve, paint_leaf, paint_stem
from core.sample.parts.poses import stand, tumble

# Paints one cherry whose stem ends at a point, or anywhere when there is none.
_Hanger = Callable[[Canvas, np.random.Generator, Place, Point | None], None]

_GRAPES = (
    ("4a1c3c", "571f45", "3a1a3f"),  # black and purple
    ("7d1f2e", "8f2a34", "a03a3c"),  # red
    ("a9b84c", "b8c25e", "97ab42"),  # white
    ("2a2036", "33263f", "241c30"),  # nearly blue
)


def grape(rng: np.random.Generator) -> Fruit:
    """Bunches, purple, red or white; berries round or oval."""
    tone = skins.pick(rng, *_GRAPES[int(rng.choice(4, p=[0.34, 0.24, 0.28, 0.14]))])
    long = rng.uniform(1.0, 1.35)
    axes = (0.97 / long**0.4, 0.97 / long**0.4, 0.97 * long**0.5)
    bodies = [_berry(skins.grape_skin(rng, tone=tone), axes) for _ in range(4)]

    def whole(canvas: Canvas, rng: np.random.Generator, place: Place) -> None:
        x, y, radius = place
        _nestle(canvas, place, strength=0.55)
        pose = Pose(x, y, radius, tumble(canvas, rng))
        paint_body(canvas, bodies[int(rng.integers(4))], pose, shadow=0.0)

    def bunch(canvas: Canvas, rng: np.random.Generator, place: Place) -> None:
        x, y, radius = place
        lean = rng.normal(0, 0.35)
        piece = radius * rng.uniform(0.2, 0.27)
        top = (x - math.sin(lean) * radius, y - math.cos(lean) * radius)
        _vine(canvas, rng, top, lean, radius)
        canvas.darken_disc(
            x + canvas.light.throw[0] * 0.05, y + 0.03, across=radius * 0.75, down=radius * 0.95,
            strength=0.5 if canvas.elevation > 0.55 else 0.0, soft=0.5,
        )  # fmt: skip
        for u, v, deep in _cone(rng, berry=piece / radius):
            bx = x + (u * math.cos(lean) + v * math.sin(lean)) * radius
            by = y + (v * math.cos(lean) - u * math.sin(lean)) * radius
            size = piece * rng.uniform(0.9, 1.1)
            _nestle(canvas, (bx, by, size), strength=0.5 + 0.2 * deep)
            pose = Pose(bx, by, size, tumble(canvas, rng))
            paint_body(canvas, bodies[int(rng.integers(4))], pose, shadow=0.0)

    return Fruit(whole, None, bunch)


def _berry(skin: Skin, axes: tuple[float, float, float]) -> Body:
    return Body(shapes.ellipsoid(axes), skin, reach=max(axes) + 0.02, semiaxes=axes)


def _nestle(canvas: Canvas, place: Place, *, strength: float) -> None:
    """The dark gap between a small berry and whatever lies under it: a cast and a touch."""
    x, y, radius = place
    right, down = canvas.light.throw
    canvas.darken_disc(
        x + right * radius * 0.35, y + down * radius * 0.3 + radius * 0.1,
        across=radius * 1.02, down=radius * 1.02, strength=strength, soft=0.4,
    )  # fmt: skip


def _vine(canvas: Canvas, rng: np.random.Generator, top: Point, lean: float, radius: float) -> None:
    """The stalk above a bunch, with a leaf or two."""
    for _ in range(int(rng.integers(0, 3))):
        angle = rng.uniform(0.3, 2.8)
        base = (top[0], top[1] + radius * 0.1)
        paint_leaf(
            canvas, rng, base=base, angle=angle, length=radius * rng.uniform(0.9, 1.3), palmate=True
        )
    end = (top[0] - math.sin(lean) * radius * 0.35, top[1] - math.cos(lean) * radius * 0.35)
    low = (top[0] + math.sin(lean) * radius * 0.5, top[1] + math.cos(lean) * radius * 0.5)
    line = curve(end, (top[0] + rng.normal(0, 0.02), top[1]), low)
    paint_stem(canvas, line, width=(radius * 0.07, radius * 0.05), colour=rgb("8a8a3c"))


def _cone(rng: np.random.Generator, *, berry: float) -> list[tuple[float, float, float]]:
    """Places (right, down, nearness 0..1) of berries in a bunch, in bunch radii, far ones first."""
    full, taper = rng.uniform(0.55, 0.8), rng.uniform(0.45, 0.9)
    spots: list[tuple[float, float, float]] = []
    for _ in range(420):
        v, angle = rng.uniform(-0.9, 0.95), rng.uniform(0, 2 * math.pi)
        wide = full * (1 - taper * (v + 0.9) / 1.85) * min(1.0, (v + 1.1) * 2.5) + berry * 0.4
        out = wide * math.sqrt(rng.uniform(0.0, 1.0))
        u, near = out * math.cos(angle), math.sqrt(max(0.0, wide**2 - out**2)) / full
        near += 0.1 * math.sin(angle)
        gap = berry * 1.25
        if all((u - a) ** 2 + (v - b) ** 2 + (0.7 * (near - c)) ** 2 > gap**2 for a, b, c in spots):
            spots.append((u, v, near))
    return sorted(spots, key=lambda spot: spot[2])


def cherry(rng: np.random.Generator) -> Fruit:
    """Glossy, long-stemmed, single or in pairs and threes; halves show the stone."""
    tone = skins.pick(rng, "8f0f1c", "a8141c", "6a0c18", "c22a24", "4a0a16")
    shape = shapes.globe(rng, tall=(0.88, 1.0), hollow=(0.16, 0.28), seam=(0.0, 0.03))
    bodies = [Body(shape, skins.cherry_skin(rng, tone=tone), reach=1.06) for _ in range(3)]
    green = skins.pick(rng, "7d8f3a", "8a8a3c", "6f7f34", "93693c")
    inside = flesh.soft_flesh(rng, tones=("a32430", "b8404a"), heart="d98a7a")
    pieces = stoned_halves(rng, shape, bodies[0].skin, inside, size=(0.34, 0.26, 0.4))

    def hang(canvas: Canvas, rng: np.random.Generator, place: Place, knot: Point | None) -> None:
        x, y, radius = place
        pose = Pose(x, y, radius, stand(canvas, rng, wobble=0.4))
        sx, sy, _ = pose.project((0.0, 0.0, 0.7))
        away = rng.uniform(-0.9, 0.9)
        end = knot or (sx + math.sin(away) * radius * 2.2, sy - math.cos(away) * radius * 2.2)
        middle = (sx * 0.7 + end[0] * 0.3, end[1] * 0.55 + sy * 0.45)
        paint_body(canvas, bodies[int(rng.integers(3))], pose)
        line = curve((sx, sy), middle, end)
        paint_stem(
            canvas, line, width=(radius * 0.09, radius * 0.11), colour=green, tip=rgb("5f4a26")
        )

    def whole(canvas: Canvas, rng: np.random.Generator, place: Place) -> None:
        if rng.random() < 0.65:
            hang(canvas, rng, place, None)
        else:
            paint_body(canvas, bodies[int(rng.integers(3))], Pose(*place, tumble(canvas, rng)))

    return Fruit(whole, cut_painter(pieces), _joined(hang))


def _joined(hang: _Hanger) -> Painter:
    """Two or three cherries whose stems meet in a knot, with up to two leaves."""

    def paint(canvas: Canvas, rng: np.random.Generator, place: Place) -> None:
        x, y, radius = place
        knot = (x + rng.normal(0, 0.1) * radius, y - radius * 1.1)
        for _ in range(int(rng.integers(0, 3))):
            angle = rng.uniform(0.0, 3.1)
            paint_leaf(
                canvas,
                rng,
                base=knot,
                angle=angle,
                length=radius * rng.uniform(0.8, 1.1),
                slim=0.45,
            )
        count = int(rng.integers(2, 4))
        for k in range(count):
            across = (k - (count - 1) / 2) * rng.uniform(0.75, 0.95)
            spot = (x + across * radius, y + radius * rng.uniform(0.25, 0.7), radius * 0.43)
            hang(canvas, rng, spot, knot)

    return paint


def blueberry(rng: np.random.Generator) -> Fruit:
    """Dusty blue, crowned, always several."""
    bodies = []
    for _ in range(5):
        flat = rng.uniform(0.84, 0.95)
        axes = (0.98, 0.98, flat)
        round_ = _berry(skins.blueberry_skin(rng), axes)
        bodies.append(Body(round_.shape, round_.skin, round_.reach, shapes.crown, axes))

    def whole(canvas: Canvas, rng: np.random.Generator, place: Place) -> None:
        _nestle(canvas, place, strength=0.65)
        turn = stand(canvas, rng, wobble=0.5) if rng.random() < 0.5 else tumble(canvas, rng)
        paint_body(canvas, bodies[int(rng.integers(5))], Pose(*place, turn), shadow=0.0)

    def sprig(canvas: Canvas, rng: np.random.Generator, place: Place) -> None:
        x, y, radius = place
        knot = (x + rng.normal(0, 0.05), y - radius)
        for _ in range(int(rng.integers(2, 5))):
            angle, long = rng.uniform(-0.6, 3.7), radius * rng.uniform(0.5, 0.8)
            paint_leaf(canvas, rng, base=knot, angle=angle, length=long, slim=0.5)
        count = int(rng.integers(6, 14))
        spots = [
            (x + rng.normal(0, 0.36) * radius, y + rng.uniform(-0.6, 0.7) * radius)
            for _ in range(count)
        ]
        for sx, sy in spots:
            line = curve(knot, ((knot[0] + sx) / 2, knot[1] + 0.02), (sx, sy))
            paint_stem(canvas, line, width=(radius * 0.05, radius * 0.03), colour=_TWIG)
        for sx, sy in spots:
            whole(canvas, rng, (sx, sy, radius * rng.uniform(0.22, 0.28)))

    return Fruit(whole, None, sprig)


_TWIG: Field = rgb("6f7a3a")
