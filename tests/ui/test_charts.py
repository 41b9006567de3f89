"""The colours of classes: enough of them, told apart by every eye, visible on their background."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from core.ui.charts import DARK_COLOURS, LIGHT_COLOURS, class_colour

# Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision
# Deficiency" (2009), severity 1: what linear RGB looks like.
SIGHTS = {
    "usual": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
         [0.004733, 0.691367, 0.303900]]
    ),
}  # fmt: skip
# Ottosson, "A perceptual color space for image processing" (2020).
TO_CONES = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
     [0.0883024619, 0.2817188376, 0.6299787005]]
)  # fmt: skip
TO_OKLAB = np.array(
    [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
     [0.0259040371, 0.7827717662, -0.8086757660]]
)  # fmt: skip


def linear(colour: str) -> NDArray[np.float64]:
    """sRGB as light, IEC 61966-2-1."""
    parts = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def oklab(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lightness from 0 to 100, and two hues on the same scale."""
    return 100 * TO_OKLAB @ np.cbrt(TO_CONES @ np.clip(light, 0, 1))


def contrast(one: str, other: str) -> float:
    """As WCAG 2 has it."""
    high, low = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (one, other))[::-1]
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("colours", [LIGHT_COLOURS, DARK_COLOURS])
def test_any_two_of_twenty_colours_are_told_apart_by_every_eye(
    colours: tuple[str, ...], sight: str
) -> None:
    # Of the ten colours before, two were 0.7 apart for deuteranopes and 1.6 for protanopes. 2 is
    # about what two patches side by side need, points of a map rather more.
    least = 9 if sight == "usual" else 4.9
    assert len(colours) == len(set(colours)) == 20
    seen = {colour: oklab(SIGHTS[sight] @ linear(colour)) for colour in colours}
    pairs = itertools.combinations(colours, 2)
    close = [(a, b) for a, b in pairs if np.linalg.norm(seen[a] - seen[b]) < least]
    assert close == []


def test_every_colour_is_visible_on_its_background() -> None:
    # Of .streamlit/config.toml; below 1.75 a point of three pixels is hardly seen.
    for colours, background in ((LIGHT_COLOURS, "#FFFFFF"), (DARK_COLOURS, "#16171A")):
        assert [c for c in colours if contrast(c, background) < 1.75] == []


def test_the_twenty_first_class_begins_again() -> None:
    assert class_colour(20, dark=False) == class_colour(0, dark=False) == LIGHT_COLOURS[0]
