"""Pictures as people have them: decoded to plain RGB, or refused with the file's name."""

import contextlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageDraw

from core.dataset.decoding import MAX_PIXELS, decode, size_and_format
from core.errors import ImageError

pillow_heif.register_heif_opener()

RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)
ORIENTATION = 0x0112


def saved(picture: Image.Image, format: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, format, **options)
    return out.getvalue()


def corners(width: int = 40, height: int = 20) -> Image.Image:
    """Red top left, green top right, blue bottom left, yellow bottom right."""
    picture = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(picture)
    half, middle = width // 2, height // 2
    draw.rectangle((0, 0, half - 1, middle - 1), RED)
    draw.rectangle((half, 0, width, middle - 1), GREEN)
    draw.rectangle((0, middle, half - 1, height), BLUE)
    draw.rectangle((half, middle, width, height), YELLOW)
    return picture


def corner_colours(picture: Image.Image) -> list[tuple[int, ...]]:
    """Top left, top right, bottom left, bottom right."""
    right, bottom = picture.width - 1, picture.height - 1
    return [picture.getpixel(at) for at in ((0, 0), (right, 0), (0, bottom), (right, bottom))]


def refused(content: bytes, name: str = "apple/1.jpg") -> str:
    with pytest.raises(ImageError) as caught:
        decode(content, name=name)
    message = str(caught.value)
    assert repr(name) in message
    assert "\n" not in message
    return message


def test_an_empty_file_is_said_to_be_empty() -> None:
    assert "0 bytes" in refused(b"")


@pytest.mark.parametrize(
    "content",
    [
        b"this is text, named .jpg",
        b"\x00" * 100,
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"%PDF-1.4 ...",
        b"\x89PNG\r\n\x1a\n",
    ],
    ids=["text", "zeros", "svg", "pdf", "png-signature"],
)
def test_what_is_no_picture_is_refused_with_the_formats_allowed(content: bytes) -> None:
    formats = "JPEG, PNG, WebP, GIF, AVIF, HEIC, TIFF, BMP, JPEG 2000, ICO or PPM"
    assert formats in refused(content)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF", "JPEG2000"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_picture_is_refused_never_half_shown(format: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    content = saved(Image.fromarray(noise), format)
    refused(content[: int(len(content) * share)])


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_random_damage_never_raises_anything_else() -> None:
    random = np.random.default_rng(0)
    for format in ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF", "HEIF", "JPEG2000", "PPM"):
        whole = np.frombuffer(saved(corners(), format), dtype=np.uint8)
        for _ in range(30):
            damaged = whole.copy()
            damaged[random.integers(0, len(damaged), 6)] = random.integers(0, 256, 6)
            with contextlib.suppress(ImageError):
                assert decode(damaged.tobytes(), name="x").mode == "RGB"


@pytest.mark.parametrize("format", ["PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_every_format_comes_out_as_the_same_rgb(format: str) -> None:
    options = {"lossless": True} if format == "WEBP" else {}
    picture = decode(saved(corners(), format, **options), name="x")
    assert picture.mode == "RGB"
    assert picture.size == (40, 20)
    assert corner_colours(picture) == [RED, GREEN, BLUE, YELLOW]


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        # The EXIF standard says where row 0 and column 0 of the file belong:
        (1, [RED, GREEN, BLUE, YELLOW]),  # top, left
        (2, [GREEN, RED, YELLOW, BLUE]),  # top, right
        (3, [YELLOW, BLUE, GREEN, RED]),  # bottom, right
        (4, [BLUE, YELLOW, RED, GREEN]),  # bottom, left
        (5, [RED, BLUE, GREEN, YELLOW]),  # left, top
        (6, [BLUE, RED, YELLOW, GREEN]),  # right, top
        (7, [YELLOW, GREEN, BLUE, RED]),  # right, bottom
        (8, [GREEN, YELLOW, RED, BLUE]),  # left, bottom
        (9, [RED, GREEN, BLUE, YELLOW]),  # no such orientation
    ],
)
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_exif_rotation_is_applied(
    format: str, orientation: int, expected: list[tuple[int, ...]]
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    picture = decode(saved(corners(), format, exif=exif), name="x")
    assert corner_colours(picture) == expected
    assert picture.size == ((20, 40) if 5 <= orientation <= 8 else (40, 20))


def test_exif_rotation_is_applied_to_a_jpeg_decoded_at_reduced_scale() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    content = saved(corners(800, 400), "JPEG", exif=exif, subsampling=0, quality=95)
    picture = decode(content, name="x", short_side=50)
    assert picture.size == (100, 200)  # a quarter, turned
    for found, expected in zip(corner_colours(picture), [BLUE, RED, YELLOW, GREEN], strict=True):
        assert np.abs(np.subtract(found, expected)).max() <= 8


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0nonsense",
        b"Exif\0\0",
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff",
        b"Exif\0\0MM\0*\0\0\0\x08",
    ],
)
def test_nonsense_in_the_exif_data_does_not_cost_the_picture(exif: bytes) -> None:
    picture = decode(saved(corners(), "JPEG", exif=exif, quality=95), name="x")
    assert picture.size == (40, 20)


def test_exif_rotation_is_applied_although_another_tag_is_of_a_wrong_type() -> None:
    exif = Image.Exif()
    exif[ORIENTATION], exif[0x011A] = 3, 72.0  # the second is a fraction, the resolution
    # As some programs write it: the description (0x010E), which should be text, as a fraction.
    wrong = exif.tobytes().replace(b"\x01\x1a", b"\x01\x0e")
    picture = decode(saved(corners(), "JPEG", exif=wrong, quality=95, subsampling=0), name="x")
    for found, expected in zip(corner_colours(picture), [YELLOW, BLUE, GREEN, RED], strict=True):
        assert np.abs(np.subtract(found, expected)).max() <= 16


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["AVIF", "HEIF", "WEBP"])
def test_the_rotation_of_phones_newer_formats_is_applied_once(
    format: str, orientation: int
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    turned = saved(corners(160, 80), format, exif=exif.tobytes(), quality=95)
    plain = decode(saved(corners(160, 80), exif=exif), name="x")
    picture = decode(turned, name="x")
    assert picture.size == plain.size
    inner = [(4, 4), (plain.width - 5, 4), (4, plain.height - 5)]
    for place in inner:
        assert np.abs(np.subtract(picture.getpixel(place), plain.getpixel(place))).max() <= 40


def test_a_bitmap_whose_fourth_byte_is_empty_is_not_transparent() -> None:
    # BITMAPV4HEADER: 40 bytes as of old, four masks, a colour space and 48 bytes more.
    masks = struct.pack("<4I4s48x", 0xFF0000, 0xFF00, 0xFF, 0xFF000000, b"BGRs")
    header = struct.pack("<IiiHHIIiiII", 108, 2, 2, 1, 32, 3, 16, 0, 0, 0, 0) + masks
    pixels = bytes((0, 0, 255, 0)) * 4
    content = b"BM" + struct.pack("<IHHI", 138, 0, 0, 14 + len(header)) + header + pixels
    assert decode(content, name="x").getpixel((1, 1)) == RED


def test_cmyk_is_converted() -> None:
    # Pure cyan ink is white minus red: (0, 255, 255).
    picture = decode(saved(Image.new("CMYK", (8, 8), (255, 0, 0, 0)), "JPEG"), name="x")
    assert picture.mode == "RGB"
    assert np.abs(np.subtract(picture.getpixel((4, 4)), (0, 255, 255))).max() <= 3


def test_sixteen_bit_grey_keeps_its_brightness_to_the_last_level() -> None:
    # 8-bit v is 257 * v in 16 bits, since 65535 / 255 = 257.
    deep = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    content = saved(Image.fromarray(deep))
    with Image.open(io.BytesIO(content)) as opened:
        assert opened.mode == "I;16"
    values = np.asarray(decode(content, name="x"))
    assert (values == np.arange(256).reshape(16, 16, 1)).all()


@pytest.mark.parametrize("top", [1.0, 255.0, 65535.0])
def test_a_floating_point_picture_keeps_its_brightness_whatever_its_range(top: float) -> None:
    values = np.array([[0.0, top / 3, top, np.nan]], dtype=np.float32)  # 255 / 3 = 85
    grey = np.asarray(decode(saved(Image.fromarray(values), "TIFF"), name="x"))[0, :, 0]
    assert grey.tolist() == [0, 85, 255, 0]


@pytest.mark.parametrize(("mode", "value", "grey"), [("L", 100, 100), ("1", 1, 255), ("1", 0, 0)])
def test_grey_and_bilevel_become_rgb(mode: str, value: int, grey: int) -> None:
    picture = decode(saved(Image.new(mode, (4, 4), value)), name="x")
    assert picture.mode == "RGB"
    assert picture.getpixel((1, 1)) == (grey,) * 3


def test_transparency_is_laid_over_white() -> None:
    # Half-transparent black over white: 255 * (255 - 128) / 255 = 127; nothing at all is white.
    rgba = Image.new("RGBA", (2, 1), (0, 0, 0, 128))
    rgba.putpixel((1, 0), (255, 0, 0, 0))
    picture = decode(saved(rgba), name="x")
    assert [picture.getpixel((x, 0)) for x in (0, 1)] == [(127,) * 3, (255,) * 3]
    picture = decode(saved(Image.new("LA", (2, 2), (0, 128))), name="x")
    assert picture.getpixel((0, 0)) == (127,) * 3


def test_a_palette_with_a_transparent_colour_is_laid_over_white() -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putpixel((1, 0), 1)
    for format in ("PNG", "GIF"):
        picture = decode(saved(palette, format, transparency=1), name="x")
        assert [picture.getpixel((x, 0)) for x in (0, 1)] == [RED, (255, 255, 255)]


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_is_taken(format: str) -> None:
    options = {"lossless": True} if format == "WEBP" else {}
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN, BLUE)]
    content = saved(frames[0], format, save_all=True, append_images=frames[1:], **options)
    assert decode(content, name="x").getpixel((4, 4)) == RED


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (2, 2)])
@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_tiny_and_extreme_shapes_are_decoded(format: str, size: tuple[int, int]) -> None:
    content = saved(Image.new("RGB", size, GREEN), format)
    assert decode(content, name="x", short_side=256).size == size


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def test_a_huge_declared_size_is_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    header = struct.pack(">IIBBBBB", 60_000, 50_000, 8, 2, 0, 0, 0)
    content = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    )

    def never(_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load_prepare", never)
    assert MAX_PIXELS < 60_000 * 50_000
    message = refused(content)
    assert "60,000 x 50,000" in message
    assert "150 million" in message


def test_an_icon_cannot_hide_a_huge_picture_behind_a_small_entry() -> None:
    header = struct.pack(">IIBBBBB", 60_000, 50_000, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    bitmap = struct.pack("<IiiHHIIiiII", 40, 60_000, 100_000, 1, 32, 0, 0, 0, 0, 0, 0)
    for hidden in (png, bitmap):
        entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(hidden), 22)
        said = refused(b"\0\0\1\0\1\0" + entry + hidden)
        assert "declares 60,000 x" in said


def photo(width: int, height: int) -> Image.Image:
    """A smooth picture with some detail, as photos are."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    bands = [127 + 120 * np.sin(x / 37 + phase) * np.cos(y / 53 - phase) for phase in (0, 1, 2)]
    return Image.fromarray(np.stack(bands, axis=2).astype(np.uint8))


@pytest.mark.parametrize("size", [(2000, 1500), (1500, 2000), (1025, 1031), (700, 513), (300, 200)])
@pytest.mark.parametrize("format", ["JPEG", "MPO"])
def test_reduced_decoding_keeps_twice_the_short_side_and_the_look(
    format: str, size: tuple[int, int]
) -> None:
    options = {"save_all": True, "append_images": [Image.new("RGB", size)]}
    content = saved(photo(*size), format, quality=92, **(options if format == "MPO" else {}))
    full, reduced = decode(content, name="x"), decode(content, name="x", short_side=128)
    assert full.size == size
    assert min(reduced.size) >= min(256, *size)
    # A power of two, at most 8: the next one would go below.
    assert min(reduced.size) <= 2 * 256 + 1
    shrink = (64, 64)
    difference = np.abs(
        np.asarray(full.resize(shrink, Image.Resampling.BOX), dtype=np.float32)
        - np.asarray(reduced.resize(shrink, Image.Resampling.BOX), dtype=np.float32)
    )
    # A JPEG of 1,025 columns at a quarter has 257, which stand for 1,028: it is stretched by 0.3 %.
    assert difference.mean() < 4
    assert difference.max() < 16


def test_a_name_with_odd_characters_stays_on_one_line() -> None:
    refused(b"", name="a\nb/苹果 '\".jpg")
    assert Path("apple/1.jpg").name in refused(b"text")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "HEIF", "AVIF"])
def test_size_and_format_are_told_from_the_header(format: str) -> None:
    content = saved(corners(), format)
    assert size_and_format(content, name="x") == (40, 20, format)
    if format == "PNG":  # with more text than Pillow reads
        text = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2_000_000)))
        assert size_and_format(content[:33] + text + content[33:], name="x") == (40, 20, "PNG")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "video (MP4 or QuickTime)"),
        (b"<!doctype html><title>404</title>", "web page (HTML)"),
        (b"\xff\x0a\x10\x20", "JPEG XL picture"),
    ],
)
def test_a_file_called_as_a_picture_that_is_something_else_is_said_to_be_that(
    content: bytes, said: str
) -> None:
    assert said in refused(content)


def test_a_jpeg_of_twelve_bits_is_said_to_be_of_a_rare_kind() -> None:
    # The frame header (SOF0): its length, then the bits of a colour.
    content = saved(corners(), "JPEG")
    place = content.index(b"\xff\xc0") + 4
    said = refused(content[:place] + b"\x0c" + content[place + 1 :])
    assert "is JPEG and cannot be read" in said
    assert "12 bits" in said
