"""Stems and leaves for the drawn sample pictures: flat shapes, shaded as if they were not."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from core.sample.canvas.canvas import Canvas
from core.sample.canvas.light import Coat, shade
from core.sample.canvas.texture import Field, blend, rgb, smooth

Point = tuple[float, float]

GREENS = ("4f7a2c", "5d8a35", "3f6a2a", "6d9440", "355c28", "7a9a3c")


def curve(start: Point, middle: Point, end: Point, *, count: int = 9) -> list[Point]:
    """Points along a quadratic curve that starts, bends towards the middle, and ends."""
    points = []
    for k in range(count):
        t = k / (count - 1)
        a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t * t
        points.append(
            (a * start[0] + b * middle[0] + c * end[0], a * start[1] + b * middle[1] + c * end[1])
        )
    return points


def paint_stem(
    canvas: Canvas,
    line: Sequence[Point],
    *,
    width: tuple[float, float],
    colour: Field,
    tip: Field | None = None,
    shadow: float = 0.5,
) -> None:
    """A round stem along a polyline; `width` at its start and end, in frame fractions."""
    xs, ys = [p[0] for p in line], [p[1] for p in line]
    margin = max(width) * 1.5 + 2 / canvas.size
    x, y = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
    across, down = (max(xs) - min(xs)) / 2 + margin, (max(ys) - min(ys)) / 2 + margin
    area = canvas.window(x, y, across=across, down=down)
    if area is None:
        return
    rows, cols, dx, dy = area
    gap, offset, along, normal = _along(line, dx + x, dy + y)
    half = (width[0] + (width[1] - width[0]) * along) / 2
    pixel = 1.0 / canvas.size
    alpha = np.clip((half - gap) / pixel + 0.5, 0, 1)
    if shadow:
        _shade_under(canvas, alpha, (rows, cols), shift=max(width), strength=shadow)
    side = np.clip(offset / half, -0.98, 0.98)
    round_normal = np.stack([normal[0] * side, normal[1] * side, np.sqrt(1 - side * side)])
    end = colour if tip is None else tip
    albedo = blend(colour, end, smooth(along.ravel(), 0.6, 1.0))
    light = shade(round_normal.reshape(3, -1), Coat(albedo, gloss=0.15, sharp=14), canvas.light)
    canvas.cover(rows, cols, light.reshape(*alpha.shape, 3), alpha)


def _along(line: Sequence[Point], px: Field, py: Field) -> tuple[Field, Field, Field, Field]:
    """Distance, signed offset, position 0..1 and view normal of the nearest part of a polyline."""
    shape = np.broadcast_shapes(px.shape, py.shape)
    best = np.full(shape, 9.0, np.float32)
    offset, along = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    normal = np.zeros((2, *shape), np.float32)
    for k, ((ax, ay), (bx, by)) in enumerate(pairwise(line)):
        ex, ey = bx - ax, by - ay
        length = math.hypot(ex, ey) + 1e-6
        t = np.clip(((px - ax) * ex + (py - ay) * ey) / length**2, 0, 1)
        gx, gy = px - ax - t * ex, py - ay - t * ey
        gap = np.sqrt(gx * gx + gy * gy)
        near = gap < best
        best = np.where(near, gap, best)
        offset = np.where(near, (gx * -ey + gy * ex) / length, offset)
        along = np.where(near, (k + t) / (len(line) - 1), along)
        normal[0] = np.where(near, -ey / length, normal[0])
        normal[1] = np.where(near, -ex / length, normal[1])
    return best, offset, along, normal


def paint_leaf(
    canvas: Canvas,
    rng: np.random.Generator,
    *,
    base: Point,
    angle: float,
    length: float,
    slim: float = 0.42,
    palmate: bool = False,
    shadow: float = 0.6,
) -> None:
    """A leaf from its base outwards; `angle` in radians (0 right, pi/2 up), `slim` width / length.

    `palmate` gives the lobed leaf of a vine.
    """
    tone = rgb(GREENS[int(rng.integers(len(GREENS)))]) * rng.uniform(0.5, 1.0)
    curl, fold = rng.uniform(-0.25, 0.25), rng.uniform(0.15, 0.5)
    teeth, veins = rng.uniform(0, 0.05), rng.uniform(6, 9)
    ca, sa = math.cos(angle), math.sin(angle)
    x, y = base[0] + ca * length / 2, base[1] - sa * length / 2
    area = canvas.window(x, y, across=length * 0.8, down=length * 0.8)
    if area is None:
        return
    rows, cols, dx, dy = area
    u, v = (dx + x - base[0]) / length, (base[1] - dy - y) / length
    s, t = ca * u + sa * v, -sa * u + ca * v
    t = t - curl * s * s
    edge, vein = _vine(s, t) if palmate else _blade(s, t, slim=slim, teeth=teeth, veins=veins)
    alpha = np.clip(edge * (length * canvas.size) + 0.5, 0, 1).astype(np.float32)
    if shadow:
        _shade_under(canvas, alpha, (rows, cols), shift=length * 0.07, strength=shadow)
    wave = 0.13 * np.sin((s - np.abs(t)) * 2 * math.pi * veins)
    lean = np.sign(t) * fold + 2 * curl * s
    nx, ny = -sa * -lean + ca * wave, ca * -lean + sa * wave
    scale = 1 / np.sqrt(nx * nx + ny * ny + 1)
    normal = np.stack([nx * scale, ny * scale, scale]).reshape(3, -1).astype(np.float32)
    albedo = blend(tone, rgb("a3b866"), vein.ravel().astype(np.float32) * 0.3)
    coat = Coat(albedo, gloss=0.28, sharp=18, glow=(0.15, 0.25, 0.08))
    canvas.cover(rows, cols, shade(normal, coat, canvas.light).reshape(*alpha.shape, 3), alpha)


def _blade(s: Field, t: Field, *, slim: float, teeth: float, veins: float) -> tuple[Field, Field]:
    """How far inside the outline (negative: outside), and the veins, of a simple pointed leaf."""
    inside = np.clip(s, 0, 1)
    half = slim * 0.52 * np.maximum(np.sin(math.pi * inside**0.8), 0.0) ** 0.85
    half *= 1 + teeth * np.sin(inside * 90)
    edge = np.where((s > 0) & (s < 1), half - np.abs(t), -1.0)
    sides = smooth(np.cos((s - np.abs(t) * 0.9) * 2 * math.pi * veins), 0.94, 1.0)
    return edge, np.maximum(smooth(np.abs(t), 0.02, 0.006), 0.35 * sides)


def _vine(s: Field, t: Field) -> tuple[Field, Field]:
    """How far inside the outline (negative: outside), and the veins, of a five-lobed leaf."""
    a, b = s - 0.35, t
    r = np.sqrt(a * a + b * b) + 1e-4
    angle = np.arctan2(b, a)
    lobe = np.abs(np.cos(angle * 2.5)) ** 0.7
    outline = 0.3 + 0.2 * lobe + 0.06 * np.cos(angle) + 0.018 * np.cos(angle * 35)
    notch = smooth(np.abs(np.abs(angle) - math.pi), 0.5, 0.0)
    edge = outline * (1 - 0.75 * notch) - r
    spread = np.abs(np.round(angle / 1.2566) * 1.2566 - angle) * r
    vein = smooth(spread, 0.018, 0.006) + 0.4 * smooth(np.cos((r - spread) * 60), 0.9, 1.0)
    return edge, np.clip(vein, 0, 1)


def _shade_under(
    canvas: Canvas, alpha: Field, place: tuple[slice, slice], *, shift: float, strength: float
) -> None:
    right, down = canvas.light.throw
    move = (right * shift * 0.8, down * shift * 0.8 + shift * 0.2)
    canvas.darken_mask(alpha, place, shift=move, soft=shift * 0.5, strength=strength)
