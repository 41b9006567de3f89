"""What the data folder no longer needs is deleted, by the rules in docs/architecture.md.

Copies go that nobody has used for long, or whose collection is gone; the history keeps its newest
part. What a person has made stays whatever its age: corrections, reports, pictures that a
collection may be of. Where it cannot be told whether something is in use, it stays as well.
"""

import contextlib
import logging
import re
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from core.data_folder import DataFolder
from core.dataset.thumbnails import is_thumbnail
from core.embeddings.listing import listing_name
from core.embeddings.matrix_file import is_matrix_of_this_version
from core.errors import OrchardError
from core.files import last_used
from core.indexing.report import IndexReport, load_index_report
from core.metric import Metric
from core.projection.cache import remove_unused
from core.runs.run_record import RunState, RunStatus, load_states
from core.runs.task import Build, Drop, Reduce, Rename
from core.store.vector_store import VectorStore, collection_name

logger = logging.getLogger(__name__)

DAY = 24 * 3600.0
# Made again when it is seen, in a tenth of a second a picture.
THUMBNAIL_DAYS = 90
# Read again from the database; what is in use is younger.
COPY_DAYS = 1
# Measuring takes long, and the collection may come back.
TUNING_DAYS = 90
# Of the history this many files stay whatever their age, and all younger ones.
HISTORY_FILES, HISTORY_DAYS = 500, 90
# An upload that was never unpacked, and pictures whose collection was dropped.
ARCHIVE_DAYS, UPLOAD_DAYS = 7, 30

# As `core.files.write_whole` calls what it has not written to the end.
_HALF_WRITTEN = re.compile(r"\..+\.[0-9a-f]{32}\.part")
_COPY = re.compile(r"(?P<matrix>\w+)-[0-9a-f-]+-v\d+(\.usual-v\d+)?\.(npy|json)")
_LISTING = re.compile(r"(?P<listing>\w+)\.rows-v\d+\.parquet")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What was deleted.

    Attributes:
        files: How many, by the name of the folder they were in; pictures of an upload one by one.
        size: Their bytes.
    """

    files: Mapping[str, int] = field(default_factory=dict)
    size: int = 0

    def __str__(self) -> str:
        """Return such as `thumbnails 12, embeddings 2; 820.4 MB`; empty for nothing."""
        if not self.files:
            return ""
        kinds = ", ".join(f"{name} {count:,}" for name, count in sorted(self.files.items()))
        return f"{kinds}; {self.size / 1e6:,.1f} MB"


def clean_up(data: DataFolder, store: VectorStore, *, now: float | None = None) -> Cleaned:
    """Delete what is of no use any more; each file is named in the log, and all are counted.

    A file that cannot be deleted is logged and left for the next time. Nothing is deleted that
    depends on the database while it does not answer.

    Args:
        now: Seconds since 1970; None means this moment.
    """
    cleaning = _Cleaning(data, store, time.time() if now is None else now)
    for rule in (
        cleaning.half_written,
        cleaning.thumbnails,
        cleaning.copies,
        cleaning.maps,
        cleaning.tunings,
        cleaning.history,
        cleaning.archives,
        cleaning.uploads,
    ):
        try:
            rule()
        except (OSError, OrchardError) as error:
            logger.info("%s of the data folder are not looked at: %s", rule.__name__, error)
    cleaned = Cleaned(dict(cleaning.files), cleaning.size)
    if said := str(cleaned):
        logger.info("what was of no use any more is deleted: %s", said)
    return cleaned


class _Cleaning:
    """One round over the data folder."""

    def __init__(self, data: DataFolder, store: VectorStore, now: float) -> None:
        self._data, self._store, self._now = data, store, now
        self.files: Counter[str] = Counter()
        self.size = 0

    def half_written(self) -> None:
        """What a process that ended while it wrote has left."""
        folders = (
            *(self._data.embeddings, self._data.thumbnails, self._data.projections),
            *(self._data.runs, self._data.index_reports, self._data.tunings),
            *(self._data.reports, self._data.corrections, self._data.reductions),
        )
        for folder in folders:
            for file in folder.rglob(".*.part"):
                if _HALF_WRITTEN.fullmatch(file.name) and self._age(file) > COPY_DAYS:
                    self._delete(file, folder)

    def thumbnails(self) -> None:
        """Those that nobody has looked at, and those of other versions."""
        for file in self._data.thumbnails.glob("*/*.jpg"):
            limit = THUMBNAIL_DAYS if is_thumbnail(file.name) else COPY_DAYS
            if self._age(file) > limit:
                self._delete(file, self._data.thumbnails)

    def copies(self) -> None:
        """Matrices and listings of collections that are gone, and of other versions."""
        for file in _files(self._data.embeddings):
            if self._age(file) <= COPY_DAYS:
                continue
            if found := _COPY.fullmatch(file.name):
                is_ours = is_matrix_of_this_version(file.name) and self._has(found["matrix"])
            elif found := _LISTING.fullmatch(file.name):
                collection = found["listing"]
                is_ours = file.name == listing_name(collection) and self._has_named(collection)
            else:
                continue
            if not is_ours:
                self._delete(file, self._data.embeddings)

    def maps(self) -> None:
        """Maps of families that are gone; the map page deletes those of rows that are gone."""
        sizes = {file: file.stat().st_size for file in self._data.projections.rglob("*.npz")}
        gone = remove_unused(
            self._data.projections, is_current=lambda f, _: self._has(f), now=self._now
        )
        for file in gone:
            self._count(self._data.projections, sizes.get(file, 0))

    def tunings(self) -> None:
        """What was measured of collections that are gone."""
        for file in _files(self._data.tunings):
            collection = file.name.removesuffix(".json").removesuffix(".begun")
            is_old = file.suffix == ".json" and self._age(file) > TUNING_DAYS
            if is_old and not self._has_named(collection):
                self._delete(file, self._data.tunings)

    def history(self) -> None:
        """Runs and index reports but the newest."""
        for folder, pattern in (
            (self._data.runs, "run-*.json"),
            (self._data.index_reports, "index-*.json"),
        ):
            # Their names are the moments at which they began.
            for file in sorted(folder.glob(pattern), reverse=True)[HISTORY_FILES:]:
                if self._age(file) > HISTORY_DAYS:
                    self._delete(file, folder)

    def archives(self) -> None:
        """Uploads that nobody has had unpacked, and what is left of unpacking."""
        wanted = {
            state.task.archive
            for state in self._runs
            if isinstance(state.task, Build) and (state.is_open or state.can_continue)
        }
        for file in self._data.uploads.glob(".*"):
            if file.suffix == ".zip" and str(file.absolute()) not in wanted:
                if self._age(file) > ARCHIVE_DAYS:
                    self._delete(file, self._data.uploads)
            elif file.suffix == ".part" and self._age(file) > ARCHIVE_DAYS:
                self._delete(file, self._data.uploads)

    def uploads(self) -> None:
        """Unpacked pictures whose collection was dropped."""
        indexed = {Path(report.dataset) for report in self._index_reports()}
        for folder in _folders(self._data.uploads):
            dropped = self._dropped_since(folder.absolute())
            if dropped is None or folder.absolute() in indexed:
                continue
            is_old = self._now - dropped > UPLOAD_DAYS * DAY and self._age(folder) > UPLOAD_DAYS
            if is_old and folder.absolute() not in self._datasets:
                self._delete(folder, self._data.uploads)

    @cached_property
    def _runs(self) -> list[RunState]:
        """All that are known, newest first."""
        return list(load_states(self._data.runs))

    @cached_property
    def _datasets(self) -> frozenset[Path]:
        """Where the pictures of the collections of the database lie.

        No run may tell: rows are brought in too, and of old runs the files are gone.
        """
        return frozenset(Path(one.dataset) for one in self._store.families() if one.dataset)

    def _index_reports(self) -> Iterator[IndexReport]:
        for file in self._data.index_reports.glob("index-*.json"):
            with contextlib.suppress(OSError, ValueError):
                yield load_index_report(file)[0]

    def _dropped_since(self, folder: Path) -> float | None:
        """Return when the last collection of a folder was dropped; None while there may be one.

        The runs say so, not the database alone: another one may have been in use meanwhile.
        """
        builds = [
            state
            for state in self._runs
            if isinstance(state.task, Build) and Path(state.task.folder) == folder
        ]
        if not builds or builds[0].is_open or builds[0].can_continue:
            return None
        moments = []
        for family in {state.task.family for state in builds}:
            last = max(state.started for state in builds if state.task.family == family)
            ended = [
                state
                for state in self._runs
                if isinstance(state.task, Drop | Rename | Reduce)
                and state.task.family == family
                and state.status is RunStatus.DONE
                and state.started > last
            ]
            drops = [state.started for state in ended if isinstance(state.task, Drop)]
            # Renamed, or built from once more, its pictures may be those of another name.
            if len(drops) < len(ended) or not drops or self._has(family):
                return None
            moments.append(max(drops))
        return max(moments)

    def _has(self, family: str) -> bool:
        """Whether the database has collections of a family."""
        return bool(self._store.metrics(family))

    def _has_named(self, collection: str) -> bool:
        """Whether the database has a collection of its full name, of ours or of others."""
        for metric in Metric:
            family = collection.removesuffix(f"_{metric.lower()}")
            if collection == collection_name(family, metric):
                return metric in self._store.metrics(family)
        return self._has(collection)

    def _age(self, path: Path) -> float:
        """Return for how many days nobody has used or written a file; 0 of one that is gone."""
        try:
            return (self._now - last_used(path)) / DAY
        except OSError:
            return 0.0

    def _delete(self, path: Path, folder: Path) -> None:
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        try:
            size = sum(file.stat().st_size for file in files)
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        except OSError as error:
            logger.warning("%s is of no use any more and cannot be deleted: %s", path, error)
            return
        logger.info("%s is of no use any more and was deleted", path)
        self._count(folder, size, files=len(files))

    def _count(self, folder: Path, size: int, *, files: int = 1) -> None:
        self.files[folder.name] += files
        self.size += size


def _files(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.iterdir()) if file.is_file()] if folder.is_dir() else []


def _folders(folder: Path) -> list[Path]:
    """Return the folders in a folder, hidden ones and links left out."""
    if not folder.is_dir():
        return []
    inside = (one for one in sorted(folder.iterdir()) if one.name[0] != ".")
    return [one for one in inside if one.is_dir() and not one.is_symlink()]
