"""Dataset folder -> encoder -> collections: batched, resumable, reported."""

import itertools
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.dataset import DatasetListing, image_id, list_dataset, read_picture
from core.errors import DatasetError, EncoderMismatchError, ImageError
from core.images import decode
from core.index import IndexChoice
from core.metric import Metric
from core.records import CollectionInfo, ImageRecord, SkippedFile
from core.store import BATCH_ROWS, VectorStore

if TYPE_CHECKING:
    from core.encoder import Encoder

logger = logging.getLogger(__name__)

# Decoding releases the interpreter lock, so two threads keep ahead of the model.
DECODE_THREADS = 2
# Pictures decoded ahead of the model: enough to hide a slow file, few enough to keep memory flat.
WINDOW = 64
ENCODE_BATCH = 16

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What one run did; every file below the folder is in exactly one of the counts.

    Attributes:
        added: Pictures that were not in the collections before.
        updated: Pictures whose bytes had changed, or that one of the collections lacked.
        unchanged: Pictures left alone.
        skipped: Files that look like pictures but could not be used, and why.
        ignored: Files that are no pictures by their names.
        without_file: Rows whose file is no longer in the folder; they are kept.
        collections: As the database describes them at the end.
        seconds: From the first file to the loaded index.
        images_per_second: Encoded pictures over the time of encoding and writing.
    """

    dataset: str
    encoder: str
    added: int
    updated: int
    unchanged: int
    skipped: tuple[SkippedFile, ...]
    ignored: int
    without_file: int
    collections: tuple[CollectionInfo, ...]
    seconds: float
    images_per_second: float

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data for JSON."""
        return asdict(self)


@dataclass
class _Counts:
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: list[SkippedFile] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A picture read in a thread; `prepared` is None when every collection has it already."""

    record: ImageRecord
    prepared: Any


def build_index(
    root: Path,
    *,
    store: VectorStore,
    encoder: "Encoder",
    family: str,
    metrics: Sequence[Metric] = tuple(Metric),
    index: IndexChoice = IndexChoice(),  # noqa: B008 - frozen
    recreate: bool = False,
    on_progress: Progress | None = None,
) -> IndexReport:
    """Bring the collections of a family up to date with a dataset folder.

    Pictures that every collection has with the same bytes are neither decoded nor encoded. Rows
    are written in batches as they are made, so a run that is stopped continues where it was.

    Args:
        root: Folder of class folders.
        metrics: One collection is built for each; those the family has already are kept up to
            date as well.
        recreate: Drop the whole family first, once the folder was listed.
        on_progress: Called with a stage (`encode` or `index`), how many are done, and how many
            there are.

    Raises:
        DatasetError: The folder has no usable picture, or the collections hold another dataset.
        EncoderMismatchError: The collections were built with another encoder.
        StoreError: The database failed; what was written before stays.
    """
    started = time.monotonic()
    listing = list_dataset(root)
    run = _Run(root.resolve(), store, encoder, family, tuple(metrics), index)
    run.prepare(listing, recreate=recreate)
    run.encode_all(listing, on_progress or _silent)
    encoded_seconds = time.monotonic() - started
    run.finish(on_progress or _silent)
    counts = run.counts
    return IndexReport(
        dataset=str(run.root),
        encoder=str(encoder.identity),
        added=counts.added,
        updated=counts.updated,
        unchanged=counts.unchanged,
        skipped=(*listing.skipped, *counts.skipped),
        ignored=listing.ignored,
        without_file=run.rows_without_file(listing),
        collections=tuple(store.info(family, metric) for metric in run.metrics),
        seconds=round(time.monotonic() - started, 2),
        images_per_second=round((counts.added + counts.updated) / encoded_seconds, 1),
    )


@dataclass
class _Run:
    """One indexing run: what is stored already, and the rows that wait to be written."""

    root: Path
    store: VectorStore
    encoder: "Encoder"
    family: str
    metrics: tuple[Metric, ...]
    index: IndexChoice
    counts: _Counts = field(default_factory=_Counts)
    expected_rows: int = 0
    existing: set[Metric] = field(default_factory=set)
    stored: dict[Metric, dict[int, str]] = field(default_factory=dict)
    waiting: list[tuple[ImageRecord, NDArray[np.float32]]] = field(default_factory=list)

    def prepare(self, listing: DatasetListing, *, recreate: bool) -> None:
        """Refuse what does not belong together, then read which pictures are stored."""
        self.expected_rows = len(listing.paths)
        existing = self.store.metrics(self.family)
        if recreate:
            for metric in existing:
                self.store.drop(self.family, metric)
            existing = []
        # The collections of a family hold the same rows, so a run brings all of them up to date.
        self.metrics = tuple(dict.fromkeys((*self.metrics, *existing)))
        self.stored = {metric: {} for metric in self.metrics}
        for metric in existing:
            info = self.store.info(self.family, metric)
            self._refuse_other_encoder(info)
            stored = {r.id: r.digest for r in self.store.records(self.family, metric)}
            _refuse_other_dataset(info, self.root, listing, stored)
            self.stored[metric] = stored
        self.existing = set(existing)
        for metric in existing:
            self.store.set_complete(self.family, metric, complete=False)

    def encode_all(self, listing: DatasetListing, on_progress: Progress) -> None:
        """Encode and write whatever the collections lack."""
        total = len(listing.paths)
        done = 0
        batch: list[_Loaded] = []
        try:
            for loaded in _ahead(self._load, listing.paths):
                done += 1
                if isinstance(loaded, SkippedFile):
                    self.counts.skipped.append(loaded)
                    logger.warning("skipped %s: %s", loaded.path, loaded.reason)
                elif loaded.prepared is None:
                    self.counts.unchanged += 1
                else:
                    batch.append(loaded)
                if len(batch) == ENCODE_BATCH:
                    self._encode(batch)
                    batch = []
                on_progress("encode", done, total)
            self._encode(batch)
        finally:
            # Whatever stops the run, what is encoded already need not be encoded again.
            self._write()
        if not self.existing:
            raise DatasetError(
                f"none of the {total} pictures below {str(self.root)!r} can be used; the first is "
                f"{self.counts.skipped[0].path!r}: {self.counts.skipped[0].reason}"
            )

    def finish(self, on_progress: Progress) -> None:
        """Build and load the indexes, and mark the collections as complete."""
        for number, metric in enumerate(self.metrics):
            on_progress("index", number, len(self.metrics))
            self.store.finish(self.family, metric)
            self.store.set_complete(self.family, metric, complete=True)
        on_progress("index", len(self.metrics), len(self.metrics))

    def rows_without_file(self, listing: DatasetListing) -> int:
        """Return how many rows were stored before whose file the folder no longer has."""
        ids = {image_id(path) for path in listing.paths}
        return len(set().union(*(stored.keys() for stored in self.stored.values())) - ids)

    def _load(self, path: str) -> _Loaded | SkippedFile:
        try:
            record, content = read_picture(self.root, path)
            if all(stored.get(record.id) == record.digest for stored in self.stored.values()):
                return _Loaded(record, None)
            image = decode(content, name=path, short_side=self.encoder.short_side)
            return _Loaded(record, self.encoder.prepare(image))
        except ImageError as error:
            return SkippedFile(path, str(error))

    def _encode(self, batch: Sequence[_Loaded]) -> None:
        if not batch:
            return
        embeddings = self.encoder.encode([loaded.prepared for loaded in batch])
        for loaded, embedding in zip(batch, embeddings, strict=True):
            record = loaded.record
            if not np.isfinite(embedding).all():
                reason = "the encoder gave numbers that are not finite; check the weights"
                self.counts.skipped.append(SkippedFile(record.path, reason))
            else:
                self.waiting.append((record, embedding))
        if len(self.waiting) >= BATCH_ROWS:
            self._write()

    def _write(self) -> None:
        waiting, self.waiting = self.waiting, []
        if not waiting:
            return
        for metric in self.metrics:
            if metric not in self.existing:
                self.store.create(
                    self.family,
                    metric,
                    encoder=self.encoder.identity,
                    dataset=str(self.root),
                    index=self.index,
                    expected_rows=self.expected_rows,
                )
                self.existing.add(metric)
            stored = self.stored[metric]
            rows = [(r, e) for r, e in waiting if stored.get(r.id) != r.digest]
            if rows:
                records = [record for record, _ in rows]
                self.store.upsert(
                    self.family, metric, records, np.stack([embedding for _, embedding in rows])
                )
        for record, _ in waiting:
            if any(record.id in stored for stored in self.stored.values()):
                self.counts.updated += 1
            else:
                self.counts.added += 1

    def _refuse_other_encoder(self, info: CollectionInfo) -> None:
        if info.encoder != self.encoder.identity:
            raise EncoderMismatchError(
                f"{info.name} was built with {info.encoder}, this run would use "
                f"{self.encoder.identity}; their embeddings cannot be compared. Give the same "
                "--architecture and --weights, another --collection, or --recreate to drop the "
                "collection and build it anew."
            )


def _refuse_other_dataset(
    info: CollectionInfo, root: Path, listing: DatasetListing, stored: dict[int, str]
) -> None:
    """A folder that has moved is the same dataset: most of its rows are found at their paths."""
    if info.dataset == str(root) or not stored:
        return
    found = len(stored.keys() & {image_id(path) for path in listing.paths})
    if found * 2 < len(stored):
        raise DatasetError(
            f"{info.name} holds {len(stored):,} pictures of {info.dataset!r}, and only {found:,} "
            f"of them lie below {str(root)!r}. Give another --collection for this folder, or "
            "--recreate to drop the old rows."
        )


def _ahead(
    load: Callable[[str], _Loaded | SkippedFile], paths: Iterable[str]
) -> Iterator[_Loaded | SkippedFile]:
    """Yield what `load` makes of every path, in order, at most `WINDOW` ahead."""
    remaining = iter(paths)
    with ThreadPoolExecutor(DECODE_THREADS, thread_name_prefix="decode") as pool:
        running: deque[Future[_Loaded | SkippedFile]] = deque(
            pool.submit(load, path) for path in itertools.islice(remaining, WINDOW)
        )
        try:
            while running:
                yield running.popleft().result()
                for path in itertools.islice(remaining, 1):
                    running.append(pool.submit(load, path))
        finally:
            for future in running:
                future.cancel()


def _silent(stage: str, done: int, total: int) -> None:
    """Report nothing."""
