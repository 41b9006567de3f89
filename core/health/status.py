"""Whether all is well: database, collections, encoder, files and disk, as one record."""

import os
import shutil
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from core.collection.info import CollectionInfo
from core.config import Settings
from core.dataset.listing import list_dataset
from core.dataset_root import Root
from core.errors import CollectionNotFoundError, DatasetError, StoreError
from core.health.verify import Finding, Problem
from core.store.vector_store import VectorStore
from core.wording import counted


@dataclass(frozen=True, slots=True)
class DatabaseHealth:
    """What is known about the database.

    Attributes:
        kind: `Milvus Lite` or `Milvus server`.
        address: A file or an address, without user and password.
        milliseconds: An empty request took; None when it is not reachable.
        error: Why it is not reachable; empty when it is.
    """

    kind: str
    version: str
    address: str
    database: str
    milliseconds: float | None
    error: str


@dataclass(frozen=True, slots=True)
class CollectionHealth:
    """One collection, and whether it is in memory."""

    info: CollectionInfo
    loaded: bool


@dataclass(frozen=True, slots=True)
class FilesHealth:
    """What lies in the dataset folder.

    Attributes:
        pictures: Files that look like pictures and can be used; None if it cannot be read.
        unreadable: Those among them that could not be read and that nobody has left out.
        accepted: Those among them without a row that a correction leaves out.
        skipped: Files that look like pictures and cannot be used, as far as names tell.
        other: Files that are no pictures, and folders of other programs.
        others: How many of each kind, in words.
        error: Why it cannot be read; empty when it can.
    """

    folder: str
    pictures: int | None
    skipped: int = 0
    other: int = 0
    unreadable: int = 0
    error: str = ""
    others: str = ""
    accepted: int = 0


@dataclass(frozen=True, slots=True)
class Checks:
    """What was found by the checks of the collection as it is now.

    Attributes:
        findings: Of the last comparison of files and rows, without those that were accepted; None
            where nothing was compared since the collection has changed.
        passed: Whether the last self-test was passed; None where none was run since.
    """

    findings: tuple[Finding, ...] | None = None
    passed: bool | None = None

    @property
    def are_all_made(self) -> bool:
        """Whether nothing is left to check."""
        return self.findings is not None and self.passed is not None


def database_health(store: VectorStore, settings: Settings) -> DatabaseHealth:
    """Ask the database whether it is there."""
    milliseconds, error = None, ""
    try:
        milliseconds = store.ping()
    except StoreError as failure:
        error = str(failure)
    return DatabaseHealth(
        kind="Milvus Lite" if settings.is_lite else "Milvus server",
        version=store.version,
        address=public_address(settings.uri),
        database=settings.milvus_database,
        milliseconds=milliseconds,
        error=error,
    )


def public_address(uri: str) -> str:
    """Return an address without what may be secret: user, password, query."""
    if "://" not in uri:
        return str(Path(uri).absolute())
    parts = urlsplit(uri)
    place = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{place}{parts.path}"


def collections_health(store: VectorStore, family: str) -> list[CollectionHealth]:
    """Describe every collection of a family; one that is dropped meanwhile is left out.

    Raises:
        StoreError: The database failed.
    """
    found = []
    for metric in store.metrics(family):
        try:
            info = store.info(family, metric)
            found.append(CollectionHealth(info, store.is_loaded(family, metric)))
        except CollectionNotFoundError:
            continue
    return found


def files_health(
    folder: Root, *, unreadable: Collection[str] = (), accepted: Collection[str] = ()
) -> FilesHealth:
    """Count the files of a dataset folder without reading more than a few bytes of any.

    Args:
        unreadable: Paths of files that could not be read, relative to the folder.
        accepted: Paths without a row that corrections leave out; of these `unreadable` has none.
    """
    try:
        listing = list_dataset(folder)
    except DatasetError as error:
        return FilesHealth(str(folder), None, error=str(error))
    there = set(listing.paths)
    return FilesHealth(
        str(folder),
        len(listing.paths),
        len(listing.skipped),
        listing.left_out.count,
        unreadable=len(there.intersection(unreadable)),
        others=listing.left_out.said(),
        accepted=len(there.intersection(accepted)),
    )


def disk_usage(settings: Settings) -> dict[str, int]:
    """Return bytes by what they are used for; a server's own files are not among them."""
    data = settings.data
    database = {"Database": size_below(Path(settings.uri))} if settings.is_lite else {}
    return database | {
        "Thumbnails": size_below(data.thumbnails),
        "Reports": sum(
            map(size_below, (data.index_reports, data.reports, data.runs, data.tunings))
        ),
        "Maps": size_below(data.projections),
        "Copies of embeddings": size_below(data.embeddings),
        "Uploaded pictures": size_below(data.uploads),
        "Drawn sample": size_below(data.sample),
    }


def size_below(folder: Path) -> int:
    """Return the size of all files below a folder; what vanishes meanwhile counts as nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(place) / name).lstat().st_size
            except OSError:
                continue
    return total


def free_bytes(folder: Path) -> int:
    """Return how much can still be written where a folder lies, or will lie once it is made."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def concerns(
    database: DatabaseHealth,
    collections: list[CollectionHealth],
    files: FilesHealth | None,
    checks: Checks = Checks(),
    *,
    is_changing: bool = False,
) -> list[str]:
    """Return what a person should look at, in words; empty when nothing is known to be wrong.

    Args:
        checks: What is left out of it nobody has checked, and it is no concern.
        is_changing: Whether a run changes the collections now; what is half done is no concern.
    """
    if database.error:
        return [database.error]
    sentences = [] if is_changing else [*_collection_concerns(collections), *_failed(checks)]
    if files is None:
        return sentences
    if files.error:
        sentences.append(files.error)
    elif collections and not is_changing:
        sentences += _count_concerns(files, max(collection.info.rows for collection in collections))
        if files.unreadable and checks.findings is None:  # else it is among the findings
            sentences.append(
                f"the last build could not read {counted(files.unreadable, 'file')}. Mend them, or "
                "verify and leave them out."
            )
    return sentences


def files_and_rows(
    files: FilesHealth, rows: int, findings: Sequence[Finding] | None
) -> tuple[bool, str]:
    """Return whether nothing is known to be wrong with files and rows, and what is known, in words.

    Where nothing was compared, counts are all there is: a missing row and one too many elsewhere
    make no difference to them, so that what they tell is the least.

    Args:
        rows: Of the largest collection.
        findings: As `Checks` has them.
    """
    pictures = files.pictures or 0
    found: Counter[Problem] = Counter()
    for one in findings or ():
        found[one.problem] = max(found[one.problem], one.count)  # each metric has its own
    without_row = max(found[Problem.NO_ROW], _missing(files, rows))
    without_file = max(found[Problem.NO_FILE], rows - pictures)
    least = "at least " if findings is None else ""
    said = []
    if without_row > 0:
        said.append(f"{least}{counted(without_row, 'file')} without a row")
    if without_file > 0:
        said.append(f"{least}{counted(without_file, 'row')} without a file")
    if found[Problem.CHANGED]:
        said.append(f"{counted(found[Problem.CHANGED], 'file')} changed")
    if files.unreadable:
        said.append(f"{files.unreadable:,} unreadable")
    is_well = not said
    if files.accepted:
        said.append(f"{files.accepted:,} left out")
    if files.skipped:
        said.append(f"{files.skipped:,} unusable")
    if findings is not None and not said:
        return True, f"{counted(rows, 'picture')}, each with its row."
    counts = f"{counted(rows, 'row')}, {counted(pictures, 'file')}"
    return is_well, f"{counts}{': ' if said else ''}{', '.join(said)}."


def _failed(checks: Checks) -> list[str]:
    said = []
    if checks.findings:
        said.append(f"files against rows: {counted(len(checks.findings), 'finding')}, see below.")
    if checks.passed is False:
        said.append("the self-test has failed, see below.")
    return said


def _collection_concerns(collections: list[CollectionHealth]) -> list[str]:
    sentences = []
    for collection in collections:
        info = collection.info
        if not info.complete:
            sentences.append(f"{info.name} is incomplete: its last indexing run did not finish.")
        if info.pending_rows:
            sentences.append(
                f"{info.name}: the index does not cover {info.pending_rows:,} rows yet; they are "
                "searched one by one."
            )
        if not collection.loaded:
            sentences.append(f"{info.name} is not loaded; the first search loads it.")
    counts = {collection.info.rows for collection in collections}
    if len(counts) > 1:
        sentences.append("the metrics have different numbers of rows. Verify, then repair.")
    if len({collection.info.encoder for collection in collections}) > 1:
        sentences.append("the metrics were made by different encoders. Build the collection anew.")
    return sentences


def _count_concerns(files: FilesHealth, rows: int) -> list[str]:
    """Compare numbers; a picture that was damaged after it was indexed has a row all the same."""
    pictures = files.pictures or 0
    missing = _missing(files, rows)
    if rows > pictures:
        return [
            f"the collection has {counted(rows, 'row')}, the folder holds "
            f"{counted(pictures, 'picture')}. Prune the rows of deleted files."
        ]
    if missing <= 0:
        return []
    apart = [f"{files.unreadable:,} unreadable"] if files.unreadable else []
    apart += [f"{files.accepted:,} left out"] if files.accepted else []
    of_these = f" ({', '.join(apart)})" if apart else ""
    return [
        f"the folder holds {counted(pictures, 'picture')}{of_these}, the collection has "
        f"{counted(rows, 'row')}. Index the folder again for the {missing:,} missing; a class that "
        "was removed on purpose then comes back unless its files are moved away."
    ]


def _missing(files: FilesHealth, rows: int) -> int:
    """Return how many files must be without a row at least, going by numbers."""
    return (files.pictures or 0) - files.unreadable - files.accepted - rows
