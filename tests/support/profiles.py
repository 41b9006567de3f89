"""Colour spaces by their published numbers, and ICC profiles of them, written without a library."""

import itertools
import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image


@dataclass(frozen=True)
class Space:
    """Colours as three primaries and a gamma.

    Attributes:
        primaries: (3, 3) what red, green and blue are in XYZ, adapted to D50 (columns).
        gamma: Of all three curves.
    """

    primaries: NDArray[np.float64]
    gamma: float

    def of(self, picture: Image.Image) -> Image.Image:
        """Bring a picture from sRGB (IEC 61966-2-1) into this space."""
        values = np.asarray(picture, dtype=np.float64) / 255
        linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
        here = linear @ (np.linalg.inv(self.primaries) @ SRGB_PRIMARIES).T
        return Image.fromarray(
            np.rint(255 * np.clip(here, 0, 1) ** (1 / self.gamma)).astype(np.uint8)
        )


# Bruce Lindbloom's tables of RGB working spaces, Bradford-adapted to D50; Display P3 as in its
# profile of the ICC.
SRGB_PRIMARIES = np.array(
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
)
DISPLAY_P3 = Space(
    np.array(
        [
            [0.51512, 0.29198, 0.15710],
            [0.24120, 0.69225, 0.06657],
            [-0.00105, 0.04189, 0.78407],
        ]
    ),
    2.2,
)
ADOBE_RGB = Space(
    np.array(
        [
            [0.6097559, 0.2052401, 0.1492240],
            [0.3111242, 0.6256560, 0.0632197],
            [0.0194811, 0.0608902, 0.7448387],
        ]
    ),
    2.19921875,
)
PRO_PHOTO = Space(
    np.array(
        [
            [0.7976749, 0.1351917, 0.0313534],
            [0.2880402, 0.7118741, 0.0000857],
            [0.0, 0.0, 0.8252100],
        ]
    ),
    1.8,
)


def inks(lab: Callable[[tuple[int, ...]], tuple[int, int, int]]) -> bytes:
    """Return an ICC profile, version 2.1, of four inks.

    Args:
        lab: What no ink (0) and full ink (1) of each look like, as L of 100, a and b.
    """
    straight = bytes(range(256))
    grid = b"".join(
        bytes((round(light * 2.55), a + 128, b + 128))
        for light, a, b in map(lab, itertools.product((0, 1), repeat=4))
    )
    matrix = struct.pack(">9i", *(65536 * (n % 4 == 0) for n in range(9)))
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + matrix + straight * 4 + grid + straight * 3
    return _written(b"prtr", b"CMYK", b"Lab ", [(b"wtpt", _WHITE), (b"A2B0", table)])


def profile(space: Space, *, grey: bool = False) -> bytes:
    """Return an ICC profile, version 2.1, of a matrix and curves, or of one curve of grey."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(space.gamma * 256)) + bytes(2)
    tags: list[tuple[bytes, bytes]] = [(b"wtpt", _WHITE)]
    if grey:
        tags += [(b"kTRC", curve)]
    else:
        tags += [(name + b"TRC", curve) for name in (b"r", b"g", b"b")]
        tags += [
            (name + b"XYZ", _xyz(column))
            for name, column in zip((b"r", b"g", b"b"), space.primaries.T.tolist(), strict=True)
        ]
    return _written(b"mntr", b"GRAY" if grey else b"RGB ", b"XYZ ", tags)


def _written(kind: bytes, colours: bytes, between: bytes, tags: list[tuple[bytes, bytes]]) -> bytes:
    at = 128 + 4 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for name, content in tags:
        table += name + struct.pack(">II", at + len(data), len(content))
        data += content
    head = struct.pack(">I4sI", at + len(data), bytes(4), 0x02100000)
    head += kind + colours + between + bytes(12) + b"acsp" + bytes(28)
    head += struct.pack(">3i", *(round(value * 65536) for value in (0.9642, 1.0, 0.8249)))
    return head.ljust(128, b"\0") + table + data


def _xyz(values: list[float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


_WHITE = _xyz([0.9642, 1.0, 0.8249])
