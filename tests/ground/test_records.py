"""The records that cross module borders."""

from dataclasses import FrozenInstanceError, replace
from types import SimpleNamespace

import numpy as np
import pytest

from core.records import EncoderIdentity, ImageRecord, Reduction, Rounding, SkippedFile, record_at
from core.search.hits import Hit

IDENTITY = EncoderIdentity("resnet50", "0676ba61", "resize256-crop224-imagenet", 2048)


def test_an_encoder_identity_is_read_back_from_its_text() -> None:
    assert str(IDENTITY) == "resnet50/0676ba61/resize256-crop224-imagenet/2048"
    assert EncoderIdentity.parse(str(IDENTITY)) == IDENTITY


def test_an_identity_says_what_is_done_to_the_embeddings_and_is_read_back() -> None:
    small = replace(IDENTITY, dimension=256, reduction=Reduction(pca=256, fitted="1a2b3c4d"))
    assert str(small) == "resnet50/0676ba61/resize256-crop224-imagenet/256/pca256-1a2b3c4d"
    assert EncoderIdentity.parse(str(small)) == small
    assert (IDENTITY.title, small.title) == (
        "resnet50 (0676ba61)",
        "resnet50 (0676ba61), PCA to 256 numbers",
    )
    assert (IDENTITY.short_title, small.short_title) == ("resnet50", "resnet50 pca256")
    assert EncoderIdentity.unknown(4).short_title == "unknown encoder"
    assert small.made_by_the_network_of(IDENTITY)
    assert not small.made_by_the_network_of(replace(IDENTITY, weights="11ad3fa6"))


@pytest.mark.parametrize(
    ("text", "reduction", "title"),
    [
        ("pca8", Reduction(pca=8), "PCA to 8 numbers"),
        ("float16", Reduction(rounding=Rounding.FLOAT16), "float16 numbers"),
        (
            "normalised+pca8+int8-00ff00ff",
            Reduction(True, 8, Rounding.INT8, "00ff00ff"),
            "normalised vectors, PCA to 8 numbers, int8 numbers",
        ),
    ],
)
def test_a_reduction_is_read_back_from_its_text(
    text: str, reduction: Reduction, title: str
) -> None:
    assert Reduction.parse(text) == reduction
    assert (str(reduction), reduction.title) == (text, title)
    assert not reduction.is_nothing
    assert reduction.is_fitted == (text != "float16")


@pytest.mark.parametrize(
    "text",
    [
        *("pca", "pca0", "pca-8", "pca08", "int8+pca8", "pca8+pca9", "int8+", "int4"),
        # Part of a file's name, it must not lead anywhere else.
        *("-00ff00ff", "float16-00ff00ff", "pca8-00FF00FF", "pca8-../../other"),
    ],
)
def test_any_other_text_is_no_reduction(text: str) -> None:
    with pytest.raises(ValueError, match=r"no reduction|int\(\)"):
        Reduction.parse(text)
    assert Reduction.parse("").is_nothing


@pytest.mark.parametrize(
    "text", ["", "resnet50", "a/b/c/many", "a/b/c/1/2", "a/b/c/1/int8/2", "a/b/c/1/", "a/b/c/"]
)
def test_any_other_text_is_no_identity(text: str) -> None:
    with pytest.raises(ValueError, match=r"unpack|int\(\)|no reduction|says nothing"):
        EncoderIdentity.parse(text)


@pytest.mark.parametrize(
    "other",
    [
        EncoderIdentity("resnet18", "0676ba61", "resize256-crop224-imagenet", 2048),
        EncoderIdentity("resnet50", "11ad3fa6", "resize256-crop224-imagenet", 2048),
        EncoderIdentity("resnet50", "0676ba61", "resize160-crop160-imagenet", 2048),
        EncoderIdentity("resnet50", "0676ba61", "resize256-crop224-imagenet", 512),
        replace(IDENTITY, reduction=Reduction(normalised=True)),
        replace(IDENTITY, reduction=Reduction(pca=2048, fitted="1a2b3c4d")),
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
