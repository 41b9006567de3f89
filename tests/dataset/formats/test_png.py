"""What is written beside the picture in a PNG costs neither the picture nor the memory."""

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
