"""Corrected rows: the same for whoever reads, searches or filters, on Lite and on a server."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from core.collection.info import CollectionInfo
from core.collection.query import row_filter
from core.collection.schema import Schema
from core.corrections.book import Book
from core.corrections.correction import Correction, Corrections, Edit
from core.metric import Metric
from core.records import ImageRecord
from core.store.vector_store import VectorStore
from tests.store.test_foreign import make as make_foreign
from tests.store.test_foreign import vectors
from tests.store.test_vector_store import FAMILY, fill, random_rows

ROWS = 30
L2 = Metric.L2


@pytest.fixture
def said(either_store: VectorStore, tmp_path: Path) -> Book:
    either_store.book = Book(tmp_path / "corrections")
    return either_store.book


def found(
    store: VectorStore,
    info: CollectionInfo,
    query: np.ndarray,
    labels: Sequence[str] = (),
    k: int = ROWS,
) -> list[ImageRecord]:
    rows = store.search(info, query, k=k, nprobe=max(1, info.nlist), labels=labels)
    return [record for record, _ in rows]


def test_a_relabelled_picture_is_found_under_its_new_class_and_not_under_the_old(
    either_store: VectorStore, said: Book
) -> None:
    records, embeddings = random_rows(ROWS, ("a", "b", 'c "quoted"'))
    info = fill(either_store, L2, records, embeddings)
    moved = [records[0].path, records[3].path]  # of class a
    said.change(FAMILY, moved, Edit(label='c "quoted"'))
    of_a = found(either_store, info, embeddings[0], ["a"])
    of_c = found(either_store, info, embeddings[0], ['c "quoted"'])
    # Ten each; two have moved.
    assert (len(of_a), len(of_c)) == (8, 12)
    assert not {record.path for record in of_a} & set(moved)
    assert of_c[0].path == moved[0] and of_c[0].label == 'c "quoted"'
    assert len(found(either_store, info, embeddings[0], ["a", 'c "quoted"'])) == 20
    assert {r.label for r in found(either_store, info, embeddings[0]) if r.path in moved} == {
        'c "quoted"'
    }
    # A class that no stored row has is there, and one that lost all its pictures is not.
    said.change(FAMILY, [r.path for r in records if r.label == "b"], Edit(label="new"))
    assert either_store.missing_labels(info, ["a", "b", "new"]) == ["b"]
    assert len(found(either_store, info, embeddings[0], ["new"])) == 10


def test_what_is_left_out_is_nowhere_until_it_is_taken_back(
    either_store: VectorStore, said: Book
) -> None:
    records, embeddings = random_rows(ROWS)
    info = fill(either_store, L2, records, embeddings)
    out = records[0]
    said.change(FAMILY, [out.path], Edit(excluded=True))
    assert out not in found(either_store, info, embeddings[0])
    # The nearest of the others takes its place: k hits are k hits.
    assert len(found(either_store, info, embeddings[0], k=5)) == 5
    assert out not in found(either_store, info, embeddings[0], ["a"])
    assert out not in list(either_store.records(FAMILY, L2))
    assert either_store.embeddings(FAMILY, L2, [out.id]) == {}
    [hits] = either_store.search_ids(info, embeddings[:1], k=ROWS, nprobe=4)
    assert len(hits) == ROWS - 1 and out.id not in {number for number, _ in hits}
    batches = list(either_store.rows_with_embeddings(FAMILY, L2))
    assert sum(len(rows) for rows, _ in batches) == sum(len(e) for _, e in batches) == ROWS - 1
    # The row is still stored, as it was.
    assert either_store.count(FAMILY, L2) == ROWS
    assert out in list(either_store.stored.records(FAMILY, L2))
    said.undo(FAMILY)
    assert found(either_store, info, embeddings[0])[0] == out


def test_rows_come_with_their_own_embeddings_where_some_are_left_out(
    either_store: VectorStore, said: Book
) -> None:
    records, embeddings = random_rows(ROWS)
    fill(either_store, L2, records, embeddings)
    said.change(FAMILY, [records[n].path for n in (0, 7, 29)], Edit(excluded=True))
    by_id = dict(zip([record.id for record in records], embeddings, strict=True))
    read = 0
    for rows, numbers in either_store.rows_with_embeddings(FAMILY, L2):
        for record, embedding in zip(rows, numbers, strict=True):
            assert embedding.tobytes() == by_id[record.id].tobytes()
            read += 1
    assert read == ROWS - 3


def test_names_that_mean_something_in_an_expression_are_names(
    either_store: VectorStore, said: Book
) -> None:
    odd = ['double "quotes"', "it's", "back\\slash", "香蕉", "line\nbreak", "{b} [c] %d"]
    records, embeddings = random_rows(len(odd), odd)
    info = fill(either_store, L2, records, embeddings)
    for record in records:
        said.change(FAMILY, [record.path], Edit(excluded=True))
        assert record not in found(either_store, info, embeddings[0], k=len(odd))
        said.undo(FAMILY)
    said.change(FAMILY, [record.path for record in records], Edit(label="x"))
    assert len(found(either_store, info, embeddings[0], ["x"], k=len(odd))) == len(odd)


def test_a_thousand_corrected_pictures_are_named_to_the_database(
    either_store: VectorStore, said: Book
) -> None:
    records, embeddings = random_rows(1_100)
    info = fill(either_store, L2, records, embeddings)
    said.change(FAMILY, [record.path for record in records[:1_000]], Edit(excluded=True))
    assert len(found(either_store, info, embeddings[0], k=1_100)) == 100


def test_a_collection_that_others_made_is_corrected_and_not_changed(
    either_store: VectorStore, said: Book
) -> None:
    # Its classes are folders, its paths absolute: `/data/fruit/apple/0.jpg` is `apple/0.jpg`.
    make_foreign(either_store)
    info = either_store.info("fruit_vector", L2)
    assert info.family == "fruit_vector" and info.is_foreign
    said.change("fruit_vector", ["apple/0.jpg"], Edit(label="bell_pepper"))
    said.change("fruit_vector", ["apple/1.jpg"], Edit(excluded=True))
    query = vectors()[0]
    apples = found(either_store, info, query, ["apple"])
    peppers = found(either_store, info, query, ["bell_pepper"])
    # Twenty a class: one has moved, one is left out.
    assert (len(apples), len(peppers)) == (18, 21)
    assert (peppers[0].path, peppers[0].label) == ("apple/0.jpg", "bell_pepper")
    assert len(found(either_store, info, query, k=60)) == 59


def test_a_filter_without_corrections_is_the_one_there_was() -> None:
    assert row_filter([]) == ""
    assert row_filter(["a"]) == 'label in ["a"]'
    other = Corrections({"x.jpg": Correction("b"), "y.jpg": Correction(tags=("t",))})
    # Nobody asks for a class: another class is no matter of the filter.
    assert row_filter([], corrections=other) == ""
    assert row_filter(["b"], corrections=other) == '(label in ["b"] or path in ["x.jpg"])'
    assert row_filter(["a"], Schema(label="", prefix="/p/"), corrections=other) == (
        '((path >= "/p/a/" and path < "/p/a0")) and not (path in ["/p/x.jpg", "x.jpg"])'
    )


def test_what_is_given_a_class_and_left_out_is_not_found_by_that_class() -> None:
    both = Corrections({"x.jpg": Correction("b", excluded=True)})
    assert row_filter(["b"], corrections=both).endswith('and not (path in ["x.jpg"])')


def test_the_family_of_a_collection_is_its_name_without_the_metric(store: VectorStore) -> None:
    assert fill(store, Metric.COSINE, *random_rows(4)).family == FAMILY
