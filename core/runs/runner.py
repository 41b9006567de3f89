"""One run at a time in a thread of this process: start, look how far it is, cancel.

A thread, since Milvus Lite lets one process open its file; everybody who has the dashboard open
sees the same run.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from core.errors import (
    ArchiveError,
    BusyError,
    OrchardError,
    ReductionError,
    SettingsError,
)
from core.files import unwritable
from core.progress import Stage
from core.records import SkippedFile
from core.runs.reports import Report
from core.runs.run_record import (
    MOST_SKIPPED,
    RunState,
    RunStatus,
    load_states,
    mark_interrupted,
    save_state,
)
from core.runs.speed import Rate
from core.runs.task import Task, title_of

logger = logging.getLogger(__name__)

_MOST_NOTES = 20
_LOCK = ".lock"
# What lies in the task itself, so that the same again would be refused again; a refused archive is
# not even kept.
_OF_THE_TASK = (ArchiveError, SettingsError, ReductionError)


def is_running(folder: Path) -> bool:
    """Whether a run goes on that keeps its files in `folder`, in this process or another."""
    # The lock is tried only where a file says so: one who starts a run must find it free.
    if not any(state.is_open for state in load_states(folder)):
        return False
    try:
        with FileLock(folder / _LOCK, timeout=0, thread_local=False):
            return False
    except Timeout:
        return True
    except OSError:
        return False


class CancelledRunError(Exception):
    """Raised inside a run that was asked to stop."""


class RunProgress:
    """What a run tells while it goes on; every call may stop it."""

    def __init__(self, runner: "Runner") -> None:
        self._runner = runner

    def __call__(self, stage: Stage, done: int, total: int) -> None:
        """Tell the stage, how many steps are done, and how many there are.

        Raises:
            CancelledRunError: The run was asked to stop.
        """
        self._runner._advance(stage, done, total)

    def skip(self, skipped: SkippedFile) -> None:
        """Tell of a file that is left out."""
        self._runner._skip(skipped)

    def note(self, sentence: str) -> None:
        """Tell what a person should know, such as that a server is waited for.

        Raises:
            CancelledRunError: The run was asked to stop.
        """
        self._runner._note(sentence)


class Runner:
    """Runs tasks one at a time; safe between threads."""

    def __init__(
        self,
        folder: Path,
        perform: Callable[[Task, RunProgress], Report],
        *,
        on_end: Callable[[], None] | None = None,
    ) -> None:
        """Start nothing, and mark what an earlier process did not finish.

        Args:
            folder: Where the runs' files are kept.
            perform: Does a task and returns what it did.
            on_end: Called in the run's thread when it has ended, before anybody is told so.
        """
        self._folder, self._perform, self._on_end = folder, perform, on_end
        self._lock = threading.Lock()
        self._state: RunState | None = None
        self._thread: threading.Thread | None = None
        self._is_ending = False
        self._rate = Rate()
        # Held while a run goes on, so that another process on this folder can tell; whatever ends
        # the process lets go of it. Taken in one thread and let go of in another.
        self._alive = FileLock(folder / _LOCK, timeout=0, thread_local=False)
        self._mark_interrupted()

    def start(self, task: Task) -> RunState:
        """Start a task in the background.

        Raises:
            BusyError: Another run is going on, here or in another process on the same folder.
            FileError: The run's file cannot be written; nothing was started.
        """
        with self._lock:
            if self._state and self._state.is_open:
                raise BusyError(
                    f"another run is going on: {self._state.title}. Wait until it has ended "
                    "or cancel it, then start this one."
                )
            now = datetime.now(UTC)
            name = f"run-{now.strftime('%Y%m%d-%H%M%S-%f')}"
            state = RunState(name, task, RunStatus.RUNNING, now.timestamp())
            self._take_folder()
            try:
                save_state(state, self._folder)
            except BaseException:
                self._alive.release()
                raise
            self._state, self._rate = state, Rate()
            self._thread = threading.Thread(target=self._work, args=(task,), name="run")
            # The file remembers what the end of the process cuts off.
            self._thread.daemon = True
            self._thread.start()
            return state

    def state(self) -> RunState | None:
        """Return the run that goes on or was the last of this process; None before the first."""
        with self._lock:
            return self._state

    def unfinished(self, family: str) -> RunState | None:
        """Return the family's newest run if it stopped and can be continued, else None."""
        newest = self._newest(family)
        if newest and newest.is_open:
            # Of a process that may have ended since this one began.
            self._mark_interrupted()
            newest = self._newest(family)
        return newest if newest and newest.can_continue else None

    def dismiss(self, state: RunState) -> None:
        """Offer a stopped run no longer.

        Raises:
            FileError: Its file cannot be written.
        """
        save_state(replace(state, dismissed=True), self._folder)

    def cancel(self, name: str = "") -> None:
        """Ask the run to stop; what it has written stays, and it can be continued.

        Args:
            name: Of the run that is meant, since another may have begun meanwhile; empty for any.
        """
        with self._lock:
            if self._state and self._state.is_open and name in ("", self._state.name):
                self._state = replace(self._state, cancelling=True)

    def end(self, seconds: float) -> None:
        """Have the run stop, since its process ends, and wait for it so many seconds at most."""
        self._is_ending = True
        self.cancel()
        self.wait(seconds)

    def wait(self, seconds: float) -> None:
        """Wait until the run has ended, at most so many seconds."""
        if self._thread:
            self._thread.join(seconds)

    def _work(self, task: Task) -> None:
        started = time.monotonic()
        try:
            report = self._perform(task, RunProgress(self))
            end: dict[str, Any] = {"status": RunStatus.DONE, "report": report}
        except CancelledRunError:
            stopped = RunStatus.INTERRUPTED if self._is_ending else RunStatus.CANCELLED
            end = {"status": stopped}
        except OrchardError as error:
            logger.info("the run %s stopped: %s", title_of(task), error, exc_info=True)
            end = {"status": RunStatus.FAILED, "error": str(error)}
            end["cannot_succeed"] = isinstance(error, _OF_THE_TASK)
        except BaseException as error:  # what ends this thread must not leave the run open
            logger.exception("the run %s failed", title_of(task))
            kind = type(error).__name__
            end = {
                "status": RunStatus.FAILED,
                "error": f"an internal error ended the run ({kind}); the log in the data folder "
                "has the details. Start the run again, and report the error if it comes back.",
            }
        seconds = round(time.monotonic() - started, 2)
        with self._lock:
            final = replace(self._current(), seconds=seconds, cancelling=False, **end)
        self._publish(final)

    def _publish(self, final: RunState) -> None:
        try:
            final = self._saved(final)
            if self._on_end:
                self._on_end()
        except Exception:
            logger.exception("what follows the run %s failed", final.title)
            note = "The pages may show what was known before this run. Reload them."
            final = replace(final, notes=(*final.notes, note))
        # Last: a page that sees the end may count on the file and on fresh caches.
        finally:
            self._alive.release()
            with self._lock:
                self._state = final

    def _newest(self, family: str) -> RunState | None:
        return next((s for s in load_states(self._folder) if s.task.family == family), None)

    def _take_folder(self) -> None:
        lock = self._folder / _LOCK
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._alive.acquire()
        except Timeout:
            raise BusyError(
                f"another process works on {str(self._folder.parent)!r}. Wait until its run has "
                "ended, or cancel it there, then start this one."
            ) from None
        except OSError as error:
            raise unwritable(lock, error) from error

    def _mark_interrupted(self) -> None:
        """Mark what is said to run while no process runs anything."""
        with self._lock:
            if not self._folder.is_dir() or (self._state and self._state.is_open):
                return
            try:
                with self._alive:
                    mark_interrupted(self._folder)
            except Timeout:
                logger.info("another process works on %s", self._folder)
            except (OSError, OrchardError) as error:
                logger.warning("interrupted runs cannot be marked: %s", error)

    def _saved(self, final: RunState) -> RunState:
        try:
            save_state(final, self._folder)
        except OrchardError as error:
            return replace(final, notes=(*final.notes, str(error)))
        return final

    def _current(self) -> RunState:
        """Return the run whose thread this is; the lock is held."""
        if self._state is None:
            raise RuntimeError("progress was told before a run was started")
        return self._state

    def _advance(self, stage: Stage, done: int, total: int) -> None:
        now = time.monotonic()
        with self._lock:
            state = self._current()
            if state.cancelling:
                raise CancelledRunError
            if stage is not state.stage:
                self._rate = Rate()
            rate = self._rate.record(now, done)
            self._state = replace(state, stage=stage, done=done, total=total, rate=rate)

    def _skip(self, skipped: SkippedFile) -> None:
        with self._lock:
            state = self._current()
            kept = state.skipped
            if len(kept) < MOST_SKIPPED:
                kept = (*kept, skipped)
            self._state = replace(state, skipped=kept, skipped_count=state.skipped_count + 1)

    def _note(self, sentence: str) -> None:
        with self._lock:
            state = self._current()
            # A run that waits for a server tells of nothing else.
            if state.cancelling:
                raise CancelledRunError
            notes = tuple(dict.fromkeys((*state.notes, sentence)))[-_MOST_NOTES:]
            self._state = replace(state, notes=notes)
