"""TIFF: what Pillow gets wrong."""

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

# Tags of TIFF 6.0, and Adobe's of DNG.
_BITS, _COMPRESSION, _PHOTOMETRIC, _OFFSETS, _COUNTS = 258, 259, 262, 273, 279
_PLANES, _TILE_OFFSETS, _EXTRA, _DNG = 284, 324, 338, 50706
_RGB, _SEPARATE, _PLAIN = 2, 2, 1


def is_raw(picture: TiffImageFile) -> bool:
    """Whether the picture is only the thumbnail of a camera's raw file."""
    return _DNG in picture.tag_v2


def separate_planes(picture: TiffImageFile, content: bytes) -> Image.Image | None:
    """Read uncompressed 16-bit RGB in separate planes; None for a picture of any other kind.

    Pillow takes such planes for pixels of three colours, and shows four pictures over each other.

    Args:
        content: The whole file.

    Raises:
        ValueError: It is of that kind, and laid out in a way that is not read here either.
    """
    tags = picture.tag_v2
    bits = tuple(tags.get(_BITS, ()))
    if tags.get(_PLANES) != _SEPARATE or tags.get(_COMPRESSION, _PLAIN) != _PLAIN:
        return None
    if len(bits) < 2 or set(bits) != {16}:
        return None
    if tags.get(_PHOTOMETRIC) != _RGB or _TILE_OFFSETS in tags or len(bits) > 4:
        raise ValueError("16-bit colours in separate planes that are no plain RGB")
    order = "<u2" if content.startswith(b"II") else ">u2"
    strips = zip(_numbers(tags[_OFFSETS]), _numbers(tags[_COUNTS]), strict=True)
    data = b"".join(content[start : start + count] for start, count in strips)
    width, height = picture.size
    planes = np.frombuffer(data, order).reshape(len(bits), height, width)
    # A fourth plane that is no alpha is nobody's business.
    shown = planes if set(_numbers(tags.get(_EXTRA, 0))) & {1, 2} else planes[:3]
    return Image.fromarray(np.moveaxis(shown >> 8, 0, 2).astype(np.uint8))


def _numbers(value: object) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (int(str(value)),)
