"""Uploaded archives: what breaks a rule is refused before anything is written."""

import io
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from core.dataset import archive as archives
from core.dataset.archive import inspect_archive, read_member, unpack
from core.errors import ArchiveError, ImageError
from tests.conftest import damaged_zip, picture_bytes

PICTURE = picture_bytes(1)


def zipped(*names: str, content: bytes = PICTURE, link: str = "") -> io.BytesIO:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
        if link:
            entry = zipfile.ZipInfo(link)
            entry.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(entry, "/etc/passwd")
    return out


def refusal(source: io.BytesIO, folder: Path) -> str:
    """The message, once it is sure that nothing was written."""
    with pytest.raises(ArchiveError) as first:
        inspect_archive(source)
    with pytest.raises(ArchiveError):
        unpack(source, folder / "new")
    assert list(folder.iterdir()) == []
    return str(first.value)


def test_class_folders_are_unpacked_and_the_rest_is_counted(tmp_path: Path) -> None:
    source = zipped(
        "apple/1.png", "apple/red/2.PNG", "pear/1.png", "readme.txt", "__MACOSX/apple/1.png",
        "apple/.hidden.png",
    )  # fmt: skip
    plan = inspect_archive(source)
    assert (plan.classes, plan.other) == ({"apple": 2, "pear": 1}, 3)
    assert plan.size == 3 * len(PICTURE)
    seen: list[tuple[str, int, int]] = []
    count = unpack(source, tmp_path / "new", on_progress=lambda *step: seen.append(step))
    assert count == 3
    assert seen == [("unpack", done, 3) for done in (1, 2, 3)]
    files = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
    assert files == ["new/apple/1.png", "new/apple/red/2.PNG", "new/pear/1.png"]
    assert (tmp_path / "new/apple/1.png").read_bytes() == PICTURE


def test_a_folder_around_the_class_folders_is_left_out() -> None:
    assert inspect_archive(zipped("fruit/apple/1.png", "fruit/pear/1.png")).classes == {
        "apple": 1,
        "pear": 1,
    }
    assert inspect_archive(zipped("apple/1.png", "apple/2.png")).classes == {"apple": 2}
    assert inspect_archive(zipped("1.png")).classes == {"": 1}


@pytest.mark.parametrize(
    "name",
    ["../out.png", "apple/../../out.png", "/etc/out.png", "C:/out.png", "..\\out.png", "\\out.png"],
)
def test_name_that_leads_outside_is_refused(tmp_path: Path, name: str) -> None:
    assert "leads outside" in refusal(zipped("apple/1.png", name), tmp_path)


def test_link_is_refused(tmp_path: Path) -> None:
    said = refusal(zipped("apple/1.png", link="apple/passwd.png"), tmp_path)
    assert "is a link" in said
    assert "apple/passwd.png" in said


def test_archive_without_pictures_is_refused(tmp_path: Path) -> None:
    assert "no pictures (1 other files)" in refusal(zipped("notes.txt"), tmp_path)
    assert "no pictures (0 other files)" in refusal(zipped(), tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.9, 0.999])
def test_upload_that_was_cut_off_is_refused(tmp_path: Path, share: float) -> None:
    whole = zipped(*(f"apple/{n}.png" for n in range(20))).getvalue()
    source = io.BytesIO(whole[: int(len(whole) * share)])
    assert "cut off" in refusal(source, tmp_path)


def test_bomb_is_refused_by_its_ratio(tmp_path: Path) -> None:
    # 20 MB of zeros deflate to about 20 kB, a thousandth.
    said = refusal(zipped("apple/1.bmp", content=bytes(20_000_000)), tmp_path)
    assert "200 times" in said


def test_limits_of_count_size_and_file_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = zipped("apple/1.png", "apple/2.png", "apple/3.png")
    monkeypatch.setattr(archives, "MAX_FILES", 2)
    assert "3 files, 2 are allowed" in refusal(source, tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(archives, "MAX_BYTES", 3 * len(PICTURE) - 1)
    assert "unpacks to" in refusal(source, tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(archives, "MAX_FILE_BYTES", len(PICTURE) - 1)
    assert "for a file" in refusal(source, tmp_path)


def test_entry_that_is_larger_than_it_says_leaves_nothing(tmp_path: Path) -> None:
    """A forged table of contents gets past the limits, and is caught while unpacking."""
    content = bytearray(zipped("apple/1.bmp", content=b"x" * 5000).getvalue())
    # The sizes lie in the local header (offset 22) and in the central directory (24 on).
    central = content.index(b"PK\x01\x02")
    struct.pack_into("<I", content, 22, 10)
    struct.pack_into("<I", content, central + 24, 10)
    source = io.BytesIO(bytes(content))
    assert inspect_archive(source).size == 10
    with pytest.raises(ArchiveError, match="damaged"):
        unpack(source, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_damaged_entry_leaves_nothing(tmp_path: Path) -> None:
    content = bytearray(zipped("apple/1.png", "apple/2.png").getvalue())
    place = content.index(b"apple/2.png") + 20
    content[place : place + 8] = b"\0" * 8
    with pytest.raises(ArchiveError, match="damaged"):
        unpack(io.BytesIO(bytes(content)), tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_encrypted_entry_is_refused(tmp_path: Path) -> None:
    content = bytearray(zipped("apple/1.png").getvalue())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in refusal(io.BytesIO(bytes(content)), tmp_path)


def test_two_names_that_differ_in_case_only_are_refused(tmp_path: Path) -> None:
    assert "2 times" in refusal(zipped("apple/A.png", "apple/a.png"), tmp_path)


def test_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    assert "name of" in refusal(zipped(f"apple/{'x' * 252}.png"), tmp_path)


def test_stopped_unpacking_leaves_nothing(tmp_path: Path) -> None:
    def stop(stage: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unpack(zipped("apple/1.png"), tmp_path / "new", on_progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_full_disk_is_noticed_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(ArchiveError, match="10 are free"):
        unpack(zipped("apple/1.png"), tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_a_picture_is_looked_at_before_the_archive_is_unpacked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert read_member(zipped("apple/1.png"), "apple/1.png") == PICTURE
    with pytest.raises(ImageError, match="damaged"):
        read_member(io.BytesIO(damaged_zip()), "apple/1.png")
    monkeypatch.setattr(archives, "_MAX_LOOK", len(PICTURE) - 1)
    with pytest.raises(ImageError, match="too large"):
        read_member(zipped("apple/1.png"), "apple/1.png")
