"""The surface that the drawn sample pictures are painted on, back to front.

Positions and lengths are fractions of the frame: x from 0 (left) to 1, y from 0 (top) to 1.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from core.sample.canvas.light import Light
from core.sample.canvas.texture import Field, fog, smooth


@dataclass
class Canvas:
    """Linear light, shape (size, size, 3), and the lighting that every part of it shares."""

    pixels: Field
    light: Light
    elevation: float  # how far the camera looks down, radians
    hanging: bool = False  # fruit hangs from its stem instead of lying about

    @property
    def size(self) -> int:
        """Pixels a side."""
        return int(self.pixels.shape[0])

    def window(
        self, x: float, y: float, *, across: float, down: float
    ) -> tuple[slice, slice, Field, Field] | None:
        """The part of the frame within `across` and `down` of a point, or None when outside.

        Returns row and column slices and, for their pixels, the offsets right and down.
        """
        n = self.size
        left, right = math.floor((x - across) * n), math.ceil((x + across) * n) + 1
        top, bottom = math.floor((y - down) * n), math.ceil((y + down) * n) + 1
        left, right, top, bottom = max(0, left), min(n, right), max(0, top), min(n, bottom)
        if right - left < 1 or bottom - top < 1:
            return None
        dx = (np.arange(left, right, dtype=np.float32) + 0.5) / n - x
        dy = (np.arange(top, bottom, dtype=np.float32) + 0.5) / n - y
        return slice(top, bottom), slice(left, right), dx[None, :], dy[:, None]

    def darken_disc(
        self, x: float, y: float, *, across: float, down: float, strength: float, soft: float
    ) -> None:
        """A soft elliptic shadow; `soft` is the width of its edge in radii, 0.2 to 1."""
        reach = 1.0 + soft
        area = self.window(x, y, across=across * reach, down=down * reach)
        if area is None:
            return
        rows, cols, dx, dy = area
        distance = np.sqrt((dx / across) ** 2 + (dy / down) ** 2)
        self._darken(rows, cols, smooth(distance, 1.0 + soft, 1.0 - soft) * strength)

    def darken_mask(
        self,
        alpha: Field,
        place: tuple[slice, slice],
        *,
        shift: tuple[float, float],
        soft: float,
        strength: float,
    ) -> None:
        """The shadow of a patch alpha (h, w) at `place`, moved by `shift` and blurred by `soft`."""
        n = self.size
        blur = soft * n
        # Soft shadows need few pixels: blur a reduced copy, and only around the patch.
        step = max(1, min(6, int(blur / 1.5)))
        pad = math.ceil(blur * 2.2) + step
        mask = np.zeros((alpha.shape[0] + 2 * pad, alpha.shape[1] + 2 * pad), np.uint8)
        mask[pad:-pad, pad:-pad] = alpha * 255
        image = Image.fromarray(mask)
        small = image.reduce(step).filter(ImageFilter.GaussianBlur(blur / step))
        shadow = np.asarray(small.resize(image.size, Image.Resampling.BILINEAR), np.float32)
        top = place[0].start - pad + round(shift[1] * n)
        left = place[1].start - pad + round(shift[0] * n)
        rows = slice(max(0, top), min(n, top + shadow.shape[0]))
        cols = slice(max(0, left), min(n, left + shadow.shape[1]))
        if rows.stop > rows.start and cols.stop > cols.start:
            part = shadow[rows.start - top : rows.stop - top, cols.start - left : cols.stop - left]
            self._darken(rows, cols, part * (strength / 255))

    def _darken(self, rows: slice, cols: slice, amount: Field) -> None:
        # Shadows keep some sky light, which tints them; pure grey ones look like soot.
        sky = self.light.sky / (self.light.sky + self.light.colour).max()
        self.pixels[rows, cols] *= 1.0 - amount[..., None] * (1.0 - 0.35 * sky)

    def cover(self, rows: slice, cols: slice, colour: Field, alpha: Field) -> None:
        """Paint a patch: colour (h, w, 3) or (3,), alpha (h, w) in [0, 1]."""
        patch = self.pixels[rows, cols]
        patch += (colour - patch) * alpha[..., None]

    def defocus(self, radius: float) -> None:
        """Blur everything painted so far, as a lens focused nearer would."""
        if radius * self.size < 0.3:
            return
        # Square roots in eight bits are precise enough for a blur, and Pillow blurs bytes fast.
        roots = np.sqrt(np.clip(self.pixels * 0.5, 0.0, 1.0)) * 255 + 0.5
        image = Image.fromarray(roots.astype(np.uint8))
        image = image.filter(ImageFilter.GaussianBlur(radius * self.size))
        self.pixels = (np.asarray(image, np.float32) * (1 / 255)) ** 2 * 2.0


def develop(canvas: Canvas, rng: np.random.Generator) -> Image.Image:
    """The finished photograph: dapple, exposure, tone, vignette, a little softness and grain."""
    n = canvas.size
    pixels = canvas.pixels
    if rng.random() < 0.25:
        dapple = smooth(fog(rng, size=n, cells=(3, 3), octaves=2), -0.5, 0.35)
        pixels *= (0.62 + 0.5 * dapple)[..., None]
    # Meter like a camera: half way towards a common middle, so that dark scenes stay darkish.
    middle = float(np.sqrt((pixels * pixels).mean()))
    exposure = (0.42 / max(middle, 0.05)) ** 0.6 * rng.uniform(0.85, 1.15)
    cast = np.asarray(rng.normal(1.0, 0.025, 3), np.float32)
    axis = np.linspace(-1, 1, n, dtype=np.float32)
    corner = axis[None, :] ** 2 + axis[:, None] ** 2
    vignette = 1.0 - rng.uniform(0.02, 0.16) * corner
    pixels = pixels * (exposure * cast) * vignette[..., None]
    tone = pixels * (1.25 + pixels * 0.14) / (1.0 + pixels * 0.75)
    image = Image.fromarray(_encode(tone))
    blur = rng.uniform(0.0, 0.45) if rng.random() < 0.8 else rng.uniform(0.6, 1.1)
    image = image.filter(ImageFilter.GaussianBlur(blur * n / 256))
    grain = rng.normal(0.0, rng.uniform(0.6, 2.4), (n, n, 1)).astype(np.float32)
    noisy = np.clip(np.asarray(image, np.float32) + grain, 0, 255)
    return Image.fromarray(noisy.astype(np.uint8))


def _encode(linear: Field) -> NDArray[np.uint8]:
    """sRGB bytes of linear light; what is brighter than 1 is clipped."""
    clipped = np.clip(linear, 0.0, 1.0)
    # 4096 levels through a table are indistinguishable from the power and five times cheaper.
    return _CURVE[(clipped * 4095).astype(np.int32)]


def _curve() -> NDArray[np.uint8]:
    linear = np.arange(4096, dtype=np.float64) / 4095
    srgb = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    # A gentle S on top: the contrast that a camera's picture style adds.
    styled = srgb + 0.18 * (srgb * srgb * (3 - 2 * srgb) - srgb)
    result: NDArray[np.uint8] = np.round(styled * 255).astype(np.uint8)
    return result


_CURVE = _curve()
