"""A Milvus server that goes silent, comes back or is killed while it is written to and searched."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from core.collection.index_choice import IndexType
from core.errors import StoreUnavailableError
from core.indexing import picture_run
from core.indexing.build import build_index
from core.metric import Metric
from core.progress import Progress, Stage, silent
from core.records import ImageRecord
from core.store.vector_store import VectorStore
from core.tuning.run import tune
from core.tuning.tuning import Tuning, load_tuning
from tests.conftest import ColourEncoder, draw_dataset, eventually
from tests.support.bare_client import bare_client
from tests.support.milvus_server import START_SECONDS, STARTS, MilvusServer
from tests.tuning.test_run import write

pytestmark = [pytest.mark.server, pytest.mark.slow]

PICTURES = 120
# Longer than a killed server can take to start, and then to load, which takes another minute.
PATIENCE = 2 * STARTS * START_SECONDS


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return draw_dataset(tmp_path / "photos", [f"c{n % 5}/{n}.png" for n in range(PICTURES)])


@pytest.fixture(autouse=True)
def running(mortal: MilvusServer) -> None:
    """What a test did to the server is no matter of the next one."""
    if not mortal.answers():
        mortal.kill()
        mortal.start()


def away(server: MilvusServer, *, seconds: float) -> threading.Timer:
    """Let the server answer nobody for a while; it keeps its connections."""
    server.freeze()
    timer = threading.Timer(seconds, server.thaw)
    timer.start()
    return timer


def test_run_and_search_go_on_once_the_server_answers_again(
    mortal: MilvusServer, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_run, "BATCH_ROWS", 16)
    said: list[str] = []
    store = VectorStore(mortal.uri, database="k", timeout=4, patience=90, on_retry=said.append)
    timers: list[threading.Timer] = []

    def look(stage: str, done: int, total: int) -> None:
        if stage == "encode" and done >= 60 and not timers:
            timers.append(away(mortal, seconds=8))

    report = build_index(
        photos, store=store, encoder=ColourEncoder(), family="fruit", metrics=[Metric.L2],
        on_progress=look,
    )  # fmt: skip
    timers[0].join()
    assert said
    assert "does not answer" in said[0]
    assert (report.added, report.collections[0].rows) == (PICTURES, PICTURES)
    records = list(store.records("fruit", Metric.L2))
    assert len({record.id for record in records}) == len(records) == PICTURES

    info = store.info("fruit", Metric.L2)
    query = store.embeddings("fruit", Metric.L2, [records[0].id])[records[0].id]
    timer = away(mortal, seconds=8)
    hits = store.search(info, query, k=1, nprobe=info.nlist)
    timer.join()
    np.testing.assert_allclose(hits[0][1], 0, atol=1e-3)
    store.close()


def test_silent_server_fails_within_the_timeout(mortal: MilvusServer, photos: Path) -> None:
    patient = VectorStore(mortal.uri, database="k", timeout=30)
    build_index(
        photos, store=patient, encoder=ColourEncoder(), family="silent", metrics=[Metric.L2]
    )
    patient.close()
    store = VectorStore(mortal.uri, database="k", timeout=5, patience=1)
    info = store.info("silent", Metric.L2)
    for call in (
        lambda: store.search(info, np.zeros(info.dimension, np.float32), k=1, nprobe=1),
        lambda: store.count("silent", Metric.L2),
        lambda: store.finish("silent", Metric.L2),
        lambda: list(store.records("silent", Metric.L2)),
    ):
        # Anew for each call: for all of them together it would be silent for too long.
        mortal.freeze()
        try:
            started = time.monotonic()
            with pytest.raises(StoreUnavailableError):
                call()
            # A call, the loading of the collection that it then tries, and a look whether the
            # server is there: three times the timeout, and not as long as a server needs to start.
            assert time.monotonic() - started < 3 * 5 + 30
        finally:
            mortal.thaw()
        assert eventually(mortal.answers, seconds=60)
    store.close()


def killed_and_started_again(server: MilvusServer) -> threading.Thread:
    """Kill the server now; let it come back meanwhile, with the same data and ports."""
    server.kill()
    thread = threading.Thread(target=server.start)
    thread.start()
    return thread


def rows_of(store: VectorStore, family: str) -> list[tuple[ImageRecord, bytes]]:
    """Every row with its embedding, doubles included."""
    return [
        (record, embedding.tobytes())
        for records, embeddings in store.rows_with_embeddings(family, Metric.L2)
        for record, embedding in zip(records, embeddings, strict=True)
    ]


def test_run_and_search_survive_a_server_that_is_killed_and_started_again(
    mortal: MilvusServer, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed server answers after some 10 s, and loads after some 30 more.

    Its built-in etcd keeps the sessions of the killed processes until their time has run out.
    """
    monkeypatch.setattr(picture_run, "BATCH_ROWS", 16)
    said: list[str] = []
    store = VectorStore(
        mortal.uri, database="k", timeout=5, patience=PATIENCE, on_retry=said.append
    )
    threads: list[threading.Thread] = []

    def look(stage: str, done: int, total: int) -> None:
        if stage == "encode" and done >= 60 and not threads:
            threads.append(killed_and_started_again(mortal))

    report = build_index(
        photos, store=store, encoder=ColourEncoder(), family="killed", metrics=[Metric.L2],
        on_progress=look,
    )  # fmt: skip
    threads[0].join()
    assert any("does not answer" in sentence for sentence in said)
    assert (report.added, report.collections[0].rows) == (PICTURES, PICTURES)
    assert report.collections[0].complete
    build_index(photos, store=store, encoder=ColourEncoder(), family="clean", metrics=[Metric.L2])
    assert rows_of(store, "killed") == rows_of(store, "clean")

    info = store.info("killed", Metric.L2)
    record, embedding = rows_of(store, "killed")[0]
    query = np.frombuffer(embedding, np.float32)
    thread = killed_and_started_again(mortal)
    hits = store.search(info, query, k=1, nprobe=info.nlist)
    thread.join()
    assert [hit[0] for hit in hits] == [record]
    assert store.count("killed", Metric.L2) == PICTURES
    store.close()


def test_server_that_stays_away_is_a_clear_failure_and_nothing_is_half_counted(
    mortal: MilvusServer, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_run, "BATCH_ROWS", 16)
    store = VectorStore(mortal.uri, database="k", timeout=3, patience=4)
    killed: list[float] = []

    def look(stage: str, done: int, total: int) -> None:
        if done >= 60 and not killed:
            mortal.kill()
            killed.append(time.monotonic())

    with pytest.raises(StoreUnavailableError, match=r"does not answer.*try again"):
        build_index(
            photos, store=store, encoder=ColourEncoder(), family="away", metrics=[Metric.L2],
            on_progress=look,
        )  # fmt: skip
    # Two writes are tried, that of the batch and that of what waited, each for the patience
    # and one timeout more.
    assert time.monotonic() - killed[0] < 2 * (4 + 3) + 30
    store.close()

    mortal.start()
    store = VectorStore(mortal.uri, database="k", timeout=5, patience=PATIENCE)
    assert not store.info("away", Metric.L2).complete
    again = build_index(
        photos, store=store, encoder=ColourEncoder(), family="away", metrics=[Metric.L2]
    )
    # What had been written counts as unchanged, and only that.
    assert again.unchanged >= 48
    assert again.added + again.unchanged == PICTURES
    assert again.collections[0].complete
    assert len({record.id for record, _ in rows_of(store, "away")}) == PICTURES
    assert len(rows_of(store, "away")) == PICTURES
    store.close()


def test_a_server_that_is_killed_while_indexes_are_measured_costs_only_what_was_not_saved(
    mortal: MilvusServer, tmp_path: Path
) -> None:
    def measure(store: VectorStore, on_progress: Progress = silent) -> Tuning:
        return tune(
            store, family="tuned", metric=Metric.COSINE, folder=tmp_path, cache_dir=tmp_path,
            types=(IndexType.FLAT, IndexType.IVF_SQ8), sample=40, on_progress=on_progress,
        )  # fmt: skip

    patient = VectorStore(mortal.uri, database="k", timeout=10, patience=PATIENCE)
    # It builds no index for fewer than 1,024 rows of a segment; there are two shards.
    write(patient, "tuned", rows=2_600)
    before = patient.info("tuned", Metric.COSINE)
    patient.close()

    def kill(stage: Stage, done: int, _: int) -> None:
        # One setting of IVF_SQ8 is measured, and not saved before all of them are.
        if stage is Stage.TUNE and done == 2:
            mortal.kill()

    hasty = VectorStore(mortal.uri, database="k", timeout=10, patience=2)
    with pytest.raises(StoreUnavailableError, match=r"does not answer.*try again"):
        measure(hasty, kill)
    hasty.close()
    kept = load_tuning(tmp_path, "tuned_cosine")
    assert kept and not kept.is_complete
    assert [one.index.index_type for one in kept.measured] == ["FLAT"]

    mortal.start()
    patient = VectorStore(mortal.uri, database="k", timeout=10, patience=PATIENCE)
    done = measure(patient)
    assert done.is_complete and done.measured[0] == kept.measured[0]
    assert {one.index.index_type for one in done.measured} == {"FLAT", "IVF_SQ8"}
    # What is searched is as it was, and nothing of the first try is left beside it.
    assert patient.info("tuned", Metric.COSINE) == before
    names = bare_client(patient).list_collections()
    assert [name for name in names if name.startswith("tuned")] == ["tuned_cosine__a"]
    patient.close()
