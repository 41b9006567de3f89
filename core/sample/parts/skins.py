"""What the ten fruits look like from outside: colour, pattern, gloss.

Each builder draws a variety and a ripeness from a generator and returns a `Skin`: points (3, n)
on the body in, their `Coat` out. z runs along the stem axis, +1 at the stem.
"""

import numpy as np

from core.sample.canvas.light import Coat
from core.sample.canvas.texture import Field, blend, cells, rgb, smooth, solid, speckle
from core.sample.parts.bodies import Skin


def pick(rng: np.random.Generator, *codes: str) -> Field:
    """One of the colours, slightly off: no two fruits are quite the same."""
    colour = rgb(codes[int(rng.integers(len(codes)))])
    return (colour * np.asarray(rng.normal(1.0, 0.06, 3), np.float32)).clip(0.004, 1.0)


def _polar(p: Field) -> Field:
    """Cosine from the stem axis, (n,)."""
    cosine: Field = p[2] / np.sqrt((p * p).sum(axis=0) + 1e-6)
    return cosine


def _angle(p: Field) -> Field:
    result: Field = np.arctan2(p[1], p[0]).astype(np.float32)
    return result


def _on_axis(p: Field) -> Field:
    """Coordinates for a texture that is drawn out along the axis: around, around, slowly along."""
    around = np.sqrt(p[0] ** 2 + p[1] ** 2) + 1e-3
    return np.stack([p[0] / around, p[1] / around, p[2] * 0.12])


def apple_skin(rng: np.random.Generator) -> Skin:
    """Red over yellow, all red, green, or bicoloured; streaks from stem to foot, pale dots."""
    ground, flush, share = _APPLES[int(rng.choice(len(_APPLES), p=[0.3, 0.3, 0.17, 0.23]))]
    under, over = pick(rng, *ground), pick(rng, *flush)
    cover = share + rng.uniform(-0.25, 0.25)
    side, shift = rng.uniform(0, 6.28), rng.uniform(0, 30)
    gloss = rng.uniform(0.3, 0.75)

    def skin(p: Field) -> Coat:
        streaks = solid(_on_axis(p), scale=7, octaves=2, shift=shift)
        sun = np.cos(_angle(p) - side) * 0.5
        red = smooth(
            sun + 0.55 * streaks + 0.6 * solid(p, scale=1.6, shift=shift), -cover, 0.9 - cover
        )
        c = _polar(p)
        colour = blend(under, over, red * (1 - 0.55 * smooth(c, 0.86, 0.99)))
        dots = speckle(p, scale=12, share=0.4, shift=shift) * 0.25
        colour = blend(colour, rgb("e9d9a0"), dots)
        colour = blend(colour, rgb("8a6a35"), smooth(c + 0.02 * streaks, 0.955, 0.995) * 0.8)
        return Coat(colour, gloss=gloss, sharp=60, glow=(0.2, 0.12, 0.08))

    return skin


_APPLES = (
    (("d9b04a", "c9b85a"), ("9c1218", "b01c1c"), 0.55),
    (("a8241c", "b53a20"), ("7a0a12", "9a0f18"), 0.9),
    (("8fae2c", "9dbb3c", "b0bd4c"), ("a3b544", "b4a83c"), 0.05),
    (("c6bb4e", "d8c060"), ("c03022", "c8452a"), 0.15),
)


def apricot_skin(rng: np.random.Generator) -> Skin:
    """Velvety orange yellow, a red cheek, freckles."""
    base, cheek = (
        pick(rng, "e89a35", "eda544", "e28a2a", "f0b25a"),
        pick(rng, "c4431f", "b8341f", "d3602a"),
    )
    strength, side = rng.uniform(0.25, 1.0), rng.uniform(0, 6.28)
    shift, green = rng.uniform(0, 30), rng.uniform(0, 0.4) * (rng.random() < 0.3)

    def skin(p: Field) -> Coat:
        mottle = solid(p, scale=2.2, octaves=3, shift=shift)
        red = smooth(np.cos(_angle(p) - side) + 0.7 * mottle, 0.0, 1.5) * strength
        colour = blend(base, cheek, red)
        freckles = speckle(p, scale=9, share=0.2 + 0.3 * strength, shift=shift)
        colour = blend(colour, rgb("9e2f16"), freckles * (0.15 + 0.6 * red))
        colour = blend(colour, rgb("b5b04a"), smooth(_polar(p), 0.4, 1.0) * green)
        colour = blend(colour, rgb("7a4a20"), smooth(_polar(p), 0.97, 0.998) * 0.7)
        return Coat(colour, gloss=0.1, sharp=9, glow=(0.32, 0.16, 0.06), fuzz=0.55)

    return skin


def citrus_skin(rng: np.random.Generator) -> Skin:
    """Orange peel with oil glands, from yellow orange to deep tangerine, at times a green trace."""
    base = pick(rng, "ee8a12", "f09a1e", "e8760f", "f2a62c", "e06a10")
    green = rng.uniform(0.2, 0.75) if rng.random() < 0.25 else 0.0
    blush = rng.uniform(0, 0.55) * (rng.random() < 0.35)
    shift = rng.uniform(0, 30)
    gloss = rng.uniform(0.25, 0.6)

    def skin(p: Field) -> Coat:
        wide = solid(p, scale=1.7, octaves=2, shift=shift)
        pits = smooth(cells(p, scale=12, shift=shift), 0.3, 0.05)
        colour = blend(base * (1 + 0.1 * wide)[:, None], base * 0.72, pits * 0.5)
        colour = blend(colour, rgb("c23a10"), smooth(wide, 0.0, 1.0) * blush)
        c = _polar(p)
        colour = blend(colour, rgb("6f8c22"), smooth(c + 0.35 * wide, 0.35, 1.0) * green)
        star = 0.985 + 0.006 * np.cos(5 * _angle(p))
        colour = blend(colour, rgb("5d6b2b"), smooth(c - star, -0.004, 0.003))
        return Coat(colour, gloss=gloss, sharp=32, glow=(0.25, 0.14, 0.05))

    return skin


def lemon_skin(rng: np.random.Generator) -> Skin:
    """Yellow peel with oil glands, greener towards the ends when less ripe."""
    base = pick(rng, "f0d024", "eec81c", "f2da40", "e6cc2c")
    green = rng.uniform(0.3, 0.9) if rng.random() < 0.35 else rng.uniform(0, 0.15)
    shift = rng.uniform(0, 30)
    gloss = rng.uniform(0.3, 0.65)

    def skin(p: Field) -> Coat:
        wide = solid(p, scale=1.6, octaves=2, shift=shift)
        pits = smooth(cells(p, scale=11, shift=shift), 0.3, 0.05)
        colour = blend(base * (1 + 0.07 * wide)[:, None], base * 0.8, pits * 0.4)
        ends = smooth(np.abs(p[2]) + 0.25 * wide, 0.35, 1.25)
        colour = blend(colour, rgb("84a02c"), ends * green)
        colour = blend(colour, rgb("8a7430"), smooth(p[2], 0.985, 1.03) * 0.6 * (_polar(p) > 0.988))
        return Coat(colour, gloss=gloss, sharp=36, glow=(0.28, 0.24, 0.08))

    return skin


def mango_skin(rng: np.random.Generator) -> Skin:
    """Green, yellow and red running into each other from the stem down; pale lenticels."""
    low, middle, high = _MANGOES[int(rng.integers(len(_MANGOES)))]
    tail, body, shoulder = pick(rng, low), pick(rng, middle), pick(rng, high)
    side, shift = rng.uniform(0, 6.28), rng.uniform(0, 30)
    amount = rng.uniform(0.3, 1.0)

    def skin(p: Field) -> Coat:
        cloud = solid(p, scale=1.5, octaves=3, shift=shift)
        run = p[2] + 0.5 * np.cos(_angle(p) - side) + 0.35 * cloud
        colour = blend(tail, body, smooth(run, -1.1, 0.1))
        colour = blend(colour, shoulder, smooth(run, -0.15, 0.9) * amount)
        dots = speckle(p, scale=13, share=0.7, shift=shift)
        colour = blend(colour, rgb("ecd98c"), dots * 0.28)
        colour = blend(colour, rgb("5b4526"), smooth(_polar(p), 0.985, 0.998) * 0.9)
        return Coat(colour, gloss=0.45, sharp=38, glow=(0.24, 0.16, 0.07))

    return skin


_MANGOES = (
    ("e6a828", "dd8a28", "b3281f"),
    ("eeb52e", "f0bb38", "e89a2c"),
    ("6f8f32", "a5a338", "b8402a"),
    ("d9a630", "86993a", "4f7a33"),
    ("e8b032", "d9662c", "8f1f2c"),
)


def banana_skin(rng: np.random.Generator) -> Skin:
    """Yellow with green or brown ends, darker edges, sugar spots when ripe."""
    base = pick(rng, "efc72c", "f0cf3e", "e8bd28", "edd55a")
    green = rng.uniform(0.4, 0.95) if rng.random() < 0.3 else rng.uniform(0.1, 0.35)
    ripe = 0.0 if green > 0.4 else rng.uniform(0, 1.0) ** 1.5
    shift = rng.uniform(0, 30)

    def skin(p: Field) -> Coat:
        streak = solid(p * np.array([[3], [3], [0.7]], np.float32), scale=3, octaves=2, shift=shift)
        s = p[2] / 0.91
        colour = base * (1 + 0.08 * streak)[:, None]
        ends = np.maximum(smooth(s, 0.45, 0.95), 0.8 * smooth(-s, 0.5, 0.95))
        colour = blend(colour, rgb("93a836"), ends * green)
        spots = speckle(p, scale=9, share=0.15 + 0.5 * ripe, shift=shift) * ripe
        bruise = smooth(solid(p, scale=3.4, octaves=3, shift=shift + 9), 1.0 - 0.5 * ripe, 1.2)
        colour = blend(colour, rgb("5a3714"), np.maximum(spots * 0.9, bruise * ripe * 0.8))
        colour = blend(colour, rgb("30200f"), smooth(-s, 0.965, 1.0))
        colour = blend(colour, rgb("5e4a1c"), smooth(s, 0.985, 1.02))
        return Coat(colour, gloss=0.2, sharp=16, glow=(0.25, 0.2, 0.08))

    return skin


def grape_skin(rng: np.random.Generator, *, tone: Field) -> Skin:
    """Thin skin that light shines into, with a waxy bloom; `tone` is the bunch's colour (3,)."""
    colour_here = (tone * np.asarray(rng.normal(1.0, 0.14, 3), np.float32)).clip(0.004, 0.9)
    bloom, shift = rng.uniform(0.05, 0.4), rng.uniform(0, 30)
    bright = float(tone.max())
    glow = (0.5, 0.5, 0.35) if bright > 0.3 else (0.25, 0.12, 0.16)

    def skin(p: Field) -> Coat:
        wax = smooth(solid(p, scale=2.0, octaves=2, shift=shift), -0.6, 1.0)
        colour = blend(colour_here, rgb("a7a9c0" if bright < 0.3 else "dfe6c8"), wax * bloom * 0.6)
        colour = blend(colour, rgb("3a2a18"), smooth(_polar(p), -0.982, -0.99) * 0.7)
        return Coat(colour, gloss=0.65 - bloom * 0.7, sharp=70, glow=glow)

    return skin


def cherry_skin(rng: np.random.Generator, *, tone: Field) -> Skin:
    """Polished red to nearly black; `tone` is the picture's variety (3,), single ones differ."""
    base = (tone * np.asarray(rng.normal(1.0, 0.12, 3), np.float32)).clip(0.004, 0.9)
    light, shift = pick(rng, "d8a23c", "cc4a30"), rng.uniform(0, 30)
    pale = rng.uniform(0.3, 0.8) if rng.random() < 0.15 else 0.0

    def skin(p: Field) -> Coat:
        cloud = solid(p, scale=1.1, octaves=2, shift=shift)
        colour = blend(
            base * (1 + 0.18 * cloud)[:, None], light, smooth(cloud + p[0], -0.4, 1.4) * pale
        )
        dots = speckle(p, scale=11, share=0.4, shift=shift)
        colour = blend(colour, rgb("d98a70"), dots * 0.12)
        return Coat(colour, gloss=0.85, sharp=130, glow=(0.3, 0.08, 0.06))

    return skin


def blueberry_skin(rng: np.random.Generator) -> Skin:
    """Dark blue under a pale bloom that fingers rub off; a star-shaped crown at the far pole."""
    base = pick(rng, "26346c", "2c3c7c", "323a74", "1e2a58")
    bloom, shift = rng.uniform(0.12, 0.65), rng.uniform(0, 30)
    wax = pick(rng, "8f9fc6", "9aa8cc", "7f90ba")
    points, turn = int(rng.integers(5, 7)), rng.uniform(0, 6)

    def skin(p: Field) -> Coat:
        rubbed = smooth(solid(p, scale=2.4, octaves=3, shift=shift), -0.7, 0.5)
        colour = blend(base, wax, rubbed * bloom)
        away = np.sqrt(np.maximum(1 - _polar(p) ** 2, 0)) + 2.0 * (_polar(p) < 0)
        star = 0.34 + 0.1 * np.cos(points * _angle(p) + turn)
        colour = blend(colour, wax * 0.75, smooth(away - star, 0.05, -0.01) * 0.85)
        colour = blend(colour, rgb("14162a"), smooth(away, 0.27, 0.2))
        colour = blend(colour, rgb("4a4560"), smooth(away, 0.11, 0.05))
        return Coat(colour, gloss=0.22, sharp=14, glow=(0.1, 0.1, 0.16), fuzz=0.3)

    return skin


def litchi_skin(rng: np.random.Generator, *, scale: float, offset: float) -> Skin:
    """A pebbled shell in pink, red and brown; `scale`, `offset` are those of its relief."""
    base, tip = (
        pick(rng, "b8433f", "c2504a", "a83a3c", "b4553f"),
        pick(rng, "7a2a26", "8a4a30", "d0705a"),
    )
    tan, shift = rng.uniform(0.0, 0.7), rng.uniform(0, 30)

    def skin(p: Field) -> Coat:
        near = cells(p, scale=scale, shift=offset)
        colour = blend(base, tip, smooth(near, 0.3, 0.05) * 0.8)
        colour = blend(colour, rgb("5d1f1d"), smooth(near, 0.5, 0.75) * 0.6)
        cloud = solid(p, scale=1.6, octaves=2, shift=shift)
        colour = blend(colour, rgb("b98a4a"), smooth(cloud + 0.5 * _polar(p), 0.0, 1.1) * tan)
        return Coat(colour, gloss=0.16, sharp=14, glow=(0.16, 0.08, 0.06))

    return skin
