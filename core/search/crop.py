"""The part of a picture that is searched with."""

import re
from dataclasses import dataclass

from PIL import Image

from core.errors import QueryError

# Whole numbers, so that a crop reads the same in an address, a cache key and a slider.
SCALE = 1000
LEAST = 20

_TEXT = re.compile(r"(\d{1,4})\.(\d{1,4})\.(\d{1,4})\.(\d{1,4})")


@dataclass(frozen=True, slots=True)
class Crop:
    """A rectangle in thousandths of the picture's width and height, from its upper left corner.

    Attributes:
        left: 0 to 980.
        top: 0 to 980.
        right: At least 20 more than `left`, up to 1,000; not part of the rectangle itself.
        bottom: At least 20 more than `top`, up to 1,000.

    Raises:
        QueryError: A number is outside its range.
    """

    left: int
    top: int
    right: int
    bottom: int

    def __post_init__(self) -> None:
        across = 0 <= self.left <= self.right - LEAST <= SCALE - LEAST
        down = 0 <= self.top <= self.bottom - LEAST <= SCALE - LEAST
        if not (across and down):
            raise QueryError(
                f"the crop {self} is not allowed: give left.top.right.bottom in thousandths, each "
                f"side at least {LEAST}."
            )

    def __str__(self) -> str:
        """Return such as `100.0.900.500`; `parse` reads it back."""
        return f"{self.left}.{self.top}.{self.right}.{self.bottom}"

    @classmethod
    def parse(cls, text: str) -> "Crop":
        """Read what `str` wrote.

        Raises:
            QueryError: `text` has another form, or a number is outside its range.
        """
        numbers = _TEXT.fullmatch(text)
        if not numbers:
            raise QueryError(f"{text!r} is no crop: give left.top.right.bottom in thousandths.")
        return cls(*map(int, numbers.groups()))

    @classmethod
    def between(cls, x: tuple[float, float], y: tuple[float, float]) -> "Crop":
        """Return the crop between two corners in thousandths, in any order, cut to the picture.

        What is thinner than allowed is widened.
        """
        left, right = _span(*x)
        top, bottom = _span(*y)
        return cls(left, top, right, bottom)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is cut off."""
        return (self.left, self.top, self.right, self.bottom) == (0, 0, SCALE, SCALE)

    @property
    def least_share(self) -> float:
        """Of width or height, whichever more is cut off, what is left: 0.02 to 1."""
        return min(self.right - self.left, self.bottom - self.top) / SCALE


WHOLE = Crop(0, 0, SCALE, SCALE)


def cut(picture: Image.Image, crop: Crop) -> Image.Image:
    """Return the part of a picture inside a crop, at least one pixel each way."""
    width, height = picture.size
    left, right = _pixels(crop.left, crop.right, width)
    top, bottom = _pixels(crop.top, crop.bottom, height)
    return picture.crop((left, top, right, bottom))


def _pixels(start: int, end: int, size: int) -> tuple[int, int]:
    first = min(round(start * size / SCALE), size - 1)
    return first, max(first + 1, round(end * size / SCALE))


def _span(one: float, other: float) -> tuple[int, int]:
    start, end = sorted(min(max(round(value), 0), SCALE) for value in (one, other))
    if end - start < LEAST:
        start = min(start, SCALE - LEAST)
        end = start + LEAST
    return start, end
