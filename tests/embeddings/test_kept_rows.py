"""What a run writes becomes the matrix: from its own rows, those of before, and none of others."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.embeddings import kept_rows
from core.embeddings.fingerprint import fingerprint
from core.embeddings.kept_rows import KeptRows
from core.embeddings.matrix_file import matrix_file
from core.progress import Stage
from core.records import EncoderIdentity, ImageRecord
from core.store.row_reader import RowBatch

ENCODER = EncoderIdentity("resnet14", "12345678", "test", 3)
# Ids go down as numbers go up.
RECORDS = [ImageRecord(100 - n, f"a/{n}.jpg", "a", f"digest {n}") for n in range(8)]


def numbers(records: Sequence[ImageRecord], *, plus: float = 0.0) -> NDArray[np.float32]:
    """An embedding that says whose it is: its id, three times."""
    return np.repeat(np.array([[record.id + plus] for record in records], np.float32), 3, axis=1)


def made(folder: Path, records: Iterable[ImageRecord]) -> list[float] | None:
    """The first number of every row of the matrix of these records; None without one."""
    mark = fingerprint(records, ENCODER)
    file = matrix_file(folder, family="set", fingerprint=mark)
    return np.load(file)[:, 0].tolist() if file.exists() else None


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[KeptRows]:
    with KeptRows(tmp_path, family="set", encoder=ENCODER) as kept:
        yield kept


def before(folder: Path, records: Sequence[ImageRecord]) -> None:
    with KeptRows(folder, family="set", encoder=ENCODER) as earlier:
        earlier.add(records, numbers(records))
        earlier.make_matrix(records)


def test_rows_come_in_order_of_their_ids_whatever_the_order_of_writing(
    kept: KeptRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Copied in blocks of three: some rows lie side by side, some do not.
    monkeypatch.setattr(kept_rows, "_BLOCK", 3)
    kept.add(RECORDS[4:], numbers(RECORDS[4:]))
    kept.add(RECORDS[:4], numbers(RECORDS[:4]))
    kept.make_matrix(RECORDS)
    assert made(tmp_path, RECORDS) == [93, 94, 95, 96, 97, 98, 99, 100]


def test_row_that_is_written_twice_has_the_later_embedding(kept: KeptRows, tmp_path: Path) -> None:
    kept.add(RECORDS, numbers(RECORDS))
    kept.add(RECORDS[:1], numbers(RECORDS[:1], plus=0.5))
    kept.make_matrix(RECORDS)
    assert made(tmp_path, RECORDS) == [93, 94, 95, 96, 97, 98, 99, 100.5]


def test_rows_of_before_are_taken_from_their_matrix_and_it_goes(
    kept: KeptRows, tmp_path: Path
) -> None:
    old = RECORDS[:4]
    before(tmp_path, old)
    kept.remember(old)
    # One is new, one is of other bytes, one has only another class, one is gone.
    changed, moved = replace(old[1], digest="other"), replace(old[2], label="b")
    now = [old[0], changed, moved, RECORDS[5]]
    kept.add([changed, RECORDS[5]], numbers([changed, RECORDS[5]], plus=0.5))
    kept.make_matrix(now)
    # Ids 95, 98, 99, 100.
    assert made(tmp_path, now) == [95.5, 98, 99.5, 100]
    assert len(list(tmp_path.iterdir())) == 1


def test_matrix_of_before_may_be_deleted_meanwhile(kept: KeptRows, tmp_path: Path) -> None:
    before(tmp_path, RECORDS[:4])
    kept.remember(RECORDS[:4])
    for file in tmp_path.glob("*.npy"):
        file.unlink()
    kept.make_matrix(RECORDS[1:4])
    assert made(tmp_path, RECORDS[1:4]) == [97, 98, 99]


def test_matrix_of_other_rows_is_not_taken(kept: KeptRows, tmp_path: Path) -> None:
    before(tmp_path, RECORDS[:4])
    kept.remember(RECORDS[:5])
    kept.add(RECORDS[4:6], numbers(RECORDS[4:6]))
    kept.make_matrix(RECORDS[:6])
    assert made(tmp_path, RECORDS[:6]) is None
    assert kept.failure == ""


def test_few_rows_that_are_not_kept_are_read_and_many_are_left_for_later(
    kept: KeptRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[int]] = []

    def read(ids: Sequence[int]) -> Iterable[RowBatch]:
        asked.append(list(ids))
        rows = [record for record in RECORDS if record.id in ids]
        return [(rows, numbers(rows))]

    monkeypatch.setattr(kept_rows, "_MOST_READ", 2)
    kept.add(RECORDS[:6], numbers(RECORDS[:6]))
    kept.make_matrix(RECORDS, read=read)
    assert asked == [[93, 94]]
    assert made(tmp_path, RECORDS) == [93, 94, 95, 96, 97, 98, 99, 100]

    with KeptRows(tmp_path / "other", family="set", encoder=ENCODER) as other:
        other.add(RECORDS[:5], numbers(RECORDS[:5]))
        other.make_matrix(RECORDS, read=read)
    assert len(asked) == 1
    assert made(tmp_path / "other", RECORDS) is None


def test_row_of_a_picture_that_changed_while_it_was_written_is_not_taken_for_the_new_one(
    kept: KeptRows, tmp_path: Path
) -> None:
    # The database took the new row, and the run stopped before it was kept.
    kept.add(RECORDS, numbers(RECORDS))
    now = [replace(RECORDS[0], digest="other"), *RECORDS[1:]]
    kept.make_matrix(now)
    assert made(tmp_path, now) is None


def test_rows_without_a_digest_are_not_told_apart_and_not_kept(
    kept: KeptRows, tmp_path: Path
) -> None:
    nameless = [replace(record, digest="") for record in RECORDS]
    kept.add(nameless, numbers(nameless))
    kept.make_matrix(nameless)
    assert made(tmp_path, nameless) is None


def test_disk_without_room_for_both_is_left_to_the_database(
    kept: KeptRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    # Eight rows of three numbers are 96 bytes, and the database is to have as many.
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=191))
    kept.add(RECORDS[:4], numbers(RECORDS[:4]))
    assert kept.failure == ""
    kept.add(RECORDS[4:], numbers(RECORDS[4:]))
    assert "cannot be written" in kept.failure
    assert "are free, which the database may need" in kept.failure
    kept.make_matrix(RECORDS)
    assert list(tmp_path.iterdir()) == []


def test_stopping_leaves_nothing_behind(kept: KeptRows, tmp_path: Path) -> None:
    def stop(stage: Stage, done: int, total: int) -> None:
        assert (stage, done, total) == (Stage.KEEP, 0, 8)
        raise KeyboardInterrupt

    kept.add(RECORDS, numbers(RECORDS))
    with pytest.raises(KeyboardInterrupt):
        kept.make_matrix(RECORDS, on_progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_rows_that_are_to_be_replaced_lose_their_matrix(kept: KeptRows, tmp_path: Path) -> None:
    before(tmp_path, RECORDS)
    other = tmp_path / "set_b-0123-v2.npy"
    other.touch()
    kept.forget()
    assert list(tmp_path.iterdir()) == [other]
