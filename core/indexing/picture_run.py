"""The pictures of one indexing run: decoded ahead, encoded in batches, written, counted."""

import contextlib
import logging
import os
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.collection.rows import BATCH_ROWS
from core.dataset.classes import Classes
from core.dataset.decoding import decode, whole_size
from core.dataset.files import read_picture
from core.dataset.listing import DatasetListing
from core.dataset.quality import measure, measured
from core.errors import DatasetError, ImageError
from core.indexing.family import Family
from core.indexing.prefetch import prefetch
from core.indexing.shard import WHOLE
from core.progress import Progress, Stage
from core.records import ImageRecord, SkippedFile

if TYPE_CHECKING:
    from core.encoder.encoder import Encoder

logger = logging.getLogger(__name__)

# Decoding releases the interpreter lock. A GPU needs every core for it; beside a model on the same
# cores the threads are idle most of the time, since they stop when they are far enough ahead.
DECODE_THREADS = min(16, max(2, os.cpu_count() or 2))
# Batches decoded ahead of the model: enough to hide a slow file, few enough to keep memory flat.
AHEAD_BATCHES = 2


@dataclass
class Counts:
    """What became of the pictures so far; `unreadable` are those of the skipped ones by path."""

    added: int = 0
    updated: int = 0
    relabelled: int = 0
    unchanged: int = 0
    skipped: list[SkippedFile] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A picture read in a thread; `prepared` is None when it need not be encoded.

    Attributes:
        is_known: Whether every collection has it just so.
    """

    record: ImageRecord
    prepared: Any = None
    is_known: bool = False


@dataclass
class PictureRun:
    """One indexing run: what it counted, and the rows that wait to be written."""

    root: Path
    encoder: "Encoder"
    family: Family
    on_skip: Callable[[SkippedFile], None]
    counts: Counts = field(default_factory=Counts)
    waiting: list[tuple[ImageRecord, NDArray[np.float32]]] = field(default_factory=list)
    relabelled: list[ImageRecord] = field(default_factory=list)

    def encode_all(self, listing: DatasetListing, on_progress: Progress) -> None:
        """Encode and write whatever the collections lack."""
        total = len(listing.paths)
        done = 0
        batch: list[_Loaded] = []
        try:
            with contextlib.closing(self._loaded(listing)) as loaded_ahead:
                for loaded in loaded_ahead:
                    done += 1
                    if isinstance(loaded, SkippedFile):
                        self.counts.unreadable.append(loaded.path)
                        self._skip(loaded)
                    elif loaded.is_known:
                        self.counts.unchanged += 1
                    elif loaded.prepared is None:
                        self._relabel(loaded.record)
                    else:
                        batch.append(loaded)
                    if len(batch) == self.encoder.batch_size:
                        self._encode(batch)
                        batch = []
                    on_progress(Stage.ENCODE, done, total)
            self._encode(batch)
            self._rewrite()
        finally:
            # Whatever stops the run, what is encoded already need not be encoded again.
            self._write()
        if self.family.shard == WHOLE and not any(self.family.stored.values()):
            raise DatasetError(
                f"none of the {total} pictures below {str(self.root)!r} can be used; the first is "
                f"{self.counts.skipped[0].path!r}: {self.counts.skipped[0].reason} Nothing was "
                "stored. Repair or replace the files, then index the folder again."
            )

    def _loaded(self, listing: DatasetListing) -> Generator[_Loaded | SkippedFile, None, None]:
        window = AHEAD_BATCHES * self.encoder.batch_size
        load = partial(self._load, classes=listing.classes)
        return prefetch(load, listing.paths, threads=DECODE_THREADS, window=window)

    def _load(self, path: str, *, classes: Classes) -> _Loaded | SkippedFile:
        try:
            record, content = read_picture(
                self.root, path, label=classes.of(path), further=classes.further_of(path)
            )
            if self.family.has_bytes(record):
                return self._known(record, content)
            record, image = self._measured(record, content)
            return _Loaded(record, self.encoder.prepare(image))
        except ImageError as error:
            return SkippedFile(path, str(error))

    def _known(self, record: ImageRecord, content: bytes) -> _Loaded:
        """Look whether a picture that is encoded already must be written anew."""
        record = self.family.as_measured(record)
        if not measured(record.further):
            # A damaged file that was read before keeps its row.
            with contextlib.suppress(ImageError):
                record, _ = self._measured(record, content)
        return _Loaded(record, is_known=self.family.has(record))

    def _measured(self, record: ImageRecord, content: bytes) -> tuple[ImageRecord, Image.Image]:
        image = decode(content, name=record.path, short_side=self.encoder.short_side)
        further = (*record.further, *measure(image, size=whole_size(image)))
        return replace(record, further=tuple(sorted(further))), image

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

    def _relabel(self, record: ImageRecord) -> None:
        self.relabelled.append(record)
        if len(self.relabelled) >= BATCH_ROWS:
            self._rewrite()

    def _rewrite(self) -> None:
        records, self.relabelled = self.relabelled, []
        self.family.rewrite(records)
        self.counts.relabelled += len(records)

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
