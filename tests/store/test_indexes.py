"""Waiting for an index: by us, as long as it makes progress, and not a moment longer."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.collection.index_choice import IndexChoice
from core.errors import StoreError
from core.metric import Metric
from core.progress import Stage
from core.records import EncoderIdentity
from core.store import indexes
from core.store.vector_store import VectorStore


class Building:
    """A client of a server that is building an index."""

    def __init__(self, answers: Iterable[tuple[int, str]]) -> None:
        self._answers: Iterator[tuple[int, str]] = iter(answers)

    def list_indexes(self, name: str) -> list[str]:
        return ["embedding"]

    def describe_index(self, name: str, index: str) -> dict[str, Any]:
        pending, state = next(self._answers)
        return {"metric_type": "L2", "pending_index_rows": pending, "state": state}


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexes, "_POLL_SECONDS", 0.0)


def test_making_a_collection_does_not_wait_inside_the_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("pymilvus waits by itself, for ever where the index never finishes")

    monkeypatch.setattr("pymilvus.client.grpc_handler.GrpcHandler.wait_for_creating_index", never)
    store = VectorStore(str(tmp_path / "x.db"))
    store.create(
        "fruit", Metric.L2, encoder=EncoderIdentity("a", "b", "c", 4), dataset="/photos",
        index=IndexChoice(), expected_rows=1,
    )  # fmt: skip
    store.finish("fruit", Metric.L2)
    store.close()


def test_rows_to_go_are_told_until_there_are_none() -> None:
    told: list[int] = []
    client = Building([(9, "InProgress"), (4, "InProgress"), (0, "Finished")])
    indexes.wait_for_index(client, "fruit_l2", on_wait=told.append)
    assert told == [9, 4]


def test_finish_tells_how_many_rows_are_indexed_and_never_fewer_than_none(
    store: VectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create(
        "fruit", Metric.L2, encoder=EncoderIdentity("a", "b", "c", 4), dataset="/photos",
        index=IndexChoice(), expected_rows=10,
    )  # fmt: skip
    pending = iter([12, 9, 0])
    monkeypatch.setattr(indexes, "describe_index", lambda *_: {"pending_index_rows": next(pending)})
    told: list[tuple[Stage, int, int]] = []
    store.finish("fruit", Metric.L2, rows=10, on_progress=lambda *step: told.append(step))
    # Of 10 rows 12 are waited for, 2 of them deleted ones: 0 are done. Then 10 - 9 = 1.
    assert told == [(Stage.INDEX, 0, 10), (Stage.INDEX, 1, 10)]


def test_index_without_progress_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexes, "STALLED_SECONDS", 0.0)
    client = Building([(9, "InProgress")] * 9)
    with pytest.raises(StoreError, match=r"fruit_l2 stands still with 9 rows to go\. Look into"):
        indexes.wait_for_index(client, "fruit_l2")


def test_index_that_failed_is_not_waited_for() -> None:
    client = Building([(9, "InProgress"), (9, "Failed")])
    with pytest.raises(StoreError, match=r"could not build the index of fruit_l2, with 9 rows"):
        indexes.wait_for_index(client, "fruit_l2")
