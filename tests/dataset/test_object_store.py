"""A dataset in an object store, read over its own protocol: all is as with a folder."""

import io
import logging
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from core.dataset import files
from core.dataset.archives.pictures_zip import pictures_as_zip
from core.dataset.files import changed_inside, changes_inside, image_id, read_picture
from core.dataset.listing import list_dataset
from core.dataset.thumbnails import THUMBNAIL_SIDE, cached_thumbnail
from core.dataset_root import RemoteFolder
from core.errors import DatasetError, ImageError
from core.health.verify import verify
from core.indexing.build import build_index
from core.indexing.missing_files import gone_among
from core.metric import Metric
from core.store.vector_store import VectorStore
from tests.conftest import ColourEncoder, picture_bytes
from tests.support.stored_photos import StoredPhotos, stored_photos


@pytest.fixture(scope="module")
def photos() -> Iterator[StoredPhotos]:
    with stored_photos() as stored:
        yield stored


@pytest.fixture(scope="module")
def fruit(photos: StoredPhotos) -> RemoteFolder:
    """Six pictures in two classes, and what else lies in folders."""
    for number in range(6):
        label = ("apple", "pear")[number % 2]
        photos.put(f"fruit/{label}/{number}.png", picture_bytes(number))
    photos.put("fruit/pear/no suffix", picture_bytes(6))
    photos.put("fruit/notes.txt", b"text")
    photos.put("fruit/empty.png", b"")
    photos.put("fruit/@eaDir/thumb.png", picture_bytes(7))
    photos.put("fruit/.hidden/1.png", picture_bytes(7))
    photos.put("secret/1.png", picture_bytes(8))
    return photos.root("fruit")


def test_a_store_is_listed_as_the_same_files_in_a_folder_are(
    fruit: RemoteFolder, photos: StoredPhotos, tmp_path: Path
) -> None:
    for stored in photos.paths("fruit/"):
        file = tmp_path / stored
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(photos.get(stored))
    here, there = list_dataset(tmp_path / "fruit"), list_dataset(fruit)
    assert len(there.paths) == 8  # six, the empty one, and the one without a suffix
    assert there == here
    assert there.classes == here.classes


def test_a_labels_file_in_the_store_says_the_classes(photos: StoredPhotos) -> None:
    photos.put("labelled/a.png", picture_bytes(0))
    photos.put("labelled/labels.csv", b"path,class,farm\na.png,quince,Hill\n")
    classes = list_dataset(photos.root("labelled")).classes
    assert classes.of("a.png") == "quince"
    assert classes.further_of("a.png") == (("farm", "Hill"),)


def test_more_files_than_one_answer_holds_are_all_listed(
    photos: StoredPhotos, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A server of this protocol gives 1,000 names at a time, this one two.
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
    for number in range(5):
        photos.put(f"many/{number}.png", b"x")
    assert len(list_dataset(photos.root("many")).paths) == 5


def test_a_picture_of_the_store_has_the_id_and_the_digest_of_its_file(
    fruit: RemoteFolder, tmp_path: Path
) -> None:
    (tmp_path / "apple").mkdir()
    (tmp_path / "apple" / "0.png").write_bytes(picture_bytes(0))
    assert read_picture(fruit, "apple/0.png") == read_picture(tmp_path, "apple/0.png")


def test_an_empty_file_is_read_as_such(fruit: RemoteFolder) -> None:
    assert read_picture(fruit, "empty.png")[1] == b""


def test_a_file_that_is_too_large_is_refused(
    fruit: RemoteFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 20)
    with pytest.raises(ImageError, match=r"'apple/0\.png' has more than the limit of 20"):
        read_picture(fruit, "apple/0.png")


@pytest.mark.parametrize("path", ["../secret/1.png", "/secret/1.png", "apple/../../secret/1.png"])
def test_nothing_outside_the_address_is_opened(fruit: RemoteFolder, path: str) -> None:
    with pytest.raises(ImageError, match="leads outside the dataset folder"):
        read_picture(fruit, path)
    with pytest.raises(ImageError, match="leads outside the dataset folder"):
        changed_inside(fruit, path)


def test_a_file_that_is_gone_is_told_from_one_that_is_there(fruit: RemoteFolder) -> None:
    assert changed_inside(fruit, "apple/0.png") > 1_600_000_000 * 1e9
    with pytest.raises(ImageError, match="no longer in the dataset folder"):
        changed_inside(fruit, "apple/gone.png")
    with pytest.raises(ImageError, match="no longer in the dataset folder"):
        read_picture(fruit, "apple/gone.png")
    assert list(changes_inside(fruit, ["apple/0.png", "apple/gone.png"])) == ["apple/0.png"]
    paths = {1: "apple/0.png", 2: "apple/gone.png", 3: "@eaDir/thumb.png"}
    assert gone_among(paths, root=fruit).paths == {2: "apple/gone.png", 3: "@eaDir/thumb.png"}


def test_a_folder_that_is_not_there_is_named_and_no_secret_is(
    photos: StoredPhotos, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(DatasetError, match=r"no dataset folder 's3://photos/nowhere'") as caught:
        list_dataset(photos.root("nowhere"))
    with pytest.raises(DatasetError, match=r"'s3://no-such-bucket/x'"):
        list_dataset(RemoteFolder("s3://no-such-bucket/x"))
    assert "secret-of-the-object-store" not in f"{caught.value}{caplog.text}"


def test_a_thumbnail_is_made_once_and_kept(
    photos: StoredPhotos, fruit: RemoteFolder, tmp_path: Path
) -> None:
    photos.put("fruit/pear/shown.png", picture_bytes(9))
    key = read_picture(fruit, "pear/shown.png")[0].digest
    small = cached_thumbnail(fruit, "pear/shown.png", key=key, cache=tmp_path)
    assert Image.open(io.BytesIO(small)).size == (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    photos.remove("fruit/pear/shown.png")
    assert cached_thumbnail(fruit, "pear/shown.png", key=key, cache=tmp_path) == small


def test_pictures_are_taken_away_as_a_zip_up_to_its_size(fruit: RemoteFolder) -> None:
    size = len(picture_bytes(0))
    content = pictures_as_zip(["apple/0.png", "apple/2.png"], root=fruit, limit=size)
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.read("apple/0.png") == picture_bytes(0)
    assert "apple/2.png" in archive.read("left-out.txt").decode()


def test_a_store_is_indexed_as_a_folder_is_and_only_what_is_new_is_encoded(
    photos: StoredPhotos, store: VectorStore
) -> None:
    for number in range(4):
        photos.put(f"grown/apple/{number}.png", picture_bytes(number))
    root = photos.root("grown")
    first = build_index(root, store=store, encoder=ColourEncoder(), family="fruit")
    assert (first.dataset, first.added) == ("s3://photos/grown", 4)
    photos.put("grown/pear/4.png", picture_bytes(4))
    photos.put("grown/pear/broken.png", b"no picture")
    photos.remove("grown/apple/0.png")
    encoder = ColourEncoder()
    again = build_index(root, store=store, encoder=encoder, family="fruit", prune=True)
    assert (again.added, again.unchanged, encoder.calls, again.removed) == (1, 3, 1, 1)
    assert [skipped.path for skipped in again.skipped] == ["pear/broken.png"]
    ids = {record.id for record in store.records("fruit", Metric.L2)}
    assert ids == {image_id(f"{path}.png") for path in ("apple/1", "apple/2", "apple/3", "pear/4")}
    photos.remove("grown/pear/broken.png")
    assert verify(store, family="fruit").findings == ()
