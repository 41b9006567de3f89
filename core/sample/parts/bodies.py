"""Solid bodies for the drawn sample pictures: found by ray marching, shaded, painted.

A body lives in its own coordinates, about one radius large, with z along its stem axis. Points
travel as float32 arrays of shape (3, n).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.sample.canvas.canvas import Canvas
from core.sample.canvas.light import Coat, shade
from core.sample.canvas.texture import Field

Shape = Callable[[Field], Field]  # (3, n) -> (n,): negative inside, about a distance outside
Skin = Callable[[Field], Coat]  # (3, n) on the surface -> what covers it there

_STEPS = 40
_CLOSE = 0.001  # body radii; coarser, and outlines turn ragged on large bodies


@dataclass(frozen=True)
class Body:
    """A shape and what covers it."""

    shape: Shape
    skin: Skin
    reach: float = 1.0  # nothing of the body lies farther than this from its origin
    bump: Shape | None = None  # fine relief: outward height, felt by the light alone
    semiaxes: tuple[float, float, float] | None = None  # of an ellipsoid: solved without marching


@dataclass(frozen=True)
class Pose:
    """Where a body is: centre and radius in frame fractions, `turn` from body to view (3, 3)."""

    x: float
    y: float
    radius: float
    turn: Field

    def project(self, point: tuple[float, float, float]) -> tuple[float, float, float]:
        """Frame x, frame y and height towards the camera (frame fractions) of a body point."""
        right, up, near = (float(v) for v in self.turn @ np.asarray(point, np.float32))
        return self.x + right * self.radius, self.y - up * self.radius, near * self.radius


def turn_axis(*, tilt: float, around: float, roll: float = 0.0) -> Field:
    """The turn that points the stem axis `tilt` radians away from the camera.

    `around` is the direction it leans to in the picture (0 right, pi/2 up), `roll` spins the body
    about its own axis.
    """
    ct, st, ca, sa = math.cos(tilt), math.sin(tilt), math.cos(around), math.sin(around)
    cr, sr = math.cos(roll), math.sin(roll)
    lean = np.array([[ca * ct, -sa, ca * st], [sa * ct, ca, sa * st], [-st, 0, ct]])
    spin = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    result: Field = (lean @ spin).astype(np.float32)
    return result


def paint_body(canvas: Canvas, body: Body, pose: Pose, *, shadow: float = 1.0) -> None:
    """Paint a body with the shadow it throws; `shadow` from 0 (floating) to 1."""
    scale = pose.radius * body.reach
    area = canvas.window(pose.x, pose.y, across=scale, down=scale)
    if area is None:
        return
    rows, cols, dx, dy = area
    pixel = 1.0 / (canvas.size * pose.radius)
    across = np.broadcast_to(dx / pose.radius, (dy.size, dx.size)).ravel()
    upward = np.broadcast_to(-dy / pose.radius, (dy.size, dx.size)).ravel()
    inside = np.flatnonzero(across**2 + upward**2 < (body.reach + pixel) ** 2)
    view = np.stack([across[inside], upward[inside]])
    depth, gap = _solve(body, pose.turn, view) if body.semiaxes else _march(body, pose.turn, view)
    cover = np.clip(1.0 - gap / pixel, 0.0, 1.0)
    seen = np.flatnonzero(cover > 0.02)
    if seen.size == 0:
        return
    points = _body_points(pose.turn, view[:, seen], depth[seen])
    normal = _normals(body, pose.turn, points)
    alpha = np.zeros(dx.size * dy.size, np.float32)
    alpha[inside[seen]] = cover[seen]
    if shadow > 0:
        _throw(canvas, alpha.reshape(dy.size, dx.size), (rows, cols), pose=pose, strength=shadow)
    colour = np.zeros((dx.size * dy.size, 3), np.float32)
    colour[inside[seen]] = shade(normal, body.skin(points), canvas.light)
    patch = (dy.size, dx.size)
    canvas.cover(rows, cols, colour.reshape(*patch, 3), alpha.reshape(patch))


def _throw(
    canvas: Canvas, alpha: Field, place: tuple[slice, slice], *, pose: Pose, strength: float
) -> None:
    """The cast shadow and the darker, tighter one where the body touches the ground."""
    light, radius = canvas.light, pose.radius
    # The ground lies one radius below the centre; in the picture that is partly down, partly away.
    sink = radius * math.cos(canvas.elevation)
    right, down = light.throw
    far = radius * 0.55
    soft = radius * (0.34 - 0.2 * light.hard)
    cast = (right * far, down * far * 0.7 + sink * 0.35)
    cast_strength = (0.45 + 0.3 * light.hard) * strength
    canvas.darken_mask(alpha, place, shift=cast, soft=soft, strength=cast_strength)
    touch = (right * far * 0.2, sink * 0.22)
    canvas.darken_mask(alpha, place, shift=touch, soft=radius * 0.12, strength=0.6 * strength)


def _body_points(turn: Field, view: Field, depth: Field) -> Field:
    """Body coordinates of view points given by (right, up) and depth towards the camera."""
    rows = [turn[0, k] * view[0] + turn[1, k] * view[1] + turn[2, k] * depth for k in range(3)]
    return np.stack(rows)


def _solve(body: Body, turn: Field, view: Field) -> tuple[Field, Field]:
    """Depth and gap (as `_march`) of an ellipsoid, in closed form."""
    axes = np.asarray(body.semiaxes, np.float32)[:, None]
    start = _body_points(turn, view, np.zeros(view.shape[1], np.float32)) / axes
    along = turn[2][:, None] / axes
    a = float((along * along).sum())
    b = (start * along).sum(axis=0)
    c = (start * start).sum(axis=0) - 1.0
    root = b * b - a * c
    depth = (np.sqrt(np.maximum(root, 0.0)) - b) / a
    closest = np.sqrt(np.maximum(c + 1.0 - b * b / a, 0.0))
    gap = np.maximum(closest - 1.0, 0.0) * float(axes.min())
    return depth, gap


def _march(body: Body, turn: Field, view: Field) -> tuple[Field, Field]:
    """How deep each ray meets the body, and how far it passes it by (0: it hits).

    Rays come from the camera and step by the shape's own distance; what misses keeps the depth of
    its nearest approach, which is what the outline's half-covered pixels are shaded with.
    """
    depth = np.sqrt(np.maximum(body.reach**2 - view[0] ** 2 - view[1] ** 2, 0.0))
    best, gap = depth.copy(), np.full(depth.size, 9.0, np.float32)
    live: NDArray[np.intp] = np.arange(depth.size)
    start = _body_points(turn, view, np.zeros_like(depth))
    ahead, floor = turn[2][:, None], -depth - 0.01
    for _ in range(_STEPS):
        height = body.shape(start + ahead * depth)
        nearer = np.flatnonzero(np.abs(height) < gap[live])
        gap[live[nearer]] = np.maximum(height[nearer], 0.0)
        best[live[nearer]] = depth[nearer]
        depth -= height
        moving = np.flatnonzero((np.abs(height) > _CLOSE) & (depth > floor))
        if moving.size == 0:
            break
        # Dropping what has arrived costs copies: worth it only once that is a fair part.
        if moving.size < 0.7 * live.size:
            live, depth, floor = live[moving], depth[moving], floor[moving]
            start = start[:, moving]
    gap[gap <= _CLOSE] = 0.0
    return best, gap


def _normals(body: Body, turn: Field, points: Field) -> Field:
    """Unit normals in view coordinates, from differences of the shape and its relief."""
    slope = _gradient(body.shape, points, 0.004)
    slope /= np.sqrt((slope * slope).sum(axis=0)) + 1e-6
    if body.bump is not None:
        slope -= _gradient(body.bump, points, 0.012)
        slope /= np.sqrt((slope * slope).sum(axis=0)) + 1e-6
    rows = [turn[k, 0] * slope[0] + turn[k, 1] * slope[1] + turn[k, 2] * slope[2] for k in range(3)]
    return np.stack(rows)


def _gradient(shape: Shape, points: Field, step: float) -> Field:
    base = shape(points)
    rows = []
    for k in range(3):
        moved = points.copy()
        moved[k] += step
        rows.append((shape(moved) - base) * (1.0 / step))
    return np.stack(rows)
