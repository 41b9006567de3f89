"""TIFF: what Pillow gets wrong."""

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from core.dataset.formats.depth import brightened, eight_bits

# Tags of TIFF 6.0, and Adobe's of DNG.
_WIDTH, _HEIGHT = 256, 257
_BITS, _COMPRESSION, _PHOTOMETRIC, _OFFSETS, _COUNTS = 258, 259, 262, 273, 279
_LAYOUT, _TILE_OFFSETS, _EXTRA, _SAMPLE_FORMAT, _DNG = 284, 324, 338, 339, 50706
_WHITE_IS_ZERO, _RGB = 0, 2
_SEPARATE, _UNCOMPRESSED = 2, 1
_UNSIGNED, _SIGNED = 1, 2


def is_raw(picture: TiffImageFile) -> bool:
    """Whether the picture is only the thumbnail of a camera's raw file."""
    return _DNG in picture.tag_v2


def pixels(picture: TiffImageFile, content: bytes) -> Image.Image | None:
    """Return the pixels of a picture that Pillow would show wrong; None for any other.

    These are 16-bit colours that stand uncompressed in separate planes, of which it shows four
    pictures over each other; grey of 16 or 32 bits whose white is 0, or whose numbers have a sign
    or lack one; and colours of a sensor's 10, 12 or 14 bits, which it shows black.

    Args:
        content: The whole file.

    Raises:
        ValueError: It is of the first kind, and laid out in a way that is not read here either.
    """
    tags = picture.tag_v2
    bits = _numbers(tags.get(_BITS, 1))
    if set(bits) == {16} and len(bits) > 2 and tags.get(_PHOTOMETRIC) == _RGB:
        plain = tags.get(_COMPRESSION, _UNCOMPRESSED) == _UNCOMPRESSED and _TILE_OFFSETS not in tags
        if plain and len(bits) <= 4:
            return _sixteen_bits(picture, content)
    is_garbled = tags.get(_LAYOUT) == _SEPARATE and set(bits) == {16} and len(bits) > 1
    if is_garbled and tags.get(_COMPRESSION, _UNCOMPRESSED) == _UNCOMPRESSED:
        raise ValueError("16-bit colours in separate planes that are no plain RGB")
    if picture.mode == "I" or picture.mode.startswith("I;16"):
        return _grey(picture, bits[0])
    if set(bits) == {16} and picture.mode in ("RGB", "RGBA"):
        return brightened(picture)
    return None


def _sixteen_bits(picture: TiffImageFile, content: bytes) -> Image.Image:
    tags = picture.tag_v2
    # Not the picture's size, which is that of one that was turned upright.
    width, height, count = tags[_WIDTH], tags[_HEIGHT], len(_numbers(tags[_BITS]))
    starts, sizes = _numbers(tags[_OFFSETS]), _numbers(tags[_COUNTS])
    if sum(sizes) != 2 * width * height * count:
        # Strips may lie over each other, and a small file would fill the memory.
        raise ValueError("strips that do not fill the picture, or more than fill it")
    strips = zip(starts, sizes, strict=True)
    data = b"".join(content[start : start + size] for start, size in strips)
    values = np.frombuffer(data, "<u2" if content.startswith(b"II") else ">u2")
    if tags.get(_LAYOUT) == _SEPARATE:
        values = np.moveaxis(values.reshape(count, height, width), 0, 2)
    else:
        values = values.reshape(height, width, count)
    # A fourth number that is no alpha is nobody's business.
    colours = Image.fromarray(eight_bits(values[..., :3]))
    if set(_numbers(tags.get(_EXTRA, 0))) & {1, 2}:
        colours.putalpha(Image.fromarray(eight_bits(values[..., 3], full=65535.0)))
    return colours


def _grey(picture: TiffImageFile, bits: int) -> Image.Image | None:
    tags = picture.tag_v2
    (kind, *_), values = _numbers(tags.get(_SAMPLE_FORMAT, _UNSIGNED)), np.asarray(picture)
    if kind == _UNSIGNED and bits == 32:
        values = values.view(np.uint32)
    full = float(2**bits - 1) if kind == _UNSIGNED else float(2 ** (bits - 1) - 1)
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        return Image.fromarray(255 - eight_bits(values, full=full))
    if kind == _SIGNED:
        return Image.fromarray(eight_bits(values, full=full if bits == 16 else None))
    return Image.fromarray(eight_bits(values))


def _numbers(value: object) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (int(str(value)),)
