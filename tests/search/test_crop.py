"""A part of a picture: what may be asked for, and which pixels it is."""

import pytest
from PIL import Image

from core.errors import QueryError
from core.search.crop import WHOLE, Crop, cut


def test_a_crop_reads_back_what_it_wrote() -> None:
    crop = Crop(100, 0, 900, 500)
    assert str(crop) == "100.0.900.500"
    assert Crop.parse(str(crop)) == crop
    assert WHOLE.is_whole and not crop.is_whole


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1.2.3",
        "a.b.c.d",
        "-1.0.500.500",
        "0.0.1001.500",
        "500.0.400.500",
        "0.0.19.500",
        "0" * 99,
    ],
)
def test_what_is_no_crop_is_refused(text: str) -> None:
    with pytest.raises(QueryError):
        Crop.parse(text)


def test_corners_come_in_any_order_and_are_cut_to_the_picture() -> None:
    assert Crop.between((900.4, -30.0), (1200.0, 400.0)) == Crop(0, 400, 900, 1000)


def test_a_box_that_is_too_thin_is_widened_inside_the_picture() -> None:
    assert Crop.between((500, 500), (1000, 1000)) == Crop(500, 980, 520, 1000)


def test_the_pixels_inside_are_cut_out() -> None:
    picture = Image.new("RGB", (200, 100), "white")
    picture.paste("red", (50, 25, 150, 75))
    # 0.25 to 0.75 of 200 and of 100 pixels: just the red part.
    part = cut(picture, Crop(250, 250, 750, 750))
    assert part.size == (100, 50)
    assert part.getcolors() == [(5000, (255, 0, 0))]


def test_of_a_tiny_picture_at_least_one_pixel_is_left() -> None:
    assert cut(Image.new("RGB", (1, 1)), Crop(980, 980, 1000, 1000)).size == (1, 1)
    assert cut(Image.new("RGB", (3, 2)), Crop(0, 0, 20, 20)).size == (1, 1)
