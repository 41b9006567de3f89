"""TIFFs that Pillow would show wrong are read right or refused."""

import struct

import numpy as np
import pytest

from core.dataset.decoding import decode
from core.errors import ImageError
from tests.support.tiffs import tiff

GREY = np.arange(256).reshape(16, 16)
COLOURS = np.array([[[255, 128, 3], [0, 64, 200]]] * 2)
ORDERS = pytest.mark.parametrize("order", ["<", ">"])


def read(values: np.ndarray, **options: object) -> np.ndarray:
    return np.asarray(decode(tiff(values, **options), name="a.tif"))


@ORDERS
@pytest.mark.parametrize("separate", [True, False])
def test_sixteen_bits_are_read_as_the_colours_they_are(order: str, separate: bool) -> None:
    values = (COLOURS * 257).astype(np.uint16)
    assert (read(values, order=order, separate=separate) == COLOURS).all()
    # 6: the first row is the right side.
    turned = read(values, order=order, separate=separate, tags={274: 6})
    assert (turned == np.rot90(COLOURS, -1)).all()


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_colours_of_a_sensor_keep_a_brightness_that_can_be_seen(bits: int) -> None:
    values = np.rint(COLOURS * ((2**bits - 1) / 255)).astype(np.uint16)
    assert np.abs(read(values).astype(int) - COLOURS).max() <= 1


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_grey_of_a_sensor_keeps_a_brightness_that_can_be_seen(bits: int) -> None:
    values = np.rint(GREY * ((2**bits - 1) / 255)).astype(np.uint16)
    assert (read(values)[..., 0] == GREY).all()


def test_a_dark_picture_of_eight_bits_stays_dark() -> None:
    assert (read((COLOURS // 32).astype(np.uint8)) == COLOURS // 32).all()


@ORDERS
def test_grey_whose_white_is_zero_is_no_negative(order: str) -> None:
    for kind, factor in ((np.uint8, 1), (np.uint16, 257)):
        if kind is np.uint16 and order == ">":
            continue  # Pillow refuses it, and it is named
        values = ((255 - GREY) * factor).astype(kind)
        assert (read(values, order=order, tags={262: 0})[..., 0] == GREY).all()


def test_numbers_with_and_without_a_sign_keep_their_brightness() -> None:
    # 2**32 - 1 = 255 * 16,843,009; 2**15 - 1 = 32,767, of which 128.5 is a level.
    assert (read((GREY * 16_843_009).astype(np.uint32))[..., 0] == GREY).all()
    signed = np.rint(GREY * (32_767 / 255)).astype(np.int16)
    assert (read(signed)[..., 0] == GREY).all()
    assert (read(-signed)[..., 0] == 0).all()


def test_planes_that_break_off_are_refused() -> None:
    content = tiff((COLOURS * 257).astype(np.uint16), separate=True)
    with pytest.raises(ImageError, match=r"'a\.tif' is damaged"):
        decode(content[:-3], name="a.tif")


def test_planes_of_other_colours_are_refused_and_not_shown_garbled() -> None:
    inks = np.zeros((4, 4, 4), dtype=np.uint16)
    with pytest.raises(ImageError, match="16-bit colours in separate planes that are no plain RGB"):
        read(inks, separate=True)


def test_the_thumbnail_of_a_raw_file_is_not_taken_for_the_picture() -> None:
    # Adobe's tag DNGVersion.
    content = tiff(GREY.astype(np.uint8), tags={50706: 1})
    assert struct.pack("<H", 50706) in content
    with pytest.raises(ImageError, match="raw file of a camera"):
        decode(content, name="a.tif")


def test_strips_that_lie_over_each_other_do_not_fill_the_memory() -> None:
    values = np.zeros((1024, 1024, 3), dtype=np.uint16)
    content = bytearray(tiff(values))
    # The length of each strip stands twice: in the file it is 1,024 / 2 * 1,024 * 3 * 2 bytes.
    length = struct.pack("<II", 3_145_728, 3_145_728)
    place = content.index(length)
    content[place : place + 8] = struct.pack("<II", 2**31, 2**31)
    with pytest.raises(ImageError, match="strips that do not fill the picture"):
        decode(bytes(content), name="a.tif")
