"""Cancel works in the middle of every long part of a run, not only between two of them."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.collection.index_choice import IndexChoice, IndexType
from core.config import Settings, load_settings
from core.encoder import weights
from core.health import verify
from core.indexing.build import build_index
from core.metric import Metric
from core.progress import Stage
from core.records import EncoderIdentity, Reduction
from core.runs.reports import Report
from core.runs.run_record import RunState, RunStatus
from core.runs.runner import Runner, RunProgress
from core.runs.task import AddMetric, Build, Reduce, Reindex, Repair, Task, TaskKind, Verify
from core.runs.workshop import perform
from core.store import alias, indexes, row_reader
from core.store.vector_store import VectorStore, open_store
from tests.conftest import ColourEncoder
from tests.support.bare_client import bare_client

FAMILY = "fruit"
# Twelve rows are copied and read in three parts.
PART = 4


@pytest.fixture
def settings(no_settings: None) -> Settings:
    return load_settings()


@pytest.fixture
def store(settings: Settings) -> Iterator[VectorStore]:
    store = open_store(settings)
    yield store
    store.close()


@pytest.fixture
def built(
    store: VectorStore, dataset: Path, encoder: ColourEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_index(
        dataset, store=store, encoder=encoder, family=FAMILY, metrics=(Metric.L2, Metric.COSINE)
    )
    for module in (row_reader, verify):
        monkeypatch.setattr(module, "BATCH_ROWS", PART)
    monkeypatch.setattr(alias, "_COPY_ROWS", PART)


class Cancelling:
    """Tells the runner what a run tells, and cancels it at one moment of one stage."""

    def __init__(
        self, progress: RunProgress, cancel: Callable[[], None], moment: tuple[Stage, int]
    ) -> None:
        self.skip, self.note = progress.skip, progress.note
        self._progress, self._cancel, self._moment = progress, cancel, moment

    def __call__(self, stage: Stage, done: int, total: int) -> None:
        if (stage, done) == self._moment:
            self._cancel()
        self._progress(stage, done, total)


Cancelled = Callable[[Task, Stage, int], RunState]


@pytest.fixture
def cancelled(store: VectorStore, settings: Settings) -> Cancelled:
    """Start a task, cancel it when a stage has come to a number, and return how it ended."""

    def go(task: Task, stage: Stage, done: int) -> RunState:
        runner: Runner

        def work(task: Task, progress: RunProgress) -> Report:
            cancelling: Any = Cancelling(progress, runner.cancel, (stage, done))
            return perform(task, cancelling, store=store, settings=settings)

        runner = Runner(settings.data.runs, work)
        runner.start(task)
        runner.wait(60)
        state = runner.state()
        assert state is not None
        return state

    return go


@pytest.mark.parametrize(("stage", "done"), [(Stage.LIST, 8), (Stage.READ, 16), (Stage.FILES, 5)])
def test_comparison_is_cancelled_among_rows_and_files(
    built: None, cancelled: Cancelled, stage: Stage, done: int
) -> None:
    assert cancelled(Verify(FAMILY), stage, done).status is RunStatus.CANCELLED


def test_repair_is_cancelled_and_keeps_what_it_has_written(
    built: None, cancelled: Cancelled, store: VectorStore
) -> None:
    ids = [record.id for record in store.records(FAMILY, Metric.L2)]
    store.delete(FAMILY, Metric.COSINE, ids)
    state = cancelled(Repair(FAMILY), Stage.REPAIR, PART)
    assert state.status is RunStatus.CANCELLED
    assert state.can_continue
    assert store.count(FAMILY, Metric.COSINE) == PART


def test_copying_for_another_metric_is_cancelled_and_continued(
    built: None, cancelled: Cancelled, store: VectorStore
) -> None:
    task = AddMetric(FAMILY, Metric.IP)
    state = cancelled(task, Stage.COPY, PART)
    assert state.status is RunStatus.CANCELLED
    assert store.count(FAMILY, Metric.IP) == PART
    # The rest alone is copied.
    again = cancelled(state.task, Stage.DRAW, 0)
    assert again.report.copied == 12 - PART


def test_building_smaller_vectors_is_cancelled_and_continued(
    built: None, cancelled: Cancelled, store: VectorStore, settings: Settings
) -> None:
    task = Reduce(FAMILY, "small", (Metric.L2,), Reduction(pca=4))
    state = cancelled(task, Stage.COPY, PART)
    assert state.status is RunStatus.CANCELLED
    assert store.count("small", Metric.L2) == PART
    # Where the whole embeddings are, somebody can go on with it.
    unfinished = Runner(settings.data.runs, lambda *_: state.report).unfinished(FAMILY)
    assert unfinished and unfinished.task == task
    again = cancelled(unfinished.task, Stage.DRAW, 0)
    assert (again.report.copied, again.report.unchanged) == (12 - PART, PART)
    assert again.title == "Build small from fruit (PCA to 4 numbers)"


def test_rebuilding_is_cancelled_among_the_rows_and_the_old_index_stays(
    built: None, cancelled: Cancelled, store: VectorStore
) -> None:
    before = store.info(FAMILY, Metric.L2)
    task = Reindex(FAMILY, metrics=(Metric.L2,), index=IndexChoice(IndexType.FLAT))
    state = cancelled(task, Stage.COPY, PART)
    assert state.status is RunStatus.CANCELLED
    assert store.info(FAMILY, Metric.L2) == before
    # One collection a metric: the half copy is gone.
    assert len(bare_client(store).list_collections()) == 2


@pytest.mark.parametrize("kind", [TaskKind.REINDEX, TaskKind.BUILD])
def test_waiting_for_an_index_is_cancelled(
    kind: TaskKind, *, built: None, settings: Settings, store: VectorStore, dataset: Path,
    encoder: ColourEncoder, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("core.runs.workshop.load_encoder", lambda *_, **__: encoder)
    real = indexes.describe_index
    waiting = threading.Event()

    def never_done(*arguments: Any, **options: Any) -> dict[str, Any]:
        waiting.set()
        return {**real(*arguments, **options), "pending_index_rows": 7}

    monkeypatch.setattr(indexes, "describe_index", never_done)
    flat = IndexChoice(IndexType.FLAT)
    tasks = (
        Build(FAMILY, str(dataset), (Metric.L2,), index=flat),
        Reindex(FAMILY, (Metric.L2,), flat),
    )
    task = next(task for task in tasks if task.kind is kind)
    runner = Runner(
        settings.data.runs,
        lambda task, progress: perform(task, progress, store=store, settings=settings),
    )
    runner.start(task)
    assert waiting.wait(30)
    time.sleep(0.5)
    runner.cancel()
    runner.wait(5)
    assert runner.state().status is RunStatus.CANCELLED


def test_fetching_the_weights_of_a_collection_is_cancelled(
    built: None, cancelled: Cancelled, dataset: Path, store: VectorStore, *,
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    def slow_download(url: str, path: Path, *, on_progress: Any, **_: object) -> Path:
        for done in range(1, 4):
            on_progress(Stage.DOWNLOAD, done, 3)
        raise AssertionError("the download went on to its end")

    for metric in store.metrics(FAMILY):
        store.drop(FAMILY, metric)
    made = EncoderIdentity("resnet50", "0676ba61", "resize256-crop224-imagenet", 2_048)
    store.create(
        FAMILY, Metric.L2, encoder=made, dataset=str(dataset), index=IndexChoice(),
        expected_rows=1,
    )  # fmt: skip
    monkeypatch.setattr(weights, "_hub_folder", lambda: tmp_path / "hub")
    monkeypatch.setattr(weights, "download", slow_download)
    task = Build(FAMILY, folder=str(dataset), metrics=(Metric.L2,))
    assert cancelled(task, Stage.DOWNLOAD, 2).status is RunStatus.CANCELLED


def test_waiting_for_a_server_is_cancelled(tmp_path: Path) -> None:
    told = threading.Event()

    def wait(task: Task, progress: RunProgress) -> Report:
        while True:
            progress.note("the database does not answer; trying again")
            told.set()
            time.sleep(0.01)

    runner = Runner(tmp_path, wait)
    runner.start(Verify(FAMILY))
    assert told.wait(5)
    runner.cancel()
    runner.wait(5)
    assert runner.state().status is RunStatus.CANCELLED
