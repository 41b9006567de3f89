"""Numbers of more than 8 bits -> 8 bits, at a brightness that can be seen."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# What integers of more than 8 bits may reach: sensors give 10, 12 or 14 bits, files hold 16 or 32.
_WHOLE = tuple(float(2**bits - 1) for bits in (10, 12, 14, 16, 24, 31, 32))
_FRACTIONS = (1.0, 255.0, 65535.0)


def eight_bits(values: NDArray[Any], *, full: float | None = None) -> NDArray[np.uint8]:
    """Scale numbers to 0 to 255; what is negative or no number becomes 0.

    Args:
        values: Of any shape and type.
        full: What white is. Without it the smallest usual range is taken that holds the numbers,
            since neither fractions nor sensors' integers have one that all agree on.
    """
    numbers = np.nan_to_num(values.astype(np.float32))
    if full is None:
        tops = _FRACTIONS if values.dtype.kind == "f" else _WHOLE
        most = numbers.max(initial=0)
        full = next((top for top in tops if most <= top), tops[-1])
    scaled: NDArray[np.float32] = np.clip(np.rint(numbers * (255.0 / full)), 0, 255)
    return scaled.astype(np.uint8)


def brightened(picture: Image.Image) -> Image.Image:
    """Return a picture of which only the upper 8 of 16 bits are left, brighter if they are dark.

    Where a sensor's 10, 12 or 14 bits were stored as they are, the upper ones are nearly empty.

    Args:
        picture: RGB, with or without alpha.
    """
    colours = picture.convert("RGB")
    most = int(np.asarray(colours).max())
    limit = next((2 ** (bits - 8) - 1 for bits in (10, 12, 14) if most < 2 ** (bits - 8)), 255)
    if limit == 255 or not most:
        return picture
    bright = colours.point([min(255, round(value * 255 / limit)) for value in range(256)] * 3)
    if "A" in picture.getbands():
        bright.putalpha(picture.getchannel("A"))
    return bright
