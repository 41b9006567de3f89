"""The matrix of a corrected collection: other classes for nothing, other rows from the file."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.corrections.book import Book
from core.corrections.correction import Edit
from core.embeddings.matrix import load_matrix
from core.errors import CorrectionError
from core.metric import Metric
from core.store.row_reader import RowReader
from core.store.vector_store import VectorStore
from tests.support.made_up import fill, make_records


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VectorStore]:
    store = VectorStore(str(tmp_path_factory.mktemp("corrected") / "test.db"), database="test")
    fill(store, "set")
    yield store
    store.close()


@pytest.fixture
def store(filled: VectorStore, tmp_path: Path) -> VectorStore:
    filled.book = Book(tmp_path / "corrections")
    return filled


def test_corrections_never_have_the_embeddings_read_again(
    store: VectorStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = load_matrix(store, "set", Metric.L2, tmp_path)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(RowReader, "rows_with_embeddings", never)
    assert store.book
    store.book.change("set", ["apple/test_0.jpg"], Edit(label="banana", tagged=("x",)))
    other = load_matrix(store, "set", Metric.L2, tmp_path)
    assert (plain.labels[0], other.labels[0]) == ("apple", "banana")
    assert other.labels[1:] == plain.labels[1:]
    # The same embeddings in the same file: maps and neighbour tables stay as they are.
    assert (other.embedded, other.stored) == (plain.embedded, plain.stored)
    assert other.fingerprint != plain.fingerprint
    assert (other.applied.relabelled, other.applied.excluded) == (1, 0)

    store.book.change("set", ["apple/test_4.jpg", "cherry/test_0.jpg"], Edit(excluded=True))
    fewer = load_matrix(store, "set", Metric.L2, tmp_path)
    kept = [path not in {"apple/test_4.jpg", "cherry/test_0.jpg"} for path in plain.paths]
    assert fewer.paths == tuple(np.array(plain.paths)[kept])
    assert np.array_equal(fewer.embeddings, plain.embeddings[kept])
    assert isinstance(fewer.embeddings, np.memmap) and not fewer.embeddings.flags.writeable
    assert fewer.embedded != plain.embedded and fewer.stored == plain.stored
    assert str(fewer.applied) == "1 relabelled, 2 left out"

    store.book.undo("set")
    store.book.undo("set")
    back = load_matrix(store, "set", Metric.L2, tmp_path)
    assert (back.fingerprint, back.embedded, back.applied) == (
        plain.fingerprint,
        plain.embedded,
        plain.applied,
    )


def test_matrices_of_older_corrections_do_not_pile_up(store: VectorStore, tmp_path: Path) -> None:
    assert store.book
    for number in (0, 4, 8):
        store.book.change("set", [f"apple/test_{number}.jpg"], Edit(excluded=True))
        load_matrix(store, "set", Metric.L2, tmp_path)
    # That of all rows, and the one without three.
    assert len(list(tmp_path.glob("set-*.npy"))) == 2


def test_a_damaged_file_of_fewer_rows_is_made_again(store: VectorStore, tmp_path: Path) -> None:
    assert store.book
    store.book.change("set", ["apple/test_0.jpg"], Edit(excluded=True))
    first = load_matrix(store, "set", Metric.L2, tmp_path)
    numbers = np.array(first.embeddings)
    [smaller] = [f for f in tmp_path.glob("*.npy") if first.embedded in f.name]
    smaller.write_bytes(b"\x93NUMPY")
    assert np.array_equal(load_matrix(store, "set", Metric.L2, tmp_path).embeddings, numbers)


def test_a_collection_without_a_picture_says_why(store: VectorStore, tmp_path: Path) -> None:
    assert store.book
    store.book.change("set", [record.path for record in make_records()[0]], Edit(excluded=True))
    with pytest.raises(CorrectionError, match="all 66 pictures are left out"):
        load_matrix(store, "set", Metric.L2, tmp_path)
