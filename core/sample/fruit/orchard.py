"""Apple, apricot, citrus and lemon for the drawn sample pictures."""

import numpy as np

from core.sample.canvas.canvas import Canvas
from core.sample.parts import flesh, shapes, skins
from core.sample.parts.bodies import Body, Pose, Shape, paint_body
from core.sample.parts.flesh import Flesh
from core.sample.parts.piece import Fruit, Place, cut_painter, stoned_halves, with_stem
from core.sample.parts.poses import lie, stand, tumble


def apple(rng: np.random.Generator) -> Fruit:
    """Standing or rolled over, with a stem, at times a leaf; halves show the core."""
    shape = shapes.pome(rng)
    bodies = [Body(shape, skins.apple_skin(rng), reach=1.12)]
    bodies.append(Body(shapes.pome(rng), bodies[0].skin, reach=1.12))

    def whole(canvas: Canvas, rng: np.random.Generator, place: Place) -> None:
        turn = stand(canvas, rng, wobble=0.3) if rng.random() < 0.7 else tumble(canvas, rng)
        pose = Pose(*place, turn)
        body = bodies[int(rng.integers(2))]
        with_stem(canvas, rng, body, pose, depth=0.6, length=rng.uniform(0.4, 0.62), leaf=0.3)

    half = Body(
        shapes.halve(shape, axis=1),
        flesh.cut_skin(shape, bodies[0].skin, flesh.core_flesh(rng)),
        reach=1.12,
    )
    return Fruit(whole, cut_painter([(half, 1)]))


def apricot(rng: np.random.Generator) -> Fruit:
    """Velvet skin with a seam; halves with or without the stone."""
    shape = shapes.globe(
        rng, tall=(0.92, 1.08), hollow=(0.1, 0.2), seam=(0.03, 0.065), point=(0, 0.06)
    )
    skin = skins.apricot_skin(rng)
    body = Body(shape, skin, reach=1.12)
    inside = flesh.soft_flesh(rng, tones=("ec951f", "ee9f2c", "e6871c"), heart="d06a1c")
    pieces = stoned_halves(rng, shape, skin, inside, size=(0.34, 0.24, 0.44))

    def whole(canvas: Canvas, rng: np.random.Generator, place: Place) -> None:
        # The seam (on the x side) is what tells an apricot: turn it to the camera, mostly.
        turns = [tumble(canvas, rng) for _ in range(3)]
        turn = max(turns, key=lambda turn: float(turn[2, 0]))
        paint_body(canvas, body, Pose(*place, turn))

    return Fruit(whole, cut_painter(pieces))


def citrus(rng: np.random.Generator) -> Fruit:
    """Orange or mandarin; halves and slices show the segments."""
    shape = shapes.globe(rng, tall=(0.82, 1.0), hollow=(0.0, 0.12))
    skin = skins.citrus_skin(rng)
    relief = shapes.pores(scale=12, depth=0.02, offset=0.0)
    juice = ("ee8412", "f09420", "e8741a", "d9481f") if rng.random() < 0.9 else ("b01f24",)
    inside = flesh.segments(rng, juice=juice, peel="ea8a1a")
    return _peeled_fruit(shape, Body(shape, skin, reach=1.06, bump=relief), inside, lying=False)


def lemon(rng: np.random.Generator) -> Fruit:
    """Whole lemons lie; halves and slices show pale yellow segments."""
    shape = shapes.spindle(rng)
    skin = skins.lemon_skin(rng)
    relief = shapes.pores(scale=11, depth=0.016, offset=0.0)
    inside = flesh.segments(rng, juice=("e8d860", "ece07a", "e2d050"), peel="ecd02a")
    return _peeled_fruit(shape, Body(shape, skin, reach=1.5, bump=relief), inside, lying=True)


def _peeled_fruit(shape: Shape, body: Body, inside: Flesh, *, lying: bool) -> Fruit:
    """A citrus fruit: whole, halved across, or in slices."""
    coat = flesh.cut_skin(shape, body.skin, inside)
    half = Body(shapes.halve(shape, axis=2, level=0.02), coat, reach=body.reach)
    slice_ = Body(shapes.slab(shape, axis=2, low=-0.1, high=0.08), coat, reach=1.06)

    def whole(canvas: Canvas, rng: np.random.Generator, place: Place) -> None:
        turn = lie(canvas, rng, heading=rng.uniform(0, 6.28)) if lying else tumble(canvas, rng)
        paint_body(canvas, body, Pose(*place, turn))

    return Fruit(whole, cut_painter([(half, 2), (half, 2), (slice_, 2)]))
