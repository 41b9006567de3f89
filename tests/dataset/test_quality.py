"""What is wrong with pictures by themselves: drawn so that it is known, and against a reference."""

import math

import numpy as np
import pytest
from PIL import Image

from core.dataset.decoding import decode, whole_size
from core.dataset.quality import (
    GOOD,
    PIXELS,
    QUALITY,
    Fault,
    faults_of,
    measure,
    measured,
    odd_sizes,
    texts_with,
    told,
)
from tests.conftest import picture_bytes

SIZE = (300, 200)


def noise(low: int, high: int, *, size: tuple[int, int] = SIZE) -> Image.Image:
    """Squares of ten pixels in colours from `low` to `high`: sharp and full of information."""
    width, height = (side // 10 for side in size)
    squares = np.random.default_rng(0).integers(low, high, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(squares).resize(size, Image.Resampling.NEAREST)


def gradient() -> Image.Image:
    """From one colour to others without an edge, through many levels of brightness."""
    width, height = SIZE
    across, down = np.linspace(40, 160, width), np.linspace(40, 160, height)[:, None]
    planes = np.broadcast_arrays(across, (across + down) / 2, down)
    return Image.fromarray(np.stack(planes, axis=2).astype(np.uint8))


def faults(picture: Image.Image, *, size: tuple[int, int] | None = None) -> str:
    return dict(measure(picture, size=size or picture.size))[QUALITY]


def test_a_picture_with_which_nothing_is_wrong_is_good_and_its_size_is_kept() -> None:
    assert measure(noise(0, 256), size=(4000, 3000)) == (
        (PIXELS, "4000 x 3000"),
        (QUALITY, GOOD),
    )


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        # sqrt(0.241 + 0.691 + 0.068) = 1, so a grey of 80 has the brightness 80 / 255 = 0.314.
        (noise(0, 80), "dark"),
        (noise(0, 120), GOOD),
        # 243 / 255 = 0.953.
        (noise(243, 256), "bright"),
        (noise(230, 256), GOOD),
        (gradient(), "blurred"),
        # A quarter as high as wide; 0.35 is still usual.
        (noise(0, 256, size=(400, 100)), "odd shape"),
        (noise(0, 256, size=(100, 280)), GOOD),
        (noise(0, 256).convert("L").convert("RGB"), "greyscale"),
        # Two levels: at most 1 bit a colour, log2(3) + 1 = 2.58 for three colours. No blur: there
        # are too few levels for edges to tell.
        (
            noise(0, 256).convert("L").point(lambda v: 255 * (v > 127)).convert("RGB"),
            "low information, greyscale",
        ),
        (Image.new("RGB", SIZE, "#101010"), "dark, low information, greyscale"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(picture: Image.Image, expected: str) -> None:
    assert faults(picture) == expected


def test_a_picture_of_one_pixel_is_measured_too() -> None:
    assert faults(Image.new("RGB", (1, 1), "white")).startswith("bright")


def test_a_picture_decoded_at_a_reduced_scale_has_the_size_of_the_whole() -> None:
    picture = decode(picture_bytes(0, side=1000, format="JPEG"), name="x", short_side=100)
    assert picture.size == (250, 250) and whole_size(picture) == (1000, 1000)


def test_sizes_far_from_the_others_are_odd() -> None:
    # Quartiles 100 and 110, so from 70 to 140 all is usual.
    sides = [100.0, 100.0, 105.0, 110.0, 110.0, 140.0, 141.0, 70.0, 69.0, math.nan]
    odd = odd_sizes(sides)
    low, high = np.percentile(sides[:-1], [25, 75])
    assert (low, high) == (100, 110)
    assert odd.tolist() == [False] * 6 + [True, False, True, False]
    # Where half of all have one size, any other is odd.
    assert odd_sizes([100.0] * 6 + [101.0]).tolist() == [False] * 6 + [True]
    assert odd_sizes([]).tolist() == []


def test_faults_are_read_back_with_odd_sizes_among_all() -> None:
    pixels = (PIXELS, "10 x 10")
    rows = [(pixels, (QUALITY, "dark, blurred")), *[(pixels, (QUALITY, GOOD))] * 4]
    large = ((PIXELS, "99 x 99"), (QUALITY, GOOD))
    assert faults_of([*rows, large, (), ((PIXELS, "?"), (QUALITY, GOOD))]) == [
        ("dark", "blurred"),
        *[(GOOD,)] * 4,
        (GOOD, "odd size"),
        (),
        (GOOD,),
    ]


def test_every_text_with_a_fault_is_known() -> None:
    texts = texts_with(Fault.DARK)
    # With and without each of five others.
    assert len(texts) == len(set(texts)) == 2**5
    assert {"dark", "dark, bright, blurred, low information, odd shape, greyscale"} <= set(texts)
    assert "bright" not in texts
    assert texts_with(GOOD) == (GOOD,)
    assert texts_with(Fault.SIZE) == texts_with("no such fault") == ()


def test_what_was_measured_is_told_apart_from_what_was_told() -> None:
    further = ((PIXELS, "1 x 1"), (QUALITY, GOOD), ("variety", "Gala"))
    assert measured(further) == further[:2] and told(further) == further[2:]
