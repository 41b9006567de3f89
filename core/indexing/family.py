"""The collections of a family, one a metric: what each holds, and how they are kept in step."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.collection.index_choice import IndexChoice
from core.collection.info import CollectionInfo
from core.dataset.files import image_id
from core.dataset.quality import measured
from core.dataset_root import Root
from core.embeddings.kept_rows import KeptRows
from core.embeddings.listing import keep_listing
from core.embeddings.one_query import farthest_usual
from core.errors import DatasetError, EncoderMismatchError
from core.indexing.missing_files import gone_among
from core.metric import Metric
from core.progress import Progress, Stage, silent
from core.records import EncoderIdentity, Further, ImageRecord
from core.store.row_reader import RowBatch
from core.store.vector_store import VectorStore
from core.wording import ANOTHER_COLLECTION, REPLACE_IT


@dataclass
class Family:
    """The collections of a family while an indexing run brings them up to date.

    Attributes:
        metrics: Those asked for; from `prepare` on also those there were.
        encoder: What makes the embeddings of this run.
        dataset: Absolute folder that is indexed.
        token: Of a replacement; collections that bear it are what it has written before.
        stored: The rows of each collection by id, as far as they are written.
        kept: Takes the embeddings that are written; None keeps none.
    """

    store: VectorStore
    name: str
    metrics: tuple[Metric, ...]
    encoder: EncoderIdentity
    dataset: str
    index: IndexChoice
    token: str = ""
    stored: dict[Metric, dict[int, ImageRecord]] = field(default_factory=dict)
    expected_rows: int = 0
    kept: KeptRows | None = None
    _existing: set[Metric] = field(default_factory=set)
    _doomed: list[Metric] = field(default_factory=list)

    @contextlib.contextmanager
    def keeping(self, folder: Path | None) -> Iterator[None]:
        """Keep the embeddings that are written inside, for exact search; see `keep_matrix`.

        What stops the work does not lose them: whoever goes on with it begins from there.

        Args:
            folder: Of the matrices; None keeps nothing.
        """
        if folder is None:
            yield
            return
        with KeptRows(folder, family=self.name, encoder=self.encoder) as self.kept:
            try:
                yield
            except BaseException:
                self.keep_matrix(silent, is_stopped=True)
                raise

    def prepare(self, paths: Iterable[str], *, recreate: bool) -> None:
        """Refuse what does not belong together, then read which pictures are stored.

        Args:
            paths: Of every picture of the dataset, relative to it.
            recreate: Replace the collections there are, once the first new rows are written.

        Raises:
            EncoderMismatchError: A collection was made with another encoder, or by others.
            DatasetError: A collection holds the pictures of another folder.
            StoreError: The database failed.
        """
        ids = {image_id(path) for path in paths}
        existing = self.store.metrics(self.name)
        if recreate:
            self._doomed = self._replaced_among(existing)
            existing = [metric for metric in existing if metric not in self._doomed]
        infos = {metric: self.store.info(self.name, metric) for metric in existing}
        for info in infos.values():
            self._refuse_other_encoder(info)
        stored = {metric: self._read_stored(metric, info) for metric, info in infos.items()}
        for metric, info in infos.items():
            refuse_other_dataset(info, self.dataset, ids, stored[metric].keys())
        # The collections of a family hold the same rows, so a run brings all of them up to date.
        self.metrics = tuple(dict.fromkeys((*self.metrics, *existing)))
        self.stored = {metric: stored.get(metric, {}) for metric in self.metrics}
        self._existing = set(existing)
        if self.kept:
            for rows in stored.values():
                self.kept.remember(rows.values())
        # Not only the files: rows whose file is gone stay.
        self.expected_rows = len(ids.union(*self.stored.values()))
        for metric in existing:
            self.store.set_complete(self.name, metric, complete=False, dataset=self.dataset)

    def has(self, record: ImageRecord) -> bool:
        """Whether every collection has a picture with these very bytes, and all that is known."""
        return all(stored.get(record.id) == record for stored in self.stored.values())

    def measured_by_digest(self, path: str) -> dict[str, Further]:
        """Return the digests of a picture of which an embedding is stored, mostly one or none.

        Returns:
            What was measured of these very bytes, by their digest.
        """
        rows = [stored.get(image_id(path)) for stored in reversed(self.stored.values())]
        return {row.digest: measured(row.further) for row in rows if row}

    def rewrite(self, records: Sequence[ImageRecord]) -> None:
        """Write what is known of pictures anew, with the embeddings that are stored.

        Args:
            records: Whose very bytes have an embedding that is stored.

        Raises:
            StoreError: The database failed; some of the rows may be written.
        """
        by_source: dict[Metric, dict[int, ImageRecord]] = {}
        for record in records:
            if source := self._source_of(record):
                by_source.setdefault(source, {})[record.id] = record
        for source, known in by_source.items():
            for old, embeddings in self.store.stored.rows_with_embeddings(
                self.name, source, ids=list(known)
            ):
                self.write([(known[r.id], e) for r, e in zip(old, embeddings, strict=True)])

    def _source_of(self, record: ImageRecord) -> Metric | None:
        for metric, stored in self.stored.items():
            if (there := stored.get(record.id)) and there.digest == record.digest:
                return metric
        return None

    def write(self, rows: Sequence[tuple[ImageRecord, NDArray[np.float32]]]) -> int:
        """Write rows to every collection that lacks them; returns how many replaced others.

        Collections are made, and those to be replaced dropped, with the first rows.

        Args:
            rows: Records with their embeddings (D,).

        Raises:
            StoreError: An embedding is not finite or of another size, or the database failed;
                some of the rows may be written.
        """
        replaced = sum(any(r.id in stored for stored in self.stored.values()) for r, _ in rows)
        for metric in self.metrics:
            stored = self.stored[metric]
            lacking = [(r, e) for r, e in rows if stored.get(r.id) != r]
            if lacking:
                records = [record for record, _ in lacking]
                self._upsert(metric, records, np.stack([embedding for _, embedding in lacking]))
        if self.kept and rows:
            self.kept.add([record for record, _ in rows], np.stack([e for _, e in rows]))
        return replaced

    def copy_missing(self, on_progress: Progress) -> int:
        """Give every collection the rows that another metric has; nothing is encoded again.

        Returns how many rows were copied, over all metrics.

        Args:
            on_progress: Stage `COPY`, in rows; if it stops the copy, what is written stays.

        Raises:
            StoreError: The database failed; what was copied before stays.
        """
        before = sum(map(len, self.stored.values()))
        everything = {i: r for stored in self.stored.values() for i, r in stored.items()}
        total = len(everything) * len(self.metrics) - before
        for metric in self.metrics:
            lacking = [i for i in everything if i not in self.stored[metric]]
            for source in self._existing - {metric}:
                shared = [i for i in lacking if i in self.stored[source]]
                for rows in self.store.stored.rows_with_embeddings(self.name, source, ids=shared):
                    done = sum(map(len, self.stored.values())) - before
                    on_progress(Stage.COPY, done, total)
                    self._upsert(metric, *rows)
                    if self.kept:
                        self.kept.add(*rows, if_unknown=True)
                lacking = [i for i in lacking if i not in self.stored[metric]]
        return sum(map(len, self.stored.values())) - before

    def prune(self, root: Root) -> int:
        """Delete the rows whose files are gone; returns how many pictures that were.

        Raises:
            DatasetError: The folder holds none of the pictures; nothing is deleted.
        """
        paths = {i: record.path for rows in self.stored.values() for i, record in rows.items()}
        gone = gone_among(paths, root=root).paths
        self._remove(gone.keys())
        return len(gone)

    def rows_of(self, paths: Iterable[str]) -> set[int]:
        """Return the ids of those of the files that have a row."""
        return {image_id(path) for path in paths} & set().union(*self.stored.values())

    def remove_unreadable(self, ids: Set[int]) -> None:
        """Delete the rows of files that can no longer be read.

        Raises:
            DatasetError: No row would be left, as when a drive fails; nothing is deleted.
        """
        rows = set().union(*self.stored.values())
        if ids and ids >= rows:
            raise DatasetError(
                f"not one of the {len(rows):,} pictures below {self.dataset!r} can be read any "
                "more, as when a drive fails; no row was deleted. Bring the files back."
            )
        self._remove(ids)

    def _remove(self, ids: Set[int]) -> None:
        for metric in self.metrics:
            here = [i for i in ids if i in self.stored[metric]]
            self.store.delete(self.name, metric, here)
            for i in here:
                del self.stored[metric][i]

    def finish(self, on_progress: Progress, *, complete: bool = True) -> None:
        """Build and load the indexes, and mark the collections as complete.

        Args:
            on_progress: Stages `COPY` and `INDEX`, in rows of a collection.

        Raises:
            StoreError: An index makes no progress, or the database failed.
        """
        self._drop_replaced()
        for metric in self.metrics:
            rows = len(self.stored[metric])
            on_progress(Stage.INDEX, 0, rows)
            self._fit(metric, on_progress)
            self.store.set_complete(self.name, metric, complete=complete)
            on_progress(Stage.INDEX, rows, rows)

    def keep_matrix(self, on_progress: Progress, *, is_stopped: bool = False) -> None:
        """Make the matrix of the rows there are from what was kept of them, ready for a search.

        Args:
            on_progress: Stage `KEEP`, in rows.
            is_stopped: Ask the database for nothing, which may be why the run has stopped.
        """
        if self.kept and self.metrics:
            metric = self.metrics[0]
            read = partial(self._read_rows, metric)
            matrix = self.kept.make_matrix(
                self.stored.get(metric, {}).values(),
                read=None if is_stopped else read,
                on_progress=on_progress,
            )
            if matrix is not None and not is_stopped:
                farthest_usual(matrix, metrics=self.metrics)

    def keep_listings(self, folder: Path) -> None:
        """Keep what is known of the rows, once all is written and nobody else writes.

        Args:
            folder: Of the listings.
        """
        for metric, stored in self.stored.items():
            info = self.store.info(self.name, metric)
            keep_listing(self.store, info, stored.values(), folder=folder)

    @property
    def unkept(self) -> str:
        """Why embeddings are not kept; empty where they are, or nobody asked for that."""
        return self.kept.failure if self.kept else ""

    def _read_rows(self, metric: Metric, ids: Sequence[int]) -> Iterator[RowBatch]:
        return self.store.stored.rows_with_embeddings(self.name, metric, ids=ids)

    def rows_without_file(self, paths: Iterable[str]) -> int:
        """Return how many rows belong to files that the folder no longer has."""
        ids = {image_id(path) for path in paths}
        return len(set().union(*self.stored.values()) - ids)

    def _fit(self, metric: Metric, on_progress: Progress) -> None:
        rows = len(self.stored[metric])
        self.store.fit_index(
            self.name, metric, index=self.index, expected_rows=rows, on_progress=on_progress
        )
        self.store.finish(self.name, metric, rows=rows, on_progress=on_progress)

    def _upsert(
        self, metric: Metric, records: Sequence[ImageRecord], embeddings: NDArray[np.float32]
    ) -> None:
        self._drop_replaced()
        # All of them before the first row: a page that finds rows then finds every metric.
        for one in self.metrics:
            self._create_missing(one)
        self.store.upsert(self.name, metric, records, embeddings)
        self.stored[metric].update((record.id, record) for record in records)

    def _drop_replaced(self) -> None:
        if self.kept and self._doomed:
            self.kept.forget()
        for metric in self._doomed:
            self.store.drop(self.name, metric)
        self._doomed = []

    def _create_missing(self, metric: Metric) -> None:
        if metric not in self._existing:
            self.store.create(
                self.name,
                metric,
                encoder=self.encoder,
                dataset=self.dataset,
                index=self.index,
                expected_rows=self.expected_rows,
                begun_by=self.token,
            )
            self._existing.add(metric)

    def _read_stored(self, metric: Metric, info: CollectionInfo) -> dict[int, ImageRecord]:
        """Return the rows of a collection; without an index none can be read."""
        if not info.index_type:
            # A run was killed between the collection and its index.
            self.store.fit_index(self.name, metric, index=self.index, expected_rows=0)
        rows = self.store.stored.records(self.name, metric)
        return {record.id: record for record in rows}

    def _replaced_among(self, existing: Sequence[Metric]) -> list[Metric]:
        """Return the collections to drop: all but those that this replacement has made itself."""
        replaced = []
        for metric in existing:
            try:
                info = self.store.info(self.name, metric)
            except EncoderMismatchError:
                # Ours, and unreadable: replacing it is what it needs.
                replaced.append(metric)
                continue
            require_extendable(info)
            if not self.token or (info.begun_by, info.encoder) != (self.token, self.encoder):
                replaced.append(metric)
        return replaced

    def _refuse_other_encoder(self, info: CollectionInfo) -> None:
        require_extendable(info)
        if info.encoder != self.encoder:
            raise EncoderMismatchError(
                f"{info.name} was built with {info.encoder}, this run would use "
                f"{self.encoder}; their embeddings cannot be compared. Use the same encoder, "
                f"choose {ANOTHER_COLLECTION}, or {REPLACE_IT}, which drops its rows."
            )


def require_extendable(info: CollectionInfo) -> None:
    """Let nothing be added to a collection that others made.

    Raises:
        EncoderMismatchError: It is one.
    """
    if info.is_foreign:
        raise EncoderMismatchError(
            f"{info.name} was not built by Orchard and does not say which encoder made its "
            "embeddings, so none can be added to them and it is never changed. Choose "
            f"{ANOTHER_COLLECTION} for your pictures."
        )


def refuse_other_dataset(
    info: CollectionInfo, dataset: str, ids: Set[int], stored: Set[int]
) -> None:
    """Let no other dataset be mixed into a collection.

    A folder that has moved is the same dataset: most of its rows are found at their paths.

    Args:
        dataset: Absolute folder to be indexed.
        ids: Of the pictures in it.
        stored: Of the rows of the collection.

    Raises:
        DatasetError: Fewer than half of the rows are found.
    """
    if info.dataset == dataset or not stored:
        return
    found = len(stored & ids)
    if found * 2 < len(stored):
        raise DatasetError(
            f"{info.name} holds {len(stored):,} pictures of {info.dataset!r}, and only {found:,} "
            f"of them have the path of a picture below {dataset!r}. Choose {ANOTHER_COLLECTION} "
            f"for this folder, or {REPLACE_IT}, which drops the old rows."
        )
