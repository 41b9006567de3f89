"""What was done to the collections before: runs of the dashboard, reports of the scripts."""

import json
import logging
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.data_folder import DataFolder
from core.runs.state import RunState, Status, load_states
from core.runs.task import Kind
from core.wording import duration

logger = logging.getLogger(__name__)


# Of fewer pictures the first batches, which set things up, are too large a part.
_FEWEST_ENCODED = 20

# What reading JSON of another form raises.
_DAMAGED = (ValueError, TypeError, KeyError, AttributeError)


@dataclass(frozen=True, slots=True)
class PastRun:
    """One run that has ended, whoever started it.

    Attributes:
        started: When it began; for a script, when its report was written.
        rows: Of the largest collection afterwards, or at the start for a run that builds none; 0
            where the report does not say.
        encoded: Pictures that were encoded.
        looked_at: Pictures of the folder, also those that were known already or skipped.
        rate: Pictures encoded a second; 0 where none were.
        overhead: Seconds of a build besides encoding: loading the encoder, fitting the indexes.
        encoder: That made the embeddings; empty where none was used.
        collections: Full names of those it wrote, such as `fruit_vector_l2`.
        skipped: How many files were left out.
        skipped_paths: Those of them that the report names.
        report: As it was saved.
    """

    title: str
    kind: Kind
    started: datetime
    status: Status
    seconds: float
    rows: int
    encoded: int
    looked_at: int
    rate: float
    overhead: float
    encoder: str
    collections: frozenset[str]
    skipped: int
    skipped_paths: frozenset[str]
    error: str
    report: dict[str, Any]

    @property
    def tells_the_rate(self) -> bool:
        """Whether its rate is that of encoding, not of passing over what was known."""
        enough = self.encoded >= _FEWEST_ENCODED and 2 * self.encoded >= self.looked_at
        return enough and self.rate > 0


def past_runs(data: DataFolder) -> list[PastRun]:
    """Return every run that has ended, newest first; damaged files are passed over and logged."""
    found = [*_of_states(data.runs), *_of_scripts(data.index_reports)]
    return sorted(found, key=lambda run: run.started, reverse=True)


def unreadable(runs: Sequence[PastRun], collection: str) -> frozenset[str]:
    """Return the paths that the newest finished build of a collection has skipped.

    Args:
        collection: Its full name, such as `fruit_vector_l2`.
    """
    for run in runs:
        is_build = run.kind is Kind.BUILD and run.status is Status.DONE
        if is_build and collection in run.collections:
            return run.skipped_paths
    return frozenset()


def how_long(runs: Sequence[PastRun], kind: Kind) -> str:
    """Return in words how long finished runs of a kind took; empty if there was none."""
    done = [run for run in runs if run.kind is kind and run.status is Status.DONE][:5]
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
    alike = (run for run in runs if run.encoder.partition("/")[0] == architecture)
    told = [run for run in alike if run.tells_the_rate][:5]
    if not told:
        return None
    rate = statistics.median(run.rate for run in told)
    return pictures / rate + statistics.median(run.overhead for run in told)


def _of_states(folder: Path) -> Iterator[PastRun]:
    for state in load_states(folder):
        if state.is_open:
            continue
        try:
            yield _of_state(state)
        except _DAMAGED as error:
            logger.warning("%s says what no run does and is passed over: %s", state.name, error)


def _of_state(state: RunState) -> PastRun:
    report = state.outcome or {}
    return PastRun(
        title=state.task.title,
        kind=state.task.kind,
        started=datetime.fromtimestamp(state.started, UTC),
        status=state.status,
        seconds=state.seconds,
        skipped=state.skipped_count,
        error=state.error,
        report={"notes": list(state.notes), **report},
        **_figures(report),
    )


def _of_scripts(folder: Path) -> Iterator[PastRun]:
    for path in folder.glob("index-*.json"):
        try:
            report = json.loads(path.read_text(encoding="utf-8"))
            moment = datetime.strptime(path.stem, "index-%Y%m%d-%H%M%S-%f").replace(tzinfo=UTC)
            # A report without pictures is that of `--add-metric`.
            kind = Kind.BUILD if report["images_per_second"] or report["skipped"] else None
            copied = kind is None and report["copied"] > 0
            yield PastRun(
                title=f"Build from {report['dataset']} at the command line",
                kind=Kind.ADD_METRIC if copied else Kind.BUILD,
                started=moment,
                status=Status.DONE,
                seconds=float(report["seconds"]),
                skipped=len(report["skipped"]),
                error="",
                report=report,
                **_figures(report),
            )
        except (OSError, *_DAMAGED) as error:
            logger.warning("%s is no report of indexing and is passed over: %s", path, error)


def _figures(report: dict[str, Any]) -> dict[str, Any]:
    collections = report.get("collections") or ()
    rate = float(report.get("images_per_second") or 0.0)
    encoded = int(report.get("added") or 0) + int(report.get("updated") or 0)
    passed_over = int(report.get("unchanged") or 0) + len(report.get("skipped") or ())
    took = float(report.get("seconds") or 0.0) + float(report.get("load_seconds") or 0.0)
    at_start = int(report.get("rows_at_start") or 0)
    skipped = report.get("skipped") or ()
    return {
        "collections": frozenset(str(one["name"]) for one in collections),
        "skipped_paths": frozenset(str(one["path"]) for one in skipped),
        "rows": max((int(one["rows"]) for one in collections), default=at_start),
        "encoded": encoded,
        "looked_at": encoded + passed_over,
        "rate": rate,
        "overhead": max(0.0, took - encoded / rate) if rate else 0.0,
        "encoder": str(report.get("encoder") or ""),
    }
