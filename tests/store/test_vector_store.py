"""The contract of the vector store, on a real Milvus Lite database and on a real Milvus server.

Tests that take `either_store` run on both; what never reaches Milvus, or is about the file of
Milvus Lite, runs on Lite alone.
"""

import os
import socket
import subprocess
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.collection.columns import Having
from core.collection.index_choice import IndexChoice, IndexType, auto_nlist
from core.collection.info import CollectionInfo
from core.dataset.files import image_id
from core.errors import (
    CollectionNotFoundError,
    EncoderMismatchError,
    QueryError,
    StoreError,
    StoreUnavailableError,
)
from core.metric import Metric
from core.records import EncoderIdentity, ImageRecord
from core.store.vector_store import VectorStore, collection_name
from tests.conftest import eventually
from tests.support.bare_client import bare_client
from tests.support.colour_encoder import DIMENSION

ENCODER = EncoderIdentity("resnet18", "12345678", "resize8", DIMENSION)
FAMILY = "fruit"
ROWS = 300
ABC = ("a", "b", "c")
PROJECT = Path(__file__).parents[2]

ODD_LABELS = (
    'double "quotes"',
    "it's",
    "back\\slash",
    "香蕉",
    "two words",
    "<script>alert(1)</script>",
    "100%",
    "line\nbreak",
    "tab\tand\rreturn",
    "esc\x1b[31m \x0b\x07\x7f\x9b",
    "\u202eright to left",
    "n" * 255,
    "{brace} [bracket]",
)


def make_records(labels: Sequence[str], *, start: int = 0) -> list[ImageRecord]:
    paths = [f"{label}/{n:04d}.jpg" for n, label in enumerate(labels, start)]
    return [
        ImageRecord(image_id(path), path, label, f"{n:032x}")
        for n, (path, label) in enumerate(zip(paths, labels, strict=True))
    ]


def random_rows(
    count: int = ROWS, labels: Sequence[str] = ABC, seed: int = 0
) -> tuple[list[ImageRecord], NDArray[np.float32]]:
    vectors = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    return make_records([labels[n % len(labels)] for n in range(count)]), vectors


def fill(
    store: VectorStore,
    metric: Metric,
    records: Sequence[ImageRecord],
    vectors: NDArray[np.float32],
    *,
    index: IndexChoice | None = None,
    family: str = FAMILY,
) -> CollectionInfo:
    store.create(
        family,
        metric,
        encoder=ENCODER,
        dataset="/photos",
        index=index or IndexChoice(nlist=4),
        expected_rows=len(records),
    )
    store.upsert(family, metric, records, vectors)
    store.finish(family, metric)
    return store.info(family, metric)


def brute_force(
    metric: Metric, vectors: NDArray[np.float32], query: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Scores of every row, worked out in float64."""
    v, q = vectors.astype(np.float64), query.astype(np.float64)
    if metric is Metric.L2:
        return ((v - q) ** 2).sum(axis=1)
    dots = v @ q
    if metric is Metric.IP:
        return dots
    return dots / np.linalg.norm(v, axis=1) / np.linalg.norm(q)


# --- what is built


def test_nlist_is_built_as_asked(either_store: VectorStore) -> None:
    info = fill(either_store, Metric.L2, *random_rows(), index=IndexChoice(nlist=7))
    assert (info.index_type, info.nlist) == ("IVF_FLAT", 7)


def test_nlist_follows_the_expected_rows_where_left_open(store: VectorStore) -> None:
    info = fill(store, Metric.L2, *random_rows(), index=IndexChoice())
    # 4 * sqrt(300) = 69, but 39 rows a list allow 300 // 39 = 7
    assert info.nlist == auto_nlist(ROWS) == 7


def test_flat_index_has_no_lists_and_ignores_nprobe(either_store: VectorStore) -> None:
    records, vectors = random_rows()
    info = fill(either_store, Metric.L2, records, vectors, index=IndexChoice(IndexType.FLAT))
    assert (info.index_type, info.nlist) == ("FLAT", 0)
    assert either_store.search(info, vectors[5], k=1, nprobe=0)[0][0] == records[5]


def test_info_describes_what_was_stored(either_store: VectorStore) -> None:
    info = fill(either_store, Metric.COSINE, *random_rows())
    assert info == CollectionInfo(
        name="fruit_cosine",
        metric=Metric.COSINE,
        dimension=DIMENSION,
        rows=ROWS,
        index_type="IVF_FLAT",
        nlist=4,
        pending_rows=0,
        encoder=ENCODER,
        dataset="/photos",
        complete=False,
    )


def test_properties_change_without_losing_the_others(either_store: VectorStore) -> None:
    fill(either_store, Metric.L2, *random_rows(5))
    either_store.set_complete(FAMILY, Metric.L2, complete=True)
    assert either_store.info(FAMILY, Metric.L2).complete
    either_store.set_complete(FAMILY, Metric.L2, complete=False, dataset='/mnt/new "香"')
    info = either_store.info(FAMILY, Metric.L2)
    assert (info.complete, info.dataset, info.encoder) == (False, '/mnt/new "香"', ENCODER)


def test_metrics_lists_the_collections_of_this_family_alone(either_store: VectorStore) -> None:
    assert either_store.metrics(FAMILY) == []
    fill(either_store, Metric.COSINE, *random_rows(3))
    fill(either_store, Metric.L2, *random_rows(3))
    fill(either_store, Metric.IP, *random_rows(3), family="fruit_2")
    assert either_store.metrics(FAMILY) == [Metric.COSINE, Metric.L2]


def test_explicit_index_replaces_the_old_one_and_keeps_the_rows(either_store: VectorStore) -> None:
    records, vectors = random_rows()
    fill(either_store, Metric.IP, records, vectors, index=IndexChoice(nlist=4))
    either_store.fit_index(FAMILY, Metric.IP, index=IndexChoice(nlist=6), expected_rows=ROWS)
    either_store.finish(FAMILY, Metric.IP)
    info = either_store.info(FAMILY, Metric.IP)
    assert (info.nlist, info.rows, info.metric) == (6, ROWS, Metric.IP)
    # and without a wish, what a person chose stays, however many rows there are
    either_store.fit_index(FAMILY, Metric.IP, index=IndexChoice(), expected_rows=100_000)
    assert either_store.info(FAMILY, Metric.IP).nlist == 6


def test_searches_go_on_while_the_index_is_built_anew_beside(either_store: VectorStore) -> None:
    records, vectors = random_rows()
    info = fill(either_store, Metric.L2, records, vectors)
    answers: list[object] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            try:
                answers.append(either_store.search(info, vectors[0], k=1, nprobe=1)[0][0].id)
            except Exception as error:
                answers.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    choice = IndexChoice(IndexType.FLAT)
    either_store.fit_index(FAMILY, Metric.L2, index=choice, expected_rows=ROWS)
    done.set()
    reader.join()
    assert len(answers) > 5
    assert set(answers) == {records[0].id}
    after = either_store.info(FAMILY, Metric.L2)
    assert (after.index_type, after.rows, after.encoder) == ("FLAT", ROWS, ENCODER)
    left = bare_client(either_store).list_collections()
    assert left == [f"{info.name}__b"]
    found = either_store.embeddings(FAMILY, Metric.L2, [r.id for r in records])
    assert all(found[r.id].tobytes() == v.tobytes() for r, v in zip(records, vectors, strict=True))


def test_stopped_rebuild_leaves_the_old_index_and_the_next_one_succeeds(
    either_store: VectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    records, vectors = random_rows(20)
    info = fill(either_store, Metric.L2, records, vectors)
    choice = IndexChoice(IndexType.FLAT)
    monkeypatch.setattr("core.store.indexes.wait_for_index", _failing)
    with pytest.raises(ZeroDivisionError):
        either_store.fit_index(FAMILY, Metric.L2, index=choice, expected_rows=20)
    monkeypatch.undo()
    assert either_store.info(FAMILY, Metric.L2) == info
    # The half copy gives its space back at once.
    assert len(bare_client(either_store).list_collections()) == 1
    either_store.fit_index(FAMILY, Metric.L2, index=choice, expected_rows=20)
    assert either_store.info(FAMILY, Metric.L2).index_type == "FLAT"
    assert len(bare_client(either_store).list_collections()) == 1


@pytest.mark.slow
def test_nlist_of_1024_is_honoured(either_store: VectorStore) -> None:
    """How many rows one list holds tells how many lists there are, whatever is described.

    24,000 rows in 1,024 lists are 23 a list, in Lite's default of 128 they are 188. A server has
    two segments of 12,000 rows, and builds no more than one list for 39 rows of each: one list of
    both holds 78 rows, with 128 lists it would be 188.
    """
    records, vectors = random_rows(24_000)
    info = fill(either_store, Metric.L2, records, vectors, index=IndexChoice(nlist=1024))
    assert info.nlist == 1024

    def rows_in_a_list() -> float:
        queries = vectors[:20]
        found = [len(either_store.search(info, q, k=1000, nprobe=1)) for q in queries]
        return sum(found) / len(found)

    assert eventually(lambda: rows_in_a_list() < 120)


def test_outgrown_automatic_index_is_replaced(either_store: VectorStore) -> None:
    fill(either_store, Metric.L2, *random_rows(10), index=IndexChoice())
    assert either_store.info(FAMILY, Metric.L2).nlist == 1
    records, vectors = random_rows()
    either_store.upsert(FAMILY, Metric.L2, records, vectors)
    either_store.fit_index(FAMILY, Metric.L2, index=IndexChoice(), expected_rows=ROWS)
    either_store.finish(FAMILY, Metric.L2)
    info = either_store.info(FAMILY, Metric.L2)
    assert (info.nlist, info.rows) == (7, ROWS)
    assert either_store.search(info, vectors[9], k=1, nprobe=7)[0][0] == records[9]


def test_collection_without_an_index_is_described_and_mended(either_store: VectorStore) -> None:
    fill(either_store, Metric.L2, *random_rows())
    client, name = bare_client(either_store), collection_name(FAMILY, Metric.L2)
    client.release_collection(name)
    client.drop_index(name, client.list_indexes(name)[0])
    assert either_store.info(FAMILY, Metric.L2).index_type == ""
    either_store.fit_index(FAMILY, Metric.L2, index=IndexChoice(), expected_rows=ROWS)
    either_store.finish(FAMILY, Metric.L2)
    info = either_store.info(FAMILY, Metric.L2)
    assert (info.index_type, info.rows) == ("IVF_FLAT", ROWS)


# --- scores


@pytest.mark.parametrize("metric", list(Metric))
def test_every_list_searched_is_exact_brute_force(
    either_store: VectorStore, metric: Metric
) -> None:
    records, vectors = random_rows()
    info = fill(either_store, metric, records, vectors, index=IndexChoice(nlist=6))
    for query in np.random.default_rng(1).normal(size=(5, DIMENSION)).astype(np.float32):
        hits = either_store.search(info, query, k=20, nprobe=6)
        expected = brute_force(metric, vectors, query)
        best = np.argsort(-expected if metric.higher_is_better else expected)[:20]
        assert [record for record, _ in hits] == [records[n] for n in best]
        np.testing.assert_allclose([score for _, score in hits], expected[best], rtol=1e-4)


def test_scores_worked_out_by_hand(either_store: VectorStore) -> None:
    """Rows (3, 4, 0...) and (-1, 0, 0...), query (1, 0, 0...).

    L2 squared: 2^2 + 4^2 = 20 and 2^2 = 4. IP: 3 and -1. COSINE: 3 / 5 and -1.
    """
    vectors = np.zeros((2, DIMENSION), np.float32)
    vectors[0, :2], vectors[1, 0] = (3, 4), -1
    query = np.eye(DIMENSION, dtype=np.float32)[0]
    near, far = records = make_records(["near", "far"])
    expected = {
        Metric.L2: [(far, 4.0), (near, 20.0)],
        Metric.IP: [(near, 3.0), (far, -1.0)],
        Metric.COSINE: [(near, 0.6), (far, -1.0)],
    }
    for metric, rows in expected.items():
        info = fill(either_store, metric, records, vectors, index=IndexChoice(nlist=1))
        found = either_store.search(info, query, k=2, nprobe=1)
        assert [record for record, _ in found] == [record for record, _ in rows]
        assert [s for _, s in found] == pytest.approx([s for _, s in rows], abs=1e-5)


def test_cosine_stays_between_minus_one_and_one(store: VectorStore) -> None:
    records, vectors = random_rows()
    info = fill(store, Metric.COSINE, records, 1000 * vectors)
    scores = [score for _, score in store.search(info, vectors[0], k=ROWS, nprobe=4)]
    assert len(scores) == ROWS
    assert -1 - 1e-5 <= min(scores) < max(scores) <= 1 + 1e-5


def test_low_nprobe_may_return_fewer_than_asked_and_all_lists_return_all(
    either_store: VectorStore,
) -> None:
    # A server builds no index for fewer than 1,024 rows of a segment, and searches them all.
    rows = 4_000
    records, vectors = random_rows(rows)
    info = fill(either_store, Metric.L2, records, vectors, index=IndexChoice(nlist=7))
    assert eventually(lambda: len(either_store.search(info, vectors[0], k=rows, nprobe=1)) < rows)
    assert len(either_store.search(info, vectors[0], k=rows + 50, nprobe=7)) == rows


def test_hnsw_is_built_as_asked_and_finds_what_brute_force_finds(
    either_store: VectorStore,
) -> None:
    records, vectors = random_rows(3_000)
    choice = IndexChoice(IndexType.HNSW, m=24, ef_construction=120)
    info = fill(either_store, Metric.L2, records, vectors, index=choice)
    assert (info.index_type, info.m, info.ef_construction, info.nlist) == ("HNSW", 24, 120, 0)
    right = 0
    for query in np.random.default_rng(1).normal(size=(20, DIMENSION)).astype(np.float32):
        best = np.argsort(brute_force(Metric.L2, vectors, query))[:10]
        hits = either_store.search(info, query, k=10, nprobe=0, ef=200)
        right += len({record.id for record, _ in hits} & {records[n].id for n in best})
    # An approximate index; 200 candidates among 3,000 rows of 8 numbers miss next to nothing.
    assert right >= 195
    for ef in (9, 32_769):
        with pytest.raises(QueryError, match=f"ef is {ef}, allowed are k"):
            either_store.search(info, vectors[0], k=10, nprobe=0, ef=ef)


def test_ef_is_honoured(either_store: VectorStore) -> None:
    """With few links, ten candidates miss neighbours that a thousand find."""
    records, vectors = random_rows(4_000)
    choice = IndexChoice(IndexType.HNSW, m=2, ef_construction=8)
    info = fill(either_store, Metric.L2, records, vectors, index=choice)
    queries = np.random.default_rng(1).normal(size=(30, DIMENSION)).astype(np.float32)
    best = [np.argsort(brute_force(Metric.L2, vectors, query))[:10] for query in queries]

    def right(ef: int) -> int:
        hits = [either_store.search(info, query, k=10, nprobe=0, ef=ef) for query in queries]
        return sum(
            len({record.id for record, _ in found} & {records[n].id for n in wanted})
            for found, wanted in zip(hits, best, strict=True)
        )

    # Milvus Lite searches every row until it has taken up the index it says is built.
    assert eventually(lambda: right(10) < right(1_000))


def test_double_precision_query_is_answered(store: VectorStore) -> None:
    records, vectors = random_rows(20)
    info = fill(store, Metric.L2, records, vectors)
    assert store.search(info, vectors[3].astype(np.float64), k=1, nprobe=4)[0][0] == records[3]


# --- refused before Milvus sees it


@pytest.mark.parametrize(
    ("k", "nprobe", "said"),
    [
        (1, 0, "nprobe is 0, allowed are 1 to 4"),
        (1, 5, "nprobe is 5, allowed are 1 to 4"),
        (1, -1, "nprobe is -1"),
        (0, 1, "k is 0, allowed are 1 to 16,384"),
        (16_385, 1, "k is 16385"),
    ],
)
def test_query_out_of_range_is_refused_before_milvus(
    store: VectorStore, monkeypatch: pytest.MonkeyPatch, k: int, nprobe: int, said: str
) -> None:
    records, vectors = random_rows(20)
    info = fill(store, Metric.L2, records, vectors)
    monkeypatch.setattr(bare_client(store), "search", _never)
    with pytest.raises(QueryError, match=said):
        store.search(info, vectors[0], k=k, nprobe=nprobe)


def test_query_of_another_dimension_is_refused_before_milvus(
    store: VectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = fill(store, Metric.L2, *random_rows(20))
    monkeypatch.setattr(bare_client(store), "search", _never)
    with pytest.raises(EncoderMismatchError, match=r"the query has 5 numbers.* of 8"):
        store.search(info, np.zeros(5, np.float32), k=1, nprobe=1)
    with pytest.raises(EncoderMismatchError):
        store.search(info, np.zeros((1, DIMENSION), np.float32), k=1, nprobe=1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_query_that_is_not_finite_is_refused_before_milvus(
    store: VectorStore, monkeypatch: pytest.MonkeyPatch, bad: float
) -> None:
    info = fill(store, Metric.L2, *random_rows(20))
    monkeypatch.setattr(bare_client(store), "search", _never)
    query = np.zeros(DIMENSION, np.float32)
    query[3] = bad
    with pytest.raises(QueryError, match="not finite"):
        store.search(info, query, k=1, nprobe=1)


@pytest.mark.parametrize(
    "embeddings",
    [
        np.full((2, DIMENSION), np.nan, np.float32),
        np.array([[0] * DIMENSION, [0] * 7 + [np.inf]], np.float32),
        np.full((2, DIMENSION), 1e300),  # too large for float32
        np.zeros((2, DIMENSION - 1), np.float32),
        np.zeros((3, DIMENSION), np.float32),
        np.zeros((DIMENSION, 2), np.float32),
        np.zeros(2, np.float32),
    ],
    ids=["nan", "inf", "overflow", "dimension", "count", "transposed", "flat"],
)
def test_embeddings_that_are_not_usable_are_never_written(
    store: VectorStore, embeddings: NDArray[np.float32]
) -> None:
    records, vectors = random_rows(4)
    fill(store, Metric.L2, records[2:], vectors[2:])
    with pytest.raises(StoreError, match="refused before they reached fruit_l2"):
        store.upsert(FAMILY, Metric.L2, records[:2], embeddings)
    assert list(store.records(FAMILY, Metric.L2)) == sorted(records[2:], key=lambda r: r.id)


def _never(*_: object, **__: object) -> None:
    raise AssertionError("this reached Milvus")


# --- rows


def test_upsert_twice_keeps_one_row_with_the_newer_content(either_store: VectorStore) -> None:
    records, vectors = random_rows(20)
    fill(either_store, Metric.L2, records, vectors)
    newer = ImageRecord(records[0].id, records[0].path, records[0].label, "f" * 32)
    either_store.upsert(FAMILY, Metric.L2, [newer, *records[1:]], vectors + 1)
    assert either_store.count(FAMILY, Metric.L2) == 20
    either_store.finish(FAMILY, Metric.L2)
    assert either_store.count(FAMILY, Metric.L2) == 20
    assert newer in set(either_store.records(FAMILY, Metric.L2))
    np.testing.assert_array_equal(
        either_store.embeddings(FAMILY, Metric.L2, [newer.id])[newer.id], vectors[0] + 1
    )


def test_more_rows_than_one_batch_are_all_written_and_read(either_store: VectorStore) -> None:
    """A batch has 500 rows, a page that is read 2,000."""
    records, vectors = random_rows(2_600)
    info = fill(either_store, Metric.L2, records, vectors)
    assert info.rows == 2_600
    assert list(either_store.records(FAMILY, Metric.L2)) == sorted(records, key=lambda r: r.id)
    found = either_store.embeddings(FAMILY, Metric.L2, [r.id for r in records])
    np.testing.assert_array_equal(np.stack([found[r.id] for r in records]), vectors)


def test_embeddings_come_back_bit_for_bit_and_unknown_ids_are_left_out(
    either_store: VectorStore,
) -> None:
    records, _ = random_rows(3)
    tiny, huge = np.float32(1e-38), np.float32(3e38)
    vectors = np.array([[1 / 3] * 8, [tiny, -tiny, huge, -huge, 0, -0.0, 1, 2], range(8)])
    vectors = vectors.astype(np.float32)
    fill(either_store, Metric.L2, records, vectors)
    found = either_store.embeddings(FAMILY, Metric.L2, [r.id for r in records] + [12345])
    assert found.keys() == {r.id for r in records}
    for record, vector in zip(records, vectors, strict=True):
        assert found[record.id].dtype == np.float32
        assert found[record.id].tobytes() == vector.tobytes()
    assert either_store.embeddings(FAMILY, Metric.L2, []) == {}


def test_odd_names_come_back_as_they_were_and_can_be_filtered_by(either_store: VectorStore) -> None:
    records, vectors = random_rows(10 * len(ODD_LABELS), labels=ODD_LABELS)
    info = fill(either_store, Metric.L2, records, vectors)
    assert set(either_store.records(FAMILY, Metric.L2)) == set(records)
    for label in ODD_LABELS:
        hits = either_store.search(info, vectors[0], k=50, nprobe=info.nlist, labels=[label])
        assert {record for record, _ in hits} == {r for r in records if r.label == label}
    both = either_store.search(info, vectors[0], k=50, nprobe=info.nlist, labels=ODD_LABELS[:2])
    assert len(both) == 20


def test_a_class_that_was_stored_in_either_form_of_unicode_is_found(
    either_store: VectorStore,
) -> None:
    one, two = (unicodedata.normalize(form, "Kíwi") for form in ("NFC", "NFD"))
    records, vectors = random_rows(12, labels=[one, two, "Lemon"])
    info = fill(either_store, Metric.L2, records, vectors)
    for asked in (one, two):
        hits = either_store.search(info, vectors[0], k=12, nprobe=info.nlist, labels=[asked])
        # 12 rows of 3 classes in turn: 4 of each, and the first two are one class.
        assert len(hits) == 8
        assert {record.label for record, _ in hits} == {one}
        assert either_store.missing_labels(info, [asked]) == []


def test_a_label_cannot_break_out_of_the_filter(either_store: VectorStore) -> None:
    records, vectors = random_rows(30)
    info = fill(either_store, Metric.L2, records, vectors)
    for label in ('" or label != "', '"] or label in ["a', "a\\", "\\"):
        assert either_store.search(info, vectors[0], k=30, nprobe=4, labels=[label]) == []


FURTHER = (
    (("bar code", "007"), ("date", "2024-01-02"), ("variety", "Gala")),
    (("größe", '5" x 7'), ("variety", "it's 香蕉\\")),
    (),
    (('qu"ote] or true', '"] or label == "a'), ("variety", "line\nbreak")),
)


def test_further_columns_come_back_as_they_were_and_can_be_filtered_by(
    either_store: VectorStore,
) -> None:
    plain, vectors = random_rows(40)
    records = [replace(r, further=FURTHER[n % len(FURTHER)]) for n, r in enumerate(plain)]
    info = fill(either_store, Metric.L2, records, vectors)

    def found(having: Having, labels: Sequence[str] = ()) -> set[ImageRecord]:
        hits = either_store.search(
            info, vectors[0], k=40, nprobe=info.nlist, labels=labels, having=having
        )
        return {record for record, _ in hits}

    assert set(either_store.records(FAMILY, Metric.L2)) == set(records)
    for name, value in {pair for told in FURTHER for pair in told}:
        # Of 40 rows every fourth is told the same.
        same = {r for r in records if (name, value) in r.further}
        assert len(same) == 10 and found(((name, (value,)),)) == same
    gala = {r for r in records if ("variety", "Gala") in r.further}
    assert found((("variety", ("Gala",)), ("bar code", ("007", "008")))) == gala
    assert found((("variety", ("Gala", "no such")),), labels=["a"]) == {
        r for r in gala if r.label == "a"
    }
    assert found((("no such", ("Gala",)),)) == found((("variety", ('" or "" == "',)),)) == set()
    [(read, _)] = either_store.rows_with_embeddings(FAMILY, Metric.L2, ids=[records[0].id])
    assert read == records[:1]
    # What a row has no longer is gone.
    records[0] = replace(records[0], further=(("day", "Monday"),))
    records[1] = replace(records[1], further=())
    either_store.upsert(FAMILY, Metric.L2, records[:2], vectors[:2])
    either_store.finish(FAMILY, Metric.L2)
    assert records[0] not in found((("variety", ("Gala",)),))
    assert found((("day", ("Monday",)),)) == {records[0]}
    # A new index is built on a copy of the rows.
    either_store.fit_index(FAMILY, Metric.L2, index=IndexChoice(nlist=2), expected_rows=40)
    either_store.finish(FAMILY, Metric.L2)
    assert set(either_store.records(FAMILY, Metric.L2)) == set(records)


def test_deleted_rows_are_gone_and_unknown_ids_are_passed_over(either_store: VectorStore) -> None:
    records, vectors = random_rows(20)
    fill(either_store, Metric.L2, records, vectors)
    either_store.delete(FAMILY, Metric.L2, [records[0].id, records[3].id, 12345])
    assert either_store.count(FAMILY, Metric.L2) == 18
    kept = {record.id for record in records} - {records[0].id, records[3].id}
    assert {record.id for record in either_store.records(FAMILY, Metric.L2)} == kept


def test_what_was_just_written_is_read_at_once(either_store: VectorStore) -> None:
    """A server's reads may lag behind its writes unless they are told not to."""
    fill(either_store, Metric.L2, *random_rows(20))
    records = make_records(["late"] * 5, start=500)
    either_store.upsert(FAMILY, Metric.L2, records, np.ones((5, DIMENSION), np.float32))
    ids = [record.id for record in records]
    assert either_store.embeddings(FAMILY, Metric.L2, ids).keys() == set(ids)
    assert set(records) <= set(either_store.records(FAMILY, Metric.L2))


def test_ids_use_all_63_bits(either_store: VectorStore) -> None:
    """All but the very last: a server's `m_id > n` misses 2**63 - 1."""
    _, vectors = random_rows(2)
    records = [ImageRecord(i, "a/b.jpg", "a", "0" * 32) for i in (0, 2**63 - 2)]
    info = fill(either_store, Metric.L2, records, vectors)
    assert [r.id for r in either_store.records(FAMILY, Metric.L2)] == [0, 2**63 - 2]
    assert either_store.search(info, vectors[1], k=1, nprobe=4)[0][0] == records[1]
    assert either_store.embeddings(FAMILY, Metric.L2, [2**63 - 2]).keys() == {2**63 - 2}


# --- what is not there


def test_unknown_collection_names_itself_and_the_next_step(store: VectorStore) -> None:
    with pytest.raises(CollectionNotFoundError) as caught:
        store.info("nuts", Metric.IP)
    assert "'nuts'" in str(caught.value)
    assert "scripts.build_index DATASET --collection nuts --metrics IP" in str(caught.value)


def test_missing_metric_says_which_there_are(store: VectorStore) -> None:
    fill(store, Metric.L2, *random_rows(3))
    with pytest.raises(CollectionNotFoundError, match=r"no IP index \(it has L2\)"):
        store.info(FAMILY, Metric.IP)
    with pytest.raises(CollectionNotFoundError):
        list(store.records(FAMILY, Metric.IP))


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.count("nuts", Metric.L2),
        lambda s: s.embeddings("nuts", Metric.L2, [1]),
        lambda s: s.upsert("nuts", Metric.L2, *random_rows(1)),
        lambda s: s.finish("nuts", Metric.L2),
        lambda s: s.set_complete("nuts", Metric.L2, complete=True),
    ],
    ids=["count", "embeddings", "upsert", "finish", "set_complete"],
)
def test_every_call_on_a_missing_collection_says_so(
    either_store: VectorStore, call: Callable[[VectorStore], object]
) -> None:
    with pytest.raises(CollectionNotFoundError, match=r"nuts.*build_index"):
        call(either_store)


def test_classes_that_no_row_has_are_told(either_store: VectorStore) -> None:
    info = fill(either_store, Metric.L2, *random_rows(9))
    assert either_store.missing_labels(info, ["a", "zz", "c", ""]) == ["zz", ""]


def test_dropped_collection_is_gone_and_can_be_built_again(either_store: VectorStore) -> None:
    info = fill(either_store, Metric.L2, *random_rows(30))
    either_store.drop(FAMILY, Metric.L2)
    with pytest.raises(CollectionNotFoundError):
        either_store.search(info, np.zeros(DIMENSION, np.float32), k=1, nprobe=1)
    assert fill(either_store, Metric.L2, *random_rows(5)).rows == 5


# --- opening, closing, sharing


def test_reopened_database_loads_by_itself(database: Path) -> None:
    records, vectors = random_rows()
    store = VectorStore(str(database), database="pictures")
    fill(store, Metric.L2, records, vectors)
    store.close()
    store = VectorStore(str(database), database="pictures")
    try:
        info = store.info(FAMILY, Metric.L2)
        assert info.rows == ROWS
        assert store.search(info, vectors[7], k=1, nprobe=4)[0][0] == records[7]
    finally:
        store.close()


def test_collection_released_by_another_client_is_loaded_again(either_store: VectorStore) -> None:
    records, vectors = random_rows()
    info = fill(either_store, Metric.L2, records, vectors)
    bare_client(either_store).release_collection(info.name)
    assert either_store.search(info, vectors[7], k=1, nprobe=4)[0][0] == records[7]
    bare_client(either_store).release_collection(info.name)
    assert either_store.embeddings(FAMILY, Metric.L2, [records[0].id])


def test_database_is_made_and_holds_what_is_put_into_it(database: Path) -> None:
    one = VectorStore(str(database), database="one")
    two = VectorStore(str(database), database="two")
    fill(one, Metric.L2, *random_rows(3))
    assert set(bare_client(one).list_databases()) >= {"one", "two"}
    assert (one.metrics(FAMILY), two.metrics(FAMILY)) == ([Metric.L2], [])
    one.close()
    two.close()


def test_closing_one_of_two_stores_leaves_the_other_working(database: Path) -> None:
    first = VectorStore(str(database))
    second = VectorStore(str(database.parent / "." / "x" / ".." / database.name))
    fill(first, Metric.L2, *random_rows(3))
    second.close()
    second.close()
    assert first.count(FAMILY, Metric.L2) == 3
    first.close()
    with pytest.raises(StoreError):
        first.count(FAMILY, Metric.L2)


def test_closed_store_lets_another_process_open_the_file(database: Path) -> None:
    store = VectorStore(str(database))
    fill(store, Metric.L2, *random_rows(3))
    store.close()
    code = (
        "import sys; from core.store.vector_store import *; from core.metric import Metric;"
        "s = VectorStore(sys.argv[1]); print(s.count('fruit', Metric.L2)); s.close()"
    )
    done = _python(code, str(database))
    assert (done.stdout.strip(), done.stderr) == ("3", "")


def test_foreign_milvus_uri_variable_does_no_harm() -> None:
    """pymilvus reads that name on import and fails on a file name."""
    code = "import os, core.store.vector_store; print(os.environ['MILVUS_URI'])"
    done = _python(code, env={"MILVUS_URI": "./milvus.db"})
    assert (done.stdout.strip(), done.returncode) == ("./milvus.db", 0)


def test_server_down_fails_fast_and_names_the_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = time.monotonic()
    with pytest.raises(StoreUnavailableError) as caught:
        VectorStore(f"http://127.0.0.1:{port}", token="root:sesame-sesame", timeout=3)
    assert time.monotonic() - started < 5
    assert f"http://127.0.0.1:{port}" in str(caught.value)
    assert "ORCHARD_MILVUS_URI" in str(caught.value)
    assert "sesame" not in str(caught.value)


def test_password_in_the_address_is_not_repeated() -> None:
    with pytest.raises(StoreUnavailableError) as caught:
        VectorStore("http://root:sesame@127.0.0.1:1", timeout=3)
    assert "http://127.0.0.1:1" in str(caught.value)
    assert "sesame" not in str(caught.value)


def test_silent_server_counts_as_down_after_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        with pytest.raises(StoreUnavailableError):
            VectorStore(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=1)
        assert time.monotonic() - started < 10


def test_failed_open_leaves_the_file_free(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.store.connection.MilvusClient.list_databases", _failing)
    with pytest.raises(ZeroDivisionError):
        VectorStore(str(database))
    monkeypatch.undo()
    done = _python(
        "import sys; from core.store.vector_store import *; VectorStore(sys.argv[1])", str(database)
    )
    assert done.returncode == 0, done.stderr


def _failing(*_: object, **__: object) -> None:
    raise ZeroDivisionError


def test_threads_may_search_while_another_writes(either_store: VectorStore) -> None:
    records, vectors = random_rows(600)
    info = fill(either_store, Metric.L2, records[:300], vectors[:300])
    problems, done = [], threading.Event()

    def read() -> None:
        while not done.is_set():
            try:
                hits = either_store.search(info, vectors[0], k=10, nprobe=4)
                if hits[0][0] != records[0]:
                    problems.append(hits[0])
            except Exception as error:
                problems.append(error)
                return

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for start in range(300, 600, 50):
        either_store.upsert(
            FAMILY, Metric.L2, records[start : start + 50], vectors[start : start + 50]
        )
    either_store.finish(FAMILY, Metric.L2)
    done.set()
    for reader in readers:
        reader.join()
    assert problems == []
    assert either_store.count(FAMILY, Metric.L2) == 600


def _python(
    code: str, *arguments: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=PROJECT,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
