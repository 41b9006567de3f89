"""What is wrong with a picture by itself: too dark, blurred, of an odd shape, and the like.

Formulas and thresholds are those of CleanVision 0.3.7 by Cleanlab (Apache License 2.0; its
`issue_managers/image_property.py` and `image_property_issue_manager.py`), in lines of our own: the
library itself needs imagehash, matplotlib and fsspec, and takes files or data frames, not a
picture that is decoded already. As there, blur is looked for in a picture of 64 pixels; brightness
and information are measured in as many pixels from all over the picture, not in all of them.

What was measured is kept with the row of a picture, as a labels file's columns are.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

from core.records import Further

# Names under which it is kept.
QUALITY, PIXELS = "picture_quality", "picture_pixels"
# What a picture has with which nothing is wrong.
GOOD = "good"

_SIDE = 64
# Brightness of a pixel, from 0 to 1: the root of the weighted squares of its colours.
_WEIGHTS = np.array([0.241, 0.691, 0.068], dtype=np.float32) / 255**2
# Dark: the 99th percentile is below. Bright: the 5th is above.
_DARK, _DARK_SHARE = 0.32, 0.99
_BRIGHT, _BRIGHT_SHARE = 0.95, 0.95
# The shorter side over the longer one.
_LEAST_RATIO = 0.35
# Bits a pixel, of at most 9.6.
_LEAST_ENTROPY = 3.0
# 1 - exp(-x / 100) of how much edges differ, plus the same of how much the counts of grey levels
# differ, if that is more than a little: few levels make weak edges without blur.
_BLURRED, _FEW_LEVELS, _SCALE = 0.29, 0.18, 0.01
# Levels by which the colours of a grey picture may differ once it has been converted.
_GREY_LEVELS = 2
# Sizes this many times the middle half of all apart from it are odd.
_ODD_SPREADS = 3.0


class Fault(StrEnum):
    """What can be wrong with a picture, in the order in which it is kept."""

    DARK = "dark"
    BRIGHT = "bright"
    BLURRED = "blurred"
    PLAIN = "low information"
    SHAPE = "odd shape"
    GREY = "greyscale"
    # Measured against all others, so it is not kept.
    SIZE = "odd size"


_KEPT = tuple(fault for fault in Fault if fault is not Fault.SIZE)


def measure(picture: Image.Image, *, size: tuple[int, int]) -> Further:
    """Measure a decoded picture.

    Args:
        picture: RGB, perhaps decoded at a reduced scale.
        size: Width and height of the whole picture, in either order.

    Returns:
        Its faults, or that it is good, and its size, as they are kept.
    """
    faults = ", ".join(_faults(picture, size)) or GOOD
    return (PIXELS, f"{max(size)} x {min(size)}"), (QUALITY, faults)


def measured(further: Further) -> Further:
    """Return the part of what is known of a picture that was measured; empty if nothing was."""
    return tuple(pair for pair in further if pair[0] in (QUALITY, PIXELS))


def told(further: Further) -> Further:
    """Return the part of what is known of a picture that was not measured but told."""
    return tuple(pair for pair in further if pair[0] not in (QUALITY, PIXELS))


def faults_of(further: Sequence[Further]) -> list[tuple[str, ...]]:
    """Return what is wrong with every row (N,): faults, `GOOD`, or nothing of one not measured.

    Args:
        further: (N,) what is known of each.
    """
    # Rows of which the same is known are many; each of these is looked at once.
    places = {one: place for place, one in enumerate(dict.fromkeys(further))}
    known = [dict(one) for one in places]
    which = np.fromiter((places[one] for one in further), dtype=np.int64, count=len(further))
    sides = np.array([_side(one.get(PIXELS, "")) for one in known], dtype=np.float64)
    odd = odd_sizes(sides[which])
    # Nothing need be wrong with a picture that is much larger than the others, so it may be good as
    # well: so the database has it, which does not know the others when it is asked for good ones.
    said = [tuple(one[QUALITY].split(", ")) if QUALITY in one else () for one in known]
    return [
        (*said[place], str(Fault.SIZE)) if is_odd else said[place]
        for place, is_odd in zip(which.tolist(), odd.tolist(), strict=True)
    ]


def odd_sizes(sides: Sequence[float] | NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark what is much larger or smaller than the others.

    Three times the distance between the quartiles beyond them; where half of all have one size,
    any other.

    Args:
        sides: (N,) roots of the numbers of pixels; NaN where that is not known.
    """
    values = np.array(sides, dtype=np.float64)
    known = values[~np.isnan(values)]
    if not known.size:
        return np.zeros(len(values), dtype=bool)
    low, high = np.percentile(known, [25, 75])
    gap = _ODD_SPREADS * (high - low)
    odd: NDArray[np.bool_] = (values < low - gap) | (values > high + gap)
    return odd


def texts_with(fault: str) -> tuple[str, ...]:
    """Return every text that is kept for pictures with a fault, with whatever others it comes."""
    if fault not in _KEPT:
        return (GOOD,) if fault == GOOD else ()
    combinations: Iterable[tuple[Fault, ...]] = itertools.chain.from_iterable(
        itertools.combinations(_KEPT, length) for length in range(1, len(_KEPT) + 1)
    )
    return tuple(", ".join(faults) for faults in combinations if fault in faults)


def _faults(picture: Image.Image, size: tuple[int, int]) -> Iterable[Fault]:
    # Pixels as they are, from all over the picture.
    some = picture.resize(_small_size(picture), Image.Resampling.NEAREST)
    colours = np.asarray(some).reshape(-1, 3).astype(np.float32)
    squares = (colours * colours) @ _WEIGHTS
    # Counted: to sort for a percentile takes as long as all the rest.
    if np.count_nonzero(squares < _DARK**2) >= _DARK_SHARE * len(squares):
        yield Fault.DARK
    if np.count_nonzero(squares > _BRIGHT**2) >= _BRIGHT_SHARE * len(squares):
        yield Fault.BRIGHT
    if _is_blurred(picture):
        yield Fault.BLURRED
    if some.entropy() < _LEAST_ENTROPY:
        yield Fault.PLAIN
    if min(size) / max(size) < _LEAST_RATIO:
        yield Fault.SHAPE
    if _is_grey(some):
        yield Fault.GREY


def _small_size(picture: Image.Image) -> tuple[int, int]:
    ratio = max(1.0, max(picture.size) / _SIDE)
    width, height = picture.size
    return max(1, int(width / ratio)), max(1, int(height / ratio))


def _is_blurred(picture: Image.Image) -> bool:
    # From four pixels for each: nearly all of the time would go into averaging all there are.
    width, height = _small_size(picture)
    some = picture.resize((2 * width, 2 * height), Image.Resampling.NEAREST)
    small = some.convert("L").reduce(2)
    edges = float(np.asarray(small.filter(ImageFilter.FIND_EDGES)).std())
    levels = 1 - math.exp(-_SCALE * float(np.std(small.histogram())))
    sharpness = 1 - math.exp(-_SCALE * edges)
    return sharpness + (levels if levels > _FEW_LEVELS else 0) < _BLURRED


def _is_grey(picture: Image.Image) -> bool:
    red, green, blue = picture.split()
    gaps = (np.asarray(ImageChops.difference(one, green)) for one in (red, blue))
    return all(int(gap.max()) <= _GREY_LEVELS for gap in gaps)


def _side(pixels: str) -> float:
    try:
        width, height = map(int, pixels.split(" x "))
    except ValueError:
        return math.nan
    return math.sqrt(width * height)
