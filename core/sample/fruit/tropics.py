"""Mango, banana and litchi for the drawn sample pictures."""

import math

import numpy as np

from core.sample.canvas.canvas import Canvas
from core.sample.canvas.light import Coat
from core.sample.canvas.texture import Field, blend, rgb, smooth, solid
from core.sample.parts import flesh, shapes, skins
from core.sample.parts.bodies import Body, Pose, Shape, paint_body
from core.sample.parts.flesh import Flesh
from core.sample.parts.piece import Fruit, Painter, Place, cut_painter, with_stem
from core.sample.parts.plants import curve, paint_leaf, paint_stem
from core.sample.parts.poses import face, lie, tumble


def mango(rng: np.random.Generator) -> Fruit:
    """Lying on its flat side; cheeks scored into cubes, or cut along the stone."""
    shape, skin = shapes.kidney(rng), skins.mango_skin(rng)
    body = Body(shape, skin, reach=1.15)
    plain = flesh.soft_flesh(rng, tones=("f2a420", "f5b030", "ee981a"), heart="f4c25a")
    cheek = Body(
        shapes.halve(shape, axis=1, level=-0.14),
        flesh.cut_skin(shape, skin, flesh.diced_flesh(rng)),
        reach=1.15,
    )
    stone = shapes.ellipsoid((0.33, 0.1, 0.66))
    split = Body(
        shapes.join(shapes.halve(shape, axis=1), stone),
        flesh.cut_skin(shape, skin, plain, stone=None),
        reach=1.15,
    )

    def whole(canvas: Canvas, rng: np.random.Generator, place: Place) -> None:
        turn = lie(canvas, rng, heading=rng.uniform(0, 6.28), wobble=0.2)
        with_stem(canvas, rng, body, Pose(*place, turn), depth=0.95, length=0.12, thick=0.09)

    return Fruit(whole, cut_painter([(cheek, 1), (cheek, 1), (split, 1)]))


def banana(rng: np.random.Generator) -> Fruit:
    """Single ones, hands of two to five, peeled slices."""
    thick = rng.uniform(0.17, 0.24)
    skin = skins.banana_skin(rng)
    bodies = [Body(shapes.bow(rng, thick=thick), skin, reach=1.22) for _ in range(2)]
    coin = Body(
        shapes.disc(radius=0.8, half=rng.uniform(0.12, 0.3)), flesh.slice_flesh(rng), reach=0.95
    )

    def whole(canvas: Canvas, rng: np.random.Generator, place: Place) -> None:
        turn = lie(canvas, rng, heading=rng.uniform(0, 6.28), wobble=0.15)
        if rng.random() < 0.5:  # lying on its other side
            turn = turn @ np.diag([1, -1, -1]).astype(np.float32)
        x, y, radius = place
        paint_body(
            canvas, bodies[int(rng.integers(2))], Pose(x, y, radius * 1.25, turn), shadow=0.8
        )

    def coins(canvas: Canvas, rng: np.random.Generator, place: Place) -> None:
        x, y, radius = place
        heading, step = rng.uniform(0, 6.28), radius * rng.uniform(0.28, 0.42)
        if rng.random() < 0.85:
            whole(canvas, rng, (x, y - 0.3 * radius, radius * 0.85))
        for k in range(int(rng.integers(2, 6))):  # fanned out, each leaning on the one before
            cx, cy = x + k * step * math.cos(heading), y + k * step * math.sin(heading) * 0.6
            pose = Pose(cx, cy + 0.2 * radius, radius * 0.42, face(canvas, rng, axis=2))
            paint_body(canvas, coin, pose, shadow=0.8)

    return Fruit(whole, coins, _hand_of(bodies))


def _hand_of(bodies: list[Body]) -> Painter:
    """Two to five bananas that share a stalk."""

    def paint(canvas: Canvas, rng: np.random.Generator, place: Place) -> None:
        x, y, radius = place
        heading, count = rng.uniform(0, 6.28), int(rng.integers(2, 6))
        fan = rng.uniform(0.13, 0.24)
        hub_x = x + 0.75 * radius * math.cos(heading)
        hub_y = y - 0.75 * radius * math.sin(heading) * math.sin(canvas.elevation)
        for k in range(count):
            lean = heading + (k - (count - 1) / 2) * fan
            turn = lie(canvas, rng, heading=lean, wobble=0.05)
            pose = Pose(0.0, 0.0, radius, turn)
            ex, ey, _ = pose.project(shapes.bow_end(side=1))
            pose = Pose(hub_x - ex, hub_y - ey, radius, turn)
            paint_body(canvas, bodies[k % 2], pose, shadow=0.8)
        long = 0.15 * radius
        out_x, out_y = math.cos(heading) * long, -math.sin(heading) * long
        line = [(hub_x - out_x, hub_y - out_y), (hub_x, hub_y), (hub_x + out_x, hub_y + out_y)]
        width = (0.13 * radius, 0.17 * radius)
        paint_stem(canvas, line, width=width, colour=rgb("b59f35"), tip=rgb("3d2c14"), shadow=0.3)

    return paint


def litchi(rng: np.random.Generator) -> Fruit:
    """Pebbled shells; half-peeled ones show the white pulp, halves the brown seed."""
    scale, offset = rng.uniform(3.6, 4.6), rng.uniform(0, 9)
    shape = shapes.globe(rng, tall=(0.96, 1.16), hollow=(0.0, 0.05))
    relief = shapes.scales(scale=scale, height=0.1, offset=offset)
    skin = skins.litchi_skin(rng, scale=scale, offset=offset)
    body = Body(shape, skin, reach=1.16, bump=relief)
    pulp = flesh.pulp_flesh(rng)
    open_ = _half_peeled(rng, shape, body, pulp)
    stone = shapes.ellipsoid((0.36, 0.36, 0.55))
    half = Body(
        shapes.join(shapes.halve(shape, axis=1), stone),
        flesh.cut_skin(shape, skin, pulp, stone=stone),
        reach=1.16,
    )

    def whole(canvas: Canvas, rng: np.random.Generator, place: Place) -> None:
        paint_body(canvas, body, Pose(*place, tumble(canvas, rng)))

    cut = cut_painter([(half, 1)])

    def peeled(canvas: Canvas, rng: np.random.Generator, place: Place) -> None:
        if rng.random() < 0.25:
            cut(canvas, rng, place)
        else:  # leaning, so that both the pulp and the shell around it are seen
            paint_body(canvas, open_, Pose(*place, face(canvas, rng, axis=2, lean=0.5)))

    return Fruit(whole, peeled, bunch_on_twigs(whole))


def _half_peeled(rng: np.random.Generator, shape: Shape, body: Body, pulp: Flesh) -> Body:
    """The shell is gone above a ragged line; what shows there is pulp, a little farther in."""
    line, shift = rng.uniform(-0.25, 0.25), rng.uniform(0, 9)

    def bare(p: Field) -> Field:
        return smooth(p[2] - line + 0.12 * solid(p, scale=2.5, octaves=2, shift=shift), -0.02, 0.03)

    def outer(p: Field) -> Field:
        return shape(p) + 0.09 * bare(p)

    def coat(p: Field) -> Coat:
        shell, inner, share = body.skin(p), pulp(p, np.zeros(p.shape[1], np.float32)), bare(p)
        albedo = blend(shell.albedo, inner.albedo, share)
        gloss = shell.gloss + (inner.gloss - shell.gloss) * share
        return Coat(albedo, gloss=gloss, sharp=45, glow=inner.glow)

    relief = body.bump
    bump = None if relief is None else (lambda p: relief(p) * (1 - bare(p)))
    return Body(outer, coat, reach=body.reach, bump=bump)


def bunch_on_twigs(whole: Painter) -> Painter:
    """Four to nine pieces that hang from one twig with leaves."""

    def paint(canvas: Canvas, rng: np.random.Generator, place: Place) -> None:
        x, y, radius = place
        count, piece = int(rng.integers(4, 10)), radius * rng.uniform(0.36, 0.46)
        knot = (x + rng.normal(0, 0.05), y - radius * 1.05)
        spots = [
            (x + rng.uniform(-0.75, 0.75) * radius, y + rng.uniform(-0.45, 0.75) * radius)
            for _ in range(count)
        ]
        for _ in range(int(rng.integers(1, 4))):
            angle = rng.uniform(0.2, 2.9)
            paint_leaf(canvas, rng, base=knot, angle=angle, length=radius * 1.1, slim=0.34)
        for sx, sy in spots:
            line = curve(knot, ((knot[0] + sx) / 2, knot[1] + 0.02), (sx, sy))
            paint_stem(canvas, line, width=(radius * 0.06, radius * 0.05), colour=rgb("6b4a2a"))
        for sx, sy in sorted(spots, key=lambda spot: spot[1]):
            whole(canvas, rng, (sx, sy, piece * rng.uniform(0.92, 1.08)))

    return paint
