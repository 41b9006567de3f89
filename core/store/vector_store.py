"""Milvus behind one class: what it connects to, reads and searches, and what it writes here."""

import contextlib
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.collection.index import IndexChoice
from core.collection.info import (
    KEY,
    VECTOR,
    dimension_of,
    index_properties,
    new_properties,
    refuse_foreign,
    state_properties,
)
from core.collection.rows import BATCH_ROWS, as_row, checked_embeddings
from core.config import Settings
from core.dataset.listing import MAX_PATH_BYTES
from core.errors import StoreError
from core.metric import Metric
from core.progress import Progress, Stage, silent
from core.records import EncoderIdentity, ImageRecord
from core.store import alias, index_building
from core.store.collections import collection_name
from core.store.connection import PATIENCE, DataType
from core.store.searching import Searcher

__all__ = ["BATCH_ROWS", "VectorStore", "collection_name", "open_store"]

_FLUSH_SECONDS = 600.0


def open_store(
    settings: Settings,
    *,
    patience: float = PATIENCE,
    on_retry: Callable[[str], None] | None = None,
) -> "VectorStore":
    """Connect to the database that the settings name; raises as `VectorStore`."""
    return VectorStore(
        settings.uri,
        token=settings.milvus_token.get_secret_value(),
        database=settings.milvus_database,
        timeout=settings.milvus_timeout,
        patience=patience,
        on_retry=on_retry,
        read_only=settings.read_only,
        path_prefix=settings.path_prefix,
        assumed_encoder=settings.assumed_identity,
    )


class VectorStore(Searcher):
    """A connection that reads, searches and writes; safe to share between threads."""

    def create(
        self,
        family: str,
        metric: Metric,
        *,
        encoder: EncoderIdentity,
        dataset: str,
        index: IndexChoice,
        expected_rows: int,
        begun_by: str = "",
    ) -> None:
        """Create an empty collection with its index, marked as incomplete.

        Args:
            expected_rows: Decides nlist where `index` leaves it open.
            begun_by: Token of the replacement that makes it.
        """
        name = collection_name(family, metric)
        first, _ = alias.slot_names(name)
        properties = new_properties(encoder, dataset, index, begun_by=begun_by)
        with self._write_lock, self._translated(f"create {name}"):
            alias.drop_leftovers(self._client, name, timeout=self._timeout)
            self._create_slot(first, encoder.dimension, properties)
            index_building.create_index(
                self._client, first, metric, index, rows=expected_rows, timeout=self._timeout
            )
            self._client.create_alias(first, name, timeout=self._timeout)

    def fit_index(
        self,
        family: str,
        metric: Metric,
        *,
        index: IndexChoice,
        expected_rows: int,
        on_progress: Progress = silent,
    ) -> None:
        """Replace the index where it is missing, not the one asked for, or has been outgrown.

        The rows are copied beside, with the new index, and the name is switched over once that
        is loaded: searches go on all the while. Nobody else may write in the meantime. `finish`
        waits for the new index and loads it.

        Args:
            index: `IndexChoice()` asks for nothing in particular, see `better_index`.
            on_progress: Stages `COPY`, then `INDEX`, in rows; if it stops the work, the old index
                stays.
        """
        name = collection_name(family, metric)
        self._writable(name)
        described, present = self._described(name)
        better = index_building.better_index(described, present, index, rows=expected_rows)
        if better is None:
            return
        physical = str(described["collection_name"])
        if present and alias.is_aliased(name, physical):
            self._rebuild_beside(
                family,
                metric,
                better,
                described,
                expected_rows=expected_rows,
                on_progress=on_progress,
            )
            return
        # Nothing can be searched without an index; a collection that is no alias has to wait.
        action = f"replace the index of {name}"
        with self._write_lock, self._load_lock, self._translated(action):
            self._loaded.discard(name)
            index_building.replace_index(
                self._client, name, metric, better, rows=expected_rows, timeout=self._timeout
            )

    def set_complete(
        self, family: str, metric: Metric, *, complete: bool, dataset: str | None = None
    ) -> None:
        """Record whether the rows of the dataset are all there, and where it lies if it moved."""
        name = collection_name(family, metric)
        self._writable(name)
        properties = state_properties(complete=complete, dataset=dataset)
        with self._write_lock:
            self._patiently(
                f"update {name}",
                lambda: self._client.alter_collection_properties(
                    name, properties, timeout=self._timeout
                ),
            )

    def upsert(
        self,
        family: str,
        metric: Metric,
        records: Sequence[ImageRecord],
        embeddings: NDArray[np.float32],
    ) -> None:
        """Write rows, replacing those of the same id.

        Args:
            embeddings: (len(records), D) float32, finite.

        Raises:
            StoreError: The shape does not fit or a number is not finite, and nothing is written;
                or the database failed, and some of the rows may be written.
        """
        name = collection_name(family, metric)
        dimension = dimension_of(self._writable(name))
        numbers = checked_embeddings(embeddings, rows=len(records), dimension=dimension, name=name)
        written = [as_row(*pair) for pair in zip(records, numbers, strict=True)]
        with self._write_lock:
            for start in range(0, len(written), BATCH_ROWS):
                batch = written[start : start + BATCH_ROWS]
                # The same rows twice are the same rows: an answer that was lost does no harm.
                upsert = functools.partial(
                    self._client.upsert, name, batch, timeout=self._write_seconds
                )
                self._patiently(f"write to {name}", upsert)

    def delete(self, family: str, metric: Metric, ids: Sequence[int]) -> None:
        """Delete the rows of the given ids; ids that do not exist are passed over."""
        name = collection_name(family, metric)
        self._writable(name)
        if ids and name not in self._loaded:
            self._load(name)
        with self._write_lock:
            for start in range(0, len(ids), BATCH_ROWS):
                batch = list(ids[start : start + BATCH_ROWS])
                delete = functools.partial(
                    self._client.delete, name, ids=batch, timeout=self._write_seconds
                )
                self._patiently(f"delete rows of {name}", delete)

    def flush(self, family: str, metric: Metric) -> None:
        """Have what was written put on disk; a server then begins to index it."""
        name = collection_name(family, metric)
        with self._write_lock:
            self._at_length(
                f"flush {name}",
                lambda seconds: self._client.flush(name, timeout=seconds),
                _FLUSH_SECONDS,
            )

    def finish(
        self, family: str, metric: Metric, *, on_wait: Callable[[int], None] | None = None
    ) -> None:
        """Flush, wait until the index covers every row, load.

        Args:
            on_wait: Called with the number of rows still to be indexed, several times a second.

        Raises:
            StoreError: The index has made no progress for ten minutes, or the database failed.
        """
        name = collection_name(family, metric)
        with self._write_lock:
            self.flush(family, metric)
            self._patiently(
                f"build the index of {name}",
                lambda: index_building.wait_for_index(
                    self._client, name, timeout=self._timeout, on_wait=on_wait
                ),
            )
            self._load(name)

    def drop(self, family: str, metric: Metric) -> None:
        """Delete a collection with all its rows.

        Raises:
            StoreError: Others made it, or the database failed.
        """
        name = collection_name(family, metric)
        self._writable(name)
        with self._write_lock, self._translated(f"drop {name}"):
            alias.drop_collection(self._client, name, timeout=self._write_seconds)
            alias.drop_leftovers(self._client, name, timeout=self._write_seconds)
            self._loaded.discard(name)

    def _writable(self, name: str) -> dict[str, Any]:
        """Describe a collection, refusing one that others made."""
        described = self._patiently(
            f"write to {name}",
            lambda: dict(self._client.describe_collection(name, timeout=self._timeout)),
        )
        refuse_foreign(described, name)
        return described

    def _create_slot(self, slot: str, dimension: int, properties: dict[str, str]) -> None:
        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=True)
        schema.add_field(KEY, DataType.INT64, is_primary=True)
        schema.add_field(VECTOR, DataType.FLOAT_VECTOR, dim=dimension)
        schema.add_field("path", DataType.VARCHAR, max_length=MAX_PATH_BYTES)
        schema.add_field("label", DataType.VARCHAR, max_length=MAX_PATH_BYTES)
        schema.add_field("digest", DataType.VARCHAR, max_length=64)
        self._client.create_collection(
            slot, schema=schema, num_shards=2, properties=properties, timeout=self._timeout
        )

    def _rebuild_beside(
        self,
        family: str,
        metric: Metric,
        index: IndexChoice,
        described: dict[str, Any],
        *,
        expected_rows: int,
        on_progress: Progress,
    ) -> None:
        name, old = collection_name(family, metric), str(described["collection_name"])
        new = alias.free_slot(name, old)
        properties = {**described["properties"], **index_properties(index)}
        with self._write_lock, contextlib.ExitStack() as undo:
            live = self.count(family, metric)
            undo.callback(self._drop_half_built, new)
            with self._translated(f"rebuild the index of {name}"):
                alias.drop_leftovers(self._client, name, timeout=self._timeout, keep=old)
                self._create_slot(new, dimension_of(described), properties)
                index_building.create_index(
                    self._client, new, metric, index, rows=expected_rows, timeout=self._timeout
                )
                alias.copy_rows(
                    self._client,
                    old,
                    new,
                    timeout=self._write_seconds,
                    on_copied=lambda copied: on_progress(Stage.COPY, copied, live),
                )
                alias.build_index(
                    self._client,
                    new,
                    timeout=self._timeout,
                    flush_seconds=_FLUSH_SECONDS,
                    on_wait=lambda pending: on_progress(Stage.INDEX, max(0, live - pending), live),
                )
            if (copied := self._count(new)) != live:
                raise StoreError(
                    f"{name} has {live:,} rows, the copy with the new index {copied:,}; "
                    "the old one stays in use. Let nobody else write, then run the same again."
                )
            undo.pop_all()
            with self._load_lock, self._translated(f"switch {name} to its new index"):
                self._client.alter_alias(new, name, timeout=self._timeout)
                self._client.drop_collection(old, timeout=self._write_seconds)

    def _drop_half_built(self, slot: str) -> None:
        """Give its space back now; where that fails, the next rebuild does."""
        with contextlib.suppress(StoreError), self._translated(f"drop {slot}"):
            self._client.drop_collection(slot, timeout=self._timeout)
