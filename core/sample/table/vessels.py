"""Plates, bowls, boards and crates for the drawn sample pictures."""

import math

import numpy as np

from core.sample.canvas.canvas import Canvas
from core.sample.canvas.light import Coat, shade
from core.sample.canvas.texture import Field, blend, rgb, smooth
from core.sample.table.ground import wood

_GLAZES = ("f4f2ee", "e9e6df", "dbe4ea", "7f99ad", "c8714a", "47535f", "e5d7b8", "9fae98")


def paint_plate(
    canvas: Canvas, rng: np.random.Generator, *, x: float, y: float, radius: float
) -> None:
    """A round plate that lies on the table; `radius` in frame fractions."""
    flat = max(0.35, math.sin(canvas.elevation))
    canvas.darken_disc(
        x + canvas.light.throw[0] * 0.03, y + 0.03 * radius + canvas.light.throw[1] * 0.02,
        across=radius * 1.04, down=radius * flat * 1.06, strength=0.55, soft=0.1,
    )  # fmt: skip
    area = canvas.window(x, y, across=radius * 1.03, down=radius * flat * 1.03)
    if area is None:
        return
    rows, cols, dx, dy = area
    u, v = dx / radius, -dy / (radius * flat)
    r = np.sqrt(u * u + v * v) + 1e-5
    alpha = np.clip((1 - r) * radius * flat * canvas.size + 0.5, 0, 1)
    # The wall between the well and the rim leans inwards, the rim a little.
    slope = 1.1 * smooth(r, 0.58, 0.63) * smooth(r, 0.72, 0.67) + 0.16 * smooth(r, 0.66, 0.72)
    slope -= 1.2 * smooth(r, 0.97, 1.0)
    colour = rgb(_GLAZES[int(rng.integers(len(_GLAZES)))])
    accent = rgb(_GLAZES[int(rng.integers(len(_GLAZES)))])
    band = rng.uniform(0.0, 0.8) * (rng.random() < 0.5)
    ring = smooth(np.abs(r - 0.93), 0.03, 0.02) * band
    canvas.cover(rows, cols, _glazed(canvas, (u, v, r), slope, blend(colour, accent, ring)), alpha)


def _glazed(
    canvas: Canvas, place: tuple[Field, Field, Field], slope: Field, albedo: Field
) -> Field:
    """Shaded ceramic whose surface rises outwards with `slope`, seen from the camera's height."""
    u, v, r = place
    tilt = math.pi / 2 - canvas.elevation
    nx, nv = -slope * u / r, -slope * v / r
    ny = nv * math.cos(tilt) + math.sin(tilt)
    nz = math.cos(tilt) - nv * math.sin(tilt)
    scale = 1 / np.sqrt(nx * nx + ny * ny + nz * nz)
    normal = np.stack([nx * scale, ny * scale, nz * scale]).reshape(3, -1).astype(np.float32)
    coat = Coat(albedo.reshape(-1, 3), gloss=0.3, sharp=60)
    return shade(normal, coat, canvas.light).reshape(albedo.shape)


def paint_bowl(
    canvas: Canvas, rng: np.random.Generator, *, x: float, y: float, radius: float, colour: Field
) -> None:
    """The inside of a bowl; what lies in it comes next, `paint_bowl_front` last."""
    flat = _bowl_flat(canvas)
    canvas.darken_disc(
        x + canvas.light.throw[0] * 0.1, y + radius * 0.62, across=radius * 0.95,
        down=radius * 0.5, strength=0.7, soft=0.5,
    )  # fmt: skip
    paint_bowl_front(canvas, x=x, y=y, radius=radius, colour=colour, hollow=False)
    area = canvas.window(x, y, across=radius * 1.03, down=radius * flat * 1.05)
    if area is None:
        return
    rows, cols, dx, dy = area
    u, v = dx / radius, -dy / (radius * flat)
    r = np.sqrt(u * u + v * v) + 1e-5
    alpha = np.clip((1 - r) * radius * flat * canvas.size + 0.5, 0, 1)
    inner = np.broadcast_to(colour, (*r.shape, 3)) * (0.35 + 0.65 * smooth(r, 0.5, 1.0))[..., None]
    canvas.cover(rows, cols, _glazed(canvas, (u, v, r), 0.9 * r, inner), alpha)


def paint_bowl_front(
    canvas: Canvas, *, x: float, y: float, radius: float, colour: Field, hollow: bool = True
) -> None:
    """The wall of the bowl that faces the camera; `hollow` leaves its mouth open."""
    flat = _bowl_flat(canvas)
    deep = radius * 0.72
    area = canvas.window(x, y + deep / 2, across=radius * 1.03, down=deep * 0.5 + radius * 0.5)
    if area is None:
        return
    rows, cols, dx, dy = area
    u, below = dx / radius, (dy + deep / 2) / radius
    mouth = flat * np.sqrt(np.clip(1 - u * u, 0, 1))
    sag = 0.72 * np.clip(1 - np.abs(u) ** 2.6, 0, 1) ** 0.5
    edge = np.minimum(sag + mouth * 0.25 - below, below - (mouth if hollow else -mouth))
    alpha = np.clip(edge * radius * canvas.size + 0.5, 0, 1) * (np.abs(u) < 1)
    fall = np.clip(below / 0.85, 0, 1)
    nx = np.broadcast_to(np.clip(u, -0.97, 0.97), alpha.shape)
    ny = -0.75 * fall + 0.1
    nz = np.sqrt(np.clip(1 - nx * nx - ny * ny, 0.04, 1))
    normal = np.stack([nx, np.broadcast_to(ny, nx.shape), nz]).reshape(3, -1).astype(np.float32)
    lip = smooth(below - mouth, 0.05, 0.02)
    albedo = blend(np.broadcast_to(colour, (*alpha.shape, 3)), colour * 1.25, lip)
    light = shade(normal, Coat(albedo.reshape(-1, 3), gloss=0.35, sharp=50), canvas.light)
    canvas.cover(rows, cols, light.reshape(*alpha.shape, 3), alpha)


def _bowl_flat(canvas: Canvas) -> float:
    return max(0.28, math.sin(canvas.elevation) * 0.8)


def draw_glaze(rng: np.random.Generator) -> Field:
    """The colour of a piece of pottery, linear (3,)."""
    return rgb(_GLAZES[int(rng.integers(len(_GLAZES)))])


def paint_rail(
    canvas: Canvas, rng: np.random.Generator, *, top: float, bottom: float, upright: bool = False
) -> None:
    """A slat of a market crate across the picture, between two frame heights (or widths)."""
    n = canvas.size
    low, high = max(0, int(top * n)), min(n, int(bottom * n))
    if high - low < 2:
        return
    thick = high - low
    board = np.ascontiguousarray(wood(rng, n)[:thick]) * 1.15
    across = np.linspace(0, 1, thick, dtype=np.float32)
    edge = 0.55 + 0.45 * smooth(across, 0.0, 0.06) * smooth(across, 1.0, 0.94)
    level = canvas.light.colour * 0.55 + canvas.light.sky * 0.6
    board = board * level * edge[:, None, None]
    place = (slice(0, n), slice(low, high)) if upright else (slice(low, high), slice(0, n))
    solid = np.ones((n, thick) if upright else (thick, n), np.float32)
    right, down = canvas.light.throw
    canvas.darken_mask(solid, place, shift=(right * 0.03, down * 0.03), soft=0.02, strength=0.7)
    if upright:
        canvas.pixels[:, low:high] = board.transpose(1, 0, 2)
    else:
        canvas.pixels[low:high] = board


def paint_board(
    canvas: Canvas, rng: np.random.Generator, *, x: float, y: float, across: float, down: float
) -> None:
    """A chopping board that lies flat; half extents in frame fractions."""
    n = canvas.size
    flat = max(0.4, math.sin(canvas.elevation))
    area = canvas.window(x, y, across=across, down=down * flat)
    if area is None:
        return
    rows, cols, dx, dy = area
    corner = 0.06
    qx, qy = np.abs(dx) - across + corner, np.abs(dy) - down * flat + corner
    outside = np.sqrt(np.maximum(qx, 0) ** 2 + np.maximum(qy, 0) ** 2)
    edge = corner - (outside + np.minimum(np.maximum(qx, qy), 0))
    alpha = np.clip(edge * n, 0, 1)
    right, below = canvas.light.throw
    move = (right * 0.03, below * 0.02 + 0.015)
    canvas.darken_mask(alpha, (rows, cols), shift=move, soft=0.015, strength=0.7)
    level = canvas.light.colour * max(0.4, float(canvas.light.direction @ canvas.light.up))
    face = wood(rng, n)[rows, cols] * (level + canvas.light.sky * 0.8)
    face = face * (0.75 + 0.25 * smooth(edge, 0.0, 0.012))[..., None]
    canvas.cover(rows, cols, face, alpha)
