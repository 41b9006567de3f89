"""How a drawn fruit can rest: standing, lying, rolled anyhow, cut side towards the camera."""

import math

import numpy as np

from core.sample.canvas.canvas import Canvas
from core.sample.canvas.light import unit
from core.sample.canvas.texture import Field
from core.sample.parts.bodies import turn_axis


def stand(canvas: Canvas, rng: np.random.Generator, *, wobble: float) -> Field:
    """Stem up, give or take `wobble` radians."""
    up = canvas.light.up + np.asarray(rng.normal(0, wobble, 3), np.float32)
    return _along(up, roll=rng.uniform(0, 6.28))


def tumble(canvas: Canvas, rng: np.random.Generator) -> Field:
    """Any way round; on a tree, as it hangs."""
    if canvas.hanging:
        return stand(canvas, rng, wobble=0.22)
    return _along(np.asarray(rng.normal(0, 1, 3), np.float32), roll=rng.uniform(0, 6.28))


def lie(canvas: Canvas, rng: np.random.Generator, *, heading: float, wobble: float = 0.12) -> Field:
    """Stem axis along the table towards `heading` (radians, 0 right, pi/2 away), and the body's
    y axis, its thinnest, turned up; on a tree, as it hangs."""
    if canvas.hanging:
        return stand(canvas, rng, wobble=0.22)
    look = canvas.elevation
    axis = np.array(
        [
            math.cos(heading),
            math.sin(heading) * math.sin(look),
            -math.sin(heading) * math.cos(look),
        ],
        np.float32,
    )
    axis += np.asarray(rng.normal(0, wobble, 3), np.float32)
    rolls = [k * math.pi / 8 for k in range(16)]
    best = max(rolls, key=lambda roll: float(_along(axis, roll=roll)[:, 1] @ canvas.light.up))
    return _along(axis, roll=best + rng.normal(0, 0.3))


def face(canvas: Canvas, rng: np.random.Generator, *, axis: int, lean: float = 0.2) -> Field:
    """A cut whose outward normal is the body's `axis` (0 x, 1 y, 2 z), shown to the camera, give
    or take `lean` radians."""
    toward = canvas.light.up * 0.45 + np.array([0, 0, 0.75], np.float32)
    toward += np.asarray(rng.normal(0, lean, 3), np.float32)
    toward[2] = max(float(toward[2]), 0.5)
    # Cyclic permutations keep the handedness: they carry the wanted axis onto z.
    order = [(axis + 1) % 3, (axis + 2) % 3, axis]
    swap = np.zeros((3, 3), np.float32)
    for row, column in enumerate(order):
        swap[row, column] = 1
    turned: Field = _along(toward, roll=rng.uniform(0, 6.28)) @ swap
    return turned


def _along(axis: Field, *, roll: float) -> Field:
    x, y, z = (float(v) for v in unit([float(v) for v in axis]))
    return turn_axis(tilt=math.acos(max(-1.0, min(1.0, z))), around=math.atan2(y, x), roll=roll)
