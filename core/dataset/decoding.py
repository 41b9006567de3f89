"""The bytes of a picture -> a safe RGB picture."""

import io
import logging

import numpy as np
from PIL import ExifTags, Image

from core.errors import ImageError

logger = logging.getLogger(__name__)


# 150 million pixels are 450 MB as RGB; anything that declares more is refused before decoding.
MAX_PIXELS = 150_000_000


FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")


# EXIF orientation -> what undoes it.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


# The limit above is checked by ourselves, with our own message.
Image.MAX_IMAGE_PIXELS = None


def decode(content: bytes, *, name: str, short_side: int | None = None) -> Image.Image:
    """Decode the bytes of a picture as people have them into plain RGB.

    EXIF rotation is applied, transparency is laid over white, 16-bit and CMYK are converted, and
    of an animation the first frame is taken.

    Args:
        content: The whole file: JPEG, PNG, WebP, BMP, GIF or TIFF.
        name: Of the file, for messages.
        short_side: A JPEG may be decoded at a reduced scale as long as its shorter side keeps at
            least twice this many pixels; None decodes in full.

    Raises:
        ImageError: `content` is empty, no picture, damaged, or declares more than 150 million
            pixels.
    """
    if not content:
        raise ImageError(f"{name!r} is empty (0 bytes). Replace or remove the file.")
    try:
        picture = Image.open(io.BytesIO(content), formats=FORMATS)
    except Exception as error:  # decoders raise anything on damaged data
        raise ImageError(
            f"{name!r} is not a picture that can be read. Use JPEG, PNG, WebP, BMP, GIF or TIFF."
        ) from error
    _refuse_huge(picture, name)
    try:
        with picture:
            # Cameras write MPO: a JPEG with further pictures behind it.
            if short_side and picture.format in ("JPEG", "MPO"):
                picture.draft("RGB", _enough(picture, 2 * short_side))
            picture.load()
            return _flat(_upright(picture, name))
    except Exception as error:  # as above
        logger.debug("decoding %r failed", name, exc_info=True)
        raise ImageError(
            f"{name!r} is damaged: {_one_line(error)}. Replace or remove the file."
        ) from error


def _refuse_huge(picture: Image.Image, name: str) -> None:
    width, height = picture.size
    if width * height > MAX_PIXELS:
        picture.close()
        raise ImageError(
            f"{name!r} declares {width:,} x {height:,} pixels, more than the limit of "
            f"{MAX_PIXELS // 1_000_000} million. Make it smaller first."
        )


def _enough(picture: Image.Image, short_side: int) -> tuple[int, int]:
    width, height = picture.size
    scale = max(short_side / min(width, height), 0.0)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _upright(picture: Image.Image, name: str) -> Image.Image:
    # ImageOps.exif_transpose also writes the EXIF block anew, and fails where cameras and editors
    # left nonsense in it; such a picture is whole.
    try:
        turn = _TURNS.get(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # decoders raise anything on damaged data
        logger.info("the EXIF data of %r cannot be read; it is taken as upright", name)
        return picture
    return picture if turn is None else picture.transpose(turn)


def _flat(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        return _from_deep(picture)
    if "A" in picture.getbands() or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return picture.convert("RGB")


def _from_deep(picture: Image.Image) -> Image.Image:
    values = np.nan_to_num(np.asarray(picture).astype(np.float32))
    # Integers are 16 bits. Floating-point numbers have no agreed range: the smallest usual one that
    # holds them is taken.
    full = 65535.0
    if picture.mode == "F":
        full = next((top for top in (1.0, 255.0) if values.max(initial=0) <= top), full)
    grey = np.clip(np.rint(values * (255.0 / full)), 0, 255).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")


def _one_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
