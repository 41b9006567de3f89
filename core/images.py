"""Bytes or a file -> a safe RGB picture; thumbnails cached on disk."""

import io
import logging
import os
import re
import tempfile
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from core.errors import ImageError

logger = logging.getLogger(__name__)

# 150 million pixels are 450 MB as RGB; anything that declares more is refused before decoding.
MAX_PIXELS = 150_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
THUMBNAIL_SIDE = 320
# Thumbnails that an earlier version cached are left alone.
_THUMBNAIL_VERSION = 2
# Tells itself from the page in both themes.
_BORDER = "#808080"

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
_DIGEST = re.compile(r"[0-9a-f]{16,128}")

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


def thumbnail(content: bytes, *, name: str, side: int = THUMBNAIL_SIDE) -> bytes:
    """Return the picture as `small_jpeg` does.

    Raises:
        ImageError: As `decode`.
    """
    return small_jpeg(decode(content, name=name, short_side=side), side=side)


def small_jpeg(picture: Image.Image, *, side: int = THUMBNAIL_SIDE) -> bytes:
    """Return a picture, which is made smaller in place, as JPEG bytes that fit in a square.

    What is longer than twice its width, or wider than twice its height, gets grey borders up to
    that: in a column as wide as the picture, a strip of 3 x 900 pixels would be a page of its own.

    Args:
        side: Of the square, in pixels.
    """
    picture.thumbnail((side, side))
    width, height = picture.size
    least = (max(width, height) + 1) // 2
    if min(width, height) < least:
        picture = ImageOps.pad(picture, (max(width, least), max(height, least)), color=_BORDER)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()


def cached_thumbnail(file: Path, *, key: str, cache: Path) -> bytes:
    """Return the thumbnail of `file` from the cache folder, making it first if need be.

    Args:
        key: The digest of the file's bytes as indexed; the cache is addressed by it, so a changed
            and indexed-again picture gets a new thumbnail. Whatever is no digest (rows of other
            programs have none) is not cached, lest pictures share a thumbnail.
        cache: Folder below which thumbnails are kept; it is made if missing.

    Raises:
        ImageError: The file is gone or is no picture.
    """
    cached = _place(cache, key)
    if cached and (small := _read_or_nothing(cached)):
        return small
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ImageError(
            f"{file.name!r} cannot be read ({error.strerror}). The file may have been moved or "
            "deleted since it was indexed; index the folder again."
        ) from error
    small = thumbnail(content, name=file.name)
    if cached:
        try:
            _write_whole(cached, small)
        except OSError:
            # A full disk or a read-only folder costs speed, not pictures.
            logger.warning("cannot cache a thumbnail below %s", cache, exc_info=True)
    return small


def _place(cache: Path, key: str) -> Path | None:
    if not _DIGEST.fullmatch(key):
        return None
    return cache / key[:2] / f"{key}_{THUMBNAIL_SIDE}_{_THUMBNAIL_VERSION}.jpg"


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


def _read_or_nothing(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _write_whole(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _one_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
