"""Colours are those that the profile means."""

import io

import numpy as np
import pytest
from PIL import Image

from core.dataset.decoding import decode
from tests.support.profiles import ADOBE_RGB, DISPLAY_P3, PRO_PHOTO, inks, profile


def saved(picture: Image.Image, format: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, format, **options)
    return out.getvalue()


def shown(content: bytes) -> tuple[int, ...]:
    return decode(content, name="x").getpixel((2, 2))


@pytest.mark.parametrize("space", [DISPLAY_P3, ADOBE_RGB, PRO_PHOTO])
@pytest.mark.parametrize("colour", [(200, 60, 40), (40, 120, 60), (90, 90, 90), (255, 255, 255)])
def test_a_colour_of_a_wide_space_is_shown_as_it_was_meant(
    space: object, colour: tuple[int, ...]
) -> None:
    content = saved(space.of(Image.new("RGB", (4, 4), colour)), icc_profile=profile(space))
    assert np.abs(np.subtract(shown(content), colour)).max() <= 3


def test_grey_has_the_curve_of_its_profile() -> None:
    # 128 / 255 to the power of 1.8 is 0.289; sRGB: 1.055 * 0.289 ** (1 / 2.4) - 0.055 = 0.574, and
    # 0.574 * 255 = 146.
    grey = Image.new("L", (4, 4), 128)
    found = shown(saved(grey, icc_profile=profile(PRO_PHOTO, grey=True)))
    assert np.abs(np.subtract(found, 146)).max() <= 2
    alpha = Image.merge("LA", (grey, Image.new("L", (4, 4), 255)))
    assert shown(saved(alpha, icc_profile=profile(PRO_PHOTO, grey=True))) == found


def test_inks_look_as_their_profile_says() -> None:
    # A printer whose first ink is red, Lab (53, 80, 67), and whose paper is white.
    odd = inks(lambda ink: (53, 80, 67) if ink[0] else (0, 0, 0) if any(ink) else (100, 0, 0))
    for format in ("JPEG", "TIFF"):
        full = saved(Image.new("CMYK", (8, 8), (255, 0, 0, 0)), format, icc_profile=odd)
        assert np.abs(np.subtract(shown(full), (255, 0, 0))).max() <= 12
        none = saved(Image.new("CMYK", (8, 8), (0, 0, 0, 0)), format, icc_profile=odd)
        assert min(shown(none)) >= 250


@pytest.mark.parametrize(
    "broken",
    [b"x", b"x" * 3000, profile(DISPLAY_P3)[:150], profile(PRO_PHOTO, grey=True), bytes(5_000_000)],
    ids=["short", "long", "cut", "of other colours", "too large"],
)
def test_a_profile_that_cannot_be_used_costs_no_picture(broken: bytes) -> None:
    content = saved(Image.new("RGB", (4, 4), (200, 60, 40)), "TIFF", icc_profile=broken)
    assert shown(content) == (200, 60, 40)


def test_transparency_and_profile_go_together() -> None:
    space = PRO_PHOTO
    colours = space.of(Image.new("RGB", (4, 4), (200, 60, 40))).convert("RGBA")
    content = saved(colours, icc_profile=profile(space))
    assert np.abs(np.subtract(shown(content), (200, 60, 40))).max() <= 3


def test_two_white_shapes_on_transparency_do_not_look_alike() -> None:
    def shape(*box: int) -> Image.Image:
        picture = Image.new("RGBA", (20, 20), (255, 255, 255, 0))
        picture.paste((255, 255, 255, 255), box)
        return decode(saved(picture), name="x")

    wide, tall = shape(2, 8, 18, 12), shape(8, 2, 12, 18)
    # White within the shape, grey around it.
    assert [wide.getpixel(at) for at in ((10, 10), (10, 3))] == [(255,) * 3, (128,) * 3]
    assert [tall.getpixel(at) for at in ((10, 3), (3, 10))] == [(255,) * 3, (128,) * 3]


def test_a_shape_that_white_shows_stays_on_white() -> None:
    picture = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    picture.paste((255, 255, 255, 255), (2, 2, 18, 18))
    picture.paste((200, 30, 30, 255), (6, 6, 14, 14))  # a white mug with a red print
    read = decode(saved(picture), name="x")
    assert [read.getpixel(at) for at in ((0, 0), (4, 4), (10, 10))] == [
        (255,) * 3,
        (255,) * 3,
        (200, 30, 30),
    ]
