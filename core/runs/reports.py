"""What runs report: one record a kind of task, which is saved with the run and read again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from core.collection.info import CollectionInfo
from core.health.inspection import Inspection
from core.health.self_test import SelfTest
from core.health.verify import Verification
from core.indexing.report import IndexReport
from core.metric import Metric
from core.runs.task import TaskKind
from core.store.transfer import Moved
from core.tuning.tuning import Tuning


@dataclass(frozen=True, slots=True)
class Reindexed:
    """Collections with a new index, as the database describes them at the end."""

    collections: tuple[CollectionInfo, ...]


@dataclass(frozen=True, slots=True)
class Repaired:
    """Rows that were copied from one metric to another, and what is left to mend."""

    written: int
    verification: Verification


@dataclass(frozen=True, slots=True)
class Removed:
    """Pictures whose rows were deleted.

    Attributes:
        rows: Of the largest collection before.
        removed: Pictures.
        examples: Up to five of their paths.
    """

    rows: int
    removed: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dropped:
    """Metrics whose collections were deleted.

    Attributes:
        rows: Of the largest collection of the family before.
    """

    rows: int
    dropped: tuple[Metric, ...]


@dataclass(frozen=True, slots=True)
class Renamed:
    """A family that has another name.

    Attributes:
        rows: Of its largest collection.
        name: The new one.
    """

    rows: int
    name: str


@dataclass(frozen=True, slots=True)
class Transferred:
    """Rows that were moved with their embeddings, by collection or file."""

    moved: tuple[Moved, ...]


Report = (
    IndexReport
    | Reindexed
    | Verification
    | Repaired
    | Removed
    | Renamed
    | Dropped
    | SelfTest
    | Inspection
    | Tuning
    | Transferred
)
_SAVED: dict[TaskKind, TypeAdapter[Any]] = {
    TaskKind.BUILD: TypeAdapter(IndexReport),
    TaskKind.ADD_METRIC: TypeAdapter(IndexReport),
    TaskKind.REINDEX: TypeAdapter(Reindexed),
    TaskKind.VERIFY: TypeAdapter(Verification),
    TaskKind.REPAIR: TypeAdapter(Repaired),
    TaskKind.PRUNE: TypeAdapter(Removed),
    TaskKind.REMOVE_CLASS: TypeAdapter(Removed),
    TaskKind.RENAME: TypeAdapter(Renamed),
    TaskKind.DROP: TypeAdapter(Dropped),
    TaskKind.SELF_TEST: TypeAdapter(SelfTest),
    TaskKind.INSPECT: TypeAdapter(Inspection),
    TaskKind.REDUCE: TypeAdapter(IndexReport),
    TaskKind.TUNE: TypeAdapter(Tuning),
    TaskKind.EXPORT: TypeAdapter(Transferred),
    TaskKind.IMPORT: TypeAdapter(Transferred),
}


def rows_of(report: Report) -> int:
    """Return over how many rows of the largest collection a run went."""
    match report:
        case IndexReport() | Reindexed():
            return max((info.rows for info in report.collections), default=0)
        case Verification():
            return max(report.rows.values(), default=0)
        case Repaired():
            return rows_of(report.verification)
        case Inspection():
            return report.pictures
        case Transferred():
            return max((one.rows for one in report.moved), default=0)
        case _:
            return report.rows


def parse_report(kind: TaskKind, saved: Mapping[str, Any]) -> Report:
    """Read the report of a kind of task as `dataclasses.asdict` and JSON have saved it.

    Raises:
        ValueError: It has another form.
    """
    # Earlier reports have other names for the rows, and a repair's lies flat beside its count.
    earlier = {"rows": saved.get("rows_at_start", 0), "verification": saved}
    report: Report = _SAVED[kind].validate_python({**earlier, **saved})
    return report


def fault_of(error: Exception) -> str:
    """Return, in one line, why a saved record could not be read."""
    if not isinstance(error, ValidationError):
        return str(error)
    faults = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
    return "; ".join(faults[:3])
