"""Uploaded archives: what breaks a rule is refused before anything is written."""

import io
import stat
import struct
import unicodedata
import zipfile
import zlib
from pathlib import Path

import pytest

from core.dataset.archives import archive as archives
from core.dataset.archives.archive import inspect_archive, read_member, unpack
from core.dataset.listing import list_dataset
from core.errors import ArchiveError, DatasetError, ImageError
from tests.conftest import damaged_zip, picture_bytes

PICTURE = picture_bytes(1)


def zipped(*names: str, content: bytes = PICTURE, link: str = "") -> io.BytesIO:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, b"words" if name.endswith(".txt") else content)
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
    assert (plan.classes.counts, plan.names_read_as) == ({"apple": 2, "pear": 1}, "")
    assert {one.path: one.reason for one in plan.left_out.named} == {
        "readme.txt": "text",
        "__MACOSX/apple/1.png": "what macOS adds to a ZIP",
        "apple/.hidden.png": "hidden file",
    }
    assert plan.size == 3 * len(PICTURE)
    seen: list[tuple[str, int, int]] = []
    count = unpack(source, tmp_path / "new", on_progress=lambda *step: seen.append(step))
    assert count == 3
    assert seen == [("unpack", done, 3) for done in (1, 2, 3)]
    files = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
    assert files == ["new/apple/1.png", "new/apple/red/2.PNG", "new/pear/1.png"]
    assert (tmp_path / "new/apple/1.png").read_bytes() == PICTURE


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (("shop/apple/1.png", "shop/pear/1.png"), {"apple": 1, "pear": 1}),
        # One picture beside the class folders makes no class of all of them.
        (("shop/apple/1.png", "shop/pear/1.png", "shop/cover.png"), {"": 1, "apple": 1, "pear": 1}),
        # A class keeps its name, also where it is the only one and has folders of its own.
        (("apple/red/1.png", "apple/green/2.png"), {"apple": 2}),
        (("apple/1.png", "apple/2.png"), {"apple": 2}),
        (("1.png",), {"": 1}),
    ],
)
def test_an_archive_has_the_classes_that_its_folder_would_have(
    tmp_path: Path, names: tuple[str, ...], classes: dict[str, int]
) -> None:
    source = zipped(*names)
    assert inspect_archive(source).classes.counts == classes
    unpack(source, tmp_path / "new")
    assert list_dataset(tmp_path / "new").classes.counts == classes


def test_a_folder_called_like_its_archive_stands_around_the_classes(tmp_path: Path) -> None:
    source = zipped("my fruit/apple/1.png", "my fruit/pear/1.png")
    source.name = "my fruit.zip"
    assert inspect_archive(source).classes.counts == {"apple": 1, "pear": 1}
    # As an upload is unpacked.
    unpack(source, tmp_path / "my_fruit-0a1b2c3d")
    assert list_dataset(tmp_path / "my_fruit-0a1b2c3d").classes.counts == {"apple": 1, "pear": 1}


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
    assert "no pictures (1 other files: text 1)" in refusal(zipped("notes.txt"), tmp_path)
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


class PlainInfo(zipfile.ZipInfo):
    """An entry whose name is written as given, without a word on its encoding."""

    raw: bytes

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - its name there
        return self.raw, self.flag_bits & ~0x800


def with_raw_names(*names: bytes, extra: bytes = b"") -> io.BytesIO:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number, name in enumerate(names):
            entry = PlainInfo(f"x{number}")
            entry.raw, entry.extra = name, extra
            archive.writestr(entry, PICTURE)
    return out


@pytest.mark.parametrize(
    ("encoding", "names", "read_as"),
    [
        ("utf-8", ["A\u0308pfel/u\u0308.png", "Birnen/1.png"], "UTF-8"),  # as a Mac writes them
        ("cp932", ["バナナ/りんご.png", "野菜/キャベツ.png"], "Shift-JIS, Japanese"),
        ("cp437", ["Äpfel/grün.png", "Café/Pomme d'été.png"], "western European, DOS"),
        ("cp866", ["Яблоки/красное.png", "Груши/зелёная.png"], "Cyrillic, DOS"),
        ("gb18030", ["苹果/红苹果.png", "香蕉/黄色的香蕉.png"], "GB 18030, Chinese"),
    ],
)
def test_names_without_a_word_on_their_encoding_are_read_as_they_were_meant(
    tmp_path: Path, encoding: str, names: list[str], read_as: str
) -> None:
    source = with_raw_names(*(name.encode(encoding) for name in names))
    plan = inspect_archive(source)
    meant = [unicodedata.normalize("NFC", name) for name in names]
    assert (list(plan.pictures.values()), plan.names_read_as) == (meant, read_as)
    assert read_member(source, next(iter(plan.pictures))) == PICTURE
    unpack(source, tmp_path / "new")
    files = {p.relative_to(tmp_path / "new").as_posix() for p in tmp_path.rglob("*.png")}
    assert files == set(meant)


def test_a_name_in_unicode_beside_the_other_one_is_taken() -> None:
    raw, meant = b"???/1.png", "苹果/1.png"
    # APPNOTE.TXT 4.6.9: kind 0x7075, length, version 1, CRC of the other name, the name in UTF-8.
    data = struct.pack("<BI", 1, zlib.crc32(raw)) + meant.encode()
    extra = struct.pack("<HH", 0x7075, len(data)) + data
    assert list(inspect_archive(with_raw_names(raw, extra=extra)).pictures.values()) == [meant]


def test_a_name_that_leads_outside_once_it_is_decoded_is_refused(tmp_path: Path) -> None:
    assert "leads outside" in refusal(with_raw_names("é/../../out.png".encode("cp437")), tmp_path)


def test_two_names_that_look_the_same_are_refused(tmp_path: Path) -> None:
    assert "2 times" in refusal(zipped("K\u00edwi/1.png", "Ki\u0301wi/1.png"), tmp_path)


def test_pictures_of_an_archive_are_known_by_their_content(tmp_path: Path) -> None:
    source = zipped("apple/1", "apple/2.jpg_large", "apple/notes.txt")
    plan = inspect_archive(source)
    assert list(plan.pictures) == ["apple/1", "apple/2.jpg_large"]
    assert [one.path for one in plan.left_out.named] == ["apple/notes.txt"]


def test_thumbnails_of_a_drive_are_not_unpacked() -> None:
    plan = inspect_archive(zipped("apple/1.png", "apple/@eaDir/1.png/SYNOPHOTO_THUMB_M.png"))
    assert (plan.classes.counts, plan.left_out.kinds) == (
        {"apple": 1},
        {"thumbnails of a Synology drive": 1},
    )


def with_labels(table: str, *names: str, at: str = "labels.csv") -> io.BytesIO:
    source = zipped(*names)
    with zipfile.ZipFile(source, "a") as archive:
        archive.writestr(at, table)
    return source


@pytest.mark.parametrize(
    ("at", "folder"),
    [("labels.csv", ""), ("fruit/labels.csv", "fruit/"), ("a/b/labels.csv", "a/b/")],
)
def test_the_labels_file_of_an_archive_decides_as_in_a_folder(
    tmp_path: Path, at: str, folder: str
) -> None:
    table = "path,class,variety\nx/1.png,kiwi,Hayward\ny/2.png,lemon,\n"
    names = [f"{folder}x/1.png", f"{folder}y/2.png", f"{folder}y/3.png"]
    source = with_labels(table, *names, at=at)
    plan = inspect_archive(source)
    assert plan.classes.counts == {"": 1, "kiwi": 1, "lemon": 1}
    assert plan.classes.found_by == "labels.csv"
    assert plan.classes.further_of(f"{folder}x/1.png") == (("variety", "Hayward"),)
    assert plan.left_out.count == 0
    assert plan.size == 3 * len(PICTURE) + len(table)
    # It counts as no picture, and says the same once it is unpacked.
    assert unpack(source, tmp_path / "new") == 3
    listing = list_dataset(tmp_path / "new")
    assert (listing.classes.by_path, listing.classes.further) == (
        plan.classes.by_path,
        plan.classes.further,
    )


def test_a_labels_file_at_the_top_of_an_archive_that_cannot_be_used_is_told() -> None:
    with pytest.raises(DatasetError, match=r"'labels\.csv' has no column 'path'"):
        inspect_archive(with_labels("a,b\n", "x/1.png"))


def test_in_the_folder_of_an_archive_it_may_be_any_file(tmp_path: Path) -> None:
    source = with_labels("a,b\n", "apple/1.png", at="apple/labels.csv")
    plan = inspect_archive(source)
    assert plan.classes.counts == {"apple": 1}
    assert plan.classes.doubts[0].startswith("Not used: 'apple/labels.csv' has no column")
    assert (plan.left_out.count, unpack(source, tmp_path / "new")) == (1, 1)
    assert not (tmp_path / "new" / "apple" / "labels.csv").exists()


def test_a_labels_file_that_is_too_large_or_damaged_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(archives, "_MAX_LOOK", 10)
    with pytest.raises(ArchiveError, match="labels file in the archive cannot be used"):
        inspect_archive(with_labels("path,class\n1.png,kiwi\n", "1.png"))
