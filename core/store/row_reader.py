"""Reading rows from a database: what is known of pictures, and their embeddings."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.collection.info import CollectionInfo
from core.collection.query import row_filter
from core.collection.rows import BATCH_ROWS, as_record
from core.collection.schema import Schema
from core.corrections.correction import NONE, Corrections
from core.metric import Metric
from core.records import ImageRecord
from core.store.collections import CollectionReader
from core.store.connection import Connection

# Records with the embeddings of the same rows, (B, D) float32.
RowBatch = tuple[list[ImageRecord], NDArray[np.float32]]

_READ_ROWS = 2_000


class RowReader:
    """The rows of the collections, all of them or by id.

    Every page and script reads them here, so this is where they are corrected: a row that is left
    out is not there, and one that was given another class has that one.
    """

    def __init__(
        self,
        connection: Connection,
        collections: CollectionReader,
        corrections: Callable[[str], Corrections] = lambda _: NONE,
    ) -> None:
        """Read through a connection.

        Args:
            corrections: Returns those of a family; without it rows are read as they are stored.
        """
        self._connection, self._collections = connection, collections
        self._corrections = corrections

    def records(self, family: str, metric: Metric) -> Iterator[ImageRecord]:
        """Yield every row without its embedding, in the order of the ids.

        Raises:
            CollectionNotFoundError: The family has no collection for this metric.
            StoreError: The database failed.
        """
        name = self._collections.name_of(family, metric)
        corrections = self._corrections(family)
        for record in self._records(name, self._collections.schema(name)):
            if (seen := corrections.seen(record)) is not None:
                yield seen

    def rows_with_embeddings(
        self, family: str, metric: Metric, *, ids: Sequence[int] | None = None
    ) -> Iterator[RowBatch]:
        """Yield rows with their embeddings, in batches of up to `BATCH_ROWS`.

        Args:
            ids: Only these rows, in their order; ids that do not exist are left out. None means
                every row.

        Yields:
            Records and the embeddings of the same rows, (B, D) float32; B is at least 1.

        Raises:
            CollectionNotFoundError: The family has no collection for this metric.
            StoreError: The database failed.
        """
        name = self._collections.name_of(family, metric)
        schema, corrections = self._collections.schema(name), self._corrections(family)
        for rows in self._stored_batches(name, schema, ids):
            records, embeddings = _row_batch(rows, schema)
            seen = [corrections.seen(record) for record in records]
            if kept := [record for record in seen if record is not None]:
                yield kept, embeddings[[record is not None for record in seen]]

    def embeddings(
        self, family: str, metric: Metric, ids: Sequence[int]
    ) -> dict[int, NDArray[np.float32]]:
        """Return the embeddings (D,) of the given ids; ids that do not exist are left out.

        Raises:
            CollectionNotFoundError: The family has no collection for this metric.
            StoreError: The database failed.
        """
        return {
            record.id: embedding
            for records, embeddings in self.rows_with_embeddings(family, metric, ids=ids)
            for record, embedding in zip(records, embeddings, strict=True)
        }

    def missing_labels(self, info: CollectionInfo, labels: Sequence[str]) -> list[str]:
        """Return those of the given classes that no row has.

        Raises:
            QueryError: Pictures in no folder are asked for where the folder is the class.
            StoreError: The database failed.
        """
        return [label for label in labels if not self._has_label(info, label)]

    def _has_label(self, info: CollectionInfo, label: str) -> bool:
        rows = self._connection.read(
            info.name,
            lambda client: client.query(
                info.name,
                filter=row_filter([label], info.schema, corrections=self._corrections(info.family)),
                limit=1,
                output_fields=[info.schema.key],
            ),
        )
        return bool(rows)

    def _stored_batches(
        self, name: str, schema: Schema, ids: Sequence[int] | None
    ) -> Iterator[list[Any]]:
        if ids is None and not self._connection.is_lite:
            fields = [schema.key, *schema.record_fields, schema.vector]
            yield from self._batches(name, fields, size=BATCH_ROWS)
            return
        if ids is None:
            # By id Lite finds rows without a pass over all of them.
            ids = [record.id for record in self._records(name, schema)]
        for start in range(0, len(ids), BATCH_ROWS):
            if rows := self._rows_by_id(name, schema, ids[start : start + BATCH_ROWS]):
                yield rows

    def _records(self, name: str, schema: Schema) -> Iterator[ImageRecord]:
        fields = [schema.key, *schema.record_fields]
        batches: Iterable[list[Any]]
        if self._connection.is_lite:
            # Each page of an iterator goes through all rows again there.
            rows = self._connection.read(
                name,
                lambda client: client.query(name, filter="", output_fields=fields),
                seconds=self._connection.bulk_seconds,
            )
            batches = [sorted(rows, key=lambda row: int(row[schema.key]))]
        else:
            batches = self._batches(name, fields, size=_READ_ROWS)
        for batch in batches:
            for row in batch:
                yield as_record(row[schema.key], row, schema)

    def _rows_by_id(self, name: str, schema: Schema, ids: Sequence[int]) -> list[dict[str, Any]]:
        """Return what is there of the given rows, in the order of the ids."""
        rows = self._connection.read(
            name,
            lambda client: client.get(
                name,
                ids=list(ids),
                output_fields=[schema.key, *schema.record_fields, schema.vector],
                # Else a server may leave out what was written a moment ago.
                consistency_level="Strong",
            ),
            seconds=self._connection.bulk_seconds,
        )
        by_id = {row[schema.key]: row for row in rows}
        return [by_id[key] for key in ids if key in by_id]

    def _batches(self, name: str, fields: list[str], *, size: int) -> Iterator[list[Any]]:
        # An iterator of a server sees the rows that a strong read has seen, not the very newest.
        self._collections.count_rows(name)
        batches = self._connection.read(
            name,
            lambda client: client.query_iterator(name, batch_size=size, output_fields=fields),
            seconds=self._connection.bulk_seconds,
        )
        with contextlib.closing(batches):
            while True:
                with self._connection.once(f"read {name}"):
                    batch = batches.next()
                if not batch:
                    return
                yield batch


def _row_batch(rows: Sequence[dict[str, Any]], schema: Schema) -> RowBatch:
    return (
        [as_record(row[schema.key], row, schema) for row in rows],
        np.array([row[schema.vector] for row in rows], dtype=np.float32),
    )
