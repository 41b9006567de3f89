"""TIFF files of whatever kind, written by the letter of TIFF 6.0 and uncompressed."""

import struct
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

_SHORT, _LONG = 3, 4


def tiff(
    values: NDArray[np.generic],
    *,
    order: str = "<",
    separate: bool = False,
    tags: Mapping[int, int] | None = None,
) -> bytes:
    """Return a file of two strips, or of two a plane.

    Args:
        values: (H, W) grey, (H, W, 3) RGB or (H, W, 4) CMYK, of any size and sign.
        order: `<` little endian, `>` big endian.
        separate: Whether the colours stand in planes one behind the other.
        tags: Further ones, or instead of what is written, each one number.
    """
    pixels = values if values.ndim == 3 else values[..., None]
    height, width, count = pixels.shape
    stored = pixels.astype(pixels.dtype.newbyteorder(order))
    half = (slice(0, height // 2), slice(height // 2, height))
    planes = [stored[..., n] for n in range(count)] if separate else [stored]
    strips = [np.ascontiguousarray(plane[rows]).tobytes() for plane in planes for rows in half]
    entries: dict[int, list[int]] = {
        256: [width],
        257: [height],
        258: [values.dtype.itemsize * 8] * count,
        259: [1],
        262: [{1: 1, 3: 2, 4: 5}[count]],
        273: [0] * len(strips),
        277: [count],
        278: [height // 2],
        279: list(map(len, strips)),
        284: [2 if separate else 1],
        339: [{"u": 1, "i": 2, "f": 3}[values.dtype.kind]] * count,
    }
    entries |= {tag: [number] for tag, number in (tags or {}).items()}
    long = {256, 257, 273, 278, 279}
    head = 8 + 2 + 12 * len(entries) + 4
    listed = sum(_size(tag in long, numbers) for tag, numbers in entries.items())
    starts = np.cumsum([head + listed, *map(len, strips[:-1])]).tolist()
    entries[273] = starts
    out = (b"II" if order == "<" else b"MM") + struct.pack(order + "HIH", 42, 8, len(entries))
    lists = b""
    for tag, numbers in sorted(entries.items()):
        kind, letter = (_LONG, "I") if tag in long else (_SHORT, "H")
        packed = struct.pack(order + letter * len(numbers), *numbers)
        out += struct.pack(order + "HHI", tag, kind, len(numbers))
        if len(packed) > 4:
            out += struct.pack(order + "I", head + len(lists))
            lists += packed
        else:
            out += packed.ljust(4, b"\0")
    return out + struct.pack(order + "I", 0) + lists + b"".join(strips)


def _size(is_long: bool, numbers: list[int]) -> int:
    size = len(numbers) * (4 if is_long else 2)
    return size if size > 4 else 0
