"""Maps computed in the background: ask, look how far it is, cancel."""

import contextlib
import json
import logging
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from core.errors import OrchardError, ProjectionError
from core.files import unwritable, write_whole
from core.metric import Metric
from core.progress import Stage, seconds_left
from core.projection.cache import CachePlace
from core.projection.projection import ProjectionSettings

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
LOG_NAME = "worker.log"

# In these stages, and before the first, the worker soon looks whether it is still wanted; in others
# it is ended.
_ATTENTIVE = (Stage.START, Stage.READ, Stage.COMPARE, Stage.LAYOUT)
# Jobs that have ended, and are still known for the page that asked for them.
_ENDED = 100


class JobStatus(StrEnum):
    """How far a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class JobState:
    """What is known about a job.

    Attributes:
        done: Steps of the stage that are done, of `total`; 0 of 0 where they cannot be counted.
        since: When the stage began, on the clock of `time.monotonic`.
        error: Why it failed.
        position: (2,) or (3,), of a query that was placed.
    """

    status: JobStatus
    stage: Stage = Stage.START
    done: int = 0
    total: int = 0
    since: float = 0.0
    error: str = ""
    position: tuple[float, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it waits or runs."""
        return self.status in (JobStatus.WAITING, JobStatus.RUNNING)

    def seconds_left(self, now: float) -> float | None:
        """Return the seconds left of the stage at its pace so far; None before it has one."""
        return seconds_left(self.done, self.total, now - self.since)


@dataclass(frozen=True, slots=True)
class Job:
    """What to compute: a neighbour table, a map, a query's place on it.

    Table and map are kept where they are there already.

    Attributes:
        embeddings: (M, D) float32, all rows of the collection; best a memory map of a whole file.
        rows: (N,) the positions that are shown.
        projection: None asks for the neighbour table only.
        query: (D,) float32, to be placed by UMAP's own transform.
        query_name: Tells queries apart, such as a digest.
    """

    embeddings: NDArray[np.float32]
    rows: NDArray[np.int64]
    neighbours: CachePlace
    metric: Metric
    projection: CachePlace | None = None
    settings: ProjectionSettings | None = None
    query: NDArray[np.float32] | None = None
    query_name: str = ""

    @property
    def key(self) -> str:
        """What the job is known by: the name of the last file it makes, and the query's."""
        return (self.projection or self.neighbours).path.name + self.query_name


class Projector:
    """One worker process and the jobs it has, one after the other; safe between threads."""

    def __init__(self, folder: Path) -> None:
        """Start nothing yet.

        Args:
            folder: For the worker's log and for embeddings that are in no file.
        """
        self._folder = folder
        self._lock = threading.Lock()
        self._jobs: queue.Queue[Job | None] = queue.Queue()
        self._states: dict[str, JobState] = {}
        self._process: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None
        self._number = 0
        # The key of the job that the worker has; empty while it has none.
        self._sent = ""
        self._is_closed = False

    def prepare(self) -> None:
        """Start the worker, which loads umap-learn; by the first job it may be ready.

        Raises:
            FileError: The folder cannot be written.
            ProjectionError: It was closed.
        """
        self._started()

    def request(self, job: Job) -> None:
        """Put a job in the queue, unless it waits or runs already."""
        with self._lock:
            state = self._states.get(job.key)
            if state and state.is_open:
                return
            self._states.pop(job.key, None)
            self._states[job.key] = JobState(JobStatus.WAITING)
            self._forget_old()
            self._jobs.put(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="projector", daemon=True)
                self._thread.start()

    def state(self, key: str) -> JobState | None:
        """Return how far a job is; None for one nobody asked for, or that has ended long ago."""
        with self._lock:
            return self._states.get(key)

    def cancel(self, key: str) -> None:
        """Stop a job; what it has finished so far, such as the neighbour table, is kept."""
        with self._lock:
            state = self._states.get(key)
            if state is None or not state.is_open:
                return
            self._states[key] = replace(state, status=JobStatus.CANCELLED)
            # Before the worker has the job, the state alone keeps it from being sent.
            if self._process is None or self._sent != key:
                return
            if state.stage in _ATTENTIVE:
                with contextlib.suppress(OSError, ValueError):
                    _send(self._process, {"cancel": self._number})
            else:
                self._process.kill()

    def close(self) -> None:
        """End the worker for good; waiting jobs are dropped."""
        self._jobs.put(None)
        with self._lock:
            self._is_closed = True
            process, self._process = self._process, None
        if process:
            _end(process)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            with self._lock:
                if not self._has_status(job.key, JobStatus.WAITING):
                    continue
                self._states[job.key] = JobState(JobStatus.RUNNING, since=time.monotonic())
            try:
                with _as_file(job.embeddings, self._folder) as source:
                    self._run(job, source)
            except OrchardError as error:
                self._finish(job.key, JobStatus.FAILED, str(error))
            except Exception as error:
                logger.exception("the job %s failed", job.key)
                self._finish(job.key, JobStatus.FAILED, f"{type(error).__name__}: {error}")

    def _run(self, job: Job, source: dict[str, Any]) -> None:
        process = self._started()
        with self._lock:
            if not self._has_status(job.key, JobStatus.RUNNING):
                return
            self._number += 1
            _send(process, _message(job, source, self._number))
            self._sent = job.key
        try:
            self._follow(process, job.key)
        finally:
            with self._lock:
                self._sent = ""

    def _follow(self, process: "subprocess.Popen[str]", key: str) -> None:
        """Note what the worker answers, until the job has ended or the process has."""
        for line in process.stdout or ():
            answer = json.loads(line)
            if "ended" in answer:
                status, error = JobStatus(answer["ended"]), answer.get("error", "")
                self._finish(key, status, error, position=tuple(answer.get("position", ())))
                return
            self._advance(key, answer)
        self._finish(
            key,
            JobStatus.FAILED,
            f"the computing process ended with status {process.wait()}; details are in "
            f"{self._folder / LOG_NAME}",
        )

    def _started(self) -> "subprocess.Popen[str]":
        with self._lock:
            if self._is_closed:
                # A job that was about to begin would leave behind a process that nobody ends.
                raise ProjectionError("maps are no longer computed here. Load the page again.")
            if self._process and self._process.poll() is None:
                return self._process
            if self._process:
                _end(self._process)
            with _opened_log(self._folder / LOG_NAME) as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "core.projection.worker"],
                    cwd=ROOT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                )
            return self._process

    def _advance(self, key: str, answer: dict[str, Any]) -> None:
        with self._lock:
            if not self._has_status(key, JobStatus.RUNNING):
                return
            state = self._states[key]
            stage = Stage(answer["stage"])
            since = state.since if state.stage is stage else time.monotonic()
            self._states[key] = JobState(
                JobStatus.RUNNING, stage, answer["done"], answer["total"], since
            )

    def _finish(
        self, key: str, status: JobStatus, error: str, *, position: tuple[float, ...] = ()
    ) -> None:
        with self._lock:
            if self._has_status(key, JobStatus.RUNNING):
                self._states[key] = replace(
                    self._states[key], status=status, error=error, position=position
                )

    def _has_status(self, key: str, status: JobStatus) -> bool:
        # A job that was cancelled may be forgotten before its turn comes.
        state = self._states.get(key)
        return state is not None and state.status is status

    def _forget_old(self) -> None:
        ended = [key for key, state in self._states.items() if not state.is_open]
        for key in ended[:-_ENDED]:
            del self._states[key]


def _opened_log(file: Path) -> TextIO:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return file.open("w", encoding="utf-8")
    except OSError as error:
        raise unwritable(file, error) from error


def _message(job: Job, source: dict[str, Any], number: int) -> dict[str, Any]:
    return {
        "number": number,
        "embeddings": source,
        "rows": job.rows.tolist(),
        "neighbours": str(job.neighbours.path.absolute()),
        "metric": job.metric,
        "projection": str(job.projection.path.absolute()) if job.projection else None,
        "settings": job.settings.to_dict() if job.settings else None,
        "query": None if job.query is None else job.query.tolist(),
    }


@contextlib.contextmanager
def _as_file(embeddings: NDArray[np.float32], folder: Path) -> Iterator[dict[str, Any]]:
    """Name the file a memory map shows in whole, or write one for as long as it is needed."""
    if isinstance(embeddings, np.memmap) and embeddings.filename:
        file = Path(embeddings.filename).absolute()
        # A slice of a map carries the file's name too, but not where it lies in it.
        if (
            embeddings.flags.c_contiguous
            and embeddings.offset + embeddings.nbytes == file.stat().st_size
        ):
            yield {"file": str(file), "offset": embeddings.offset, "shape": embeddings.shape}
            return
    file = (folder / f"embeddings-{time.time_ns()}.part").absolute()
    try:
        write_whole(file, np.ascontiguousarray(embeddings, dtype="<f4").reshape(-1).data)
        yield {"file": str(file), "offset": 0, "shape": embeddings.shape}
    finally:
        file.unlink(missing_ok=True)


def _send(process: "subprocess.Popen[str]", message: dict[str, Any]) -> None:
    if process.stdin:
        process.stdin.write(json.dumps(message) + "\n")
        process.stdin.flush()


def _end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            with contextlib.suppress(OSError):
                pipe.close()
