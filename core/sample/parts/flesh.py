"""What the ten fruits look like inside: the coats of cut faces, stones and peeled pulp.

A `Flesh` takes points (3, n) in body coordinates and how deep they lie below the skin, (n,), in
body radii, and returns their `Coat`.
"""

import math
from collections.abc import Callable

import numpy as np

from core.sample.canvas.light import Coat
from core.sample.canvas.texture import Field, blend, rgb, smooth, solid
from core.sample.parts.bodies import Shape, Skin
from core.sample.parts.skins import pick

Flesh = Callable[[Field, Field], Coat]


def cut_skin(whole: Shape, skin: Skin, flesh: Flesh, *, stone: Shape | None = None) -> Skin:
    """The coat of a cut body: skin on the outside, flesh on the cuts, wood on a stone.

    `whole` is the uncut shape; a point clearly inside it can only lie on a cut.
    """

    def coat(p: Field) -> Coat:
        depth = -whole(p)
        inside = smooth(depth, 0.0, 0.035)
        outer, inner = skin(p), flesh(p, depth)
        albedo = blend(outer.albedo, inner.albedo, inside)
        if stone is not None:
            wood = solid(p, scale=7, octaves=2)
            near = smooth(stone(p), 0.03, 0.0)
            grain = rgb("8a5429") * (1 + 0.3 * wood)[:, None]
            albedo = blend(
                blend(albedo, rgb("8f3a1a"), smooth(stone(p), 0.09, 0.0) * 0.5), grain, near
            )
        gloss = outer.gloss + (inner.gloss - outer.gloss) * inside
        return Coat(albedo, gloss=gloss, sharp=inner.sharp, glow=inner.glow)

    return coat


def segments(rng: np.random.Generator, *, juice: tuple[str, ...], peel: str) -> Flesh:
    """A citrus cut across: peel, pith, nine to twelve segments of juicy threads, a few pips."""
    count = int(rng.integers(9, 13))
    pulp, pith, rim = pick(rng, *juice), pick(rng, "f4ead0", "f2e6c0"), rgb(peel)
    spin, shift = rng.uniform(0, 6), rng.uniform(0, 30)
    rind = rng.uniform(0.05, 0.11)
    pips = rng.random(count) < float(rng.choice([0.0, 0.2]))

    def flesh(p: Field, depth: Field) -> Coat:
        r = np.sqrt(p[0] ** 2 + p[1] ** 2) + 1e-4
        angle = np.arctan2(p[1], p[0]) + spin + 0.05 * solid(p, scale=2, shift=shift)
        turn = angle * (count / (2 * math.pi))
        edge = np.abs(turn - np.round(turn)) * (2 * math.pi / count) * r
        # Threads run from the middle outwards: noise that hardly changes along the radius.
        ray = np.stack([np.cos(angle) * 5, np.sin(angle) * 5, r * 2.2])
        thread = solid(ray, scale=3.0, octaves=2, shift=shift)
        colour = pulp * (0.95 + 0.28 * thread)[:, None]
        wall = np.maximum(smooth(edge, 0.035, 0.012), smooth(r, 0.13, 0.07))
        colour = blend(colour, pith, wall * 0.85)
        if pips.any():
            here = pips[(np.floor(turn).astype(np.int64)) % count]
            off = (turn - np.floor(turn) - 0.5) * (2 * math.pi / count) * r
            pip = smooth(np.sqrt((off / 0.035) ** 2 + ((r - 0.4) / 0.09) ** 2), 1.1, 0.8) * here
            colour = blend(colour, rgb("e3d3a0"), pip)
        colour = blend(colour, pith, smooth(depth, rind + 0.03, rind))
        colour = blend(colour, rim, smooth(depth, 0.05, 0.02))
        return Coat(colour, gloss=0.5 * (1 - wall), sharp=26, glow=(0.5, 0.4, 0.25))

    return flesh


def core_flesh(rng: np.random.Generator) -> Flesh:
    """An apple cut through stem and foot (the y = 0 plane): core line, two pips, browning."""
    base, brown = pick(rng, "f1e3b4", "f3e8c6", "ecdfa8"), rng.uniform(0, 0.35)
    tall = rng.uniform(0.34, 0.42)
    shift = rng.uniform(0, 30)

    def flesh(p: Field, depth: Field) -> Coat:
        cloud = solid(p, scale=3, octaves=3, shift=shift)
        colour = blend(base, rgb("c99a58"), smooth(cloud, -0.2, 1.2) * brown)
        x, z = np.abs(p[0]), p[2] + 0.04
        ring = np.sqrt((x / (tall * 0.95)) ** 2 + (z / tall) ** 2)
        colour = blend(colour, rgb("c9bd78"), smooth(np.abs(ring - 1), 0.09, 0.02) * 0.7)
        pocket = np.sqrt(((x - 0.13) / 0.1) ** 2 + (z / 0.23) ** 2)
        colour = blend(colour, rgb("d6c184"), smooth(pocket, 1.1, 0.9) * 0.8)
        pip = np.sqrt(((x - 0.12) / (0.055 - 0.1 * (z - 0.02).clip(0, 0.3))) ** 2 + (z / 0.14) ** 2)
        colour = blend(colour, rgb("3b1d0c"), smooth(pip, 1.1, 0.85))
        colour = blend(
            colour, rgb("b9a45c"), smooth(x, 0.035, 0.01) * smooth(np.abs(z), 0.3, 0.6) * 0.7
        )
        colour = blend(colour, rgb("c8c66a"), smooth(depth, 0.06, 0.02) * 0.5)
        return Coat(colour, gloss=0.25, sharp=18, glow=(0.4, 0.36, 0.28))

    return flesh


def soft_flesh(rng: np.random.Generator, *, tones: tuple[str, ...], heart: str) -> Flesh:
    """Apricot, cherry or mango flesh: fibres towards a redder or paler heart."""
    base, middle = pick(rng, *tones), rgb(heart)
    shift = rng.uniform(0, 30)

    def flesh(p: Field, depth: Field) -> Coat:
        fibre = solid(p, scale=5, octaves=3, shift=shift)
        colour = base * (1 + 0.12 * fibre)[:, None]
        colour = blend(colour, middle, smooth(depth + 0.1 * fibre, 0.3, 0.7) * 0.75)
        colour = blend(colour, base * 0.85, smooth(depth, 0.06, 0.02))
        return Coat(colour, gloss=0.42, sharp=24, glow=(0.45, 0.3, 0.12))

    return flesh


def diced_flesh(rng: np.random.Generator) -> Flesh:
    """A mango cheek scored into cubes, as it is served."""
    base, shift = pick(rng, "f2a21e", "f4ad2c", "ee9416"), rng.uniform(0, 30)
    pitch, turn = rng.uniform(0.2, 0.27), rng.uniform(-0.3, 0.3)
    ca, sa = math.cos(turn), math.sin(turn)

    def flesh(p: Field, depth: Field) -> Coat:
        u, v = ca * p[0] - sa * p[2], sa * p[0] + ca * p[2]
        wobble = 0.03 * solid(p, scale=4, shift=shift)
        lines = [np.abs((w + wobble) / pitch - np.round((w + wobble) / pitch)) for w in (u, v)]
        groove = smooth(np.minimum(lines[0], lines[1]), 0.14, 0.03)
        fibre = solid(p, scale=6, octaves=2, shift=shift)
        colour = blend(base * (1 + 0.1 * fibre)[:, None], rgb("b5560a"), groove * 0.85)
        colour = blend(colour, base * 0.9, smooth(depth, 0.05, 0.02))
        return Coat(colour, gloss=0.45 * (1 - groove), sharp=22, glow=(0.45, 0.28, 0.08))

    return flesh


def slice_flesh(rng: np.random.Generator) -> Skin:
    """A peeled banana slice: cream, a three-part heart, a ring of tiny dark seeds."""
    base, ring = pick(rng, "f3e3b0", "f5e9c4", "efdca0"), rng.uniform(0.2, 0.3)
    spin, shift = rng.uniform(0, 6), rng.uniform(0, 30)

    def skin(p: Field) -> Coat:
        r = np.sqrt(p[0] ** 2 + p[1] ** 2)
        angle = np.arctan2(p[1], p[0]) + spin
        noise = solid(p, scale=6, octaves=2, shift=shift)
        colour = base * (1 + 0.05 * noise)[:, None]
        heart = smooth(r, ring * (1.5 + 0.35 * np.cos(3 * angle)).mean(), ring * 0.6)
        colour = blend(colour, rgb("d9c27a"), heart * 0.6)
        rays = smooth(np.cos(3 * angle), 0.93, 1.0) * smooth(r, 0.75, 0.2)
        colour = blend(colour, rgb("c9b070"), rays * 0.45)
        seeds = smooth(np.cos(18 * angle), 0.45, 0.9) * smooth(np.abs(r - ring), 0.06, 0.02)
        colour = blend(colour, rgb("5b4326"), seeds * 0.75 * (noise > -0.3))
        return Coat(colour, gloss=0.3, sharp=20, glow=(0.4, 0.36, 0.25))

    return skin


def pulp_flesh(rng: np.random.Generator) -> Flesh:
    """Litchi pulp: white and translucent, with faint veins."""
    base, shift = pick(rng, "f3ece4", "f6f1ea", "f0e6de"), rng.uniform(0, 30)

    def flesh(p: Field, depth: Field) -> Coat:
        vein = solid(p * np.array([[3], [3], [0.8]], np.float32), scale=2.2, octaves=2, shift=shift)
        colour = base * (0.94 + 0.07 * vein)[:, None]
        colour = blend(colour, rgb("c9a08c"), smooth(depth, 0.5, 0.8) * 0.3)
        return Coat(colour, gloss=1.0, sharp=80, glow=(0.6, 0.55, 0.52))

    return flesh
