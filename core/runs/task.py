"""What can be done with a family in the background: one record a kind, which survives a restart."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal, get_args
from uuid import uuid4

from pydantic import ConfigDict, Field, TypeAdapter, with_config

from core.collection.index_choice import IndexChoice, IndexType
from core.metric import Metric
from core.records import Reduction


class TaskKind(StrEnum):
    """The kinds of task; the value is how a person reads it."""

    BUILD = "Build"
    ADD_METRIC = "Add a metric"
    REINDEX = "Rebuild the index"
    VERIFY = "Verify"
    REPAIR = "Repair"
    PRUNE = "Prune"
    REMOVE_CLASS = "Remove a class"
    RENAME = "Rename"
    DROP = "Drop"
    SELF_TEST = "Self-test"
    INSPECT = "Inspect the pictures"
    REDUCE = "Build smaller vectors"
    TUNE = "Measure indexes"
    EXPORT = "Copy elsewhere"
    IMPORT = "Bring in"

    @property
    def changes(self) -> bool:
        """Whether it changes the collections."""
        looking = (TaskKind.VERIFY, TaskKind.SELF_TEST, TaskKind.INSPECT, TaskKind.TUNE)
        return self not in (*looking, TaskKind.EXPORT)

    @property
    def is_resumable(self) -> bool:
        """Whether the same task again goes on where the last run stopped."""
        at_once = (TaskKind.DROP, TaskKind.RENAME)
        return self is TaskKind.TUNE or (self.changes and self not in at_once)


@dataclass(frozen=True, slots=True)
class Build:
    """Bring the collections up to date with a folder, or build them anew.

    Attributes:
        folder: Of class folders.
        metrics: To build; those there are already are kept up to date as well.
        archive: A ZIP file to be unpacked into `folder` first; empty for none.
        draw: Pictures a class of the sample that is drawn into `folder` first; 0 for none.
        architecture: Of the encoder; empty takes that of the collection, or of the settings.
        index: `IndexChoice()` asks for nothing in particular.
        recreate: Drop the family once the first new rows are there.
        remove_unreadable: Delete the rows of files that can no longer be read, and leave such files
            out.
        token: Kept when the task is continued, so that a build with `recreate` knows its own rows.
    """

    family: str
    folder: str
    metrics: tuple[Metric, ...]
    archive: str = ""
    draw: int = 0
    architecture: str = ""
    index: IndexChoice = IndexChoice()  # noqa: RUF009 - frozen
    recreate: bool = False
    remove_unreadable: bool = False
    token: str = field(default_factory=lambda: uuid4().hex, compare=False)
    kind: Literal[TaskKind.BUILD] = TaskKind.BUILD


@dataclass(frozen=True, slots=True)
class AddMetric:
    """Give the family a collection for one more metric."""

    family: str
    metric: Metric
    index: IndexChoice = IndexChoice()  # noqa: RUF009 - frozen
    kind: Literal[TaskKind.ADD_METRIC] = TaskKind.ADD_METRIC


@dataclass(frozen=True, slots=True)
class Reindex:
    """Build another index over the rows of some metrics."""

    family: str
    metrics: tuple[Metric, ...]
    index: IndexChoice
    kind: Literal[TaskKind.REINDEX] = TaskKind.REINDEX


@dataclass(frozen=True, slots=True)
class Verify:
    """Compare the collections with the files and with each other."""

    family: str
    kind: Literal[TaskKind.VERIFY] = TaskKind.VERIFY


@dataclass(frozen=True, slots=True)
class Repair:
    """Copy the rows that one metric has and another lacks."""

    family: str
    kind: Literal[TaskKind.REPAIR] = TaskKind.REPAIR


@dataclass(frozen=True, slots=True)
class Prune:
    """Delete the rows of pictures whose files are gone.

    Attributes:
        agreed: Pictures whose rows may be deleted: as many as a person was told of.
    """

    family: str
    agreed: int
    kind: Literal[TaskKind.PRUNE] = TaskKind.PRUNE


@dataclass(frozen=True, slots=True)
class RemoveClass:
    """Delete the rows of one class."""

    family: str
    label: str
    kind: Literal[TaskKind.REMOVE_CLASS] = TaskKind.REMOVE_CLASS


@dataclass(frozen=True, slots=True)
class Rename:
    """Give the family another name."""

    family: str
    name: str
    kind: Literal[TaskKind.RENAME] = TaskKind.RENAME


@dataclass(frozen=True, slots=True)
class Drop:
    """Delete the collections of some metrics."""

    family: str
    metrics: tuple[Metric, ...]
    kind: Literal[TaskKind.DROP] = TaskKind.DROP


@dataclass(frozen=True, slots=True)
class RunSelfTest:
    """See whether the collections answer as they should."""

    family: str
    kind: Literal[TaskKind.SELF_TEST] = TaskKind.SELF_TEST


@dataclass(frozen=True, slots=True)
class InspectPictures:
    """Look at every picture: sizes, damage, duplicates."""

    family: str
    kind: Literal[TaskKind.INSPECT] = TaskKind.INSPECT


@dataclass(frozen=True, slots=True)
class Reduce:
    """Build a family of its own from the embeddings of another, made smaller.

    Attributes:
        family: The one with whole embeddings.
        name: Of the family to build, or to bring up to date.
        metrics: To build; none given takes those of the other.
        reduction: What to do, nothing of it fitted.
    """

    family: str
    name: str
    metrics: tuple[Metric, ...]
    reduction: Reduction
    index: IndexChoice = IndexChoice()  # noqa: RUF009 - frozen
    kind: Literal[TaskKind.REDUCE] = TaskKind.REDUCE


@dataclass(frozen=True, slots=True)
class Tune:
    """Measure types of index beside the collection of a metric.

    Attributes:
        types: None given takes what the database offers.
    """

    family: str
    metric: Metric
    types: tuple[IndexType, ...] = ()
    k: int = 10
    sample: int = 200
    seed: int = 0
    kind: Literal[TaskKind.TUNE] = TaskKind.TUNE


@dataclass(frozen=True, slots=True)
class Export:
    """Copy the rows with their embeddings to another database, or into a Parquet file.

    Attributes:
        target: A Milvus Lite file or a Parquet file by its whole path, or a server's address.
    """

    family: str
    target: str
    kind: Literal[TaskKind.EXPORT] = TaskKind.EXPORT


@dataclass(frozen=True, slots=True)
class Import:
    """Fill the family with rows of another database, or of a Parquet file.

    Attributes:
        source: As `target` of `Export`.
        metrics: To make from a Parquet file; another database has its own.
    """

    family: str
    source: str
    metrics: tuple[Metric, ...] = tuple(Metric)
    kind: Literal[TaskKind.IMPORT] = TaskKind.IMPORT


Task = (
    Build
    | AddMetric
    | Reindex
    | Verify
    | Repair
    | Prune
    | RemoveClass
    | Rename
    | Drop
    | RunSelfTest
    | InspectPictures
    | Reduce
    | Tune
    | Export
    | Import
)
# Whoever asks for a task is told of a field that it does not have.
for _kind in get_args(Task):
    with_config(ConfigDict(extra="forbid"))(_kind)
AnyTask = Annotated[Task, Field(discriminator="kind")]
_SAVED: TypeAdapter[Task] = TypeAdapter(AnyTask)


def title_of(task: Task) -> str:
    """Return a task in one line."""
    title = f"{task.kind}: {task.family}"
    match task:
        case Reduce():
            return f"Build {task.name} from {task.family} ({task.reduction.title})"
        case Build():
            title = f"Build {task.family} from {task.folder}"
        case RemoveClass():
            title = f"Remove the class {task.label or 'no class'} from {task.family}"
        case Rename():
            title = f"Rename {task.family} to {task.name}"
        case Export():
            title = f"Copy {task.family} to {task.target}"
        case Import():
            title = f"Bring {task.family} from {task.source}"
        case AddMetric() | Tune():
            title = f"{task.kind}: {task.family} ({task.metric})"
        case Reindex() | Drop():
            title = f"{task.kind}: {task.family} ({', '.join(task.metrics)})"
    return title


def parse_task(saved: Mapping[str, Any]) -> Task:
    """Read a task as `dataclasses.asdict` and JSON have saved it.

    Raises:
        ValueError: It has another form.
        SettingsError: Its index is not allowed.
    """
    # Tasks were once saved with the fields of every kind, where the metric to add is the first.
    first = next(iter(saved.get("metrics") or ()), None)
    return _SAVED.validate_python({"metric": first, **saved}, extra="ignore")
