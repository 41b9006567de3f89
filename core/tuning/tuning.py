"""What was measured: settings of indexes, roundings of the numbers, what was refused."""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from core.collection.index_choice import IndexChoice
from core.errors import ReportError
from core.files import write_whole
from core.measures.bootstrap import Estimate
from core.metric import Metric

# Raised whenever the meaning of the file changes.
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Measured:
    """One index at one effort.

    Attributes:
        index: With its numbers as they were built.
        effort: What it was searched with, by name; empty where every row is compared.
        recall: Mean share of the exact k hits that it returns, in [0, 1].
        precision: Macro mean of precision@k.
        difference: Of precision to exact search, paired; below 0 is a loss.
        p50, p95: Milliseconds of one search at a time.
        per_second: Searches a second of one client, each after the answer to the one before.
        per_second_of_8: And of eight clients together.
        build_seconds: The index took to build and load.
        memory_bytes, disk_bytes: Of the index.
        is_computed: Whether the bytes come from the formula of the type: the database did not tell.
    """

    index: IndexChoice
    effort: Mapping[str, int]
    recall: float
    precision: float
    difference: Estimate
    p50: float
    p95: float
    per_second: float
    per_second_of_8: float
    build_seconds: float
    memory_bytes: int
    disk_bytes: int
    is_computed: bool

    @property
    def name(self) -> str:
        """Such as `IVF_SQ8, nlist 128, nprobe 8`."""
        numbers = {p.name: getattr(self.index, p.field) for p in self.index.kind.build}
        # What a graph is built with is as usual, and only makes the name long.
        shown = {k: v for k, v in numbers.items() if self.index.kind.has_lists}
        told = [f"{k} {v}" for k, v in {**shown, **self.effort}.items()]
        return ", ".join([self.index.index_type.value, *told])


@dataclass(frozen=True, slots=True)
class Rounded:
    """Embeddings made smaller, compared exactly: computed, no index.

    Attributes:
        name: What was done to them, such as `PCA to 256 numbers`.
        dimension: Numbers of one.
        bytes: Of all of them.
    """

    name: str
    dimension: int
    bytes: int
    recall: float
    precision: float
    difference: Estimate


@dataclass(frozen=True, slots=True)
class Refused:
    """An index that could not be measured, and why."""

    index: IndexChoice
    reason: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What a tuning is about; one of the same can be continued.

    Attributes:
        fingerprint: Of rows and encoder, see `core.embeddings.matrix`.
        queries: About how many are asked, spread over the classes by their size.
        seed: Of the sample and the intervals.
        engine: The database, such as `Milvus Lite 3.2.2`.
    """

    collection: str
    metric: Metric
    fingerprint: str
    k: int
    queries: int
    seed: int
    engine: str


@dataclass(frozen=True, slots=True)
class Tuning:
    """Everything that one run has measured, so far, and what runs before it have of other types.

    Attributes:
        created: When the last run of it began, UTC, ISO 8601, to the second.
        current: The index that the collection had.
        asked_queries: How many were asked.
        classes: How many classes they are of.
        exact_precision: Macro mean of precision@k of exact search.
        seconds: Of that run, all its parts where it was stopped.
        is_complete: Whether the run went through to its end.
    """

    asked: Asked
    created: str
    rows: int
    dimension: int
    current: IndexChoice
    asked_queries: int
    classes: int
    exact_precision: float
    measured: tuple[Measured, ...] = ()
    rounded: tuple[Rounded, ...] = ()
    refused: tuple[Refused, ...] = ()
    seconds: float = 0.0
    is_complete: bool = False

    def has(self, index: IndexChoice) -> bool:
        """Whether an index was measured, or refused, already."""
        known = [one.index for one in self.measured] + [one.index for one in self.refused]
        return index in known

    def without(self, indexes: Collection[IndexChoice]) -> "Tuning":
        """Return it as if some indexes had not been measured, and so not at its end."""
        return replace(
            self,
            measured=tuple(one for one in self.measured if one.index not in indexes),
            refused=tuple(one for one in self.refused if one.index not in indexes),
            is_complete=False,
        )

    def to_json(self) -> str:
        """Return it as JSON, as it is saved."""
        return json.dumps({"version": _VERSION, **asdict(self)}, indent=1, ensure_ascii=False)


_SAVED = TypeAdapter(Tuning)


def tuning_file(folder: Path, collection: str, *, begun: bool = False) -> Path:
    """Return where the tuning of a collection lies.

    Args:
        begun: The one that has not come to its end, which leaves the last whole one alone.
    """
    return folder / f"{collection}{'.begun' if begun else ''}.json"


def save_tuning(tuning: Tuning, folder: Path) -> None:
    """Write a tuning, whole or not at all; one that is complete takes the place of all before.

    Raises:
        FileError: It cannot be written.
    """
    name, begun = tuning.asked.collection, not tuning.is_complete
    write_whole(tuning_file(folder, name, begun=begun), tuning.to_json().encode() + b"\n")
    if tuning.is_complete:
        tuning_file(folder, name, begun=True).unlink(missing_ok=True)


def load_tuning(folder: Path, collection: str) -> Tuning | None:
    """Return the last whole tuning of a collection, else the one begun; None where there is none.

    Raises:
        ReportError: It cannot be read.
    """
    whole = _loaded(tuning_file(folder, collection), collection)
    return whole or load_begun(folder, collection)


def load_begun(folder: Path, collection: str) -> Tuning | None:
    """Return the tuning of a collection that was stopped; None where there is none.

    Raises:
        ReportError: It cannot be read.
    """
    return _loaded(tuning_file(folder, collection, begun=True), collection)


def _loaded(file: Path, collection: str) -> Tuning | None:
    try:
        saved: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if saved.get("version") != _VERSION:
            raise ValueError(f"it is of version {saved.get('version')}")
        return _SAVED.validate_python(saved)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, AttributeError) as error:
        raise ReportError(
            f"what was measured of {collection} cannot be read ({file}: "
            f"{str(error).splitlines()[0]}). Measure again; the file is then replaced."
        ) from error
