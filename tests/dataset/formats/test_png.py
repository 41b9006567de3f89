"""What is written beside the picture in a PNG costs neither the picture nor the memory."""

import struct
import tracemalloc
import zlib

import numpy as np
from PIL import Image

from core.dataset.decoding import decode
from core.dataset.formats.png import MAX_PROFILE, lightened
from tests.dataset.formats.test_encodings import PNG, chunk, with_chunks

PICTURE = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
# Which way is up, as Adobe's programs write it (XMP): 6 is a quarter turn to the right.
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:Description tiff:Orientation=\"6\"/></x:xmpmeta>"


def test_a_png_without_texts_is_left_as_it_is() -> None:
    content = PNG(PICTURE)
    assert lightened(content) == (content, None)
    assert lightened(b"no PNG at all") == (b"no PNG at all", None)


def test_texts_go_and_those_stay_that_say_which_way_is_up() -> None:
    up = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)
    content = with_chunks(PICTURE, chunk(b"tEXt", b"Comment\0hello"), up, up)
    assert lightened(content)[0] == with_chunks(PICTURE, up)
    turned = np.asarray(decode(content, name="x"))
    assert (turned == np.rot90(np.asarray(PICTURE), -1)).all()


def test_bombs_of_every_kind_are_not_unpacked() -> None:
    packed = zlib.compress(bytes(300_000_000), 9)
    bombs = [
        chunk(b"zTXt", b"Raw profile type exif\0\0" + packed),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + packed),
        chunk(b"iCCP", b"profile\0\0" + packed),
    ]
    tracemalloc.start()
    light, profile = lightened(with_chunks(PICTURE, *bombs))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (light, profile) == (PNG(PICTURE), None)
    assert peak < 3 * MAX_PROFILE


def test_what_is_cut_off_or_of_nonsense_is_left_to_the_decoder() -> None:
    content = with_chunks(PICTURE, chunk(b"tEXt", b"Comment\0hello"))
    for end in range(0, len(content), 7):
        lightened(content[:end])
    for nonsense in (b"", b"\0", b"a\0", b"XML:com.adobe.xmp", b"XML:com.adobe.xmp\0\1"):
        for kind in (b"zTXt", b"iTXt", b"iCCP", b"tEXt"):
            read = decode(with_chunks(PICTURE, chunk(kind, nonsense)), name="x")
            assert read.size == PICTURE.size


def test_colours_of_a_sensor_in_sixteen_bits_can_be_seen() -> None:
    # 12 bits, of which Pillow keeps the upper 4: 15 levels, of 17 each.
    row = struct.pack(">6H", 4095, 2048, 0, 1024, 512, 256)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0))
    png = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" + row))
    read = np.asarray(decode(png + chunk(b"IEND", b""), name="x"))
    expected = np.array([[[255, 128, 0], [64, 32, 16]]])
    assert np.abs(read.astype(int) - expected).max() <= 17
