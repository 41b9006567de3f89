"""What is taken away is what was asked for, and never a file outside the dataset."""

import io
import zipfile
from pathlib import Path

import pytest

from core.dataset.archives.pictures_zip import pictures_as_zip


def contents(packed: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    (root / "a").mkdir(parents=True)
    (root / "a" / "1.jpg").write_bytes(b"12345")
    (root / "a" / "2.jpg").write_bytes(b"123456")
    (root / "a" / "3.jpg").write_bytes(b"123")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    return root


def test_pictures_are_packed_once_as_they_are_under_their_paths(root: Path) -> None:
    found = contents(pictures_as_zip(["a/2.jpg", "a/1.jpg", "a/2.jpg"], root=root))
    assert found == {"a/2.jpg": b"123456", "a/1.jpg": b"12345"}


def test_what_is_gone_or_outside_is_left_out_and_named(root: Path) -> None:
    (root / "loop").symlink_to("loop")
    paths = ["a/1.jpg", "a/4.jpg", "../secret.txt", "a", "loop", "a/../a/3.jpg"]
    found = contents(pictures_as_zip(paths, root=root))
    assert set(found) == {"a/1.jpg", "a/3.jpg", "left-out.txt"}
    told = found["left-out.txt"].decode()
    lines = told.splitlines()
    assert [line.split(":")[0] for line in lines] == ["a/4.jpg", "../secret.txt", "a", "loop"]
    assert "outside the dataset folder" in lines[1]
    assert str(root) not in told, "no folder of the server is named"


def test_more_bytes_than_the_limit_are_left_out_and_named(root: Path) -> None:
    # 5 bytes, then 6 do not fit into the 5 that are left, then 3 do.
    found = contents(pictures_as_zip(["a/1.jpg", "a/2.jpg", "a/3.jpg"], root=root, limit=10))
    assert set(found) == {"a/1.jpg", "a/3.jpg", "left-out.txt"}
    assert found["left-out.txt"] == b"a/2.jpg: 6 bytes more would be over 10\n"


def test_a_picture_behind_a_link_that_is_followed_is_packed_under_its_path(
    root: Path, no_settings: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive = root.parent / "drive"
    drive.mkdir()
    (drive / "4.jpg").write_bytes(b"1234")
    (root / "b").symlink_to(drive)
    monkeypatch.setenv("ORCHARD_FOLLOW_LINKS", str(drive))
    assert contents(pictures_as_zip(["b/4.jpg"], root=root)) == {"b/4.jpg": b"1234"}
