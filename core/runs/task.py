"""What a run can do with a family, as plain data that survives a restart."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any
from uuid import uuid4

from core.collection.index import IndexChoice, IndexType
from core.metric import Metric


class Kind(StrEnum):
    """The kinds of run; the value is how a person reads it."""

    BUILD = "Build"
    ADD_METRIC = "Add a metric"
    REINDEX = "Rebuild the index"
    VERIFY = "Verify"
    REPAIR = "Repair"
    PRUNE = "Prune"
    REMOVE_CLASS = "Remove a class"
    DROP = "Drop"
    SELF_TEST = "Self-test"
    INSPECT = "Inspect the pictures"

    @property
    def changes(self) -> bool:
        """Whether it changes the collections."""
        return self not in (Kind.VERIFY, Kind.SELF_TEST, Kind.INSPECT)

    @property
    def is_resumable(self) -> bool:
        """Whether the same run again goes on where the last one stopped."""
        return self.changes and self is not Kind.DROP


@dataclass(frozen=True, slots=True)
class Task:
    """One run that is asked for.

    Attributes:
        folder: Of class folders, to be built from.
        archive: A ZIP file to be unpacked into `folder` first; empty for none.
        draw: Pictures a class of the sample that is drawn into `folder` first; 0 for none.
        architecture: Of the encoder; empty takes that of the collection, or of the settings.
        metrics: To build, to rebuild or to drop.
        index: For the collections that are built; `IndexChoice()` asks for nothing in particular.
        recreate: Drop the family once the first new rows are there.
        label: The class to remove.
        agreed: Pictures whose rows may be pruned: as many as a person was told of.
        token: Kept when the task is continued, so that a build with `recreate` knows its own rows.
    """

    kind: Kind
    family: str
    folder: str = ""
    archive: str = ""
    draw: int = 0
    architecture: str = ""
    metrics: tuple[Metric, ...] = ()
    index: IndexChoice = IndexChoice()  # noqa: RUF009 - frozen
    recreate: bool = False
    label: str = ""
    agreed: int = 0
    token: str = field(default_factory=lambda: uuid4().hex, compare=False)

    @property
    def title(self) -> str:
        """The task in one line."""
        if self.kind is Kind.BUILD:
            return f"Build {self.family} from {self.folder}"
        if self.kind is Kind.REMOVE_CLASS:
            return f"Remove the class {self.label or 'no class'} from {self.family}"
        metrics = ", ".join(self.metrics)
        return f"{self.kind}: {self.family}" + (f" ({metrics})" if metrics else "")

    def to_dict(self) -> dict[str, Any]:
        """Return the task as plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Task":
        """Read what `to_dict` wrote.

        Raises:
            ValueError, TypeError, KeyError: It has another form.
            SettingsError: Its index is not allowed.
        """
        index = IndexChoice(
            **{**data["index"], "index_type": IndexType(data["index"]["index_type"])}
        )
        metrics = tuple(Metric(name) for name in data["metrics"])
        return cls(**{**data, "kind": Kind(data["kind"]), "metrics": metrics, "index": index})
