"""Small JPEGs of pictures, cached on disk by the digest of the file."""

import io
import logging
import re
from pathlib import Path, PurePosixPath

from PIL import Image, ImageOps

from core.dataset.decoding import decode
from core.dataset.files import content_inside
from core.dataset_root import Root
from core.errors import FileError
from core.files import note_use, write_whole

logger = logging.getLogger(__name__)


THUMBNAIL_SIDE = 320


# Thumbnails that an earlier version cached are not read.
_THUMBNAIL_VERSION = 4
_ENDING = f"_{THUMBNAIL_SIDE}_{_THUMBNAIL_VERSION}.jpg"


# Tells itself from the page in both themes.
_BORDER = "#808080"


_DIGEST = re.compile(r"[0-9a-f]{16,128}")


def thumbnail(content: bytes, *, name: str, side: int = THUMBNAIL_SIDE) -> bytes:
    """Return the middle of a picture as a square JPEG, so that tiles stand in straight rows.

    Args:
        side: Of the square, in pixels; a smaller picture is made larger.

    Raises:
        ImageError: As `decode`.
    """
    picture = decode(content, name=name, short_side=side)
    # First, since a very long one gets wide borders.
    picture.thumbnail((2 * side, 2 * side))
    return _jpeg(ImageOps.fit(_not_too_long(picture), (side, side)))


def small_jpeg(picture: Image.Image, *, side: int = THUMBNAIL_SIDE) -> bytes:
    """Return a picture, which is made smaller in place, as JPEG bytes that fit in a square.

    What is longer than twice its width, or wider than twice its height, gets grey borders up to
    that: in a column as wide as the picture, a strip of 3 x 900 pixels would be a page of its own.

    Args:
        side: Of the square, in pixels.
    """
    picture.thumbnail((side, side))
    return _jpeg(_not_too_long(picture))


def cached_thumbnail(root: Root, path: str, *, key: str, cache: Path) -> bytes:
    """Return the thumbnail of a picture from the cache folder, making it first if need be.

    Args:
        root: The dataset folder.
        path: Of the picture in it.
        key: The digest of the file's bytes as indexed; the cache is addressed by it, so a changed
            and indexed-again picture gets a new thumbnail. Whatever is no digest (rows of other
            programs have none) is not cached, lest pictures share a thumbnail.
        cache: Folder below which thumbnails are kept; it is made if missing.

    Raises:
        ImageError: The file is gone, too large, no picture, or not in the folder.
    """
    cached = _place(cache, key)
    if cached and (small := _read_or_nothing(cached)):
        note_use(cached)
        return small
    small = thumbnail(content_inside(root, path), name=PurePosixPath(path).name)
    if cached:
        try:
            write_whole(cached, small)
        except FileError:
            # A full disk or a read-only folder costs speed, not pictures.
            logger.warning("cannot cache a thumbnail below %s", cache, exc_info=True)
    return small


def _not_too_long(picture: Image.Image) -> Image.Image:
    width, height = picture.size
    least = (max(width, height) + 1) // 2
    if min(width, height) >= least:
        return picture
    return ImageOps.pad(picture, (max(width, least), max(height, least)), color=_BORDER)


def _jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()


def is_thumbnail(name: str) -> bool:
    """Whether a file of the cache is called as this version calls a thumbnail."""
    return name.endswith(_ENDING)


def _place(cache: Path, key: str) -> Path | None:
    if not _DIGEST.fullmatch(key):
        return None
    return cache / key[:2] / f"{key}{_ENDING}"


def _read_or_nothing(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
