"""How far a run is, and the file that remembers it when the process ends."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from core.errors import OrchardError
from core.files import write_whole
from core.progress import Stage, seconds_left
from core.records import SkippedFile
from core.runs.reports import Report, fault_of, parse_report
from core.runs.task import Task, parse_task, title_of

logger = logging.getLogger(__name__)

# Skipped files that are kept with the run; all of them are counted, and all are in its report.
MOST_SKIPPED = 200

# The year 10000, which no date can be in.
_LATEST = 253_402_300_800


class RunStatus(StrEnum):
    """How a run stands; the value is how a person reads it."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class RunState:
    """What is known about a run.

    Attributes:
        name: Of its file, by the moment it began.
        started: Seconds since 1970.
        done: Steps of the stage that are done, of `total`; 0 of 0 where they cannot be counted.
        rate: Steps a second over the last moments; 0 while unknown.
        cancelling: Whether it was asked to stop and has not yet.
        skipped: The first `MOST_SKIPPED` files that were left out.
        skipped_count: How many files were left out.
        notes: What a person should know, such as that a server is waited for.
        error: Why it failed; empty otherwise.
        report: What it did; None unless it is done.
        seconds: It took; 0 while it runs.
        dismissed: Whether nobody wants to continue it.
        cannot_succeed: Whether the same task would only fail again.
    """

    name: str
    task: Task
    status: RunStatus
    started: Annotated[float, Field(ge=0, lt=_LATEST)]
    stage: Stage = Stage.START
    done: int = 0
    total: int = 0
    rate: float = 0.0
    cancelling: bool = False
    skipped: tuple[SkippedFile, ...] = ()
    skipped_count: int = 0
    notes: tuple[str, ...] = ()
    error: str = ""
    report: Report | None = None
    seconds: float = 0.0
    dismissed: bool = False
    cannot_succeed: bool = False

    @property
    def title(self) -> str:
        """Its task in one line."""
        return title_of(self.task)

    @property
    def is_open(self) -> bool:
        """Whether it runs."""
        return self.status is RunStatus.RUNNING

    @property
    def can_continue(self) -> bool:
        """Whether the same task again would go on where this run stopped."""
        stopped = self.status not in (RunStatus.RUNNING, RunStatus.DONE)
        given_up = self.dismissed or self.cannot_succeed
        return stopped and self.task.kind.is_resumable and not given_up

    @property
    def seconds_left(self) -> float | None:
        """Seconds left of the stage at its present rate; None while that is unknown."""
        return seconds_left(self.done, self.total, self.done / self.rate) if self.rate else None


_SAVED = TypeAdapter(RunState)
# What reading JSON of another form raises.
_DAMAGED = (ValueError, TypeError, KeyError, AttributeError)


def save_state(state: RunState, folder: Path) -> None:
    """Write a run's file, whole or not at all.

    Raises:
        FileError: It cannot be written.
    """
    text = json.dumps(asdict(state), indent=1, ensure_ascii=False)
    write_whole(folder / f"{state.name}.json", text.encode() + b"\n")


def load_states(
    folder: Path, *, on_damaged: Callable[[Path], None] | None = None
) -> Iterator[RunState]:
    """Yield the runs of a folder, newest first; a damaged file is passed over and logged.

    Args:
        on_damaged: Called with each file that is passed over.
    """
    for path in sorted(folder.glob("run-*.json"), reverse=True):
        try:
            yield parse_state(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, *_DAMAGED, OrchardError) as error:
            logger.warning("%s is no state of a run and is passed over: %s", path, fault_of(error))
            if on_damaged:
                on_damaged(path)


def mark_interrupted(folder: Path) -> None:
    """Mark the runs that an earlier process did not live to finish.

    Only while no process runs anything in this folder, see `Runner`.
    """
    for state in load_states(folder):
        if state.is_open:
            save_state(replace(state, status=RunStatus.INTERRUPTED, cancelling=False), folder)


def parse_state(saved: dict[str, Any]) -> RunState:
    """Read a run as `dataclasses.asdict` and JSON have saved it.

    Raises:
        ValueError: It has another form; likewise TypeError, KeyError or AttributeError.
    """
    task = parse_task(saved["task"])
    # As earlier versions named them.
    saved = {
        "report": saved.get("outcome"),
        "cannot_succeed": saved.get("hopeless", False),
        **saved,
        "task": task,
    }
    if saved["report"] is not None:
        saved["report"] = parse_report(task.kind, saved["report"])
    return _SAVED.validate_python(saved)
