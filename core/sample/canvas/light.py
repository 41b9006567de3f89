"""Light and its answer from a surface, for the drawn sample pictures.

View coordinates: x to the right, y up, z towards the camera, which looks along -z.
"""

import math
from dataclasses import dataclass

import numpy as np

from core.sample.canvas.texture import Field, rgb, smooth

_MOODS = (  # key light, sky, bounce from below
    ("fff1dc", "aebfd6", "8a6f55"),  # daylight through a window
    ("ffe0b0", "a89f9c", "8c6238"),  # late sun
    ("f6f8ff", "c3cddb", "8d8d8d"),  # overcast
    ("fff6ea", "d8d4cf", "a39a90"),  # studio
    ("ffd9a0", "8d7f78", "6e4a2a"),  # lamp
)


@dataclass(frozen=True)
class Light:
    """One key light, a sky and a bounce; colours are linear, directions are unit vectors."""

    direction: Field
    colour: Field
    sky: Field
    bounce: Field
    up: Field
    hard: float  # 0: wide and soft, 1: small and sharp
    window: bool  # glossy bodies mirror a window instead of a lamp

    @property
    def throw(self) -> tuple[float, float]:
        """Where a shadow falls per unit of height: frame x to the right, frame y down."""
        x, y, z = (float(v) for v in self.direction)
        scale = 1.0 / max(0.45, z)
        return -x * scale, y * scale


@dataclass(frozen=True)
class Coat:
    """What a surface does with light, at n points.

    albedo: (n, 3) linear; gloss: mirror strength 0 to 1; sharp: Blinn exponent, 5 dull to 200
    polished; glow: how far light wraps around under the surface, per channel, 0 to 1; fuzz:
    velvet brightening towards the outline, 0 to 1.
    """

    albedo: Field
    gloss: Field | float = 0.3
    sharp: float = 40.0
    glow: tuple[float, float, float] = (0.15, 0.1, 0.08)
    fuzz: float = 0.0


def draw_light(rng: np.random.Generator, *, elevation: float) -> Light:
    """A light for a camera that looks down by `elevation` radians (pi/2: straight down)."""
    key, sky, bounce = _MOODS[int(rng.integers(len(_MOODS)))]
    around = rng.uniform(0.15, 0.85) * math.pi if rng.random() < 0.8 else rng.uniform(-0.3, 1.3)
    height = rng.uniform(0.55, 1.0)
    flat = math.cos(height)
    direction = unit([math.cos(around) * flat, math.sin(around) * flat, math.sin(height)])
    power = rng.uniform(1.5, 2.3)
    fill = rng.uniform(0.28, 0.6)
    return Light(
        direction=direction,
        colour=rgb(key) * power,
        sky=rgb(sky) * (1.5 * fill),
        bounce=rgb(bounce) * fill,
        up=unit([0.0, math.cos(elevation), math.sin(elevation)]),
        hard=rng.uniform(0.15, 0.95),
        window=rng.random() < 0.5,
    )


def unit(vector: list[float]) -> Field:
    """The vector at length 1, float32."""
    array = np.asarray(vector, np.float32)
    return array / np.float32(np.linalg.norm(array))


def shade(normal: Field, coat: Coat, light: Light) -> Field:
    """Linear light (n, 3) that unit normals (3, n) under a coat send to the camera."""
    facing = _dot(normal, light.direction)
    glow = np.asarray(coat.glow, np.float32)
    lit = np.clip((facing[:, None] + glow) / (1.0 + glow), 0.0, 1.0)
    high = _dot(normal, light.up)
    sky_share = smooth(high, -0.9, 0.9)[:, None]
    shelter = (0.3 + 0.7 * smooth(high, -0.95, 0.5))[:, None]
    ambient = (light.bounce + (light.sky - light.bounce) * sky_share) * shelter
    result: Field = coat.albedo * (light.colour * lit * (0.55 + 0.45 * shelter) + ambient)
    edge = np.clip(1.0 - normal[2], 0.0, 1.0)
    if coat.fuzz:
        result += coat.albedo * ambient * (coat.fuzz * 1.6 * edge[:, None] ** 1.5)
    result += _mirror(normal, coat, light, edge)
    return result


def _mirror(normal: Field, coat: Coat, light: Light, edge: Field) -> Field:
    """The glossy part: the key light's highlight and the surroundings towards the outline."""
    half = unit(
        [float(light.direction[0]), float(light.direction[1]), float(light.direction[2]) + 1]
    )
    lobe = np.clip(_dot(normal, half), 0.0, 1.0) ** coat.sharp
    if light.window and coat.sharp > 50:
        lobe = 0.35 * lobe + 0.6 * _window(normal, light)
    sky_mirror = 2.0 * normal[2] * _dot(normal, light.up) - float(light.up[2])
    around = light.bounce + (light.sky - light.bounce) * smooth(sky_mirror, -0.4, 0.5)[:, None]
    fresnel = 0.05 + 0.75 * edge**4
    strength = coat.gloss * (0.35 + 0.4 * light.hard)
    result = light.colour * (lobe * strength)[:, None] + around * (fresnel * coat.gloss)[:, None]
    return result.astype(np.float32)


def _window(normal: Field, light: Light) -> Field:
    """1 where the surface mirrors a four-paned window that stands in the key direction."""
    key = light.direction
    side = unit([float(key[2]), 0.0, -float(key[0])])
    rise = np.cross(key, side).astype(np.float32)
    mirror = normal * (2.0 * normal[2])
    mirror[2] -= 1.0
    ahead = np.maximum(_dot(mirror, key), 0.05)
    across = _dot(mirror, side) / ahead
    along = _dot(mirror, rise) / ahead
    pane = smooth(np.abs(across), 0.34, 0.26) * smooth(np.abs(along), 0.44, 0.34)
    bars = smooth(np.minimum(np.abs(across), np.abs(along)), 0.01, 0.05)
    return pane * (0.35 + 0.65 * bars)


def _dot(normal: Field, direction: Field) -> Field:
    x, y, z = (float(v) for v in direction)
    result: Field = normal[0] * x + normal[1] * y + normal[2] * z
    return result
