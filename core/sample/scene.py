"""One drawn sample picture: which composition, on what, under which light, by which camera."""

import math
from collections.abc import Callable

import numpy as np
from PIL import Image

from core.sample.canvas.canvas import Canvas, develop
from core.sample.canvas.light import draw_light
from core.sample.canvas.texture import smooth
from core.sample.fruit import berries, tropics
from core.sample.fruit import orchard as fruits
from core.sample.parts.piece import Fruit
from core.sample.parts.plants import paint_leaf
from core.sample.table import layout
from core.sample.table.ground import TABLES, hang_garden, lay_table, out_of_focus
from core.sample.table.layout import Arrangement

_MAKERS: dict[str, Callable[[np.random.Generator], Fruit]] = {
    "apple": fruits.apple,
    "apricot": fruits.apricot,
    "banana": tropics.banana,
    "blueberry": berries.blueberry,
    "cherry": berries.cherry,
    "citrus": fruits.citrus,
    "grape": berries.grape,
    "lemon": fruits.lemon,
    "litchi": tropics.litchi,
    "mango": tropics.mango,
}

# How often each composition is drawn, and the radius of one piece where several lie together.
_PLANS: dict[str, tuple[str, float]] = {
    "apple": ("one few few pile cut cut tree bowl", 0.2),
    "apricot": ("one few few pile pile cut cut tree bowl", 0.17),
    "banana": ("one few cluster cluster cluster cut cut", 0.3),
    "blueberry": ("few pile pile pile cluster bowl bowl", 0.085),
    "cherry": ("few few pile pile cluster cluster cut tree bowl", 0.12),
    "citrus": ("one few few pile pile cut cut cut tree bowl", 0.19),
    "grape": ("cluster cluster cluster cluster pile few tree tree bowl", 0.095),
    "lemon": ("one few few pile cut cut cut tree bowl", 0.18),
    "litchi": ("few few pile cut cut cut cluster tree bowl", 0.14),
    "mango": ("one few few pile cut cut cut tree", 0.24),
}

_ARRANGEMENTS: dict[str, Arrangement] = {
    "one": layout.arrange_one,
    "few": layout.arrange_few,
    "pile": layout.arrange_pile,
    "cut": layout.arrange_cut,
    "cluster": layout.arrange_cluster,
    "tree": layout.arrange_tree,
    "bowl": layout.arrange_bowl,
}


def draw_picture(label: str, *, size: int, rng: np.random.Generator) -> Image.Image:
    """One RGB picture of a class of the sample dataset, `size` pixels a side.

    The composition depends on the generator alone: another size gives the same scene.
    """
    plans, radius = _PLANS[label]
    choices = plans.split()
    plan = choices[int(rng.integers(len(choices)))]
    fruit = _MAKERS[label](rng)
    canvas = _garden(rng, size) if plan == "tree" else _table(rng, size, low=plan == "bowl")
    _ARRANGEMENTS[plan](canvas, rng, fruit, radius * rng.uniform(0.8, 1.25))
    if rng.random() < 0.2:
        _foreground(canvas, rng)
    return develop(canvas, rng)


def _table(rng: np.random.Generator, size: int, *, low: bool) -> Canvas:
    """A table from above or from the side (`low`: always from the side), focused at the middle."""
    elevation = rng.uniform(0.6, 0.9 if low else 1.15)
    if not low and rng.random() < 0.4:
        elevation = rng.uniform(1.25, 1.57)
    light = draw_light(rng, elevation=elevation)
    names = ("wood", "wood", "cloth", "cloth", "stone", "paper", "grass", "wicker")
    name = names[int(rng.integers(len(names)))]
    canvas = lay_table(rng, TABLES[name], size=size, light=light, elevation=elevation)
    canvas.defocus(rng.uniform(0.001, 0.006))
    if elevation < 1.2:
        # The far part of a table seen from the side lies behind the plane of focus.
        sharp = canvas.pixels
        canvas.defocus(rng.uniform(0.012, 0.022))
        rows = np.linspace(0, 1, size, dtype=np.float32)
        far = smooth(rows, 0.62, 0.1)[:, None, None]
        canvas.pixels = sharp + (canvas.pixels - sharp) * far
    return canvas


def _garden(rng: np.random.Generator, size: int) -> Canvas:
    return hang_garden(rng, size=size, light=draw_light(rng, elevation=rng.uniform(0.2, 0.6)))


def _foreground(canvas: Canvas, rng: np.random.Generator) -> None:
    """Something near the lens that hides a corner: a leaf, or a blurred blot."""
    corner = (float(rng.integers(2)), float(rng.integers(2)))
    inward = math.atan2(corner[1] - 0.5, 0.5 - corner[0]) + rng.normal(0, 0.3)
    if rng.random() < 0.7:
        paint_leaf(canvas, rng, base=corner, angle=inward, length=rng.uniform(0.3, 0.55))
        return
    blot = out_of_focus(rng, size=canvas.size, light=canvas.light)
    area = canvas.window(*corner, across=0.4, down=0.4)
    if area is not None:
        rows, cols, dx, dy = area
        alpha = np.clip((0.36 - np.sqrt(dx * dx + dy * dy)) * 6, 0, 0.9).astype(np.float32)
        canvas.cover(rows, cols, blot[rows, cols], alpha)
