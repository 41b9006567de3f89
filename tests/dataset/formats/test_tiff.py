"""TIFFs that Pillow would show wrong are read right or refused."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from core.dataset.decoding import decode
from core.errors import ImageError
from tests.dataset.formats.test_encodings import planes


def test_sixteen_bits_in_separate_planes_are_read_as_the_colours_they_are() -> None:
    picture = Image.new("RGB", (8, 6), (255, 128, 3))
    for order in ("<", ">"):
        assert decode(planes(picture, order), name="a.tif").getcolors() == [(48, (255, 128, 3))]


def test_planes_that_break_off_are_refused() -> None:
    content = planes(Image.new("RGB", (8, 6)))
    with pytest.raises(ImageError, match=r"'a\.tif' is damaged"):
        decode(content[:-10], name="a.tif")


def test_planes_of_other_colours_are_refused_and_not_shown_garbled() -> None:
    with pytest.raises(ImageError, match="16-bit colours in separate planes that are no plain RGB"):
        decode(planes(Image.new("CMYK", (8, 6))), name="a.tif")


def test_the_thumbnail_of_a_raw_file_is_not_taken_for_the_picture() -> None:
    # A TIFF of 1 x 1 with Adobe's tag DNGVersion (50706) in place of RowsPerStrip (278).
    tags = [(256, 3, 1), (257, 3, 1), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8)]
    tags += [(277, 3, 1), (279, 4, 1), (50706, 1, 1)]
    content = b"II*\0" + struct.pack("<IQ", 16, 0) + struct.pack("<H", len(tags))
    content += b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    with pytest.raises(ImageError, match="raw file of a camera"):
        decode(content + bytes(4), name="a.tif")


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_numbers_of_sensors_keep_a_brightness_that_can_be_seen(bits: int) -> None:
    full = 2**bits - 1
    values = np.array([[0, full // 3, full]], dtype=np.uint16)  # 255 / 3 = 85
    picture = Image.fromarray(values)
    out = io.BytesIO()
    picture.save(out, "TIFF")
    assert np.asarray(decode(out.getvalue(), name="x"))[0, :, 0].tolist() == [0, 85, 255]
