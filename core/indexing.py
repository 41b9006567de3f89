"""Dataset folder -> encoder -> collections: batched, resumable, reported."""

import contextlib
import json
import logging
import os
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.ahead import ahead
from core.dataset import DatasetListing, list_dataset, read_picture, share_of
from core.errors import DatasetError, ImageError, SettingsError, StoreError
from core.family import Family, refuse_foreign
from core.images import decode
from core.index import IndexChoice
from core.metric import Metric
from core.records import CollectionInfo, ImageRecord, SkippedFile
from core.rows import BATCH_ROWS
from core.shard import WHOLE, Shard
from core.store import VectorStore

if TYPE_CHECKING:
    from core.encoder import Encoder

logger = logging.getLogger(__name__)

# Decoding releases the interpreter lock. A GPU needs every core for it; beside a model on the same
# cores the threads are idle most of the time, since they stop when they are far enough ahead.
DECODE_THREADS = min(16, max(2, os.cpu_count() or 2))
# Batches decoded ahead of the model: enough to hide a slow file, few enough to keep memory flat.
AHEAD_BATCHES = 2

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What one run did; every file below the folder is in exactly one of the counts.

    Attributes:
        added: Pictures that were not in the collections before.
        updated: Pictures whose bytes had changed.
        unchanged: Pictures left alone; a new metric gets their rows from another metric.
        skipped: Files that look like pictures but could not be used, and why.
        ignored: Files that are no pictures by their names.
        removed: Pictures whose rows were deleted since their files are gone (`prune`).
        without_file: Rows whose file is no longer in the folder and that are kept.
        copied: Rows that one metric took over from another, over all metrics.
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
    removed: int
    without_file: int
    copied: int
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
    prune: bool = False,
    shard: Shard = WHOLE,
    on_progress: Progress | None = None,
    on_skip: Callable[[SkippedFile], None] | None = None,
) -> IndexReport:
    """Bring the collections of a family up to date with a dataset folder.

    Pictures that every collection has with the same bytes are neither decoded nor encoded. Rows
    are written in batches as they are made, so a run that is stopped continues where it was.

    Args:
        root: Folder of class folders.
        metrics: One collection is built for each; those the family has already are kept up to
            date as well. All hold the same rows, also those whose file is gone.
        index: For new collections; anything but `IndexChoice()` replaces the index of old ones.
        recreate: Drop the whole family, once the first new rows are ready to be written.
        prune: Delete rows whose files are gone.
        shard: The share of the pictures to take. The first makes the collections, the others wait
            for them. Only a run over the whole, once all are through, fits and loads the indexes,
            prunes, and marks the collections as complete.
        on_progress: Called with a stage (`encode` or `index`), how many are done, and how many
            there are; whatever it raises stops the run, and what is encoded is written.
        on_skip: Called with each file that is left out, as it happens.

    Raises:
        SettingsError: No metric was asked for, or something that a shard cannot do.
        DatasetError: The folder has no usable picture, or the collections hold another dataset.
        EncoderMismatchError: The collections were built with another encoder.
        StoreError: The database failed; what was written before stays.
    """
    if not metrics:
        raise SettingsError(f"no metric was chosen. Choose among {', '.join(Metric)}.")
    if shard != WHOLE and (recreate or prune):
        raise SettingsError(
            f"shard {shard} knows only its own pictures: leave out --recreate and --prune. "
            "Recreate with a run over the whole before, prune with one after all shards."
        )
    started = time.monotonic()
    whole = list_dataset(root)
    listing, folder = share_of(whole, shard), root.resolve()
    collections = Family(
        store, family, tuple(metrics), encoder.identity, str(folder), index, shard=shard
    )
    collections.prepare(whole.paths, recreate=recreate)
    copied = collections.copy_missing()
    run = _Run(folder, encoder, collections, on_skip or _ignored)
    for skipped in listing.skipped:
        run.on_skip(skipped)
    run.encode_all(listing, on_progress or _silent)
    encoded_seconds = time.monotonic() - started
    removed = collections.prune(folder) if prune else 0
    collections.finish(on_progress or _silent)
    counts = run.counts
    return IndexReport(
        dataset=str(folder),
        encoder=str(encoder.identity),
        added=counts.added,
        updated=counts.updated,
        unchanged=counts.unchanged,
        skipped=(*listing.skipped, *counts.skipped),
        ignored=listing.ignored,
        removed=removed,
        without_file=collections.rows_without_file(listing.paths),
        copied=copied,
        collections=tuple(store.info(family, metric) for metric in collections.metrics),
        seconds=round(time.monotonic() - started, 2),
        images_per_second=round((counts.added + counts.updated) / max(encoded_seconds, 1e-3), 1),
    )


def add_metric(
    metric: Metric,
    *,
    store: VectorStore,
    family: str,
    index: IndexChoice = IndexChoice(),  # noqa: B008 - frozen
    on_progress: Progress | None = None,
) -> IndexReport:
    """Give a family a collection for one more metric; embeddings are copied, nothing is encoded.

    A metric that is there already gets the rows it lacks. The new collection counts as complete
    only if all those it is copied from do.

    Raises:
        CollectionNotFoundError: The family has no collection to copy from.
        StoreError: The database failed; run it again to continue.
    """
    started = time.monotonic()
    existing = store.metrics(family)
    if not existing:
        store.info(family, metric)  # says what to build
    infos = [store.info(family, present) for present in existing]
    source = infos[0]
    refuse_foreign(source)
    collections = Family(store, family, (metric,), source.encoder, source.dataset, index)
    collections.prepare((), recreate=False)
    copied = collections.copy_missing()
    collections.finish(on_progress or _silent, complete=all(info.complete for info in infos))
    return IndexReport(
        dataset=source.dataset,
        encoder=str(source.encoder),
        added=0,
        updated=0,
        unchanged=len(set().union(*collections.stored.values())),
        skipped=(),
        ignored=0,
        removed=0,
        without_file=0,
        copied=copied,
        collections=tuple(store.info(family, present) for present in collections.metrics),
        seconds=round(time.monotonic() - started, 2),
        images_per_second=0.0,
    )


def save_report(report: IndexReport, *, folder: Path) -> Path:
    """Write a report as JSON into `folder`, named by the time, and return its path.

    Raises:
        StoreError: It cannot be written; the collections are as the report says all the same.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    path = folder / f"index-{stamp}.json"
    part = path.with_suffix(".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part.write_text(
            json.dumps(report.to_dict(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )
        part.replace(path)
    except OSError as error:
        raise StoreError(
            f"the report {str(path)!r} cannot be written ({error.strerror}); the collections are "
            "built. Make room or correct the permissions; the next run writes its own report."
        ) from error
    return path


@dataclass
class _Run:
    """One indexing run: what it counted, and the rows that wait to be written."""

    root: Path
    encoder: "Encoder"
    family: Family
    on_skip: Callable[[SkippedFile], None]
    counts: _Counts = field(default_factory=_Counts)
    waiting: list[tuple[ImageRecord, NDArray[np.float32]]] = field(default_factory=list)

    def encode_all(self, listing: DatasetListing, on_progress: Progress) -> None:
        """Encode and write whatever the collections lack."""
        total = len(listing.paths)
        done = 0
        batch: list[_Loaded] = []
        try:
            with contextlib.closing(self._loaded(listing.paths)) as loaded_ahead:
                for loaded in loaded_ahead:
                    done += 1
                    if isinstance(loaded, SkippedFile):
                        self._skip(loaded)
                    elif loaded.prepared is None:
                        self.counts.unchanged += 1
                    else:
                        batch.append(loaded)
                    if len(batch) == self.encoder.batch_size:
                        self._encode(batch)
                        batch = []
                    on_progress("encode", done, total)
            self._encode(batch)
        finally:
            # Whatever stops the run, what is encoded already need not be encoded again.
            self._write()
        if self.family.shard == WHOLE and not any(self.family.stored.values()):
            raise DatasetError(
                f"none of the {total} pictures below {str(self.root)!r} can be used; the first is "
                f"{self.counts.skipped[0].path!r}: {self.counts.skipped[0].reason} Nothing was "
                "stored. Mend or replace the files, then index the folder again."
            )

    def _loaded(self, paths: Sequence[str]) -> Generator[_Loaded | SkippedFile, None, None]:
        window = AHEAD_BATCHES * self.encoder.batch_size
        return ahead(self._load, paths, threads=DECODE_THREADS, window=window)

    def _load(self, path: str) -> _Loaded | SkippedFile:
        try:
            record, content = read_picture(self.root, path)
            if self.family.has(record):
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
                self._skip(SkippedFile(record.path, reason))
            else:
                self.waiting.append((record, embedding))
        if len(self.waiting) >= BATCH_ROWS:
            self._write()

    def _skip(self, skipped: SkippedFile) -> None:
        self.counts.skipped.append(skipped)
        self.on_skip(skipped)
        logger.warning("skipped %s: %s", skipped.path, skipped.reason)

    def _write(self) -> None:
        waiting, self.waiting = self.waiting, []
        if waiting:
            updated = self.family.write(waiting)
            self.counts.updated += updated
            self.counts.added += len(waiting) - updated


def _silent(stage: str, done: int, total: int) -> None:
    """Report nothing."""


def _ignored(skipped: SkippedFile) -> None:
    """Leave it to the report."""
