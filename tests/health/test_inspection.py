"""Inspection: sizes, damage, and duplicates of bytes and of looks."""

import os
from pathlib import Path

import pytest

from core.dataset.files import MAX_FILE_BYTES
from core.embeddings.near_duplicates import NEAR_DUPLICATE
from core.errors import CollectionNotFoundError, ImageError
from core.health.inspection import inspect_pictures
from core.indexing.build import build_index
from core.metric import Metric
from core.store.vector_store import VectorStore
from tests.conftest import ColourEncoder, picture_bytes


def test_everything_that_is_wrong_is_found(
    store: VectorStore, dataset: Path, encoder: ColourEncoder, tmp_path: Path
) -> None:
    # A copy with the same bytes in another class, and the same colour at another size.
    twin = (dataset / "apple" / "0.png").read_bytes()
    (dataset / "pear" / "copy.png").write_bytes(twin)
    (dataset / "plum" / "large.jpg").write_bytes(picture_bytes(0, side=40, format="JPEG"))
    build_index(dataset, store=store, encoder=encoder, family="fruit", metrics=[Metric.L2])
    (dataset / "plum" / "3.png").write_bytes(b"no longer a picture")
    (dataset / "plum" / "2.png").unlink()
    os.truncate(dataset / "plum" / "1.png", MAX_FILE_BYTES + 1)
    seen: set[str] = set()
    found = inspect_pictures(
        store, family="fruit", cache_dir=tmp_path / "m",
        on_progress=lambda stage, *_: seen.add(stage),
    )  # fmt: skip
    assert found.pictures == 14
    # 12 + 2 pictures, 3 of them spoilt; all are 12 pixels wide but the large one.
    assert found.sizes == ((12, 12, 10), (40, 40, 1))
    assert found.formats == {"PNG": 10, "JPEG": 1}
    damaged = {one.path: one.reason for one in found.damaged}
    assert sorted(damaged) == ["plum/1.png", "plum/2.png", "plum/3.png"]
    assert "500,000,001 bytes" in damaged["plum/1.png"]
    assert (found.exact, found.exact_count) == ((("apple/0.png", "pear/copy.png"),), 1)
    near = next(group for group in found.near if "apple/0.png" in group)
    assert {"pear/copy.png", "plum/large.jpg"} <= set(near)
    assert found.near_count >= 2
    assert found.similarity == NEAR_DUPLICATE
    assert seen == {"read", "inspect", "compare"}


def test_collection_that_does_not_exist_and_one_without_a_folder(
    store: VectorStore, dataset: Path, encoder: ColourEncoder, tmp_path: Path
) -> None:
    with pytest.raises(CollectionNotFoundError):
        inspect_pictures(store, family="fruit", cache_dir=tmp_path)
    build_index(dataset, store=store, encoder=encoder, family="fruit", metrics=[Metric.L2])
    store.set_complete("fruit", Metric.L2, complete=True, dataset="")
    with pytest.raises(ImageError, match="ORCHARD_DATASET"):
        inspect_pictures(store, family="fruit", cache_dir=tmp_path)
