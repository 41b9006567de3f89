"""The records that cross module borders."""

from dataclasses import FrozenInstanceError

import pytest

from core.records import EncoderIdentity, ImageRecord, SkippedFile
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
