"""Listing and renaming collections, on a real Milvus Lite database and on a real Milvus server."""

from pathlib import Path

import numpy as np
import pytest

from core.collection.index_choice import IndexChoice, IndexType
from core.collection.listed import Listed
from core.corrections.book import Book
from core.corrections.correction import Edit
from core.errors import CollectionNotFoundError, CorrectionError, StoreError
from core.metric import Metric
from core.records import EncoderIdentity, ImageRecord
from core.store import alias
from core.store.connection import DataType
from core.store.vector_store import VectorStore
from tests.support.bare_client import bare_client

ENCODER = EncoderIdentity("resnet18", "12345678", "resize8", 4)
FRUIT = [ImageRecord(n, f"apple/{n}.jpg", "apple", f"d{n}") for n in range(3)]


def build(
    store: VectorStore, family: str, metrics: list[Metric], records: list[ImageRecord] = FRUIT
) -> None:
    """Rows with distinct embeddings under each metric."""
    embeddings = np.eye(4, dtype="f4")[: len(records)]
    for metric in metrics:
        store.create(
            family,
            metric,
            encoder=ENCODER,
            dataset="/photos",
            index=IndexChoice(IndexType.FLAT),
            expected_rows=len(records),
        )
        store.upsert(family, metric, records, embeddings)
        store.finish(family, metric)


def make_foreign(store: VectorStore, name: str, *, path: str = "path") -> None:
    """A collection as other programs make it, with one row."""
    client = bare_client(store)
    schema = client.create_schema(auto_id=False)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=6)
    schema.add_field(path, DataType.VARCHAR, max_length=100)
    schema.add_field("note", DataType.VARCHAR, max_length=100)
    index = client.prepare_index_params()
    index.add_index("vector", index_type="FLAT", metric_type="L2")
    client.create_collection(name, schema=schema, index_params=index)
    client.insert(name, [{"id": 1, "vector": [0.5] * 6, path: "/a/b/1.jpg", "note": "x"}])
    client.flush(name)
    # Making it with an index has loaded it.
    client.release_collection(name)


def test_own_and_foreign_collections_are_listed_and_nothing_else(
    either_store: VectorStore,
) -> None:
    store = either_store
    build(store, "veg", [Metric.L2, Metric.COSINE])
    build(store, "fruit", [Metric.IP], FRUIT[:2])
    make_foreign(store, "theirs")
    # No path among its fields: nothing that could be searched for pictures.
    make_foreign(store, "texts", path="title")
    client = bare_client(store)
    # What a stopped rebuild and a stopped measurement leave.
    for name in (alias.slot_names("fruit_ip")[1], alias.candidate_name("fruit_ip")):
        with store.connection.once("make") as lent:
            properties = {"orchard.encoder": str(ENCODER)}
            alias.create_slot(lent, name, dimension=4, properties=properties)
    assert {"fruit_ip__b", "fruit_ip__tuning"} <= set(client.list_collections())
    assert store.families() == [
        Listed("fruit", (Metric.IP,), 2, ENCODER, dataset="/photos"),
        Listed("theirs", (Metric.L2,), 1, EncoderIdentity.unknown(6), is_foreign=True),
        Listed("veg", (Metric.COSINE, Metric.L2), 3, ENCODER, dataset="/photos"),
    ]
    # Nothing was loaded for the list.
    assert not store.is_loaded("theirs", Metric.L2)


def test_a_renamed_collection_has_its_rows_its_metrics_and_what_was_said_of_it(
    either_store: VectorStore, tmp_path: Path
) -> None:
    store = either_store
    store.book = Book(tmp_path / "corrections")
    build(store, "fruit", [Metric.COSINE, Metric.L2])
    store.book.change("fruit", ["apple/1.jpg"], Edit(label="pear"))
    before = store.info("fruit", Metric.L2)
    store.rename("fruit", "obst")
    assert store.metrics("fruit") == [] and store.metrics("obst") == [Metric.COSINE, Metric.L2]
    after = store.info("obst", Metric.L2)
    assert (after.family, after.rows, after.index_type) == ("obst", 3, before.index_type)
    found = store.search(after, np.eye(4, dtype="f4")[1], k=1)
    assert [(record.path, record.label) for record, _ in found] == [("apple/1.jpg", "pear")]
    assert store.book.of("fruit").by_path == {} and len(store.book.steps("obst")) == 1
    assert [one.name for one in store.families()] == ["obst"]
    # The slots are those of the new name: an index can be rebuilt beside it, and rows written.
    store.fit_index("obst", Metric.L2, index=IndexChoice(IndexType.HNSW), expected_rows=3)
    store.finish("obst", Metric.L2)
    assert store.info("obst", Metric.L2).index_type == "HNSW"
    # The old name is free, and what is built under it has nothing to do with the new one.
    build(store, "fruit", [Metric.L2], FRUIT[:1])
    assert (store.count("fruit", Metric.L2), store.count("obst", Metric.L2)) == (1, 3)


def test_a_name_that_is_taken_is_refused_and_nothing_changes(either_store: VectorStore) -> None:
    store = either_store
    build(store, "fruit", [Metric.L2])
    build(store, "veg", [Metric.IP], [FRUIT[0]])
    make_foreign(store, "theirs")
    # Of other metrics, but other pictures: it is no renaming that was stopped.
    other = EncoderIdentity("resnet34", "12345678", "resize8", 4)
    store.create(
        "other", Metric.IP, encoder=other, dataset="/x", index=IndexChoice(), expected_rows=1
    )
    for name in ("theirs", "other", "fruit"):
        with pytest.raises(StoreError, match="cannot be renamed"):
            store.rename("fruit", name)
    with pytest.raises(StoreError, match="not built by Orchard"):
        store.rename("theirs", "mine")
    with pytest.raises(CollectionNotFoundError, match="'nothing'"):
        store.rename("nothing", "something")
    assert [one.name for one in store.families()] == ["fruit", "other", "theirs", "veg"]
    assert store.count("fruit", Metric.L2) == 3


def test_a_renaming_that_was_stopped_leads_to_the_rows_by_both_names_and_goes_on(
    store: VectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(store, "fruit", [Metric.COSINE, Metric.L2])
    whole = alias.rename

    def stopped(client: object, name: str, new: str) -> None:
        if name == "fruit_l2":
            raise StoreError("the database is away.")
        whole(client, name, new)  # type: ignore[arg-type]

    monkeypatch.setattr(alias, "rename", stopped)
    with pytest.raises(StoreError, match="is away"):
        store.rename("fruit", "obst")
    assert store.metrics("obst") == [Metric.COSINE] and store.metrics("fruit") == [Metric.L2]
    monkeypatch.undo()
    # Between its steps: the new name leads there, the old one still does.
    with store.connection.once("stop half way") as client:
        client.create_alias("fruit_l2__a", "obst_l2")
    assert store.count("obst", Metric.L2) == store.count("fruit", Metric.L2) == 3
    store.rename("fruit", "obst")
    assert store.metrics("obst") == [Metric.COSINE, Metric.L2] and store.metrics("fruit") == []
    assert [one.name for one in store.families()] == ["obst"]


def test_corrections_of_an_earlier_collection_are_not_mixed_with_those_of_a_renamed_one(
    store: VectorStore, tmp_path: Path
) -> None:
    store.book = Book(tmp_path / "corrections")
    build(store, "fruit", [Metric.L2])
    store.book.change("fruit", ["apple/1.jpg"], Edit(excluded=True))
    store.book.change("obst", ["x.jpg"], Edit(excluded=True))
    with pytest.raises(CorrectionError, match="of an earlier collection 'obst'"):
        store.rename("fruit", "obst")
    assert store.metrics("fruit") == [Metric.L2]
    assert set(store.book.of("obst").by_path) == {"x.jpg"}
    # Where the renaming itself fails, nothing is left under the new name.
    build(store, "veg", [Metric.L2])
    with pytest.raises(StoreError, match="already"):
        store.rename("fruit", "veg")
    assert store.book.of("veg").by_path == {} and len(store.book.of("fruit").by_path) == 1
