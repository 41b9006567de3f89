"""The embedding matrix: equal to what was stored, read once, made again when it must be."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.collection.index_choice import IndexChoice, IndexType
from core.embeddings.fingerprint import fingerprint
from core.embeddings.matrix import load_matrix
from core.errors import CollectionNotFoundError, QueryError, StoreError
from core.metric import Metric
from core.records import EncoderIdentity, ImageRecord
from core.store.row_reader import RowReader
from core.store.vector_store import VectorStore

ENCODER = EncoderIdentity("resnet14", "12345678", "test", 8)
RECORDS = [
    ImageRecord(1000 - number, f"{'ab'[number % 2]}/{number}.jpg", "ab"[number % 2], f"{number}")
    for number in range(40)
]
EMBEDDINGS = np.random.default_rng(0).random((40, 8), dtype=np.float32)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VectorStore]:
    store = VectorStore(str(tmp_path_factory.mktemp("matrix") / "test.db"), database="test")
    store.create(
        "set",
        Metric.L2,
        encoder=ENCODER,
        dataset="/nowhere",
        index=IndexChoice(IndexType.IVF_FLAT, 4),
        expected_rows=40,
    )
    store.upsert("set", Metric.L2, RECORDS, EMBEDDINGS)
    store.finish("set", Metric.L2)
    yield store
    store.close()


def test_rows_are_those_stored_in_order_of_ids(store: VectorStore, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    matrix = load_matrix(store, "set", Metric.L2, tmp_path, lambda *done: seen.append(done))
    assert matrix.ids.tolist() == sorted(record.id for record in RECORDS)
    assert [matrix.record(position) for position in range(40)] == RECORDS[::-1]
    assert np.array_equal(matrix.embeddings, EMBEDDINGS[::-1])
    assert seen[-1] == ("read", 40, 40)


def test_read_from_the_database_once(
    store: VectorStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load_matrix(store, "set", Metric.L2, tmp_path)

    def never(*_: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(RowReader, "rows_with_embeddings", never)
    again = load_matrix(store, "set", Metric.L2, tmp_path)
    assert np.array_equal(first.embeddings, again.embeddings)
    assert not again.embeddings.flags.writeable


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"no matrix at all"])
def test_damaged_file_is_made_again(store: VectorStore, tmp_path: Path, content: bytes) -> None:
    load_matrix(store, "set", Metric.L2, tmp_path)
    file = next(tmp_path.glob("*.npy"))
    file.write_bytes(content)
    assert np.array_equal(
        load_matrix(store, "set", Metric.L2, tmp_path).embeddings, EMBEDDINGS[::-1]
    )


def test_truncated_file_is_made_again(store: VectorStore, tmp_path: Path) -> None:
    load_matrix(store, "set", Metric.L2, tmp_path)
    file = next(tmp_path.glob("*.npy"))
    file.write_bytes(file.read_bytes()[:-8])
    assert np.array_equal(
        load_matrix(store, "set", Metric.L2, tmp_path).embeddings, EMBEDDINGS[::-1]
    )


def test_older_matrices_of_the_family_only_are_deleted(store: VectorStore, tmp_path: Path) -> None:
    old, other = tmp_path / "set-0-v2.npy", tmp_path / "set_b-0-v2.npy"
    old.touch()
    other.touch()
    load_matrix(store, "set", Metric.L2, tmp_path)
    assert not old.exists()
    assert other.exists()


def test_stopping_leaves_nothing_behind(store: VectorStore, tmp_path: Path) -> None:
    def stop(stage: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_matrix(store, "set", Metric.L2, tmp_path, stop)
    assert [file.suffix for file in tmp_path.iterdir()] == [".parquet"]


def test_rows_that_change_meanwhile_are_refused(
    store: VectorStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RowReader, "records", lambda *_: iter(RECORDS[:-1]))
    with pytest.raises(StoreError, match="changed while"):
        load_matrix(store, "set", Metric.L2, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_empty_collection_is_refused(
    store: VectorStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RowReader, "records", lambda *_: iter(()))
    with pytest.raises(CollectionNotFoundError, match="is empty"):
        load_matrix(store, "set", Metric.L2, tmp_path)


def test_fingerprint_changes_with_any_row_and_the_encoder() -> None:
    marks = {fingerprint(RECORDS, ENCODER), fingerprint(RECORDS[::-1], ENCODER)}
    assert len(marks) == 1
    other = ImageRecord(1000, "a/0.jpg", "b", "0")
    marks |= {
        fingerprint(RECORDS[1:], ENCODER),
        fingerprint([other, *RECORDS[1:]], ENCODER),
        fingerprint(RECORDS, EncoderIdentity("resnet14", "12345678", "other", 8)),
    }
    assert len(marks) == 4


def test_many_queries_in_one_call_answer_as_one_by_one(store: VectorStore) -> None:
    info = store.info("set", Metric.L2)
    many = store.search_ids(info, EMBEDDINGS[:3], k=5, nprobe=2)
    for embedding, hits in zip(EMBEDDINGS, many, strict=False):
        one = store.search(info, embedding, k=5, nprobe=2)
        assert [key for key, _ in hits] == [record.id for record, _ in one]
        assert [score for _, score in hits] == pytest.approx([score for _, score in one])
    with pytest.raises(QueryError, match="nprobe"):
        store.search_ids(info, EMBEDDINGS[:3], k=5, nprobe=5)


def test_ids_are_found_by_their_row_and_unknown_ones_have_none(
    store: VectorStore, tmp_path: Path
) -> None:
    matrix = load_matrix(store, "set", Metric.L2, tmp_path)
    # Ids 961 to 1000, ascending; 960 lies before the first, 1001 behind the last.
    assert matrix.places([1000, 960, 961, 1001]).tolist() == [39, -1, 0, -1]
    assert matrix.places([]).tolist() == []
