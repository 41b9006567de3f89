"""A file too large to be a picture is refused before it is read into memory."""

import os
from pathlib import Path

import pytest

from core.dataset.files import MAX_FILE_BYTES, bytes_of, read_picture
from core.dataset.thumbnails import cached_thumbnail
from core.errors import ImageError


@pytest.fixture
def huge(tmp_path: Path) -> Path:
    """One byte too many, of which none takes room on the disk."""
    file = tmp_path / "huge.jpg"
    file.touch()
    os.truncate(file, MAX_FILE_BYTES + 1)
    return file


def test_whoever_reads_a_huge_file_refuses_it(huge: Path) -> None:
    said = r"'huge\.jpg' has 500,000,001 bytes, more than the limit of 500,000,000.*Make it smaller"
    with pytest.raises(ImageError, match=said):
        read_picture(huge.parent, "huge.jpg")
    with pytest.raises(ImageError, match=said):
        cached_thumbnail(huge.parent, huge.name, key="", cache=huge.parent / "cache")


def test_file_of_usual_size_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"abc")
    assert bytes_of(tmp_path / "a.jpg", name="a.jpg") == b"abc"
