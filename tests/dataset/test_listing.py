"""A folder tree seen as records: what is listed, what is left out and why, ids and labels."""

import hashlib
import os
import sys
import unicodedata
from pathlib import Path

import pytest

from core.dataset.classes import label_of
from core.dataset.files import digest_of, image_id, read_picture
from core.dataset.listing import MAX_PATH_BYTES, DatasetListing, list_dataset
from core.errors import DatasetError, ImageError
from core.records import MOST_NAMED, ImageRecord, LeftOut, SkippedFile
from tests.conftest import picture_bytes


def write(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(path.encode())
    return root


def reasons(listing: DatasetListing) -> dict[str, str]:
    return {skipped.path: skipped.reason for skipped in listing.skipped}


@pytest.mark.parametrize(
    "path", ["apple/1.jpg", "苹果/红 1.jpg", "a.png", "a/b/c/d.webp", "a/'\".gif"]
)
def test_an_id_is_the_first_63_bits_of_blake2b_over_the_path(path: str) -> None:
    digest = hashlib.blake2b(path.encode("utf-8")).hexdigest()
    bits = bin(int(digest, 16))[2:].zfill(512)  # BLAKE2b has 512 bits
    assert image_id(path) == int(bits[:63], 2)
    assert 0 <= image_id(path) < 2**63  # fits a signed 64-bit integer


def test_a_picture_has_the_same_record_under_another_root(tmp_path: Path) -> None:
    here, there = write(tmp_path / "a", "pear/1.jpg"), write(tmp_path / "b/c", "pear/1.jpg")
    record, content = read_picture(here, "pear/1.jpg")
    assert read_picture(there, "pear/1.jpg") == (record, content)
    assert record == ImageRecord(
        image_id("pear/1.jpg"),
        "pear/1.jpg",
        "pear",
        hashlib.blake2b(b"pear/1.jpg", digest_size=16).hexdigest(),
    )
    assert content == b"pear/1.jpg"


def test_a_digest_tells_contents_apart() -> None:
    assert digest_of(b"a") == hashlib.blake2b(b"a", digest_size=16).hexdigest()
    assert digest_of(b"a") != digest_of(b"b")


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("apple/1.jpg", "apple"),
        ("apple/golden/ripe/1.jpg", "apple"),  # deeper folders are variety
        ("1.jpg", ""),
        ("苹果/1.jpg", "苹果"),
        ("red apple/1.jpg", "red apple"),
    ],
)
def test_the_label_is_the_first_folder_and_empty_at_the_root(path: str, label: str) -> None:
    assert label_of(path) == label


def test_listing_is_sorted_and_names_other_files(tmp_path: Path) -> None:
    write(
        tmp_path, "pear/2.PNG", "pear/1.jpeg", "apple/deep/er/3.WebP", "top.GIF", "pear/notes.txt"
    )
    assert list_dataset(tmp_path) == DatasetListing(
        ("apple/deep/er/3.WebP", "pear/1.jpeg", "pear/2.PNG", "top.GIF"),
        (),
        LeftOut({"text": 1}, (SkippedFile("pear/notes.txt", "text"),)),
    )


@pytest.mark.parametrize(
    "path",
    ["a b/c d.jpg", "苹果/红苹果.jpg", 'it\'s/"quoted".jpg', "a;b/$(c)&d.jpg"],
)
def test_unusual_names_are_kept_as_they_are(tmp_path: Path, path: str) -> None:
    write(tmp_path, path, "z/other.jpg")
    assert list_dataset(tmp_path).paths == tuple(sorted([path, "z/other.jpg"]))
    assert read_picture(tmp_path, path)[1] == path.encode()


def test_the_same_file_name_in_two_folders_is_two_pictures(tmp_path: Path) -> None:
    write(tmp_path, "apple/1.jpg", "pear/1.jpg")
    records = [read_picture(tmp_path, path)[0] for path in list_dataset(tmp_path).paths]
    assert [record.label for record in records] == ["apple", "pear"]
    assert records[0].id != records[1].id


def test_hidden_files_and_folders_are_passed_over_without_a_word(tmp_path: Path) -> None:
    write(tmp_path, "apple/1.jpg", "apple/.2.jpg", ".cache/3.jpg", "apple/._1.jpg")
    assert list_dataset(tmp_path) == DatasetListing(("apple/1.jpg",))


def test_a_folder_named_like_a_picture_is_a_folder(tmp_path: Path) -> None:
    write(tmp_path, "apple.jpg/1.png")
    assert list_dataset(tmp_path).paths == ("apple.jpg/1.png",)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="does not exist") as caught:
        list_dataset(tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in str(caught.value)


def test_a_folder_name_too_long_for_the_system_is_an_error_to_mend(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be opened"):
        list_dataset(tmp_path / ("x" * 5000))


def test_a_file_given_as_folder_is_said_to_be_one(tmp_path: Path) -> None:
    write(tmp_path, "1.jpg")
    with pytest.raises(DatasetError, match="is a file, not a dataset folder"):
        list_dataset(tmp_path / "1.jpg")


def test_an_empty_folder_says_that_it_is_empty(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"holds no pictures \(it is empty\)"):
        list_dataset(tmp_path)


def test_a_folder_without_pictures_says_what_it_holds_and_which_pictures_are_read(
    tmp_path: Path,
) -> None:
    write(tmp_path, "notes.txt", "more/table.csv")
    with pytest.raises(DatasetError, match=r"2 other files: text 2.*JPEG, PNG") as caught:
        list_dataset(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_a_folder_of_unusable_pictures_gives_the_first_reason(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").symlink_to(tmp_path / "gone.jpg")
    with pytest.raises(DatasetError, match=r"1 were found.*'1\.jpg'.*does not exist"):
        list_dataset(tmp_path)


def test_links_are_followed_inside_the_folder_and_nowhere_else(tmp_path: Path) -> None:
    root = write(tmp_path / "photos", "apple/1.jpg")
    outside = write(tmp_path / "private", "secret.jpg")
    (root / "apple/inside.jpg").symlink_to(root / "apple/1.jpg")
    (root / "apple/outside.jpg").symlink_to(outside / "secret.jpg")
    (root / "apple/broken.jpg").symlink_to(root / "apple/gone.jpg")
    (root / "apple/loop.jpg").symlink_to(root / "apple/loop.jpg")
    (root / "linked").symlink_to(outside)
    listing = list_dataset(root)
    assert listing.paths == ("apple/1.jpg", "apple/inside.jpg")
    assert reasons(listing) == {
        "apple/outside.jpg": "a link that leads outside the dataset folder; links are followed "
        "into folders that ORCHARD_FOLLOW_LINKS names",
        "apple/broken.jpg": "a link to a file that does not exist",
        "apple/loop.jpg": "a link that leads to itself",
        "linked/": "a link to a folder outside the dataset; links are followed into folders that "
        "ORCHARD_FOLLOW_LINKS names",
    }


def test_a_dataset_folder_that_is_itself_a_link_is_opened(tmp_path: Path) -> None:
    write(tmp_path / "photos", "apple/1.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    assert list_dataset(tmp_path / "link").paths == ("apple/1.jpg",)
    assert read_picture(tmp_path / "link", "apple/1.jpg")[1] == b"apple/1.jpg"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_named_like_a_picture_is_left_out_and_not_waited_for(tmp_path: Path) -> None:
    write(tmp_path, "apple/1.jpg")
    os.mkfifo(tmp_path / "apple/2.jpg")
    os.mkfifo(tmp_path / "apple/pipe")  # without a suffix, it would be looked into
    listing = list_dataset(tmp_path)
    assert reasons(listing) == {"apple/2.jpg": "not a regular file"}
    assert listing.left_out.named == (SkippedFile("apple/pipe", "not a regular file"),)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system refuses such names")
def test_a_name_that_is_not_utf8_is_left_out_and_shown_escaped(tmp_path: Path) -> None:
    write(tmp_path, "apple/1.jpg")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/apple/caf\xe9.jpg")).touch()
    listing = list_dataset(tmp_path)
    assert listing.paths == ("apple/1.jpg",)
    ((path, reason),) = reasons(listing).items()
    path.encode("utf-8")  # fit for a report
    assert path == r"apple/caf\xe9.jpg"  # the byte that a shell would be given
    assert "UTF-8" in reason


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system refuses such names")
def test_a_dataset_folder_whose_name_is_not_utf8_is_refused_before_anything_is_done(
    tmp_path: Path,
) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    write(folder, "apple/1.jpg")
    with pytest.raises(DatasetError, match=r"caf\\xe9' is not valid UTF-8.*Rename"):
        list_dataset(folder)


def test_a_path_too_long_for_the_database_is_left_out(tmp_path: Path) -> None:
    # A Chinese character takes 3 bytes: 4 folders of 80 are 4 * 240 + 4 slashes = 964 bytes, and
    # with a name of 60 bytes 1,024, the limit; one more byte is too much.
    folder = "/".join(["果" * 80] * 4)
    fits, too_long = f"{folder}/{'a' * 56}.jpg", f"{folder}/{'b' * 57}.jpg"
    assert len(fits.encode()) == MAX_PATH_BYTES == 1024
    listing = list_dataset(write(tmp_path, fits, too_long))
    assert listing.paths == (fits,)
    assert reasons(listing) == {
        too_long: "the path takes 1025 bytes, 1024 are allowed; shorten it",
    }


@pytest.mark.parametrize("name", ["secret", ""])
def test_a_folder_that_may_not_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write(tmp_path, "apple/1.jpg", "secret/2.jpg")
    scandir = os.scandir

    def refusing(folder: str) -> object:  # permissions do not stop the superuser
        if Path(folder) == tmp_path / name:
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    if name:
        listing = list_dataset(tmp_path)
        assert listing.paths == ("apple/1.jpg",)
        assert reasons(listing) == {"secret/": "folder cannot be read (Permission denied)"}
    else:
        with pytest.raises(DatasetError, match=r"cannot be read \(Permission denied\)"):
            list_dataset(tmp_path)


@pytest.mark.parametrize("path", ["../secret.jpg", "a/../../secret.jpg", "..", "link/secret.jpg"])
def test_a_stored_path_that_leads_out_is_never_opened(tmp_path: Path, path: str) -> None:
    write(tmp_path, "secret.jpg")
    root = write(tmp_path / "photos", "a/1.jpg")
    (root / "link").symlink_to(tmp_path)
    with pytest.raises(ImageError, match="leads outside the dataset folder") as caught:
        read_picture(root, path)
    assert repr(path) in str(caught.value)


def test_an_absolute_path_is_never_opened(tmp_path: Path) -> None:
    root = write(tmp_path / "photos", "a/1.jpg")
    for path in (str(write(tmp_path, "secret.jpg") / "secret.jpg"), "/etc/hostname"):
        with pytest.raises(ImageError, match="leads outside"):
            read_picture(root, path)


def test_a_folder_beside_with_a_longer_name_is_outside(tmp_path: Path) -> None:
    root = write(tmp_path / "photos", "a/1.jpg")
    write(tmp_path / "photos-private", "1.jpg")
    with pytest.raises(ImageError, match="leads outside"):
        read_picture(root, "../photos-private/1.jpg")


@pytest.mark.parametrize("path", ["a/\0.jpg", "loop.jpg", "a/gone.jpg", "a", "", "x" * 5000])
def test_a_path_that_cannot_be_read_is_named(tmp_path: Path, path: str) -> None:
    root = write(tmp_path / "photos", "a/1.jpg")
    (root / "loop.jpg").symlink_to(root / "loop.jpg")
    with pytest.raises(ImageError) as caught:
        read_picture(root, path)
    assert repr(path) in str(caught.value)


JPEG = picture_bytes(1, format="JPEG")


def place(root: Path, **files: bytes) -> Path:
    """Files by name, in a class folder."""
    (root / "apple").mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (root / "apple" / name).write_bytes(content)
    return root


@pytest.mark.parametrize("name", ["a", "a.jpg?sw=800", "a.JPG_large", "a.txt", "a.mp4", "a.data"])
def test_a_picture_is_known_by_its_content_whatever_its_name(tmp_path: Path, name: str) -> None:
    place(tmp_path, **{name: JPEG, "b.jpg": JPEG})
    assert set(list_dataset(tmp_path).paths) == {f"apple/{name}", "apple/b.jpg"}


def test_what_is_left_out_is_named_and_counted_by_kind(tmp_path: Path) -> None:
    place(
        tmp_path,
        **{"1.jpg": JPEG, "IMG_1.DNG": b"II*\0" + bytes(60), "labels.csv": b"a,b", "n.txt": b"x"},
        **{"clip.MOV": b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "old.zip": b"PK\x03\x04..."},
        **{"x.bin": b"\1\2"},
    )  # fmt: skip
    left = list_dataset(tmp_path).left_out
    assert {one.path.removeprefix("apple/"): one.reason for one in left.named} == {
        "IMG_1.DNG": "raw file of a camera",
        "labels.csv": "text",
        "n.txt": "text",
        "clip.MOV": "video (MP4 or QuickTime)",
        "old.zip": "archive (ZIP)",
        "x.bin": "nothing that is known as a picture",
    }
    assert (left.count, left.kinds["text"], next(iter(left.kinds))) == (6, 2, "text")
    assert left.said(most=1) == "text 2, other kinds 4"


def test_of_very_many_other_files_the_first_are_named_and_all_are_counted(tmp_path: Path) -> None:
    place(tmp_path, **{"1.jpg": JPEG}, **{f"{n:04d}.txt": b"x" for n in range(MOST_NAMED + 5)})
    left = list_dataset(tmp_path).left_out
    assert (left.count, len(left.named)) == (MOST_NAMED + 5, MOST_NAMED)
    assert left.named[-1].path == f"apple/{MOST_NAMED - 1:04d}.txt"


def test_a_huge_file_that_is_no_picture_is_looked_at_and_not_read(tmp_path: Path) -> None:
    place(tmp_path, **{"1.jpg": JPEG, "film": b"\x1aE\xdf\xa3"})
    os.truncate(tmp_path / "apple/film", 2**40)  # takes no room, and no memory holds it
    assert list_dataset(tmp_path).left_out.kinds == {"video (Matroska)": 1}


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("@eaDir", "thumbnails of a Synology drive"),
        ("#recycle", "recycle bin of a Synology drive"),
        ("$RECYCLE.BIN", "recycle bin of Windows"),
        (".thumbnails", "thumbnails of Android and Linux desktops"),
        (".picasaoriginals", "originals that Picasa keeps of edited photos"),
        ("__MACOSX", "what macOS adds to a ZIP"),
        ("Fruit Previews.lrdata", "previews of Lightroom"),
    ],
)
def test_folders_that_programs_keep_beside_pictures_are_left_out_and_named(
    tmp_path: Path, folder: str, said: str
) -> None:
    place(tmp_path, **{"1.jpg": JPEG})
    place(tmp_path / "apple" / folder, **{"SYNOPHOTO_THUMB_M.jpg": JPEG})
    listing = list_dataset(tmp_path)
    assert listing.paths == ("apple/1.jpg",)
    assert listing.left_out.named == (SkippedFile(f"apple/{folder}/", said),)


def test_links_are_followed_into_the_folders_of_the_setting_and_loops_end(
    tmp_path: Path, no_settings: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, drive = write(tmp_path / "photos", "apple/1.jpg"), write(tmp_path / "drive", "pear/2.jpg")
    private = write(tmp_path / "private", "secret.jpg")
    (root / "pear").symlink_to(drive / "pear")
    (root / "again").symlink_to(drive / "pear")
    (root / "apple/2.jpg").symlink_to(drive / "pear/2.jpg")
    (root / "apple/secret.jpg").symlink_to(private / "secret.jpg")
    (root / "secrets").symlink_to(private)
    (drive / "pear/loop").symlink_to(drive / "pear")
    (drive / "pear/back").symlink_to(root)
    monkeypatch.setenv("ORCHARD_FOLLOW_LINKS", str(drive))
    listing = list_dataset(root)
    # Of two links to one folder the first by name is entered.
    assert listing.paths == ("again/2.jpg", "apple/1.jpg", "apple/2.jpg")
    assert reasons(listing).keys() == {
        *("pear/", "apple/secret.jpg", "secrets/", "again/loop/", "again/back/"),
    }
    assert read_picture(root, "again/2.jpg")[1] == b"pear/2.jpg"
    assert read_picture(root, "apple/2.jpg")[1] == b"pear/2.jpg"
    for path in ("apple/secret.jpg", "secrets/secret.jpg", "../drive/pear/2.jpg"):
        with pytest.raises(ImageError, match="leads outside the dataset folder"):
            read_picture(root, path)
    monkeypatch.delenv("ORCHARD_FOLLOW_LINKS")
    with pytest.raises(ImageError, match="ORCHARD_FOLLOW_LINKS"):
        read_picture(root, "again/2.jpg")


def test_a_link_to_a_folder_above_is_never_entered(
    tmp_path: Path, no_settings: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write(tmp_path / "photos", "apple/1.jpg")
    (root / "apple/up").symlink_to(tmp_path)
    monkeypatch.setenv("ORCHARD_FOLLOW_LINKS", str(tmp_path))
    listing = list_dataset(root)
    assert listing.paths == ("apple/1.jpg",)
    assert reasons(listing) == {"apple/up/": "a link that leads back to a folder above"}


def test_folders_that_look_the_same_are_one_class_and_their_files_open(tmp_path: Path) -> None:
    one, two = (unicodedata.normalize(form, "Kíwi") for form in ("NFC", "NFD"))
    assert one != two
    root = write(tmp_path, f"{one}/1.jpg", f"{two}/2.jpg")
    listing = list_dataset(root)
    assert set(listing.paths) == {f"{one}/1.jpg", f"{two}/2.jpg"}  # as they lie on the disk
    records = [read_picture(root, path)[0] for path in listing.paths]
    assert {record.label for record in records} == {one}
    assert {record.id for record in records} == {image_id(path) for path in listing.paths}
