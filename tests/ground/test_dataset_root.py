"""Addresses of datasets: what is taken for one, and what is refused without being repeated."""

from pathlib import Path

import pytest

from core.config import load_settings
from core.dataset_root import RemoteFolder, parse_root
from core.errors import DatasetError, SettingsError


def test_a_folder_stays_a_folder_and_an_address_loses_its_last_slash() -> None:
    assert parse_root("photos/fruit") == Path("photos/fruit")
    assert parse_root("file:///photos") == Path("/photos")
    assert str(parse_root("s3://bucket/fruit/")) == "s3://bucket/fruit"
    assert parse_root("gs://bucket") == RemoteFolder("gs://bucket")


def test_an_address_is_named_by_its_last_folder_or_its_bucket() -> None:
    assert RemoteFolder("s3://bucket/shop/fruit").name == "fruit"
    assert RemoteFolder("s3://bucket").name == "bucket"


def test_only_what_lies_below_an_address_belongs_to_it() -> None:
    root = RemoteFolder("s3://bucket/fruit")
    assert root.is_relative_to(root)
    assert RemoteFolder("s3://bucket/fruit/apple").is_relative_to(root)
    assert not RemoteFolder("s3://bucket/fruits").is_relative_to(root)
    assert not root.is_relative_to(Path("s3://bucket"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ftp://host/photos", "is no address of a dataset; possible are s3://, gs://"),
        ("s3://key:secret@bucket/photos", "leave user and password out"),
        ("s3://bucket/photos?token=secret", r"has no \?, # or ::"),
        ("s3://bucket/../secret", "names no folder"),
        ("s3://", "names no folder"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_and_not_repeated(text: str, reason: str) -> None:
    with pytest.raises(DatasetError, match=reason) as caught:
        parse_root(text)
    assert "secret" not in str(caught.value)


@pytest.mark.usefixtures("no_settings")
def test_the_setting_takes_an_address_and_does_not_repeat_a_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ORCHARD_DATASET", "s3://bucket/fruit")
    assert load_settings().dataset == RemoteFolder("s3://bucket/fruit")
    monkeypatch.setenv("ORCHARD_DATASET", "s3://key:secret@bucket/fruit")
    with pytest.raises(SettingsError, match="ORCHARD_DATASET: the value is not allowed") as caught:
        load_settings()
    assert "secret" not in str(caught.value)
