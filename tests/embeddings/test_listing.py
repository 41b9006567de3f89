"""The listing kept of a collection: read from its file, and never when it is out of date."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.collection.index_choice import IndexChoice, IndexType
from core.embeddings.listing import keep_listing, listing_name, load_listing
from core.metric import Metric
from core.records import EncoderIdentity, ImageRecord
from core.store import lite
from core.store.row_reader import RowReader
from core.store.vector_store import VectorStore
from tests.support.bare_client import bare_client

ENCODER = EncoderIdentity("resnet14", "12345678", "test", 4)
NAME = "set_l2"


def record(number: int, label: str = "apple", **known: str) -> ImageRecord:
    path = f"{label}/{number}.jpg"
    return ImageRecord(number * 7 + 3, path, label, f"{number:032x}", tuple(sorted(known.items())))


def numbers(rows: int) -> NDArray[np.float32]:
    return np.random.default_rng(rows).random((rows, 4), dtype=np.float32)


ROWS = [
    # One row says nothing more, one has a column of the name of a field.
    record(4),
    *(record(n, "pear", id="7", variety="Conference") for n in range(3)),
    record(5, "", variety="", colour="green"),
]


def create(store: VectorStore, rows: list[ImageRecord]) -> None:
    store.create(
        "set", Metric.L2, encoder=ENCODER, dataset="/nowhere",
        index=IndexChoice(IndexType.FLAT), expected_rows=10,
    )  # fmt: skip
    write(store, rows)


def write(store: VectorStore, rows: list[ImageRecord]) -> None:
    store.upsert("set", Metric.L2, rows, numbers(len(rows)))
    store.finish("set", Metric.L2)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[VectorStore]:
    store = VectorStore(str(tmp_path / "test.db"), database="test")
    create(store, ROWS)
    yield store
    store.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "embeddings"


def listed(store: VectorStore, folder: Path) -> list[ImageRecord]:
    return list(load_listing(store, store.info("set", Metric.L2), folder).records)


def as_stored(store: VectorStore) -> list[ImageRecord]:
    return list(store.stored.records("set", Metric.L2))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows with each reading of all rows from the database."""
    read: list[str] = []
    records = RowReader.records

    def counted(self: RowReader, family: str, metric: Metric) -> Iterator[ImageRecord]:
        read.append(family)
        return records(self, family, metric)

    monkeypatch.setattr(RowReader, "records", counted)
    return read


def test_rows_are_read_once_and_come_back_as_they_are(
    store: VectorStore, folder: Path, reads: list[str]
) -> None:
    first = load_listing(store, store.info("set", Metric.L2), folder)
    again = load_listing(store, store.info("set", Metric.L2), folder)
    assert len(reads) == 1
    assert list(again.records) == as_stored(store) == sorted(ROWS, key=lambda row: row.id)
    assert again.fingerprint == first.fingerprint
    assert [path.name for path in folder.iterdir()] == [listing_name(NAME)]


def test_what_a_run_has_written_is_listed_without_reading(
    store: VectorStore, folder: Path, reads: list[str]
) -> None:
    keep_listing(store, store.info("set", Metric.L2), ROWS, folder=folder)
    found = listed(store, folder)
    assert reads == []
    assert found == as_stored(store)


# Each leaves as many rows as there were, and another row among them.
def relabel(store: VectorStore) -> None:
    write(store, [replace(ROWS[1], label="quince")])


def relabel_without_end(store: VectorStore) -> None:
    store.upsert("set", Metric.L2, [replace(ROWS[1], label="quince")], numbers(1))


def exchange(store: VectorStore) -> None:
    store.delete("set", Metric.L2, [ROWS[0].id])
    write(store, [record(9)])


def relabel_as_another_program(store: VectorStore) -> None:
    row = {"m_id": ROWS[1].id, "embedding": [0.0] * 4, "path": "q/1.jpg", "label": "q"}
    bare_client(store).upsert(NAME, [{**row, "digest": "0"}])
    bare_client(store).flush(NAME)


def make_anew(store: VectorStore) -> None:
    # The same rows but for one, in as many steps: its changes are numbered as before.
    store.drop("set", Metric.L2)
    create(store, [replace(ROWS[0], label="quince"), *ROWS[1:]])


@pytest.mark.parametrize(
    "change",
    [relabel, relabel_without_end, exchange, relabel_as_another_program, make_anew],
)
def test_listing_of_before_a_change_is_never_taken(
    store: VectorStore, folder: Path, change: Callable[[VectorStore], None]
) -> None:
    before = listed(store, folder)
    change(store)
    now = listed(store, folder)
    assert len(now) == len(before)
    assert now != before
    assert now == as_stored(store)


def test_rows_that_were_changed_while_it_was_closed_are_read(
    store: VectorStore, folder: Path, tmp_path: Path
) -> None:
    before = listed(store, folder)
    store.close()
    other = VectorStore(str(tmp_path / "test.db"), database="test")
    relabel_as_another_program(other)
    other.close()
    opened = VectorStore(str(tmp_path / "test.db"), database="test")
    now = listed(opened, folder)
    assert now == as_stored(opened) != before
    opened.close()


def test_copy_that_was_put_back_and_written_to_as_often_is_read(
    store: VectorStore, folder: Path, tmp_path: Path
) -> None:
    database, copy = tmp_path / "test.db", tmp_path / "copy.db"
    store.close()
    # With the times of the files, as a backup keeps them.
    shutil.copytree(database, copy)
    one = VectorStore(str(database), database="test")
    write(one, [replace(ROWS[1], label="quince")])
    quinces = listed(one, folder)
    one.close()

    shutil.rmtree(database)
    shutil.copytree(copy, database)
    other = VectorStore(str(database), database="test")
    write(other, [replace(ROWS[1], label="medlar")])
    medlars = listed(other, folder)
    assert [r.label for r in medlars if r.id == ROWS[1].id] == ["medlar"]
    assert medlars == as_stored(other) != quinces
    other.close()


def test_state_holds_while_files_are_merged_and_the_database_is_opened_again(
    store: VectorStore, folder: Path, tmp_path: Path, reads: list[str]
) -> None:
    for number in range(10, 16):
        write(store, [record(number)])
    state, found = store.state(NAME), listed(store, folder)
    assert state
    # Closing waits until what is merged is merged: seven files of a few rows each.
    store.close()
    files = len(list((tmp_path / "test.db").rglob("data_*.parquet")))
    assert files < 7
    opened = VectorStore(str(tmp_path / "test.db"), database="test")
    assert opened.state(NAME) == state
    assert listed(opened, folder) == found
    assert len(reads) == 1
    opened.close()


def test_nothing_is_kept_of_rows_that_are_being_written(store: VectorStore, folder: Path) -> None:
    store.upsert("set", Metric.L2, [record(9)], numbers(1))
    assert store.state(NAME) == ""
    assert len(listed(store, folder)) == len(ROWS) + 1
    keep_listing(store, store.info("set", Metric.L2), [*ROWS, record(9)], folder=folder)
    assert not folder.exists()


def test_nothing_is_kept_of_rows_that_changed_while_they_were_read(
    store: VectorStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = RowReader.records

    def changing(self: RowReader, family: str, metric: Metric) -> Iterator[ImageRecord]:
        yield from records(self, family, metric)
        relabel(store)

    with monkeypatch.context() as patch:
        patch.setattr(RowReader, "records", changing)
        listed(store, folder)
    assert not folder.exists()
    assert listed(store, folder) == as_stored(store)


def test_server_says_nothing_of_its_state_and_is_always_read(
    store: VectorStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.connection, "is_lite", False)
    assert store.state(NAME) == ""


@pytest.mark.parametrize("place", [0.1, 0.3, 0.5, 0.7, 0.97])
def test_spoilt_file_is_made_again(
    store: VectorStore, folder: Path, reads: list[str], place: float
) -> None:
    found = listed(store, folder)
    file = folder / listing_name(NAME)
    content = bytearray(file.read_bytes())
    content[int(place * len(content))] ^= 0xFF
    file.write_bytes(content)
    assert listed(store, folder) == found
    file.write_bytes(content[: len(content) // 2])
    assert listed(store, folder) == found
    file.write_bytes(b"")
    assert listed(store, folder) == found


def test_other_way_to_read_the_same_rows_is_another_listing(
    store: VectorStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed(store, folder)
    info = store.info("set", Metric.L2)
    prefixed = replace(info, schema=replace(info.schema, prefix="pear/"))
    monkeypatch.setattr(store.collections, "schema", lambda _: prefixed.schema)
    monkeypatch.setattr(VectorStore, "info", lambda *_: prefixed)
    assert {row.path for row in listed(store, folder)} >= {"0.jpg", "1.jpg", "2.jpg"}


def test_state_of_what_is_no_collection_is_unknown(tmp_path: Path) -> None:
    assert lite.state_of(tmp_path / "no.db", database="default", collection="set") == ""
    folder = tmp_path / "odd.db" / "collections" / "set"
    (folder / "wal").mkdir(parents=True)
    (folder / "schema.json").write_text("{}")
    for content in ("", "[]", "{}", '{"current_seq": "x", "partitions": {}}'):
        (folder / "manifest.json").write_text(content)
        assert lite.state_of(tmp_path / "odd.db", database="default", collection="set") == ""


def test_folder_that_cannot_be_written_costs_only_time(
    store: VectorStore, folder: Path, reads: list[str]
) -> None:
    folder.write_text("a file where the folder should be")
    assert listed(store, folder) == listed(store, folder) == as_stored(store)
