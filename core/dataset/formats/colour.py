"""Colours as their profile means them -> sRGB, which screens and encoders take all pictures for."""

import io
import logging
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

from core.dataset.formats.png import MAX_PROFILE

logger = logging.getLogger(__name__)

# What a profile calls the colours that Pillow keeps in a mode.
_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}
# Of 255: profiles that differ from sRGB by less, as its many versions do among themselves.
_SAME = 2


def to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Return a picture of mode RGB, L or CMYK as sRGB.

    A profile that is broken, of other colours or of more than `MAX_PROFILE` bytes is passed over:
    the picture is then shown as programs show it that know no profiles.

    Args:
        profile: ICC, as the file has it; None for none.
    """
    transform = None
    if profile and len(profile) <= MAX_PROFILE and picture.mode in _SPACES:
        transform = _transform(profile, picture.mode)
    return transform.apply(picture) if transform else picture.convert("RGB")


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return what leads to sRGB; None where nothing does, or nothing has to."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != _SPACES[mode]:
            return None
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        return None if _changes_nothing(transform, mode) else transform
    except Exception:  # whatever the library makes of broken data
        logger.info("a colour profile of %d bytes cannot be used", len(profile), exc_info=True)
        return None


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    if mode == "CMYK":
        return False
    # Most photos carry a profile of sRGB; asked once, it costs none of them anything.
    steps = np.arange(0, 256, 15, dtype=np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(len(steps), -1, 3)
    sample = Image.fromarray(colours if mode == "RGB" else np.arange(256, dtype=np.uint8)[None])
    before = np.asarray(sample.convert("RGB"), dtype=np.int16)
    after = np.asarray(transform.apply(sample), dtype=np.int16)
    return int(np.abs(after - before).max()) <= _SAME
