"""Collections that others made: recognised by their fields, searched, evaluated, mapped, kept."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core.collection.index_choice import IndexChoice
from core.collection.recognition import common_prefix, folder_prefix, schema_of
from core.collection.schema import Schema
from core.config import CollectionSettings
from core.embeddings.matrix import load_matrix
from core.errors import (
    CollectionNotFoundError,
    EncoderMismatchError,
    QueryError,
    StoreError,
)
from core.evaluation.report import Request
from core.evaluation.run import evaluate
from core.health.verify import Problem, verify
from core.indexing.build import add_metric, build_index
from core.metric import Metric
from core.projection.projection import Method, ProjectionSettings, project
from core.records import EncoderIdentity, ImageRecord
from core.search.index_search import search
from core.store.connection import DataType
from core.store.transfer import transfer
from core.store.vector_store import VectorStore
from tests.conftest import ColourEncoder, draw_dataset
from tests.support.bare_client import bare_client

FAMILY = "fruit_vector"
CLASSES = ("apple", "bell_pepper", "fig 香")
PER_CLASS = 20
D = 2048
ROWS = len(CLASSES) * PER_CLASS


def vectors(dimension: int = D) -> NDArray[np.float32]:
    """Rows of a class lie around a direction of their own."""
    chance = np.random.default_rng(5)
    near = np.eye(len(CLASSES), dimension, dtype=np.float32).repeat(PER_CLASS, axis=0) * 30
    return near + chance.normal(size=(ROWS, dimension)).astype(np.float32)


def paths(root: str = "/data/fruit") -> list[str]:
    return [f"{root}/{label}/{n}.jpg" for label in CLASSES for n in range(PER_CLASS)]


def make(
    store: VectorStore, name: str = FAMILY, *, stored: list[str] | None = None, label: bool = False
) -> NDArray[np.float32]:
    """Create the collection as a program of somebody else does, with the bare client."""
    client = bare_client(store)
    schema = client.create_schema(auto_id=False, enable_dynamic_field=True)
    schema.add_field("m_id", DataType.INT64, is_primary=True)
    schema.add_field("embeding", DataType.FLOAT_VECTOR, dim=D)
    schema.add_field("path", DataType.VARCHAR, max_length=256)
    if label:
        schema.add_field("Category", DataType.VARCHAR, max_length=64)
    client.create_collection(name, schema=schema, num_shards=2)
    index = client.prepare_index_params()
    index.add_index(
        "embeding", index_type="IVF_FLAT", metric_type="L2", params={"params": {"nlist": 1024}}
    )
    client.create_index(name, index)
    numbers = vectors()
    rows = [
        {"m_id": n, "embeding": v.tolist(), "path": p, "note": "extra"}
        | ({"Category": f"kind {n % 2}"} if label else {})
        for n, (v, p) in enumerate(zip(numbers, stored or paths(), strict=True))
    ]
    client.insert(name, rows)
    client.flush(name)
    return numbers


# --- what is recognised


def test_collection_is_described_by_its_schema(either_store: VectorStore) -> None:
    make(either_store)
    assert either_store.metrics(FAMILY) == [Metric.L2]
    info = either_store.info(FAMILY, Metric.L2)
    assert (info.name, info.metric, info.dimension, info.rows) == (FAMILY, Metric.L2, D, ROWS)
    assert (info.index_type, info.nlist, info.complete) == ("IVF_FLAT", 1024, True)
    assert info.schema == Schema(
        "m_id", "embeding", "path", "", "", prefix="/data/fruit/", dynamic=""
    )
    assert info.is_foreign
    assert not info.encoder.is_known
    assert info.dataset == ""  # nobody has allowed a folder
    with pytest.raises(CollectionNotFoundError, match="it has L2"):
        either_store.info(FAMILY, Metric.COSINE)


def test_records_are_relative_to_the_folder_and_its_folders_are_the_classes(
    either_store: VectorStore,
) -> None:
    numbers = make(either_store)
    found = list(either_store.records(FAMILY, Metric.L2))
    assert found[0] == ImageRecord(0, "apple/0.jpg", "apple", "")
    assert {record.label for record in found} == set(CLASSES)
    assert [record.id for record in found] == list(range(ROWS))
    assert either_store.count(FAMILY, Metric.L2) == ROWS
    got = either_store.embeddings(FAMILY, Metric.L2, [3, 999])
    assert list(got) == [3]
    np.testing.assert_array_equal(got[3], numbers[3])


def test_each_of_two_with_the_same_fields_has_a_folder_of_its_own(store: VectorStore) -> None:
    make(store)
    make(store, "other", stored=paths("/srv/two"))
    assert store.info(FAMILY, Metric.L2).schema.prefix == "/data/fruit/"
    assert store.info("other", Metric.L2).schema.prefix == "/srv/two/"
    first = next(iter(store.records("other", Metric.L2)))
    assert first == ImageRecord(0, "apple/0.jpg", "apple", "")


def test_the_folder_is_looked_for_again_while_rows_come(store: VectorStore) -> None:
    # First of one class alone, and two folders deep.
    make(store, stored=[f"/data/fruit/apple/{n % 2}/{n}.jpg" for n in range(ROWS)])
    assert store.info(FAMILY, Metric.L2).schema.prefix == "/data/fruit/apple/"
    row = {"m_id": ROWS, "embeding": [1.0] * D, "path": "/data/fruit/fig/0/1.jpg"}
    bare_client(store).insert(FAMILY, [row])
    records = list(store.records(FAMILY, Metric.L2))
    assert (records[0].path, records[0].label) == ("apple/0/0.jpg", "apple")
    assert (records[-1].path, records[-1].label) == ("fig/0/1.jpg", "fig")


def test_search_with_a_stored_picture_and_with_a_class(either_store: VectorStore) -> None:
    numbers = make(either_store)
    info = either_store.info(FAMILY, Metric.L2)
    found = search(numbers[7], store=either_store, info=info, k=5, nprobe=1024, exclude=[7])
    distances = ((numbers.astype(np.float64) - numbers[7]) ** 2).sum(axis=1)
    best = [int(n) for n in np.argsort(distances) if n != 7][:5]
    assert [hit.record.id for hit in found.hits] == best
    assert {hit.record.label for hit in found.hits} == {"apple"}
    for label in CLASSES:
        only = search(numbers[7], store=either_store, info=info, k=50, labels=[label])
        assert {hit.record.label for hit in only.hits} == {label}
        assert len(only.hits) == PER_CLASS
    two = search(numbers[7], store=either_store, info=info, k=50, labels=CLASSES[:2])
    assert len(two.hits) == 2 * PER_CLASS
    with pytest.raises(QueryError, match="whose classes are folders"):
        search(numbers[7], store=either_store, info=info, k=5, labels=[""])


def test_class_from_a_field_wins_over_the_folder(store: VectorStore) -> None:
    numbers = make(store, label=True)
    info = store.info(FAMILY, Metric.L2)
    assert info.schema.label == "Category"
    found = search(numbers[0], store=store, info=info, k=50, labels=["kind 1"])
    assert {hit.record.label for hit in found.hits} == {"kind 1"}
    assert len(found.hits) == ROWS // 2


def test_evaluation_and_map_work_on_it(either_store: VectorStore, tmp_path: Path) -> None:
    make(either_store)
    matrix = load_matrix(either_store, FAMILY, Metric.L2, tmp_path)
    info = either_store.info(FAMILY, Metric.L2)
    request = Request(ks=(5,), nprobe=1024)
    report = evaluate(matrix, store=either_store, info=info, collection=FAMILY, request=request)
    # The classes lie far apart, and 19 rows of its own class are left to every query.
    labels = np.array(matrix.labels)
    for neighbours in (report.exact, report.index):
        assert neighbours is not None
        nearest = neighbours.positions[:, :5]
        assert (labels[nearest] == labels[report.queries][:, None]).all()
    settings = ProjectionSettings(method=Method.PCA)
    assert project(matrix.embeddings, settings).coordinates.shape == (ROWS, 2)


# --- what is not done to it


def test_indexing_into_it_is_refused_and_it_stays_as_it_is(
    either_store: VectorStore, tmp_path: Path
) -> None:
    make(either_store)
    photos = draw_dataset(tmp_path / "photos", ["apple/1.png"])
    before = list(either_store.records(FAMILY, Metric.L2))
    for recreate in (False, True):
        with pytest.raises(EncoderMismatchError, match="not built by Orchard and does not say"):
            build_index(
                photos,
                store=either_store,
                encoder=ColourEncoder(),
                family=FAMILY,
                recreate=recreate,
            )
    with pytest.raises(EncoderMismatchError, match="never changed"):
        add_metric(Metric.IP, store=either_store, family=FAMILY)
    assert list(either_store.records(FAMILY, Metric.L2)) == before
    assert bare_client(either_store).list_collections() == [FAMILY]


def test_no_writing_call_touches_one_that_has_our_kind_of_name(store: VectorStore) -> None:
    make(store, "fruit_l2")
    record = ImageRecord(1, "a/b", "a", "")
    for call in (
        lambda: store.upsert("fruit", Metric.L2, [record], np.ones((1, D), np.float32)),
        lambda: store.delete("fruit", Metric.L2, [1]),
        lambda: store.drop("fruit", Metric.L2),
        lambda: store.set_complete("fruit", Metric.L2, complete=True),
        lambda: store.fit_index("fruit", Metric.L2, index=IndexChoice(nlist=2), expected_rows=1),
    ):
        with pytest.raises(StoreError, match="fruit_l2 was not built by Orchard and is never"):
            call()
    assert store.info("fruit", Metric.L2).rows == ROWS
    assert store.info("fruit", Metric.L2).is_foreign


def test_our_own_collection_by_its_full_name_is_no_family(
    store: VectorStore, encoder: ColourEncoder, dataset: Path
) -> None:
    build_index(dataset, store=store, encoder=encoder, family="fruit", metrics=[Metric.L2])
    assert store.metrics("fruit_l2") == []


# --- what a person may say about it


def test_prefix_and_encoder_as_a_person_says(database: Path) -> None:
    encoder = EncoderIdentity("resnet50", "0676ba61", "resize256-crop224-imagenet", D)
    first = VectorStore(str(database))
    make(first)
    first.close()
    said = CollectionSettings(path_prefix="/data/", assumed_encoder=str(encoder))
    store = VectorStore(str(database), said={FAMILY: said}.__getitem__)
    info = store.info(FAMILY, Metric.L2)
    assert (info.dataset, info.schema.prefix, info.encoder) == ("/data/", "/data/", encoder)
    assert next(store.records(FAMILY, Metric.L2)).path == "fruit/apple/0.jpg"
    store.close()
    other = EncoderIdentity("resnet18", "12345678", "x", 512)
    said = CollectionSettings(assumed_encoder=str(other))
    store = VectorStore(str(database), said={FAMILY: said}.__getitem__)
    # embeddings of another size were certainly not made by it
    assert store.info(FAMILY, Metric.L2).encoder == EncoderIdentity.unknown(D)
    store.close()


def test_verification_says_what_can_be_said(store: VectorStore, tmp_path: Path) -> None:
    make(store)
    found = {f.problem: f for f in verify(store, family=FAMILY).findings}
    assert set(found) == {Problem.FOLDER}
    assert "--dataset" in found[Problem.FOLDER].examples[0]
    photos = draw_dataset(tmp_path / "photos", [f"apple/{n}.jpg" for n in range(PER_CLASS)])
    here = verify(store, family=FAMILY, dataset=photos)
    assert {(f.problem, f.count) for f in here.findings} == {(Problem.NO_FILE, 2 * PER_CLASS)}


def test_transfer_takes_its_rows_into_a_collection_of_ours(
    store: VectorStore, tmp_path: Path
) -> None:
    numbers = make(store)
    target = VectorStore(str(tmp_path / "target.db"))
    moved = transfer(store, target, family=FAMILY)
    assert [(m.name, m.written, m.rows) for m in moved] == [("fruit_vector_l2", ROWS, ROWS)]
    info = target.info(FAMILY, Metric.L2)
    assert (info.is_foreign, info.encoder.is_known) == (False, False)
    assert list(target.records(FAMILY, Metric.L2)) == list(store.records(FAMILY, Metric.L2))
    np.testing.assert_array_equal(target.embeddings(FAMILY, Metric.L2, [9])[9], numbers[9])
    target.close()


def test_no_rows_are_brought_in_beside_it_under_its_name(
    store: VectorStore, tmp_path: Path, dataset: Path
) -> None:
    make(store)
    ours = VectorStore(str(tmp_path / "ours.db"))
    build_index(dataset, store=ours, encoder=ColourEncoder(), family=FAMILY)
    with pytest.raises(StoreError, match="not built by Orchard"):
        transfer(ours, store, family=FAMILY)
    ours.close()
    # One of ours would have hidden it.
    assert [(one.name, one.is_foreign) for one in store.families()] == [(FAMILY, True)]


# --- what cannot be served


def test_collection_without_an_index_says_what_it_lacks(store: VectorStore) -> None:
    schema = bare_client(store).create_schema(auto_id=False)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("v", DataType.FLOAT_VECTOR, dim=4)
    schema.add_field("path", DataType.VARCHAR, max_length=64)
    bare_client(store).create_collection("bare", schema=schema)
    with pytest.raises(StoreError, match="bare was not built by Orchard and has no index"):
        store.metrics("bare")


def test_fields_that_cannot_be_told_apart_are_named(store: VectorStore) -> None:
    bare_client(store).create_collection("other_l2", dimension=4)  # the client's quick schema
    with pytest.raises(StoreError, match=r"fields \(id, vector\) cannot be told apart"):
        store.info("other", Metric.L2)


def field(name: str, kind: DataType, *, primary: bool = False) -> dict[str, Any]:
    return {"name": name, "type": kind, "is_primary": primary, "params": {}}


def test_path_and_label_are_chosen_by_their_names() -> None:
    fields = [
        field("pk", DataType.INT64, primary=True),
        field("owner", DataType.VARCHAR),
        field("class_name", DataType.VARCHAR),
        field("Image_Path", DataType.VARCHAR),
        field("v", DataType.FLOAT_VECTOR),
    ]
    found = schema_of({"collection_name": "x", "fields": fields})
    assert found == Schema("pk", "v", "Image_Path", "class_name", "", dynamic="")
    # a single text is the path, whatever its name; two without a known name are a riddle
    assert schema_of({"collection_name": "x", "fields": [*fields[:2], fields[4]]}).path == "owner"
    riddle = [*fields[:2], field("city", DataType.VARCHAR), fields[4]]
    with pytest.raises(StoreError, match="pk, owner, city, v"):
        schema_of({"collection_name": "x", "fields": riddle})
    text_key = [field("pk", DataType.VARCHAR, primary=True), *fields[1:]]
    with pytest.raises(StoreError, match="INT64"):
        schema_of({"collection_name": "x", "fields": text_key})


@pytest.mark.parametrize(
    ("stored", "prefix"),
    [
        (["/data/fruit/apple/1.jpg"], "/data/fruit/"),
        (["/data/fruit/apple/1.jpg", "/data/fruit/pear/1.jpg"], "/data/fruit/"),
        (["/data/fruit/apple/gala/1.jpg", "/data/fruit/pear/1.jpg"], "/data/fruit/"),
        (["/data/fruit/1.jpg"], "/data/"),
        (["/1.jpg"], "/"),
        (["apple/1.jpg", "pear/2.jpg"], ""),
        ([], ""),
    ],
)
def test_common_prefix_is_the_folder_above_the_classes(stored: list[str], prefix: str) -> None:
    assert common_prefix(stored) == prefix


def test_folder_prefix_ends_with_one_slash() -> None:
    assert [folder_prefix(f) for f in ("/a", "/a/", "/", "")] == ["/a/", "/a/", "/", ""]
