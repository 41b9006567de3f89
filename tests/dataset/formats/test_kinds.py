"""What a file is, by its first bytes; the usual kinds are in `test_encodings`."""

import pytest
from PIL import Image, features

from core.dataset.formats.kinds import (
    HEAD_BYTES,
    PICTURE_SUFFIXES,
    kind_of,
    kind_of_named,
)


@pytest.mark.parametrize(
    ("brands", "name"),
    [
        (b"heic\0\0\0\0mif1heic", "HEIC"),
        (b"mif1\0\0\0\0mif1heicmiaf", "HEIC"),
        (b"mif1\0\0\0\0mif1avifmiaf", "AVIF"),
        (b"avif\0\0\0\0avifmif1", "AVIF"),
        (b"avis\0\0\0\0msf1", "AVIF"),
        (b"isom\0\0\0\0isommp42", "video (MP4 or QuickTime)"),
        (b"M4A \0\0\0\0M4A ", "sound"),
    ],
)
def test_media_files_are_told_apart_by_their_brands(brands: bytes, name: str) -> None:
    head = (8 + len(brands)).to_bytes(4) + b"ftyp" + brands
    assert kind_of(head + b"moreavif").name == name


@pytest.mark.parametrize("cut", [HEAD_BYTES, HEAD_BYTES - 1, HEAD_BYTES - 2])
def test_text_is_text_also_where_a_letter_is_cut_in_two(cut: int) -> None:
    text = ("ä" * HEAD_BYTES).encode()
    assert kind_of((b"a" * (HEAD_BYTES - cut) + text)[:HEAD_BYTES]).name == "text"
    assert not kind_of(text[:9]).is_picture


def test_text_that_looks_like_a_signature_is_no_picture() -> None:
    for text in (
        b"BM is not a bitmap",
        b"P6",
        b"P5 people",
        b"GIF",
        b"12345678WEBP",
        b"WEBP",
        b"ftyp",
    ):
        assert not kind_of(text).is_picture


def test_a_jpeg_that_is_called_raw_is_a_jpeg() -> None:
    assert kind_of_named("a.dng", b"\xff\xd8\xff\xe0").name == "JPEG"
    assert kind_of_named("a.dng", b"II*\0\x08\0\0\0").name == "raw file of a camera"
    assert kind_of_named("a.tif", b"II*\0\x08\0\0\0").name == "TIFF"


def test_whatever_is_usually_called_a_picture_has_a_decoder() -> None:
    assert features.check("avif") and features.check("jpg_2000")
    import pillow_heif

    pillow_heif.register_heif_opener()
    assert PICTURE_SUFFIXES - {".jif", ".pjpeg", ".pjp"} <= Image.registered_extensions().keys()
