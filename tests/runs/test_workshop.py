"""What a run does to a collection: real Milvus Lite, a quick encoder, real faults."""

import re
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.collection.index_choice import IndexChoice, IndexType
from core.config import Settings, load_settings
from core.embeddings.matrix import load_matrix
from core.errors import ReadOnlyError
from core.health.verify import Problem
from core.metric import Metric
from core.runs import build_encoder, workshop
from core.runs.history import load_history
from core.runs.reports import Renamed, Transferred
from core.runs.run_record import RunState, RunStatus
from core.runs.runner import Runner
from core.runs.task import (
    AddMetric,
    Build,
    Drop,
    Export,
    Import,
    Prune,
    Reindex,
    RemoveClass,
    Rename,
    Repair,
    RunSelfTest,
    Task,
    TaskKind,
    Tune,
    Verify,
    title_of,
)
from core.runs.workshop import perform
from core.store.row_reader import RowReader
from core.store.transfer import Moved
from core.store.vector_store import VectorStore, open_store
from core.tuning.tuning import load_tuning
from tests.conftest import ColourEncoder, damaged_zip, draw_dataset
from tests.support.tasks import one_of_each

FAMILY = "fruit"
ALL = tuple(Metric)


@pytest.fixture
def settings(no_settings: None) -> Settings:
    return load_settings()


@pytest.fixture
def store(settings: Settings) -> Iterator[VectorStore]:
    store = open_store(settings)
    yield store
    store.close()


@pytest.fixture(autouse=True)
def quick(encoder: ColourEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workshop, "load_encoder", lambda *_, **__: encoder)


Run = Callable[[Task], RunState]


@pytest.fixture
def run(store: VectorStore, settings: Settings) -> Run:
    """Run one task to its end."""

    def go(task: Task) -> RunState:
        runner = Runner(
            settings.data.runs,
            lambda task, progress: perform(task, progress, store=store, settings=settings),
        )
        runner.start(task)
        runner.wait(300)
        state = runner.state()
        assert state is not None
        assert not state.is_open
        return state

    return go


@pytest.fixture
def built(run: Run, dataset: Path) -> RunState:
    state = run(Build(FAMILY, folder=str(dataset), metrics=(Metric.L2, Metric.COSINE)))
    assert state.status is RunStatus.DONE, state.error
    return state


def rows(store: VectorStore) -> dict[str, int]:
    return {metric.value: store.count(FAMILY, metric) for metric in store.metrics(FAMILY)}


def test_build_makes_the_metrics_asked_for(built: RunState, store: VectorStore) -> None:
    assert rows(store) == {"L2": 12, "COSINE": 12}
    assert built.report is not None
    assert built.report.added == 12


def test_skipped_files_are_told_as_they_happen(run: Run, dataset: Path) -> None:
    (dataset / "apple" / "broken.png").write_bytes(b"no picture")
    (dataset / "apple" / "link.png").symlink_to("/etc/passwd")
    state = run(Build(FAMILY, folder=str(dataset), metrics=(Metric.L2,)))
    assert {one.path for one in state.skipped} == {"apple/broken.png", "apple/link.png"}
    assert len(state.report.skipped) == 2


def test_archive_is_unpacked_built_from_and_removed(
    run: Run, dataset: Path, tmp_path: Path, store: VectorStore, settings: Settings
) -> None:
    archive = tmp_path / "up.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for file in dataset.rglob("*.png"):
            zipped.write(file, file.relative_to(dataset))
    folder = settings.data.uploads / "up"
    state = run(Build(FAMILY, archive=str(archive), folder=str(folder), metrics=(Metric.L2,)))
    assert state.status is RunStatus.DONE, state.error
    assert rows(store) == {"L2": 12}
    assert not archive.exists()
    # The same again, as after a stop in the middle: what is unpacked is not asked for again.
    again = run(Build(FAMILY, archive=str(archive), folder=str(folder), metrics=(Metric.L2,)))
    assert again.report.unchanged == 12
    shutil.rmtree(folder)
    assert "gone" in run(Build(FAMILY, str(folder), ALL, archive=str(archive))).error


def test_damaged_archive_is_deleted_and_not_offered_again(
    run: Run, tmp_path: Path, settings: Settings
) -> None:
    archive, folder = tmp_path / "up.zip", settings.data.uploads / "up"
    archive.write_bytes(damaged_zip())
    state = run(Build(FAMILY, archive=str(archive), folder=str(folder), metrics=ALL))
    assert (state.status, state.can_continue) == (RunStatus.FAILED, False)
    assert "damaged" in state.error
    assert not archive.exists()
    assert not folder.exists()


def test_what_would_be_refused_again_is_not_offered_again(run: Run, dataset: Path) -> None:
    state = run(Build(FAMILY, folder=str(dataset), metrics=()))
    assert "no metric was chosen" in state.error
    assert (state.status, state.can_continue) == (RunStatus.FAILED, False)
    # What a person can mend elsewhere, here the folder, is worth another try.
    state = run(Build(FAMILY, folder=str(dataset / "away"), metrics=(Metric.L2,)))
    assert (state.status, state.can_continue) == (RunStatus.FAILED, True)


def test_sample_is_drawn_first(run: Run, settings: Settings, store: VectorStore) -> None:
    folder = settings.data.sample
    state = run(Build(FAMILY, folder=str(folder), draw=2, metrics=(Metric.L2,)))
    assert state.status is RunStatus.DONE, state.error
    assert rows(store) == {"L2": 20}


@pytest.mark.parametrize("recreate", [False, True], ids=["build", "replacement"])
def test_cancelled_build_is_continued_and_encodes_the_rest_only(
    recreate: bool, run: Run, *, dataset: Path, store: VectorStore, settings: Settings,
    encoder: ColourEncoder, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if recreate:
        # The first new rows drop these.
        old = draw_dataset(settings.data_dir / "old", ["fig/1.png", "fig/2.png"], first_seed=50)
        run(Build(FAMILY, folder=str(old), metrics=ALL))
    encoder.batch_size = 4
    runner: Runner
    real = encoder.encode

    def encode_then_cancel(*arguments: Any) -> Any:
        runner.cancel()
        return real(*arguments)

    monkeypatch.setattr(encoder, "encode", encode_then_cancel)
    runner = Runner(
        settings.data.runs,
        lambda task, progress: perform(task, progress, store=store, settings=settings),
    )
    task = Build(FAMILY, folder=str(dataset), metrics=(Metric.L2,), recreate=recreate)
    runner.start(task)
    runner.wait(300)
    assert runner.state().status is RunStatus.CANCELLED
    assert rows(store) == {"L2": 4}
    assert not store.info(FAMILY, Metric.L2).complete
    monkeypatch.setattr(encoder, "encode", real)
    before = encoder.calls
    unfinished = runner.unfinished(FAMILY)
    assert unfinished is not None
    runner.start(unfinished.task)
    runner.wait(300)
    assert runner.state().status is RunStatus.DONE
    assert encoder.calls - before == 8
    assert rows(store) == {"L2": 12}
    assert store.info(FAMILY, Metric.L2).complete


def test_searching_goes_on_during_a_build(
    built: RunState, run: Run, *, dataset: Path, store: VectorStore, encoder: ColourEncoder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    draw_dataset(dataset, ["plum/new.png"], first_seed=77)
    info = store.info(FAMILY, Metric.L2)
    known = next(store.records(FAMILY, Metric.L2))
    query = store.embeddings(FAMILY, Metric.L2, [known.id])[known.id]
    found: list[int] = []
    real = encoder.encode

    def search_meanwhile(*arguments: Any) -> Any:
        found.append(store.search(info, query, k=1, nprobe=max(1, info.nlist))[0][0].id)
        return real(*arguments)

    monkeypatch.setattr(encoder, "encode", search_meanwhile)
    assert run(Build(FAMILY, folder=str(dataset), metrics=(Metric.L2,))).report.added == 1
    assert found == [known.id]


def test_metric_is_added_by_copying(
    built: RunState, run: Run, store: VectorStore, encoder: ColourEncoder
) -> None:
    before = encoder.calls
    state = run(AddMetric(FAMILY, Metric.IP))
    assert state.report.copied == 12
    assert rows(store) == {"L2": 12, "IP": 12, "COSINE": 12}
    assert encoder.calls == before


def test_index_is_rebuilt_there_and_back(built: RunState, run: Run, store: VectorStore) -> None:
    run(Reindex(FAMILY, metrics=(Metric.L2,), index=IndexChoice(IndexType.FLAT)))
    assert store.info(FAMILY, Metric.L2).index_type == "FLAT"
    run(Reindex(FAMILY, metrics=(Metric.L2,), index=IndexChoice(IndexType.IVF_FLAT, 3)))
    assert (store.info(FAMILY, Metric.L2).nlist, rows(store)["L2"]) == (3, 12)
    # nlist left open is worked out, where "nothing in particular" would change nothing.
    state = run(Reindex(FAMILY, metrics=(Metric.L2,), index=IndexChoice()))
    # 12 rows allow 12 // 39 = 0, so 1 list.
    assert state.report.collections[0].nlist == 1
    assert store.info(FAMILY, Metric.COSINE).complete


def test_prune_deletes_rows_of_deleted_files_only(
    built: RunState, run: Run, dataset: Path, store: VectorStore
) -> None:
    (dataset / "apple" / "0.png").unlink()
    state = run(Prune(FAMILY, agreed=1))
    assert (state.report.removed, state.report.examples) == (1, ("apple/0.png",))
    assert rows(store) == {"L2": 11, "COSINE": 11}


def test_prune_deletes_no_more_than_was_agreed_to(
    built: RunState, run: Run, dataset: Path, store: VectorStore
) -> None:
    # One file was gone when it was asked for, a class of four more by the time it runs.
    (dataset / "apple" / "0.png").unlink()
    shutil.rmtree(dataset / "pear")
    state = run(Prune(FAMILY, agreed=1))
    assert state.status is RunStatus.FAILED
    assert "5 files of 12 are gone" in state.error
    assert rows(store) == {"L2": 12, "COSINE": 12}


def test_prune_is_refused_when_the_whole_folder_is_away(
    built: RunState, run: Run, dataset: Path, store: VectorStore
) -> None:
    dataset.rename(dataset.with_name("away"))
    state = run(Prune(FAMILY, agreed=12))
    assert state.status is RunStatus.FAILED
    assert "every file would count as deleted" in state.error
    assert rows(store) == {"L2": 12, "COSINE": 12}


@pytest.mark.parametrize("left", [(), ("other.png",)], ids=["empty", "other-pictures"])
def test_prune_is_refused_when_the_folder_holds_none_of_the_pictures(
    built: RunState, run: Run, *, dataset: Path, store: VectorStore, left: tuple[str, ...]
) -> None:
    # As a mount point is without its drive.
    dataset.rename(dataset.with_name("away"))
    dataset.mkdir()
    draw_dataset(dataset, left)
    state = run(Prune(FAMILY, agreed=12))
    assert state.status is RunStatus.FAILED
    assert "not one of the 12 pictures" in state.error
    assert rows(store) == {"L2": 12, "COSINE": 12}


def test_class_is_removed_and_its_files_stay(
    built: RunState, run: Run, dataset: Path, store: VectorStore
) -> None:
    assert run(RemoveClass(FAMILY, label="apple")).report.removed == 4
    assert rows(store) == {"L2": 8, "COSINE": 8}
    assert len(list((dataset / "apple").iterdir())) == 4


def test_verify_finds_and_repair_mends(built: RunState, run: Run, store: VectorStore) -> None:
    lost = next(store.records(FAMILY, Metric.L2)).id
    store.delete(FAMILY, Metric.L2, [lost])
    store.finish(FAMILY, Metric.L2)
    problems = {found.problem for found in run(Verify(FAMILY)).report.findings}
    assert Problem.DIFFERENT in problems
    state = run(Repair(FAMILY))
    assert (state.report.written, state.report.verification.findings) == (1, ())


def copies(settings: Settings) -> set[str]:
    """What is kept of rows: their listings by collection, their matrix by family."""
    return {re.split("[-.]", file.name)[0] for file in settings.data.embeddings.iterdir()}


def test_drop_takes_the_metrics_asked_for_and_what_is_kept_of_them(
    built: RunState, run: Run, store: VectorStore, settings: Settings
) -> None:
    assert copies(settings) == {"fruit", "fruit_l2", "fruit_cosine"}
    assert run(Drop(FAMILY, metrics=(Metric.L2,))).report.dropped == (Metric.L2,)
    assert rows(store) == {"COSINE": 12}
    assert copies(settings) == {"fruit", "fruit_cosine"}
    assert run(Drop(FAMILY, metrics=ALL)).report.dropped == (Metric.COSINE,)
    assert rows(store) == {}
    assert copies(settings) == set()


def test_rows_are_copied_into_a_file_and_brought_in_under_another_name(
    built: RunState, run: Run, store: VectorStore, tmp_path: Path
) -> None:
    file = str(tmp_path / "rows.parquet")
    assert run(Export(FAMILY, file)).report == Transferred((Moved(file, 12, 12),))
    state = run(Import("brought", file, (Metric.IP,)))
    assert state.report == Transferred((Moved("brought_ip", 12, 12),))
    assert store.count("brought", Metric.IP) == 12
    # Into a database that nobody has open, and from it.
    other = str(tmp_path / "other.db")
    assert {one.written for one in run(Export(FAMILY, other)).report.moved} == {12}
    assert {one.written for one in run(Import(FAMILY, other)).report.moved} == {0}


def test_a_renamed_collection_takes_along_what_was_computed_and_kept_of_it(
    built: RunState,
    run: Run,
    store: VectorStore,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = settings.data.projections / FAMILY / "print"
    folder.mkdir(parents=True)
    (folder / "map").write_text("x")
    run(Tune(FAMILY, Metric.L2, (IndexType.FLAT,), sample=2))
    assert run(Rename(FAMILY, "obst")).report == Renamed(12, "obst")
    assert (settings.data.projections / "obst" / "print" / "map").read_text() == "x"
    tuning = load_tuning(settings.data.tunings, "obst_l2")
    assert tuning and tuning.asked.collection == "obst_l2"
    assert load_tuning(settings.data.tunings, f"{FAMILY}_l2") is None
    assert copies(settings) == {"obst", "obst_l2", "obst_cosine"}
    # Nothing is read again: the rows are the same.
    monkeypatch.setattr(RowReader, "records", lambda *_: pytest.fail("rows were read"))
    monkeypatch.setattr(RowReader, "rows_with_embeddings", lambda *_: pytest.fail("read"))
    matrix = load_matrix(store, "obst", Metric.L2, settings.data.embeddings)
    assert len(matrix.embeddings) == 12


@pytest.mark.parametrize(
    "task",
    [t for t in one_of_each(FAMILY) if not isinstance(t, Build | Export | Import)],
    ids=title_of,
)
def test_every_run_tells_over_how_many_rows_it_went(
    task: Task, built: RunState, run: Run, dataset: Path, settings: Settings
) -> None:
    (dataset / "apple" / "0.png").unlink()
    state = run(task)
    assert state.status is RunStatus.DONE, state.error
    newest = load_history(settings.data).runs[0]
    assert (newest.kind, newest.rows, newest.report) == (task.kind, 12, state.report)


def test_build_tells_how_long_the_encoder_took_to_load(
    run: Run, dataset: Path, encoder: ColourEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*_: object, **__: object) -> ColourEncoder:
        time.sleep(0.3)
        return encoder

    monkeypatch.setattr(workshop, "load_encoder", slow)
    state = run(Build(FAMILY, folder=str(dataset), metrics=(Metric.L2,)))
    assert state.report.load_seconds >= 0.3


@pytest.mark.parametrize(
    "task",
    [
        Verify(FAMILY),
        Prune(FAMILY, agreed=1),
        RemoveClass(FAMILY, "apple"),
        RunSelfTest(FAMILY),
        AddMetric(FAMILY, Metric.IP),
    ],
    ids=title_of,
)
def test_collection_that_somebody_else_dropped_is_a_clear_failure(
    built: RunState, run: Run, store: VectorStore, task: Task
) -> None:
    for metric in store.metrics(FAMILY):
        store.drop(FAMILY, metric)
    state = run(task)
    assert state.status is RunStatus.FAILED
    assert "there is no" in state.error or "there is none of that name" in state.error


@pytest.mark.parametrize("kind", [kind for kind in TaskKind if kind.changes])
def test_read_only_refuses_every_change_before_it_begins(
    built: RunState, store: VectorStore, settings: Settings, kind: TaskKind, tmp_path: Path
) -> None:
    closed = settings.model_copy(update={"read_only": True})
    tasks = one_of_each(FAMILY, folder=str(tmp_path / "new"))
    task = next(task for task in tasks if task.kind is kind)
    progress: Any = None
    with pytest.raises(ReadOnlyError):
        perform(task, progress, store=store, settings=closed)
    assert rows(store) == {"L2": 12, "COSINE": 12}
    assert not (tmp_path / "new").exists()


def test_folder_without_pictures_fails_before_a_model_is_loaded(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(workshop, "load_encoder", fail)
    state = run(Build(FAMILY, folder=str(tmp_path / "nothing"), metrics=ALL))
    assert "does not exist" in state.error


def test_encoder_is_that_of_the_collection_unless_it_is_built_anew(
    built: RunState, store: VectorStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def found(*_: object, **__: object) -> None:
        asked.append("settings")

    def same(identity: object, *_: object, **__: object) -> None:
        asked.append(str(identity))

    monkeypatch.setattr(build_encoder, "find_checkpoint", found)
    monkeypatch.setattr(build_encoder, "checkpoint_for", same)
    progress: Any = None
    task = Build(FAMILY, "/photos", ALL)
    for one in (task, replace(task, recreate=True), replace(task, architecture="resnet18")):
        build_encoder.checkpoint_of(one, store=store, settings=settings, progress=progress)
    assert asked == [str(store.info(FAMILY, Metric.L2).encoder), "settings", "settings"]
