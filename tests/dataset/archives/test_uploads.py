"""Kept uploads: one place for the same bytes, refused where changes are."""

from pathlib import Path

import pytest

from core.config import Settings, load_settings
from core.dataset.archives.uploads import discard_archive, keep_upload, upload_folder
from core.errors import FileError, ReadOnlyError


@pytest.fixture
def settings(no_settings: None) -> Settings:
    return load_settings()


def test_the_same_upload_has_the_same_place_whatever_its_name_leads_to(settings: Settings) -> None:
    kept = keep_upload(b"zip", name="../../My fruit.zip", settings=settings)
    assert kept.archive.read_bytes() == b"zip"
    assert kept.folder.name.startswith("My_fruit-")
    assert kept.folder.parent == (settings.data.uploads).absolute()
    assert keep_upload(b"zip", name="My fruit.zip", settings=settings) == kept
    assert upload_folder(b"other", name="My fruit.zip", settings=settings) != kept.folder
    assert [file.name for file in kept.folder.parent.iterdir()] == [kept.archive.name]


def test_archive_is_discarded_and_nothing_else(settings: Settings, tmp_path: Path) -> None:
    kept = keep_upload(b"zip", name="a.zip", settings=settings)
    other = tmp_path / "other.zip"
    other.write_bytes(b"zip")
    for archive in (kept.archive, kept.archive, other):
        discard_archive(archive, settings=settings)
    assert not kept.archive.exists()
    assert other.exists()


def test_read_only_keeps_nothing(settings: Settings) -> None:
    closed = settings.model_copy(update={"read_only": True})
    with pytest.raises(ReadOnlyError):
        keep_upload(b"zip", name="a.zip", settings=closed)
    assert not (settings.data.uploads).exists()


def test_place_that_cannot_be_written_is_named(settings: Settings, tmp_path: Path) -> None:
    settings.data_dir.parent.mkdir(parents=True, exist_ok=True)
    settings.data_dir.write_text("a file")
    with pytest.raises(FileError, match="cannot be written"):
        keep_upload(b"zip", name="a.zip", settings=settings)
