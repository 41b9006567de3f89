"""One picture in some sixty encodings, each read as its plain twin; what is no picture, named.

The twin is the picture itself, so every expected pixel is known beforehand; where colours are
stored in another space, they are brought there by the published matrices and not by a library.
"""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageCms

from core.dataset.decoding import decode
from core.dataset.files import read_picture
from core.dataset.listing import list_dataset
from core.encoder.weights import Checkpoint, offline_weights
from core.sample.drawing import draw_sample
from tests.support.profiles import ADOBE_RGB, DISPLAY_P3, PRO_PHOTO, Space, profile
from tests.support.tiffs import tiff

SIDE = 192

Encode = Callable[[Image.Image], bytes]


def saved(format: str, **options: object) -> Encode:
    def encode(picture: Image.Image) -> bytes:
        out = io.BytesIO()
        picture.save(out, format, **options)
        return out.getvalue()

    return encode


JPEG, PNG = saved("JPEG", quality=95, subsampling=0), saved("PNG")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunks(picture: Image.Image, *chunks: bytes, behind: bool = False) -> bytes:
    """A PNG with chunks behind its header (8 + 25 = 33 bytes), or before its end (12 bytes)."""
    png = PNG(picture)
    place = len(png) - 12 if behind else 33
    return png[:place] + b"".join(chunks) + png[place:]


LONG_TEXT = chunk(b"zTXt", b"workflow\0\0" + zlib.compress(b'{"node": 1}' * 150_000))
# A thousandfold packed: 400 texts of a megabyte would be 400 MB.
BOMB = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1_000_000))) * 400
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def long_profile(_: Image.Image) -> bytes:
    # What follows the last tag of a profile means nothing.
    data = SRGB[4:] + np.random.default_rng(0).bytes(1_500_000)
    whole = struct.pack(">I", len(data) + 4) + data
    return chunk(b"iCCP", b"scanner\0\0" + zlib.compress(whole))


def in_space(picture: Image.Image, space: Space, format: str = "JPEG") -> bytes:
    options = {"quality": 95, "subsampling": 0} if format == "JPEG" else {}
    return saved(format, icc_profile=profile(space), **options)(space.of(picture))


def without_adobe(picture: Image.Image) -> bytes:
    """CMYK with 0 for no ink and nothing that says so; Pillow writes it inverted, with a marker."""
    content = saved("JPEG", quality=95)(ImageChops.invert(picture.convert("CMYK")))
    place = content.index(b"\xff\xee\x00\x0eAdobe")
    return content[:place] + content[place + 16 :]


def deep(picture: Image.Image, *, full: int = 65535, **options: Any) -> bytes:
    """A TIFF of 16 bits whose white is `full`, as 65,535 = 255 * 257."""
    values = np.rint(np.asarray(picture).astype(np.float64) * (full / 255)).astype(np.uint16)
    return tiff(values, **options)


def grown(mode: str) -> Encode:
    return lambda picture: PNG(picture.convert(mode))


def heic(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    pillow_heif.from_pillow(picture).save(out, quality=90)
    return out.getvalue()


def film(format: str) -> Encode:
    others = [Image.new("RGB", (SIDE, SIDE), colour) for colour in ("red", "blue")]
    return saved(format, save_all=True, append_images=others)


# Name -> how, and how far a pixel may be off on average (of 255). Formats that keep every bit may
# not be off at all; palettes have 256 colours, inks and Lab 8 bits of other spaces.
ENCODINGS: dict[str, tuple[Encode, float]] = {
    "plain.jpg": (JPEG, 2),
    "progressive.jpg": (saved("JPEG", quality=92, progressive=True), 3),
    "coarse.jpeg": (saved("JPEG", quality=80), 4),
    "restarts.jpg": (saved("JPEG", quality=95, subsampling=0, restart_marker_rows=1), 2),
    "windows.jfif": (JPEG, 2),
    "old.jpe": (JPEG, 2),
    "shop.jpg?sw=800": (JPEG, 2),
    "twitter.jpg_large": (JPEG, 2),
    "no_suffix": (JPEG, 2),
    "really_jpeg.png": (JPEG, 2),
    "really_heic.jpg": (heic, 3),
    "really_avif.jpg": (saved("AVIF", quality=90), 3),
    "really_png.txt": (PNG, 0),
    "no_end.jpg": (lambda p: JPEG(p)[:-2], 2),
    "no_end_progressive.jpg": (lambda p: saved("JPEG", quality=95, progressive=True)(p)[:-2], 3),
    "junk_behind.jpg": (lambda p: JPEG(p) + b"junk" * 1000, 2),
    "motion.jpg": (lambda p: JPEG(p) + b"\0\0\0\x14ftypmp42" + bytes(5000), 2),
    "cmyk.jpg": (lambda p: saved("JPEG", quality=95)(p.convert("CMYK")), 3),
    "cmyk_no_marker.jpg": (without_adobe, 3),
    "p3.jpg": (lambda p: in_space(p, DISPLAY_P3), 3),
    "adobe_rgb.jpg": (lambda p: in_space(p, ADOBE_RGB), 3),
    "pro_photo.png": (lambda p: in_space(p, PRO_PHOTO, "PNG"), 2),
    "p3.tif": (lambda p: in_space(p, DISPLAY_P3, "TIFF"), 2),
    "p3.webp": (
        lambda p: saved("WEBP", lossless=True, icc_profile=profile(DISPLAY_P3))(DISPLAY_P3.of(p)),
        2,
    ),
    "srgb.jpg": (saved("JPEG", quality=95, subsampling=0, icc_profile=SRGB), 2),
    "broken_profile.jpg": (
        saved("JPEG", quality=95, subsampling=0, icc_profile=SRGB[:200] + b"x" * 200), 2,
    ),
    "plain.png": (PNG, 0),
    "palette.png": (lambda p: PNG(p.quantize(256)), 8),
    "opaque.png": (grown("RGBA"), 0),
    "long_text.png": (lambda p: with_chunks(p, LONG_TEXT), 0),
    "long_text_behind.png": (lambda p: with_chunks(p, LONG_TEXT, behind=True), 0),
    "bomb.png": (lambda p: with_chunks(p, BOMB), 0),
    "long_profile.png": (lambda p: with_chunks(p, long_profile(p)), 1),
    "no_end.png": (lambda p: PNG(p)[:-12], 0),
    "junk_behind.png": (lambda p: PNG(p) + b"junk" * 1000, 0),
    "film.apng": (film("PNG"), 0),
    "palette.gif": (lambda p: saved("GIF")(p.quantize(256)), 8),
    "film.gif": (lambda p: film("GIF")(p.quantize(256).convert("RGB")), 9),
    "lossy.webp": (saved("WEBP", quality=92), 5),
    "lossless.webp": (saved("WEBP", lossless=True), 0),
    "plain.bmp": (saved("BMP"), 0),
    "plain.dib": (saved("BMP"), 0),
    "plain.tif": (saved("TIFF"), 0),
    "lzw.tiff": (saved("TIFF", compression="tiff_lzw"), 0),
    "deflate.tif": (saved("TIFF", compression="tiff_adobe_deflate"), 0),
    "packbits.tif": (saved("TIFF", compression="packbits"), 0),
    "jpeg.tif": (saved("TIFF", compression="jpeg", quality=95), 3),
    "big.tif": (saved("TIFF", big_tiff=True), 0),
    "pages.tif": (film("TIFF"), 0),
    "cmyk.tif": (lambda p: saved("TIFF")(p.convert("CMYK")), 2),
    "planes_little.tif": (lambda p: deep(p, separate=True), 0),
    "planes_big.tif": (lambda p: deep(p, separate=True, order=">"), 0),
    "sixteen.tif": (deep, 0),
    "twelve_of_sixteen.tif": (lambda p: deep(p, full=4095), 1),
    "android.avif": (saved("AVIF", quality=90), 3),
    "phone.HEIC": (heic, 3),
    "phone.heif": (heic, 3),
    "stereo.mpo": (film("MPO"), 5),
    "lossless.jp2": (saved("JPEG2000", irreversible=False), 0),
    "stream.j2k": (saved("JPEG2000", irreversible=False), 0),
    "plain.ppm": (saved("PPM"), 0),
    "png_within.ico": (saved("ICO", sizes=[(16, 16), (SIDE, SIDE)]), 0),
    "bitmap_within.ico": (saved("ICO", sizes=[(SIDE, SIDE)], bitmap_format="bmp"), 0),
}  # fmt: skip

# What lies about in folders of pictures and is none, and how it is called.
OTHERS: dict[str, tuple[bytes, str]] = {
    "labels.csv": (b"file,class\na.jpg,apple\n", "text"),
    "info.json": (b'{"a": 1}', "text"),
    "page.html": (b"<!DOCTYPE html><title>404</title>", "web page (HTML)"),
    "page": (b"\n<html lang='en'>", "web page (HTML)"),
    "drawing.svg": (b'<?xml version="1.0"?><svg xmlns="..."/>', "SVG drawing"),
    "paper.pdf": (b"%PDF-1.7\n", "PDF"),
    "IMG_1.MOV": (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "video (MP4 or QuickTime)"),
    "clip.mkv": (b"\x1aE\xdf\xa3" + bytes(30), "video (Matroska)"),
    "clip.avi": (b"RIFF\0\0\0\0AVI LIST", "video (AVI)"),
    "IMG_2.DNG": (b"II*\0\x08\0\0\0" + bytes(30), "raw file of a camera"),
    "IMG_3.CR2": (b"II*\0\x10\0\0\0CR\2\0", "raw file of a camera"),
    "IMG_4.CR3": (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "raw file of a camera"),
    "old.zip": (b"PK\x03\x04" + bytes(30), "archive (ZIP)"),
    "Thumbs.db": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Office document or Thumbs.db"),
    "new.jxl": (b"\xff\x0a\x10", "JPEG XL picture"),
    "layers.psd": (b"8BPS\0\1" + bytes(30), "Photoshop document"),
    "empty": (b"", "empty file"),
    "noise.bin": (bytes(range(1, 200)), "nothing that is known as a picture"),
    "bmw.txt": (b"BMW is a maker of cars, and this is no bitmap.", "text"),
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Image.Image]:
    """Three drawn fruits of different kinds."""
    folder = tmp_path_factory.mktemp("drawn")
    draw_sample(folder, per_class=1, size=SIDE)
    files = sorted(folder.rglob("*.jpg"))[::4]
    return [Image.open(file).convert("RGB").resize((SIDE, SIDE)) for file in files]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, pictures: list[Image.Image]) -> Path:
    """Every encoding of one of the pictures, which take turns, and what is no picture beside."""
    root = tmp_path_factory.mktemp("people") / "photos"
    root.mkdir()
    for number, (name, (encode, _)) in enumerate(ENCODINGS.items()):
        (root / name).write_bytes(encode(pictures[number % len(pictures)]))
    for name, (content, _) in OTHERS.items():
        (root / name).write_bytes(content)
    return root.parent


def difference(one: Image.Image, other: Image.Image) -> NDArray[np.float64]:
    return np.abs(np.asarray(one, dtype=np.float64) - np.asarray(other, dtype=np.float64))


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_picture_is_read_as_its_plain_twin(name: str, pictures: list[Image.Image]) -> None:
    encode, tolerance = ENCODINGS[name]
    for picture in pictures:
        read = decode(encode(picture), name=name)
        assert (read.mode, read.size) == ("RGB", picture.size)
        assert difference(read, picture).mean() <= tolerance


def test_every_picture_is_found_and_every_other_file_is_named(folder: Path) -> None:
    listing = list_dataset(folder)
    assert set(listing.paths) == {f"photos/{name}" for name in ENCODINGS}
    assert listing.skipped == ()
    assert {one.path: one.reason for one in listing.left_out.named} == {
        f"photos/{name}": said for name, (_, said) in OTHERS.items()
    }


def test_every_encoding_is_nearest_to_its_plain_twin(
    folder: Path, pictures: list[Image.Image]
) -> None:
    from core.encoder.encoder import Encoder

    encoder = Encoder(Checkpoint(offline_weights(), "resnet14"))

    def embed(images: list[Image.Image]) -> NDArray[np.float32]:
        rows = encoder.encode([encoder.prepare(image) for image in images])
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    contents = {name: read_picture(folder, f"photos/{name}")[1] for name in ENCODINGS}
    read = [decode(c, name=n, short_side=encoder.short_side) for n, c in contents.items()]
    near = embed(read) @ embed(pictures).T
    for number, name in enumerate(ENCODINGS):
        own = number % len(pictures)
        assert near[number].argmax() == own, name
        assert near[number, own] > 0.97, name
