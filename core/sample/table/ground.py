"""What the drawn fruit lies on or hangs before: wood, cloth, stone, studio paper, grass, foliage.

A table is drawn flat from above, linear light (n, n, 3), and then laid under the camera.
"""

import math
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from core.sample.canvas.canvas import Canvas
from core.sample.canvas.light import Light
from core.sample.canvas.texture import Field, blend, fog, rgb, smooth, to_linear
from core.sample.parts.plants import GREENS

Table = Callable[[np.random.Generator, int], Field]


def wood(rng: np.random.Generator, size: int) -> Field:
    """Planks side by side, each with its own tone and grain."""
    dark, light = _WOODS[int(rng.integers(len(_WOODS)))]
    planks = int(rng.integers(3, 7))
    across = np.linspace(0, planks, size, dtype=np.float32, endpoint=False)
    index = across.astype(np.int64)
    tone = rng.uniform(0.78, 1.15, planks).astype(np.float32)
    start = rng.uniform(0, 6.28, planks).astype(np.float32)
    figure = fog(rng, size=size, cells=(9, 2), octaves=3)
    fibre = fog(rng, size=size, cells=(90, 3), octaves=2)
    for k in np.flatnonzero(rng.random(planks) < 0.5):  # planks come from different trees
        figure[index == k] = figure[index == k, ::-1]
    rings = 0.5 + 0.5 * np.sin(figure * 9 + (across * 5 + start[index])[:, None])
    share = np.clip(0.5 * rings + 0.3 * fibre + 0.2 + 0.2 * figure, 0, 1)
    colour = blend(rgb(dark), rgb(light), share) * tone[index][:, None, None]
    gap = np.abs(across - np.round(across)) / planks
    colour *= (0.25 + 0.75 * smooth(gap, 0.001, 0.005))[:, None, None]
    return colour


_WOODS = (
    ("6b4426", "a9794a"),
    ("3b2416", "6a452b"),
    ("b58d5e", "d9b987"),
    ("8d8377", "b9b0a3"),
    ("cfc8bb", "ece7dc"),
    ("54504c", "7c766f"),
)


def cloth(rng: np.random.Generator, size: int) -> Field:
    """Linen with folds: plain, striped or checked."""
    base, other = (rgb(c) for c in _CLOTHS[int(rng.integers(len(_CLOTHS)))])
    u = np.linspace(0, 1, size, dtype=np.float32)[None, :]
    v = u.T
    kind, count = int(rng.integers(4)), int(rng.integers(5, 14))
    colour = np.broadcast_to(base, (size, size, 3))
    bands = [smooth(np.sin(w * 2 * math.pi * count), -0.1, 0.1) for w in (u, v)]
    if kind == 1:
        colour = blend(colour, other, np.broadcast_to(bands[0], (size, size)) * 0.8)
    elif kind == 2:
        colour = blend(colour, other, (bands[0] + bands[1]) * 0.42)
    elif kind == 3:
        thin = smooth(np.abs(np.sin(u * math.pi * count / 2)), 0.12, 0.06)
        colour = blend(colour, other, np.broadcast_to(thin, (size, size)) * 0.8)
    weave = np.sin(u * math.pi * 190) * np.sin(v * math.pi * 190)
    folds = fog(rng, size=size, cells=(2.5, 4), octaves=3)
    slope = np.gradient(folds, axis=1) * size * 0.11
    result: Field = colour * (1 + 0.05 * weave + np.clip(slope, -0.5, 0.4) * 0.55)[..., None]
    return result


_CLOTHS = (
    ("e9e4d8", "a33a35"),
    ("d8d2c4", "47688f"),
    ("b9c4c9", "e8e8e4"),
    ("6f7f8f", "d5d8da"),
    ("c9a27a", "f0e6d2"),
    ("8c9a83", "ece8da"),
    ("e7d9dc", "c07a86"),
    ("39424f", "8d97a3"),
)


def stone(rng: np.random.Generator, size: int) -> Field:
    """Slate, concrete or veined marble."""
    dark, light, veined = _STONES[int(rng.integers(len(_STONES)))]
    cloud = fog(rng, size=size, cells=(4, 4), octaves=5)
    colour = blend(rgb(dark), rgb(light), np.clip(0.5 + 0.6 * cloud, 0, 1))
    if veined:
        vein = smooth(np.abs(fog(rng, size=size, cells=(3, 2), octaves=4)), 0.07, 0.0)
        colour = blend(colour, rgb("8a8a8c"), vein * 0.6)
    grit = fog(rng, size=size, cells=(110, 110), octaves=1)
    return colour * (1 + 0.06 * grit)[..., None]


_STONES = (
    ("2b2f33", "4a4f54", False),
    ("8f8e8a", "b4b2ac", False),
    ("d6d4d0", "f2f1ee", True),
    ("3a3634", "5c5550", True),
    ("b59c83", "d4c1a8", False),
)


def paper(rng: np.random.Generator, size: int) -> Field:
    """A studio sheet in one colour that fades across."""
    first = rgb(_PAPERS[int(rng.integers(len(_PAPERS)))])
    fade = np.linspace(0.75, 1.12, size, dtype=np.float32)[:, None]
    soft = 1 + 0.05 * fog(rng, size=size, cells=(2, 2), octaves=2)
    return first * (fade * soft)[..., None]


_PAPERS = ("f1eee8", "dfe5ea", "c7d3dc", "ead9c6", "d9c7c9", "b8c4b0", "5f6a78", "2e3238", "e8dfa8",
           "9db6bd", "c98f6c", "4c5b4a")  # fmt: skip


def grass(rng: np.random.Generator, size: int) -> Field:
    """A lawn seen close: blades over darker blades."""
    image = Image.new("RGB", (size, size), (38, 54, 22))
    draw = ImageDraw.Draw(image)
    blades = 900
    spots = rng.random((blades, 2))
    angles, lengths = rng.normal(-math.pi / 2, 0.6, blades), rng.uniform(0.06, 0.17, blades)
    for k in range(blades):
        depth = k / blades
        tone = (0.35 + 0.65 * depth) * float(lengths[k] / 0.17 * 0.4 + 0.6)
        code = GREENS[k % len(GREENS)]
        fill = tuple(int(int(code[i : i + 2], 16) * tone) for i in (0, 2, 4))
        x, y = (float(v) * size for v in spots[k])
        reach = float(lengths[k]) * size
        end = (x + reach * math.cos(angles[k]), y + reach * math.sin(angles[k]))
        draw.line([(x, y), end], fill=fill, width=max(1, round(size * 0.008)))
    image = image.filter(ImageFilter.GaussianBlur(size * 0.002))
    return to_linear(np.asarray(image, np.float32) / 255)


def wicker(rng: np.random.Generator, size: int) -> Field:
    """Woven straw."""
    dark, light = rgb("5c3d20"), rgb(("c79a5e", "a97a42", "d9b983")[int(rng.integers(3))])
    count = float(rng.integers(9, 15))
    u = np.linspace(0, count, size, dtype=np.float32)[None, :]
    v = np.linspace(0, count * 1.6, size, dtype=np.float32)[:, None]
    phase = np.floor(v) % 2
    rod = np.abs(np.sin(math.pi * v)) ** 0.6
    over = 0.55 + 0.45 * np.cos(math.pi * (u + phase) * 2)
    tone = 1 + 0.15 * fog(rng, size=size, cells=(12, 12), octaves=2)
    return blend(dark, light, np.clip(rod * (0.35 + 0.65 * over), 0, 1)) * tone[..., None]


TABLES: dict[str, Table] = {
    "wood": wood, "cloth": cloth, "stone": stone, "paper": paper, "grass": grass, "wicker": wicker,
}  # fmt: skip


def lay_table(
    rng: np.random.Generator, table: Table, *, size: int, light: Light, elevation: float
) -> Canvas:
    """A canvas that shows the table from the camera's height, lit unevenly, with a backdrop
    above the horizon when the camera is low."""
    side = size * 5 // 4
    texture = table(rng, side).astype(np.float32)
    spin = rng.choice([0.0, math.pi / 2]) + rng.normal(0, 0.25)
    zoom = rng.uniform(0.8, 1.35)
    low = max(0.0, 1.0 - elevation / 1.3)  # 0 from above, towards 1 at eye level
    horizon = 0.5 - 0.5 / max(low * 1.5, 1e-3)
    rows = (np.arange(size, dtype=np.float32)[:, None] + 0.5) / size
    cols = (np.arange(size, dtype=np.float32)[None, :] + 0.5) / size - 0.5
    near = np.maximum((rows - horizon) / (0.6 - horizon), 0.04)
    across, away = cols / near * zoom, (1.0 / near - 1.0) * (0.6 - horizon) * zoom
    away = away / max(math.sin(elevation), 0.35)
    u = math.cos(spin) * across - math.sin(spin) * away
    v = math.sin(spin) * across + math.cos(spin) * away
    pixels = _mirror_sample(texture, u + 0.5, v + 0.5)
    pool_x, pool_y = (-light.direction[0] * 0.4, light.direction[1] * 0.4)
    pool = 1.1 - 0.35 * np.sqrt((cols + float(pool_x)) ** 2 + (rows - 0.5 + float(pool_y)) ** 2)
    level = light.colour * max(0.35, float(light.direction @ light.up)) + light.sky * 0.8
    pixels = pixels * (level * pool[..., None])
    if horizon > 0.02:
        pixels = _backdrop(rng, pixels, rows=rows, horizon=horizon, light=light)
    return Canvas(pixels.astype(np.float32), light, elevation)


def _mirror_sample(texture: Field, u: Field, v: Field) -> Field:
    """Texture colours at places u, v (1 is its side), mirrored beyond its edges."""
    side = texture.shape[0]
    place = []
    for w in (u, v):
        folded = np.abs((w + 1.0) % 2.0 - 1.0) * (side - 1.001)
        place.append(folded.astype(np.float32))
    x, y = (w.astype(np.int32) for w in place)
    fx, fy = (place[0] - x)[..., None], (place[1] - y)[..., None]
    flat = texture.reshape(-1, 3)
    at = y * side + x
    top, low = flat.take(at, axis=0), flat.take(at + side, axis=0)
    top += (flat.take(at + 1, axis=0) - top) * fx
    low += (flat.take(at + (side + 1), axis=0) - low) * fx
    result: Field = top + (low - top) * fy
    return result


def _backdrop(
    rng: np.random.Generator, pixels: Field, *, rows: Field, horizon: float, light: Light
) -> Field:
    """A blurred room or garden behind the table."""
    size = pixels.shape[0]
    scene = out_of_focus(rng, size=size, light=light)
    return blend(
        scene, pixels, np.broadcast_to(smooth(rows, horizon, horizon + 0.03), (size, size))
    )


def out_of_focus(
    rng: np.random.Generator, *, size: int, light: Light, outdoors: bool = False
) -> Field:
    """Large soft blots of a garden or (unless `outdoors`) a room, linear light (size, size, 3)."""
    colours = _BLURS[int(rng.integers(_GARDENS if outdoors else len(_BLURS)))]
    image = Image.new("RGB", (96, 96), f"#{colours[0]}")
    draw = ImageDraw.Draw(image)
    for _ in range(42):
        x, y = rng.uniform(-8, 104, 2)
        r = rng.uniform(4, 17)
        draw.ellipse(
            [x - r, y - r, x + r, y + r], fill=f"#{colours[int(rng.integers(1, len(colours)))]}"
        )
    image = image.filter(ImageFilter.GaussianBlur(rng.uniform(2.5, 6)))
    image = image.resize((size, size), Image.Resampling.BICUBIC)
    level = light.colour * 0.45 + light.sky * 0.6
    return to_linear(np.asarray(image, np.float32) / 255) * level


_GARDENS = 4  # the first so many of the palettes are gardens
_BLURS = (
    ("3c5a2a", "5f8a3c", "2c4420", "7ea650", "a9c878", "41602c", "274018"),
    ("49683a", "c9d8a8", "6f9a4a", "35552a", "dbe6c8", "8fb066"),
    ("7fa3c4", "5f8a3c", "b5cde0", "3f6a2a", "8fb3cf", "6f9a4a"),
    ("5a4a34", "6f7a3c", "8a7a4c", "3c4426", "a08a58", "4f5a2c"),
    ("8a7562", "a99580", "6c5948", "c4b29c", "5a4a3c", "b59a78"),
    ("c9ced2", "dfe3e6", "aab4bc", "eef0f0", "b9c0c4"),
    ("39342f", "5c5046", "2a2623", "7a6750", "8c7a60"),
)


def hang_garden(rng: np.random.Generator, *, size: int, light: Light) -> Canvas:
    """A canvas with nothing but an out-of-focus tree behind."""
    pixels = out_of_focus(rng, size=size, light=light, outdoors=True)
    return Canvas(pixels.astype(np.float32), light, 0.5, hanging=True)
