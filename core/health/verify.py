"""Collections, dataset folder and family compared: what is missing, left over or wrong.

Nothing is encoded: what only the encoder can mend, a row for a new or changed file, is left to
`scripts.build_index`.
"""

import shlex
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from core.collection.info import CollectionInfo
from core.collection.rows import BATCH_ROWS
from core.dataset.decoding import decode
from core.dataset.files import image_id, read_picture
from core.dataset.listing import list_dataset
from core.dataset.quality import told
from core.dataset_root import Root, parse_root
from core.errors import DatasetError, EncoderMismatchError, ImageError
from core.metric import Metric
from core.progress import Progress, Stage, silent
from core.records import Further, ImageRecord
from core.store.vector_store import VectorStore
from core.wording import REPLACE_IT, some

# Enough to find damage, and a JPEG is decoded at an eighth of its scale.
_SHORT_SIDE = 32


class Problem(StrEnum):
    """What can be wrong, and in its value how a person reads it."""

    UNFINISHED = "the last indexing run did not finish"
    PENDING = "rows that the index does not cover"
    FOLDER = "the dataset folder cannot be read"
    ENCODER = "metrics with different encoders"
    NO_ROW = "pictures without a row"
    NO_FILE = "rows without a file"
    CHANGED = "rows whose file has changed"
    WRONG_ID = "rows whose id is not that of their path"
    BROKEN_ROW = "rows whose file can no longer be read"
    UNREADABLE = "files that cannot be read, and have no row"
    DIFFERENT = "rows that differ between metrics"
    VECTOR = "embeddings that are not finite or not of the collection's size"

    @property
    def is_counted(self) -> bool:
        """Whether it is about so many rows or files."""
        return self not in {Problem.UNFINISHED, Problem.FOLDER, Problem.ENCODER}

    def remedy(self, dataset: str, *, options: str = "") -> str:
        """Return what ends it, mostly a command for the terminal; empty where the finding says so.

        Args:
            dataset: The folder of the pictures.
            options: What every command needs besides, such as `--collection nuts`.
        """
        build = f"python -m scripts.build_index {shlex.quote(dataset)}{options}"
        return {
            Problem.UNFINISHED: f"{build} goes on where it stopped",
            Problem.PENDING: "wait until the index covers them",
            Problem.FOLDER: "",
            Problem.ENCODER: f"{build} --recreate",
            Problem.NO_ROW: f"{build} encodes them",
            Problem.NO_FILE: f"{build} --prune deletes them",
            Problem.CHANGED: f"{build} encodes them again",
            Problem.BROKEN_ROW: f"mend the files, or {build} --remove-unreadable deletes the rows",
            Problem.UNREADABLE: (
                f"mend or remove the files, or {build} --remove-unreadable leaves them out until "
                "they can be read"
            ),
            Problem.WRONG_ID: f"{build} --recreate",
            Problem.VECTOR: f"{build} --recreate",
            Problem.DIFFERENT: f"python -m scripts.verify{options} --repair copies them",
        }[self]


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of problem in one place.

    Attributes:
        where: A collection's name, or the family's.
        count: How many rows or files; 1 for what is not countable.
        examples: Up to five paths or texts.
    """

    problem: Problem
    where: str
    count: int
    examples: tuple[str, ...]

    @property
    def said(self) -> str:
        """The finding in a line, such as `fruit_l2: rows without a file: 2 (a.jpg, b.jpg)`."""
        named = ", ".join(self.examples)
        if self.problem.is_counted:
            named = some(self.examples, total=self.count) if self.examples else ""
            named = f"{self.count:,}" + (f" ({named})" if named else "")
        return f"{self.where}: {self.problem}" + (f": {named}" if named else "")


@dataclass(frozen=True, slots=True)
class Verification:
    """The outcome of a comparison; without findings the family is whole.

    Attributes:
        rows: Live rows of each collection.
        checked_files: Whether the dataset folder was there to compare with.
        unreadable: Paths of files that cannot be read and that nobody has accepted.
        accepted: Paths of files that cannot be read, or have no row, and that a correction leaves
            out: no findings.
    """

    family: str
    dataset: str
    rows: dict[str, int]
    checked_files: bool
    findings: tuple[Finding, ...]
    unreadable: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()

    def standing(self, excluded: Set[str]) -> tuple[Finding, ...]:
        """Return the findings that are not settled by leaving out what they are about.

        Args:
            excluded: Paths that corrections leave out now, perhaps since the comparison.
        """
        return tuple(one for one in self.findings if not self._is_settled(one, excluded))

    def _is_settled(self, found: Finding, excluded: Set[str]) -> bool:
        if found.problem in {Problem.UNREADABLE, Problem.BROKEN_ROW}:
            about = self.unreadable
        elif found.problem is Problem.NO_ROW and found.count == len(found.examples):
            about = found.examples
        else:
            return False
        return bool(about) and excluded >= set(about)


def verify(
    store: VectorStore,
    *,
    family: str,
    dataset: Root | None = None,
    on_progress: Progress = silent,
) -> Verification:
    """Compare every collection of a family with its dataset folder and with the others.

    Every embedding is read and every file's digest taken.

    Args:
        dataset: Where the pictures lie; None takes the folder that was indexed.
        on_progress: Stages `LIST` and `READ`, in rows, and `FILES`.

    Raises:
        CollectionNotFoundError: The family has no collection.
        EncoderMismatchError: A collection does not say which encoder made it.
        StoreError: The database failed.
    """
    metrics = store.metrics(family)
    if not metrics:
        store.info(family, Metric.L2)  # says what to build
    infos = {metric: store.info(family, metric) for metric in metrics}
    rows = _rows(store, family, infos, on_progress)
    root = _folder(infos, dataset)
    findings = [*_state(family, infos), *_embeddings(store, family, infos, rows, on_progress)]
    findings += _differences(infos, rows)
    accepted = store.corrections(family).excluded
    compared = _compared(root, family, infos, rows, accepted=accepted, on_progress=on_progress)
    return Verification(
        family=family,
        dataset=str(root or ""),
        rows={info.name: len(rows[metric]) for metric, info in infos.items()},
        checked_files=compared.is_there,
        findings=(*findings, *compared.findings),
        unreadable=compared.unreadable,
        accepted=compared.accepted,
    )


def repair(
    store: VectorStore,
    *,
    family: str,
    dataset: Root | None = None,
    on_progress: Progress = silent,
) -> int:
    """Make the collections of a family alike by copying; returns how many rows were written.

    Where metrics hold different rows for one picture, that of the file's present bytes is taken;
    if none is, that of the first metric, and `verify` still reports the picture as changed.

    Args:
        dataset: As for `verify`.
        on_progress: Stages `LIST`, `REPAIR` and `INDEX`, in rows; if it stops the repair, what is
            written stays.

    Raises:
        DatasetError: The address of the folder that was indexed cannot be used.
        EncoderMismatchError: The metrics were made by different encoders.
        StoreError: The database failed; what is written stays.
    """
    metrics = store.metrics(family)
    infos = {metric: store.info(family, metric) for metric in metrics}
    if len({info.encoder for info in infos.values()}) > 1:
        raise EncoderMismatchError(
            f"the collections of {family} were made by different encoders, nothing was copied: "
            f"{', '.join(f'{i.name} by {i.encoder}' for i in infos.values())}. To build them "
            f"anew, {REPLACE_IT}."
        )
    rows = _rows(store, family, infos, on_progress)
    root = _folder(infos, dataset)
    chosen = {key: _source(key, rows, root) for key in set().union(*rows.values())}
    lacking = {
        metric: [key for key, source in chosen.items() if here.get(key) != rows[source][key]]
        for metric, here in rows.items()
    }
    written, total = 0, sum(map(len, lacking.values()))
    for target, wanted in lacking.items():
        for source in metrics:
            keys = [key for key in wanted if chosen[key] is source]
            for records, embeddings in store.stored.rows_with_embeddings(family, source, ids=keys):
                on_progress(Stage.REPAIR, written, total)
                store.upsert(family, target, records, embeddings)
                written += len(records)
        if wanted:
            covered = len(rows[target].keys() | wanted)
            store.finish(family, target, rows=covered, on_progress=on_progress)
    return written


def _folder(infos: dict[Metric, CollectionInfo], dataset: Root | None) -> Root | None:
    """Return where the pictures lie; None where nobody says so."""
    indexed = next((info.dataset for info in infos.values()), "")
    return dataset or (parse_root(indexed) if indexed else None)


def _source(key: int, rows: dict[Metric, dict[int, ImageRecord]], root: Root | None) -> Metric:
    having = [metric for metric, here in rows.items() if key in here]
    if root is not None and len({rows[metric][key] for metric in having}) > 1:
        try:
            present = read_picture(root, rows[having[0]][key].path)[0]
        except ImageError:
            return having[0]
        same = (m for m in having if rows[m][key].digest == present.digest)
        return next(same, having[0])
    return having[0]


def _rows(
    store: VectorStore, family: str, infos: dict[Metric, CollectionInfo], on_progress: Progress
) -> dict[Metric, dict[int, ImageRecord]]:
    rows: dict[Metric, dict[int, ImageRecord]] = {}
    done, total = 0, sum(info.rows for info in infos.values())
    for metric in infos:
        here = rows[metric] = {}
        for record in store.stored.records(family, metric):
            if done % BATCH_ROWS == 0:
                on_progress(Stage.LIST, done, total)
            here[record.id] = record
            done += 1
    return rows


def _finding(problem: Problem, where: str, examples: list[str]) -> Iterator[Finding]:
    if examples:
        yield Finding(problem, where, len(examples), tuple(sorted(examples)[:5]))


def _state(family: str, infos: dict[Metric, CollectionInfo]) -> Iterator[Finding]:
    for info in infos.values():
        if not info.complete:
            yield Finding(Problem.UNFINISHED, info.name, 1, ())
        if info.pending_rows:
            yield Finding(Problem.PENDING, info.name, info.pending_rows, ())
    encoders = {str(info.encoder) for info in infos.values()}
    if len(encoders) > 1:
        yield from _finding(Problem.ENCODER, family, sorted(encoders))


def _embeddings(
    store: VectorStore,
    family: str,
    infos: dict[Metric, CollectionInfo],
    rows: dict[Metric, dict[int, ImageRecord]],
    on_progress: Progress,
) -> Iterator[Finding]:
    done, total = 0, sum(map(len, rows.values()))
    for metric, info in infos.items():
        sound: set[int] = set()
        ids = list(rows[metric])
        for records, embeddings in store.stored.rows_with_embeddings(family, metric, ids=ids):
            on_progress(Stage.READ, done, total)
            pairs = zip(records, embeddings, strict=True)
            sound.update(record.id for record, numbers in pairs if np.isfinite(numbers).all())
            done += len(records)
        bad = [record.path for key, record in rows[metric].items() if key not in sound]
        yield from _finding(Problem.VECTOR, info.name, bad)
        if info.is_foreign:
            continue  # its ids are its own affair
        wrong = [r.path for r in rows[metric].values() if image_id(r.path) != r.id]
        yield from _finding(Problem.WRONG_ID, info.name, wrong)


def _differences(
    infos: dict[Metric, CollectionInfo], rows: dict[Metric, dict[int, ImageRecord]]
) -> Iterator[Finding]:
    everything = {key: record for here in rows.values() for key, record in here.items()}
    for metric, info in infos.items():
        other = [
            record.path for key, record in everything.items() if rows[metric].get(key) != record
        ]
        yield from _finding(Problem.DIFFERENT, info.name, other)


@dataclass(frozen=True, slots=True)
class _Compared:
    """What came of comparing rows with files; see `Verification`."""

    findings: tuple[Finding, ...]
    is_there: bool = True
    unreadable: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()


def _compared(
    root: Root | None,
    family: str,
    infos: dict[Metric, CollectionInfo],
    rows: dict[Metric, dict[int, ImageRecord]],
    *,
    accepted: Set[str],
    on_progress: Progress,
) -> _Compared:
    try:
        if root is None:
            raise DatasetError(
                "nobody has said where it lies. Set ORCHARD_DATASET, or give --dataset."
            )
        listing = list_dataset(root)
    except DatasetError as error:
        moved = "" if root is None else " If it has moved, set ORCHARD_DATASET to where it lies."
        folder = Finding(Problem.FOLDER, family, 1, (f"{error}{moved}",))
        return _Compared((folder,), is_there=False)
    stored = {metric: {r.path: r for r in here.values()} for metric, here in rows.items()}
    known: dict[str, list[ImageRecord]] = {}
    for here in stored.values():
        for record in here.values():
            known.setdefault(record.path, []).append(record)
    files: dict[str, ImageRecord | None] = {}
    for number, path in enumerate(listing.paths):
        on_progress(Stage.FILES, number, len(listing.paths))
        files[path] = _file(
            root,
            path,
            label=listing.classes.of(path),
            further=listing.classes.further_of(path),
            known=known.get(path, ()),
        )
    broken = {path for path, record in files.items() if record is None}
    anywhere = set().union(*stored.values())
    findings = list(_finding(Problem.UNREADABLE, family, [*(broken - anywhere - accepted)]))
    for metric, info in infos.items():
        here = stored[metric]
        lacking = [p for p in files if p not in here and p not in broken | accepted]
        findings += _finding(Problem.NO_ROW, info.name, lacking)
        findings += _finding(Problem.NO_FILE, info.name, [p for p in here if p not in files])
        findings += _finding(Problem.BROKEN_ROW, info.name, [*(broken & here.keys() - accepted)])
        if info.is_foreign:
            continue  # nobody took a digest of its files
        # What was measured of a picture follows from its bytes.
        plain = {p: replace(r, further=told(r.further)) for p, r in here.items()}
        changed = [p for p, r in plain.items() if files.get(p) not in (None, r)]
        findings += _finding(Problem.CHANGED, info.name, changed)
    return _Compared(
        tuple(findings),
        unreadable=tuple(sorted(broken - accepted)),
        accepted=tuple(sorted(accepted & (broken | (files.keys() - anywhere)))),
    )


def _file(
    root: Root, path: str, *, label: str, further: Further, known: Sequence[ImageRecord]
) -> ImageRecord | None:
    """Return the record of a file; None where it cannot be read.

    What has a row was read once with these very bytes; only other files are decoded.

    Args:
        known: Its rows, one a metric; those that others made have no digest.
    """
    try:
        record, content = read_picture(root, path, label=label, further=further)
        if not known or any(one.digest not in ("", record.digest) for one in known):
            decode(content, name=path, short_side=_SHORT_SIDE)
    except ImageError:
        return None
    return record
