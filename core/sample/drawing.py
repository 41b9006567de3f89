"""The sample dataset: ten classes of drawn fruit, so that everything works without a download.

A picture depends on nothing but the seed, its class, its number and the size: neither on how many
are drawn, nor in which order, nor by how many processes. How the pictures come about is in
`core.sample.scene` and the modules that it builds on.
"""

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, as_completed, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.errors import DatasetError
from core.files import write_whole
from core.progress import Progress, Stage, silent
from core.sample.folder import SampleRun, picture_name, prepare_folder

_log = logging.getLogger(__name__)

CLASSES: tuple[str, ...] = (
    "apple",
    "apricot",
    "banana",
    "blueberry",
    "cherry",
    "citrus",
    "grape",
    "lemon",
    "litchi",
    "mango",
)

_DRAWING = 1  # raise it whenever the same seed gives other pictures
_MAX_PER_CLASS = 9999
_MIN_SIZE, _MAX_SIZE = 32, 2048
_QUALITY = 88
_MAX_WORKERS = 16
_WORTH_A_POOL = 24  # pictures; fewer are drawn before worker processes would have started


@dataclass(frozen=True)
class _Job:
    """One picture to draw."""

    path: Path
    label: str
    number: int
    size: int
    seed: int


def draw_sample(
    root: Path,
    *,
    per_class: int = 60,
    size: int = 256,
    seed: int = 0,
    on_progress: Progress = silent,
    workers: int | None = None,
) -> int:
    """Draw the sample dataset into `root`, one folder a class, and return how many pictures it has.

    Each picture is written under a temporary name and renamed, so that no half picture is ever
    seen. Running again on the same folder draws it afresh; with other values the pictures of the
    earlier run go first, so that no mixture is left.

    Args:
        root: A folder that is new, empty or from an earlier run; parents are made.
        per_class: Pictures a class, 1 to 9999.
        size: Pixels a side, 32 to 2048.
        seed: 0 or more; the same seed gives the same pictures.
        on_progress: Stage `DRAW`, in pictures, from 0 on.
        workers: Processes to draw with, 1 to 16; 1 draws in this process and starts none. Left
            out: one a processor.

    Raises:
        DatasetError: A value is out of range, or `root` is a file, cannot be written, or holds
            anything that no earlier run has made (nothing is changed then).
        FileError: A picture cannot be written.
    """
    root = Path(root)
    _check_range("per_class", per_class, 1, _MAX_PER_CLASS)
    _check_range("size", size, _MIN_SIZE, _MAX_SIZE)
    _check_range("seed", seed, 0, None)
    if workers is not None:
        _check_range("workers", workers, 1, _MAX_WORKERS)
    run = SampleRun(seed=seed, size=size, per_class=per_class, drawing=_DRAWING)
    try:
        prepare_folder(root, run, labels=CLASSES)
        return _draw_all(_jobs(root, run), workers=workers, on_progress=on_progress)
    except OSError as error:
        raise DatasetError(
            f"cannot write the sample dataset at {error.filename or root}: "
            f"{error.strerror or error}. Free some space or choose a folder you may write to."
        ) from error


def sample_paths(per_class: int) -> tuple[str, ...]:
    """Return where `draw_sample` puts its pictures, relative to its folder."""
    return tuple(
        f"{label}/{picture_name(label, number)}"
        for label in CLASSES
        for number in range(1, per_class + 1)
    )


def _check_range(name: str, value: int, low: int, high: int | None) -> None:
    if value >= low and (high is None or value <= high):
        return
    allowed = f"from {low} to {high}" if high is not None else f"of {low} or more"
    raise DatasetError(f"{name} is {value}, which is not possible: give a whole number {allowed}.")


def _jobs(root: Path, run: SampleRun) -> list[_Job]:
    """Every picture of a run, the classes side by side so that an early look shows all of them."""
    return [
        _Job(root / label / picture_name(label, number), label, number, run.size, run.seed)
        for number in range(1, run.per_class + 1)
        for label in CLASSES
    ]


def _draw_all(jobs: list[_Job], *, workers: int | None, on_progress: Progress) -> int:
    """Draw every job and report each; returns how many there were."""
    total = len(jobs)
    if workers is None:
        workers = min(os.cpu_count() or 1, _MAX_WORKERS) if total >= _WORTH_A_POOL else 1
    _log.info("drawing %d pictures with %d worker(s)", total, workers)
    on_progress(Stage.DRAW, 0, total)
    if workers == 1:
        _report(map(_draw, jobs), total=total, on_progress=on_progress)
        return total
    # Closed here, not when the collector gets to it: an interruption is over once this returns.
    with closing(_draw_in_pool(jobs, workers=workers)) as finished:
        _report(finished, total=total, on_progress=on_progress)
    return total


def _report(finished: Iterator[None], *, total: int, on_progress: Progress) -> None:
    for done, _ in enumerate(finished, start=1):
        on_progress(Stage.DRAW, done, total)


def _draw_in_pool(jobs: list[_Job], *, workers: int) -> Generator[None, None, None]:
    """Draw in worker processes, yielding once for each picture that is finished."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_ignore_interrupt)
    ahead: set[Future[None]] = set()
    try:
        for job in jobs:
            # Few at a time: whatever is handed in gets drawn, even after an interruption.
            if len(ahead) >= workers * 3:
                finished, ahead = wait(ahead, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield future.result()
            ahead.add(pool.submit(_draw, job))
        for future in as_completed(ahead):
            yield future.result()
    except BrokenProcessPool as error:
        raise DatasetError(
            f"a drawing process ended unexpectedly (out of memory?) with {workers} workers: "
            "run again with 1 worker."
        ) from error
    finally:
        # On Ctrl-C too: the pictures in hand are finished, so no temporary file stays behind.
        with _interrupts_ignored():
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """A second Ctrl-C would leave the workers waiting for a word that never comes."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread receives interrupts, and only it may change that
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _ignore_interrupt() -> None:
    """Ctrl-C reaches every process of a terminal; the parent alone decides what it means."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _draw(job: _Job) -> None:
    # Imported here: a page that only asks for the classes' names needs no drawing.
    import numpy as np

    from core.sample.scene import draw_picture

    # The class enters by its name's bytes, so that the order of the classes plays no part.
    entropy = [job.seed, int.from_bytes(job.label.encode("ascii"), "big"), job.number]
    rng = np.random.default_rng(np.random.SeedSequence(entropy))
    picture = draw_picture(job.label, size=job.size, rng=rng)
    write_whole(
        job.path,
        lambda out: picture.save(out, format="JPEG", quality=_QUALITY, subsampling=0),
    )
