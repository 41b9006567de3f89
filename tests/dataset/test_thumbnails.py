"""Thumbnails: their size, and a cache that saves work and never costs a picture."""

import io
from pathlib import Path

import pytest
from PIL import Image

from core.dataset.thumbnails import (
    THUMBNAIL_SIDE,
    cached_thumbnail,
    small_jpeg,
    thumbnail,
)
from core.errors import ImageError

KEY = "0123456789abcdef0123456789abcdef"


def png(size: tuple[int, int], colour: str = "red") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


def opened(content: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(content))
    picture.load()
    return picture


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "1.png"
    path.write_bytes(png((640, 320)))
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "thumbnails"


def files_in(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("size", [(640, 320), (320, 640), (100, 50), (3000, 1), (3, 900), (1, 1)])
def test_a_thumbnail_is_a_square_whatever_the_shape(size: tuple[int, int]) -> None:
    picture = opened(thumbnail(png(size), name="x"))
    assert picture.format == "JPEG"
    assert picture.size == (320, 320)


def test_a_thumbnail_shows_the_middle() -> None:
    # 640 x 320: 160 red, 320 green, 160 blue; the middle 320 are the green ones.
    wide = Image.new("RGB", (640, 320), "lime")
    wide.paste("red", (0, 0, 160, 320))
    wide.paste("blue", (480, 0, 640, 320))
    out = io.BytesIO()
    wide.save(out, "PNG")
    picture = opened(thumbnail(out.getvalue(), name="x")).convert("RGB")
    for place in ((10, 10), (160, 160), (310, 310)):
        red, green, blue = picture.getpixel(place)
        assert green > 200 and red < 60 and blue < 60


@pytest.mark.parametrize(
    ("size", "small"),
    [
        ((640, 320), (320, 160)),
        ((320, 640), (160, 320)),
        ((100, 50), (100, 50)),  # never enlarged
        # Beyond one to two there are borders: 320 / 2 = 160, 9 / 2 rounded up is 5.
        ((3000, 1), (320, 160)),
        ((3, 900), (160, 320)),
        ((2, 9), (5, 9)),
        ((1, 1), (1, 1)),
    ],
)
def test_a_small_jpeg_keeps_the_shape(size: tuple[int, int], small: tuple[int, int]) -> None:
    picture = opened(small_jpeg(opened(png(size)).convert("RGB")))
    assert picture.format == "JPEG"
    assert picture.size == small


def test_a_thumbnail_of_a_damaged_picture_names_the_file() -> None:
    with pytest.raises(ImageError, match=r"'pear/7\.png'"):
        thumbnail(png((64, 64))[:-30], name="pear/7.png")


def test_a_cached_thumbnail_needs_the_file_no_more(file: Path, cache: Path) -> None:
    first = cached_thumbnail(file.parent, file.name, key=KEY, cache=cache)
    assert opened(first).size == (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    file.unlink()
    assert cached_thumbnail(file.parent, file.name, key=KEY, cache=cache) == first


def test_other_content_has_another_thumbnail(file: Path, cache: Path) -> None:
    first = cached_thumbnail(file.parent, file.name, key=KEY, cache=cache)
    file.write_bytes(png((640, 320), "blue"))
    assert cached_thumbnail(file.parent, file.name, key=KEY[::-1], cache=cache) != first


def test_no_temporary_file_is_left(file: Path, cache: Path) -> None:
    cached_thumbnail(file.parent, file.name, key=KEY, cache=cache)
    assert files_in(cache) == [f"01/{KEY}_{THUMBNAIL_SIDE}_4.jpg"]


def test_a_missing_file_that_is_not_cached_is_named(file: Path, cache: Path) -> None:
    file.unlink()
    with pytest.raises(ImageError, match=r"cannot read '1\.png'"):
        cached_thumbnail(file.parent, file.name, key=KEY, cache=cache)


def test_a_cache_that_cannot_be_made_still_gives_the_picture(file: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").touch()  # a file where the folder should be stops also the superuser
    content = cached_thumbnail(file.parent, file.name, key=KEY, cache=tmp_path / "taken")
    assert opened(content).size == (320, 320)


def test_an_empty_file_in_the_cache_is_made_anew(file: Path, cache: Path) -> None:
    first = cached_thumbnail(file.parent, file.name, key=KEY, cache=cache)
    cached = cache / files_in(cache)[0]
    cached.write_bytes(b"")
    assert cached_thumbnail(file.parent, file.name, key=KEY, cache=cache) == first
    assert cached.read_bytes() == first


@pytest.mark.parametrize("key", ["", "short", "../../../outside0000000000"])
def test_rows_without_a_digest_never_share_a_thumbnail_and_never_name_a_path(
    file: Path, cache: Path, tmp_path: Path, key: str
) -> None:
    before = files_in(tmp_path)
    red = cached_thumbnail(file.parent, file.name, key=key, cache=cache)
    assert files_in(tmp_path) == before
    file.write_bytes(png((640, 320), "blue"))
    assert cached_thumbnail(file.parent, file.name, key=key, cache=cache) != red
