"""The records that cross module borders."""

from dataclasses import FrozenInstanceError
from types import SimpleNamespace

import numpy as np
import pytest

from core.records import EncoderIdentity, ImageRecord, SkippedFile, record_at
from core.search.hits import Hit

IDENTITY = EncoderIdentity("resnet50", "0676ba61", "resize256-crop224-imagenet", 2048)


def test_an_encoder_identity_is_read_back_from_its_text() -> None:
    assert str(IDENTITY) == "resnet50/0676ba61/resize256-crop224-imagenet/2048"
    assert EncoderIdentity.parse(str(IDENTITY)) == IDENTITY


@pytest.mark.parametrize("text", ["", "resnet50", "a/b/c/many", "a/b/c/1/2", "a/b/c/"])
def test_any_other_text_is_no_identity(text: str) -> None:
    with pytest.raises(ValueError, match=r"unpack|int\(\)"):
        EncoderIdentity.parse(text)


@pytest.mark.parametrize(
    "other",
    [
        EncoderIdentity("resnet18", "0676ba61", "resize256-crop224-imagenet", 2048),
        EncoderIdentity("resnet50", "11ad3fa6", "resize256-crop224-imagenet", 2048),
        EncoderIdentity("resnet50", "0676ba61", "resize160-crop160-imagenet", 2048),
        EncoderIdentity("resnet50", "0676ba61", "resize256-crop224-imagenet", 512),
    ],
)
def test_identities_agree_only_when_every_part_does(other: EncoderIdentity) -> None:
    assert other != IDENTITY


def test_records_are_frozen() -> None:
    record = ImageRecord(1, "apple/1.jpg", "apple", "00" * 16)
    for frozen, name in (
        (record, "path"),
        (Hit(1, record, 0.5), "score"),
        (SkippedFile("a", "b"), "reason"),
        (IDENTITY, "weights"),
    ):
        with pytest.raises(FrozenInstanceError):
            setattr(frozen, name, "other")


def test_a_picture_is_read_from_columns_at_its_place() -> None:
    columns = SimpleNamespace(
        ids=np.array([7, 9]),
        paths=("a/1.jpg", "b/2.jpg"),
        labels=("a", "b"),
        digests=("", "f0"),
        further=((), (("variety", "Gala"),)),
    )
    record = record_at(columns, 1)
    assert record == ImageRecord(9, "b/2.jpg", "b", "f0", (("variety", "Gala"),))
    # JSON takes no NumPy number.
    assert type(record.id) is int
