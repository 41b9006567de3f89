"""Reading rows from a database: what is known of pictures, and their embeddings."""

import contextlib
import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.collection.info import CollectionInfo, Schema
from core.collection.query import label_filter
from core.collection.rows import BATCH_ROWS, as_record
from core.metric import Metric
from core.records import ImageRecord
from core.store.collections import Reader

_READ_ROWS = 2_000


class RowReader(Reader):
    """A connection that reads collections and their rows."""

    def records(self, family: str, metric: Metric) -> Iterator[ImageRecord]:
        """Yield every row without its embedding, in the order of the ids."""
        name = self._require(family, metric)
        yield from self._records(name, self._schema(name))

    def rows_with_embeddings(
        self, family: str, metric: Metric
    ) -> Iterator[tuple[list[ImageRecord], NDArray[np.float32]]]:
        """Yield every row with its embedding, in batches: records and (B, D) float32."""
        name = self._require(family, metric)
        schema = self._schema(name)
        if self._is_lite:
            yield from self._joined(name, schema)
            return
        fields = [schema.key, *schema.record_fields, schema.vector]
        for batch in self._batches(name, fields, size=BATCH_ROWS):
            yield (
                [as_record(row[schema.key], row, schema) for row in batch],
                np.array([row[schema.vector] for row in batch], dtype=np.float32),
            )

    def missing_labels(self, info: CollectionInfo, labels: Sequence[str]) -> list[str]:
        """Return those of the given classes that no row has."""

        def has(label: str) -> bool:
            query = functools.partial(
                self._client.query,
                info.name,
                filter=label_filter([label], info.schema),
                limit=1,
                output_fields=[info.schema.key],
                timeout=self._timeout,
            )
            return bool(self._read(info.name, query))

        return [label for label in labels if not has(label)]

    def embeddings(
        self, family: str, metric: Metric, ids: Sequence[int]
    ) -> dict[int, NDArray[np.float32]]:
        """Return the stored embeddings of the given ids; ids that do not exist are left out."""
        name = self._require(family, metric)
        return self._embeddings(name, self._schema(name), ids)

    def _records(self, name: str, schema: Schema) -> Iterator[ImageRecord]:
        fields = [schema.key, *schema.record_fields]
        batches: Iterable[list[Any]]
        if self._is_lite:
            # Each page of an iterator goes through all rows again there.
            whole = self._read(
                name,
                lambda: self._client.query(
                    name, filter="", output_fields=fields, timeout=self._write_seconds
                ),
            )
            batches = [sorted(whole, key=lambda row: int(row[schema.key]))]
        else:
            batches = self._batches(name, fields, size=_READ_ROWS)
        for batch in batches:
            for row in batch:
                yield as_record(row[schema.key], row, schema)

    def _joined(
        self, name: str, schema: Schema
    ) -> Iterator[tuple[list[ImageRecord], NDArray[np.float32]]]:
        """Yield records with their embeddings by id, which Lite finds without a pass over all."""
        whole = list(self._records(name, schema))
        for start in range(0, len(whole), BATCH_ROWS):
            part = whole[start : start + BATCH_ROWS]
            found = self._embeddings(name, schema, [record.id for record in part])
            # A row may have been deleted since.
            there = [record for record in part if record.id in found]
            if there:
                yield there, np.stack([found[record.id] for record in there])

    def _embeddings(
        self, name: str, schema: Schema, ids: Sequence[int]
    ) -> dict[int, NDArray[np.float32]]:
        found: dict[int, NDArray[np.float32]] = {}
        for start in range(0, len(ids), BATCH_ROWS):
            get = functools.partial(
                self._client.get,
                name,
                ids=list(ids[start : start + BATCH_ROWS]),
                output_fields=[schema.key, schema.vector],
                # Else a server may leave out what was written a moment ago.
                consistency_level="Strong",
                timeout=self._write_seconds,
            )
            got = self._read(name, get)
            found |= {
                row[schema.key]: np.asarray(row[schema.vector], dtype=np.float32) for row in got
            }
        return found

    def _batches(self, name: str, fields: list[str], *, size: int) -> Iterator[list[Any]]:
        # An iterator of a server sees the rows that a strong read has seen, not the very newest.
        self._count(name)
        batches = self._read(
            name,
            lambda: self._client.query_iterator(
                name, batch_size=size, output_fields=fields, timeout=self._write_seconds
            ),
        )
        with contextlib.closing(batches):
            while True:
                with self._translated(f"read {name}"):
                    batch = batches.next()
                if not batch:
                    return
                yield batch
