"""What was done to the collections before: runs of the dashboard, reports of the scripts."""

import logging
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from core.data_folder import DataFolder
from core.indexing.report import IndexReport, load_index_report
from core.runs.reports import Report, fault_of, rows_of
from core.runs.run_record import RunState, RunStatus, load_states
from core.runs.task import TaskKind
from core.wording import duration

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PastRun:
    """One run that has ended, whoever started it.

    Attributes:
        started: When it began; for a script, when its report was written.
        seconds: It took.
        skipped: Files that were left out.
        notes: What a person was told while it ran.
        error: Why it failed; empty otherwise.
        report: What it did; None unless it is done.
        family: What it was about; empty where the report does not say.
    """

    title: str
    kind: TaskKind
    started: datetime
    status: RunStatus
    seconds: float
    skipped: int
    notes: tuple[str, ...]
    error: str
    report: Report | None
    family: str = ""

    @property
    def rows(self) -> int:
        """Over how many rows of the largest collection it went; 0 where it has no report."""
        return rows_of(self.report) if self.report else 0

    @property
    def rate(self) -> float:
        """Pictures encoded a second; 0 where none were."""
        return self.report.images_per_second if isinstance(self.report, IndexReport) else 0.0


@dataclass(frozen=True, slots=True)
class History:
    """Every run that has ended, and the files that do not tell of one.

    Attributes:
        runs: Newest first.
        damaged: Files that were passed over: damaged, or written by something else.
    """

    runs: tuple[PastRun, ...]
    damaged: tuple[Path, ...]


def load_history(data: DataFolder) -> History:
    """Read every run that has ended; a file that tells of none is passed over, named and logged."""
    damaged: list[Path] = []
    states = load_states(data.runs, on_damaged=damaged.append)
    runs = [_of_state(state) for state in states if not state.is_open]
    runs += _of_scripts(data.index_reports, damaged.append)
    newest_first = sorted(runs, key=lambda run: run.started, reverse=True)
    return History(tuple(newest_first), tuple(damaged))


def unreadable(runs: Sequence[PastRun], collection: str) -> frozenset[str]:
    """Return the paths that the newest finished build of a collection has skipped.

    Args:
        collection: Its full name, such as `fruit_vector_l2`.
    """
    builds = [run.report for run in runs if run.kind is TaskKind.BUILD]
    for report in builds:
        if not isinstance(report, IndexReport):
            continue
        if collection in {info.name for info in report.collections}:
            return frozenset(one.path for one in report.skipped)
    return frozenset()


def still_holds(run: PastRun, runs: Sequence[PastRun]) -> bool:
    """Whether no run has changed a collection since one has looked at it.

    Args:
        runs: Of the same collection, newest first.
    """
    return not any(later.kind.changes for later in runs[: runs.index(run)])


def how_long(runs: Sequence[PastRun], kind: TaskKind) -> str:
    """Return in words how long finished runs of a kind took; empty if there was none."""
    done = [run for run in runs if run.kind is kind and run.status is RunStatus.DONE][:5]
    if not done:
        return ""
    seconds = [run.seconds for run in done]
    span = duration(min(seconds))
    if duration(max(seconds)) != span:
        span = f"{span} to {duration(max(seconds))}"
    rows = max(run.rows for run in done)
    size = f", with up to {rows:,} rows" if rows else ""
    times = "The last such run" if len(done) == 1 else f"The last {len(done)} such runs"
    return f"{times} took {span}{size}."


def expected_seconds(runs: Sequence[PastRun], pictures: int, *, architecture: str) -> float | None:
    """Return how long a build that encodes so many pictures should take, from earlier ones.

    Medians of the last five that used the architecture and encoded most of their pictures, of rate
    and overhead; None without any.
    """
    reports = [run.report for run in runs if isinstance(run.report, IndexReport)]
    alike = [report for report in reports if report.encoder.partition("/")[0] == architecture]
    told = [report for report in alike if report.tells_the_rate][:5]
    if not told:
        return None
    rate = statistics.median(report.images_per_second for report in told)
    return pictures / rate + statistics.median(report.overhead for report in told)


def _of_state(state: RunState) -> PastRun:
    return PastRun(
        title=state.title,
        kind=state.task.kind,
        started=datetime.fromtimestamp(state.started, UTC),
        status=state.status,
        seconds=state.seconds,
        skipped=state.skipped_count,
        notes=state.notes,
        error=state.error,
        report=state.report,
        family=state.task.family,
    )


def _of_scripts(folder: Path, on_damaged: Callable[[Path], None]) -> Iterator[PastRun]:
    for path in folder.glob("index-*.json"):
        try:
            report, moment = load_index_report(path)
        except (OSError, ValueError) as error:
            logger.warning(
                "%s is no report of indexing and is passed over: %s", path, fault_of(error)
            )
            on_damaged(path)
            continue
        yield PastRun(
            title=f"Build from {report.reduced_from or report.dataset} at the command line",
            kind=_kind_of(report),
            started=moment,
            status=RunStatus.DONE,
            seconds=report.seconds,
            skipped=len(report.skipped),
            notes=(),
            error="",
            report=report,
            family=next((info.family for info in report.collections), ""),
        )


def _kind_of(report: IndexReport) -> TaskKind:
    if report.reduced_from:
        return TaskKind.REDUCE
    # One without pictures is that of `--add-metric`.
    is_build = bool(report.images_per_second or report.skipped) or not report.copied
    return TaskKind.BUILD if is_build else TaskKind.ADD_METRIC
