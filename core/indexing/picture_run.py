"""The pictures of one indexing run: given out to be encoded, written as they come back, counted."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.collection.rows import BATCH_ROWS
from core.dataset.listing import DatasetListing
from core.dataset_root import Root
from core.errors import DatasetError
from core.indexing.encoding import Candidate, Encoding, Outcome
from core.indexing.family import Family
from core.progress import Progress, Stage
from core.records import ImageRecord, SkippedFile

logger = logging.getLogger(__name__)


@dataclass
class Counts:
    """What became of the pictures so far; `unreadable` are those of the skipped ones by path."""

    added: int = 0
    updated: int = 0
    relabelled: int = 0
    unchanged: int = 0
    skipped: list[SkippedFile] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


@dataclass
class PictureRun:
    """One indexing run: what it counted, and the rows that wait to be written."""

    root: Root
    encoding: Encoding
    family: Family
    on_skip: Callable[[SkippedFile], None]
    counts: Counts = field(default_factory=Counts)
    waiting: list[tuple[ImageRecord, NDArray[np.float32]]] = field(default_factory=list)
    relabelled: list[ImageRecord] = field(default_factory=list)

    def encode_all(self, listing: DatasetListing, on_progress: Progress) -> None:
        """Encode and write whatever the collections lack.

        Args:
            on_progress: Stage `ENCODE`, in files.

        Raises:
            DatasetError: No picture could be read, so nothing is there to search.
            StoreError: The database failed; what was encoded before is written.
        """
        total = len(listing.paths)
        done = 0
        try:
            found = self.encoding.outcomes(self.root, self._candidates(listing), total=total)
            with contextlib.closing(found):
                for outcomes in found:
                    for outcome in outcomes:
                        self._take(outcome)
                    if len(self.waiting) >= BATCH_ROWS:
                        self._write()
                    done += len(outcomes)
                    on_progress(Stage.ENCODE, done, total)
            self._rewrite()
        finally:
            # Whatever stops the run, what is encoded already need not be encoded again.
            self._write()
        if not any(self.family.stored.values()):
            raise DatasetError(
                f"none of the {total} pictures below {str(self.root)!r} can be used; the first is "
                f"{self.counts.skipped[0].path!r}: {self.counts.skipped[0].reason} Nothing was "
                "stored. Repair or replace the files, then index the folder again."
            )

    def _candidates(self, listing: DatasetListing) -> Iterator[Candidate]:
        classes = listing.classes
        for path in listing.paths:
            stored = self.family.measured_by_digest(path)
            yield Candidate(path, classes.of(path), classes.further_of(path), stored)

    def _take(self, outcome: Outcome) -> None:
        if isinstance(outcome, SkippedFile):
            self.counts.unreadable.append(outcome.path)
            self._skip(outcome)
        elif outcome.embedding is None:
            self._take_known(outcome.record)
        elif np.isfinite(outcome.embedding).all():
            self.waiting.append((outcome.record, outcome.embedding))
        else:
            reason = "the encoder gave numbers that are not finite; check the weights"
            self._skip(SkippedFile(outcome.record.path, reason))

    def _take_known(self, record: ImageRecord) -> None:
        if self.family.has(record):
            self.counts.unchanged += 1
            return
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
