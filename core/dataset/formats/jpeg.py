"""JPEG: files that lack their end marker alone, and inks without a word on their meaning."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

_END = b"\xff\xd9"
# A decoder that lacks data takes what follows: after every restart marker, of which there are
# eight, it finds such bytes. Two kinds of them give two pictures.
_FILLINGS = (b"\x00", b"\xaa")


def unpadded(content: bytes) -> bytes:
    """Return a JPEG without the zeros behind it, which a decoder would take for missing data.

    Discs and download programs fill files that were cut off; where the end marker stands before
    the zeros, they mean nothing.
    """
    bare = content.rstrip(b"\0")
    # This zero is data: in a JPEG it follows every byte 255 that is no marker.
    return bare + b"\0" if bare.endswith(b"\xff") and len(bare) < len(content) else bare


def with_end(content: bytes) -> bytes | None:
    """Return a JPEG that lacks nothing but its end marker, with it; None if more is missing.

    Web cams write such files. The decoder is given two different continuations: where the pictures
    agree it has needed neither.

    Args:
        content: A JPEG, `unpadded`, that the decoder has found to be cut off.
    """
    # Half an end marker.
    bare = content.removesuffix(b"\xff")
    try:
        one, other = (_pixels(bare + _continued(byte)) for byte in _FILLINGS)
    except Exception:  # decoders raise anything on damaged data
        return None
    return bare + _END if np.array_equal(one, other) else None


def uninverted(picture: Image.Image) -> Image.Image:
    """Return a CMYK picture of a JPEG with 0 for no ink, as Pillow means it.

    With Adobe's marker 255 is no ink, and Pillow turns it round. Without one 0 is, as libvips and
    ImageMagick read it; Pillow turns that round as well, and shows paper black.
    """
    is_plain = picture.mode == "CMYK" and picture.format == "JPEG" and "adobe" not in picture.info
    return ImageChops.invert(picture) if is_plain else picture


def _continued(byte: bytes) -> bytes:
    filling = byte * 64
    return filling + b"".join(bytes((0xFF, 0xD0 + n)) + filling for n in range(8)) + _END


def _pixels(content: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(content), formats=("JPEG",)) as picture:
        return np.asarray(picture)
