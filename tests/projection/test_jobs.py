"""The background process: results, progress, cancelling, failing, and no process left behind."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import ProjectionError
from core.metric import Metric
from core.progress import Stage
from core.projection import jobs, worker
from core.projection.cache import (
    CachePlace,
    load_neighbours,
    load_projection,
    neighbours_place,
    projection_place,
)
from core.projection.jobs import Job, JobState, JobStatus, Projector
from core.projection.projection import Method, ProjectionSettings, project, transform

ROWS = np.random.default_rng(0).normal(size=(120, 40)).astype("f4")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the projector keeps its log and the copies of embeddings."""
    return tmp_path_factory.mktemp("projector")


@pytest.fixture(scope="module")
def projector(folder: Path) -> Iterator[Projector]:
    """One for all tests, which may end its process; each new one imports umap-learn anew."""
    with contextlib.closing(Projector(folder)) as made:
        yield made


def _job(
    folder: Path,
    settings: ProjectionSettings | None,
    rows: np.ndarray = ROWS,
    chosen: np.ndarray | None = None,
) -> Job:
    shown = np.arange(len(rows)) if chosen is None else chosen
    count = len(shown)
    cache_place = settings and projection_place(
        folder, fingerprint="f", rows=count, settings=settings
    )
    return Job(
        embeddings=rows,
        rows=shown,
        neighbours=neighbours_place(folder, fingerprint="f", rows=count, metric=Metric.COSINE),
        metric=Metric.COSINE,
        projection=cache_place,
        settings=settings,
    )


def _wait(projector: Projector, key: str, until: Callable[[JobState], bool]) -> JobState:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        state = projector.state(key)
        if state and until(state):
            return state
        time.sleep(0.01)
    raise AssertionError(f"still {projector.state(key)}")


def _closed(state: JobState) -> bool:
    return not state.is_open


def test_the_worker_makes_what_the_function_makes(
    projector: Projector, folder: Path, tmp_path: Path
) -> None:
    settings = ProjectionSettings(method=Method.PCA)
    job = _job(tmp_path, settings, chosen=np.arange(10, 110))
    projector.request(job)
    assert _wait(projector, job.key, _closed).status is JobStatus.DONE
    made = load_projection(job.projection)
    expected = project(ROWS[10:110], settings)
    np.testing.assert_allclose(made.coordinates, expected.coordinates, atol=1e-5)
    assert load_neighbours(job.neighbours).indices.shape == (100, 15)
    assert not list(folder.glob("*.part")), "the embeddings' copy is removed"


def test_a_memory_map_is_read_where_it_lies(projector: Projector, tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", ROWS)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    job = _job(tmp_path, None, mapped)
    projector.request(job)
    assert _wait(projector, job.key, _closed).status is JobStatus.DONE
    part = _job(tmp_path, ProjectionSettings(method=Method.PCA), mapped[20:50])
    projector.request(part)
    # The slice has its own neighbours; were the whole file read, the table would not fit.
    assert _wait(projector, part.key, _closed).status is JobStatus.DONE
    expected = project(ROWS[20:50], ProjectionSettings(method=Method.PCA))
    made = load_projection(part.projection)
    np.testing.assert_allclose(made.coordinates, expected.coordinates, atol=1e-5)


def test_a_query_is_placed_on_the_map_that_is_there(projector: Projector, tmp_path: Path) -> None:
    job = _job(tmp_path, ProjectionSettings())
    projector.request(job)
    assert _wait(projector, job.key, _closed).status is JobStatus.DONE
    asked = replace(job, query=ROWS[7], query_name=" seven")
    assert asked.key != job.key
    projector.request(asked)
    state = _wait(projector, asked.key, _closed)
    assert state.status is JobStatus.DONE
    expected = transform(ROWS, load_projection(job.projection), ROWS[7])
    np.testing.assert_allclose(state.position, expected, atol=1e-4)


def test_a_prepared_worker_runs_before_the_first_job(tmp_path: Path) -> None:
    with contextlib.closing(Projector(tmp_path)) as projector:
        projector.prepare()
        process = projector._process
        assert process.poll() is None
        job = _job(tmp_path, ProjectionSettings(method=Method.PCA))
        projector.request(job)
        assert _wait(projector, job.key, _closed).status is JobStatus.DONE
        assert projector._process is process
    assert process.poll() is not None, "closing ends the process"


def test_progress_by_epochs_then_cancel_then_the_next_job(
    projector: Projector, tmp_path: Path
) -> None:
    # Enough rows that 500 epochs take far longer than noticing that they run.
    rows = np.random.default_rng(0).normal(size=(3000, 20)).astype("f4")
    job = _job(tmp_path, ProjectionSettings(n_neighbors=50), rows)
    projector.request(job)
    seen = _wait(projector, job.key, lambda s: s.stage == "layout" and s.done > 0)
    assert seen.total == 500
    left = seen.seconds_left(seen.since + 1.0)
    assert left is not None and left > 0
    projector.cancel(job.key)
    assert projector.state(job.key).status is JobStatus.CANCELLED
    following = _job(tmp_path, ProjectionSettings(method=Method.PCA), rows)
    projector.request(following)
    assert _wait(projector, following.key, _closed).status is JobStatus.DONE
    assert not job.projection.path.exists()
    assert job.neighbours.path.exists(), "what was finished before is kept"


def test_a_job_that_begins_while_all_is_closed_leaves_no_process_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    projector = Projector(tmp_path)
    as_file = jobs._as_file

    def close_then_read(embeddings: np.ndarray, folder: Path) -> object:
        projector.close()
        return as_file(embeddings, folder)

    monkeypatch.setattr(jobs, "_as_file", close_then_read)
    job = _job(tmp_path, None)
    projector.request(job)
    assert _wait(projector, job.key, _closed).status is JobStatus.FAILED
    assert projector._process is None


def test_cancel_before_the_worker_has_the_job_is_not_lost(
    projector: Projector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = _job(tmp_path / "first", None)
    start = projector._started

    def cancel_then_start() -> object:
        projector.cancel(job.key)
        return start()

    monkeypatch.setattr(projector, "_started", cancel_then_start)
    projector.request(job)
    assert _wait(projector, job.key, _closed).status is JobStatus.CANCELLED
    following = _job(tmp_path / "second", ProjectionSettings(method=Method.PCA))
    projector.request(following)
    assert _wait(projector, following.key, _closed).status is JobStatus.DONE
    assert not job.neighbours.path.exists()


def test_of_jobs_that_have_ended_only_the_latest_are_known(
    projector: Projector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_ENDED", 1)
    made = [_job(tmp_path, ProjectionSettings(method=Method.PCA, seed=seed)) for seed in range(3)]
    for job in made:
        projector.request(job)
        assert _wait(projector, job.key, _closed).status is JobStatus.DONE
    # The third came when two had ended.
    assert projector.state(made[0].key) is None
    assert [projector.state(job.key).status for job in made[1:]] == [JobStatus.DONE] * 2


def test_a_picture_cannot_be_placed_on_a_map_that_is_gone(tmp_path: Path) -> None:
    place = CachePlace(tmp_path / "gone.npz", rows=5)
    with pytest.raises(ProjectionError, match=r"gone\.npz.* is gone.* Open the map again"):
        worker._placed(ROWS, place, [0.0] * 40, lambda *_: None)


@pytest.mark.slow
def test_cancel_before_the_layout_ends_the_process_and_the_next_job_gets_a_new_one(
    projector: Projector, tmp_path: Path
) -> None:
    # Enough rows that their graph takes far longer than noticing that it is made.
    rows = np.random.default_rng(0).normal(size=(3000, 20)).astype("f4")
    job = _job(tmp_path, ProjectionSettings(n_neighbors=50), rows)
    projector.request(job)
    _wait(projector, job.key, lambda s: s.stage in ("reduce", "graph"))
    projector.cancel(job.key)
    following = _job(tmp_path, ProjectionSettings(method=Method.PCA))
    projector.request(following)
    assert _wait(projector, following.key, _closed).status is JobStatus.DONE
    assert projector.state(job.key).status is JobStatus.CANCELLED


def test_rows_that_cannot_be_projected_fail_with_a_reason(
    projector: Projector, tmp_path: Path
) -> None:
    job = _job(tmp_path, ProjectionSettings(), np.full((9, 4), np.nan, dtype="f4"))
    projector.request(job)
    state = _wait(projector, job.key, _closed)
    assert state.status is JobStatus.FAILED
    assert "every number must be finite" in state.error


def test_a_worker_that_dies_fails_its_job(projector: Projector, tmp_path: Path) -> None:
    job = _job(tmp_path, ProjectionSettings())
    projector.request(job)
    _wait(projector, job.key, lambda s: s.status is JobStatus.RUNNING and s.stage != "")
    projector._process.kill()
    state = _wait(projector, job.key, _closed)
    assert state.status is JobStatus.FAILED
    assert "worker.log" in state.error


def test_time_left_follows_the_pace() -> None:
    state = JobState(JobStatus.RUNNING, Stage.LAYOUT, done=100, total=500, since=10.0)
    # 100 epochs in 8 s leave 400 epochs and 32 s.
    assert state.seconds_left(18.0) == 32
    assert JobState(JobStatus.RUNNING, Stage.GRAPH, 0, 0).seconds_left(5.0) is None
