"""What changes a database: collections made, filled, indexed anew, dropped."""

import contextlib
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.collection.index_choice import IndexChoice, IndexType
from core.collection.info import (
    dimension_of,
    index_properties,
    is_ours,
    new_properties,
    require_ours,
    state_properties,
    what_made,
)
from core.collection.rows import BATCH_ROWS, as_row, checked_embeddings
from core.collection.schema import Schema
from core.errors import StoreError
from core.metric import Metric
from core.progress import Progress, Stage, silent
from core.read_only import require_writable
from core.records import EncoderIdentity, ImageRecord
from core.store import alias, indexes
from core.store.collections import CollectionReader, collection_name
from core.store.connection import Connection
from core.store.trials import engine

_FLUSH_SECONDS = 600.0
# What need not be asked for: every version of Milvus has these.
_EVERYWHERE = (IndexType.FLAT, IndexType.IVF_FLAT, IndexType.HNSW)


class WriteLock:
    """The lock that every change holds; of a read-only store nobody gets it."""

    def __init__(self, *, read_only: bool) -> None:
        self._read_only = read_only
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        require_writable(read_only=self._read_only)
        self._lock.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.release()


class Writer:
    """Makes, fills, indexes and drops collections; those that others made it never changes.

    Attributes:
        lock: Held by every change, as Milvus Lite promises nothing for two at once.

    Every method raises `ReadOnlyError` where the connection allows no change, and `StoreError`
    where the database failed.
    """

    def __init__(self, connection: Connection, collections: CollectionReader) -> None:
        self._connection, self._collections = connection, collections
        self.lock = WriteLock(read_only=connection.read_only)
        self._types: tuple[IndexType, ...] = ()
        # Not the lock above: a page that asks must not wait for a run.
        self._asking = threading.Lock()

    def index_types(self) -> tuple[IndexType, ...]:
        """Return the types of index that the database can build; it is asked once.

        Raises:
            ReadOnlyError: Nothing may be built.
            StoreError: The database failed.
        """
        require_writable(read_only=self._connection.read_only)
        with self._asking:
            if not self._types:
                self._types = engine.buildable_types(self._connection)
            return self._types

    def require_buildable(self, index: IndexChoice) -> None:
        """Refuse a type of index that the database does not have, before any row is written.

        Raises:
            StoreError: It has none such; the message says which it has.
        """
        if index.index_type in _EVERYWHERE:
            return
        types = self.index_types()
        if index.index_type not in types:
            raise StoreError(
                f"the database (Milvus {self._connection.version}) has no index of type "
                f"{index.index_type}. "
                f"It has {', '.join(types)}: choose one of these."
            )

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
            dataset: Absolute folder of the pictures.
            expected_rows: Decides nlist where `index` leaves it open.
            begun_by: Token of the replacement that makes it.
        """
        self.require_buildable(index)
        name = collection_name(family, metric)
        first, _ = alias.slot_names(name)
        properties = new_properties(encoder, dataset, index, begun_by=begun_by)
        with self.lock, self._connection.once(f"create {name}") as client:
            alias.drop_leftovers(client, name)
            alias.create_slot(client, first, dimension=encoder.dimension, properties=properties)
            indexes.create_index(
                client,
                first,
                metric,
                index,
                rows=expected_rows,
                dimension=encoder.dimension,
            )
            client.create_alias(first, name)

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

        Raises:
            StoreError: Others made it, somebody else wrote meanwhile, or the database failed.
        """
        name = collection_name(family, metric)
        described, present = self._collections.describe_with_index(name)
        require_ours(described, name)
        better = indexes.better_index(described, present, index, rows=expected_rows)
        if better is None:
            return
        self.require_buildable(better)
        if present and alias.is_aliased(name, str(described["collection_name"])):
            self._rebuild_beside(
                name, metric, better, described, rows=expected_rows, on_progress=on_progress
            )
            return
        # Nothing can be searched without an index; a collection that is no alias has to wait.
        action = f"replace the index of {name}"
        connection = self._connection
        with self.lock, connection.load_lock, connection.once(action) as client:
            connection.forget(name)
            indexes.replace_index(client, name, metric, better, rows=expected_rows)

    def set_complete(
        self, family: str, metric: Metric, *, complete: bool, dataset: str | None = None
    ) -> None:
        """Record whether the rows of the dataset are all there, and where it lies if it moved."""
        name = collection_name(family, metric)
        self._describe_ours(name)
        properties = state_properties(complete=complete, dataset=dataset)
        with self.lock:
            self._connection.run(
                f"update {name}",
                lambda client: client.alter_collection_properties(name, properties),
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
        dimension = dimension_of(self._describe_ours(name))
        numbers = checked_embeddings(embeddings, rows=len(records), dimension=dimension, name=name)
        rows = [as_row(*pair) for pair in zip(records, numbers, strict=True)]
        with self.lock:
            for start in range(0, len(rows), BATCH_ROWS):
                self._upsert_batch(name, rows[start : start + BATCH_ROWS])

    def delete(self, family: str, metric: Metric, ids: Sequence[int]) -> None:
        """Delete the rows of the given ids; ids that do not exist are passed over."""
        name = collection_name(family, metric)
        self._describe_ours(name)
        if ids:
            self._connection.ensure_loaded(name)
        with self.lock:
            for start in range(0, len(ids), BATCH_ROWS):
                self._delete_batch(name, list(ids[start : start + BATCH_ROWS]))

    def flush(self, family: str, metric: Metric) -> None:
        """Have what was written put on disk; a server then begins to index it."""
        with self.lock:
            self._flush(collection_name(family, metric))

    def finish(
        self, family: str, metric: Metric, *, rows: int = 0, on_progress: Progress = silent
    ) -> None:
        """Flush, wait until the index covers every row, load.

        Args:
            rows: How many the collection has, for `on_progress` alone.
            on_progress: Stage `INDEX`, in rows, several times a second while any are waited for.

        Raises:
            StoreError: The index has made no progress for ten minutes, or the database failed.
        """
        with self.lock:
            self._finish(collection_name(family, metric), rows=rows, on_progress=on_progress)

    def drop(self, family: str, metric: Metric) -> None:
        """Delete a collection with all its rows.

        Raises:
            StoreError: Others made it, or the database failed.
        """
        name = collection_name(family, metric)
        self._describe_ours(name)
        seconds = self._connection.bulk_seconds
        with self.lock, self._connection.once(f"drop {name}", seconds=seconds) as client:
            alias.drop_collection(client, name)
            alias.drop_leftovers(client, name)
            self._connection.forget(name)

    def rename(self, family: str, name: str) -> None:
        """Give the collections of a family another name; stopped, the same again goes on.

        Args:
            name: As `core.config.require_name` takes it.

        Raises:
            CollectionNotFoundError: There is no such family.
            StoreError: Others made it, something has the new name already, or the database failed.
        """
        reader = self._collections
        metrics = reader.metrics(family)
        if not metrics:
            reader.name_of(family, Metric.COSINE)  # says what there is
        described = {
            metric: self._describe_ours(reader.name_of(family, metric)) for metric in metrics
        }
        with self.lock:
            self._require_free(family, name, described)
            for metric in metrics:
                old, new = collection_name(family, metric), collection_name(name, metric)
                connection = self._connection
                with connection.load_lock, connection.once(f"rename {old} to {new}") as client:
                    connection.forget(old)
                    alias.rename(client, old, new)

    def _require_free(
        self, family: str, name: str, described: Mapping[Metric, Mapping[str, Any]]
    ) -> None:
        """Refuse a name that leads somewhere, unless it is where a stopped renaming has led it."""
        reader = self._collections
        about = next(iter(described.values()))
        for metric in Metric:
            new = collection_name(name, metric)
            if not reader.exists(new):
                continue
            there = reader.describe(new)
            if metric in described:
                is_own = there["collection_name"] == described[metric]["collection_name"]
            else:
                is_own = is_ours(there) and what_made(there) == what_made(about)
            if family == name or not is_own:
                raise StoreError(
                    f"{family} cannot be renamed to {name}: there is {new} already. Choose another "
                    "name, or drop that one first."
                )
        if reader.exists(name) and not is_ours(reader.describe(name)):
            raise StoreError(
                f"{family} cannot be renamed to {name}: there is a collection of that name, which "
                "others made. Choose another name."
            )

    def _describe_ours(self, name: str) -> dict[str, Any]:
        """Return Milvus's description of a collection, refusing one that others made."""
        described = self._collections.describe(name)
        require_ours(described, name)
        return described

    def _upsert_batch(self, name: str, rows: list[dict[str, Any]]) -> None:
        if self._connection.is_lite:
            self._clear_others(name, rows)
        # The same rows twice are the same rows: an answer that was lost does no harm.
        self._connection.run(
            f"write to {name}",
            lambda client: client.upsert(name, rows),
            seconds=self._connection.bulk_seconds,
        )

    def _clear_others(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Empty the dynamic fields that rows are to have no longer.

        A server replaces a row; Milvus Lite leaves in it what the new one does not name.
        """
        schema = Schema()
        ids = [row[schema.key] for row in rows]
        stored = self._connection.read(
            name,
            lambda client: client.get(name, ids=ids, output_fields=[schema.dynamic]),
            seconds=self._connection.bulk_seconds,
        )
        before = {row[schema.key]: row.keys() - schema.named for row in stored}
        for row in rows:
            row.update(dict.fromkeys(before.get(row[schema.key], set()) - row.keys()))

    def _delete_batch(self, name: str, ids: list[int]) -> None:
        self._connection.run(
            f"delete rows of {name}",
            lambda client: client.delete(name, ids=ids),
            seconds=self._connection.bulk_seconds,
        )

    def _flush(self, name: str) -> None:
        self._connection.at_length(
            f"flush {name}", lambda client: client.flush(name), seconds=_FLUSH_SECONDS
        )

    def _finish(self, name: str, *, rows: int, on_progress: Progress) -> None:
        def tell(pending: int) -> None:
            # Rows that were deleted may still be waited for.
            on_progress(Stage.INDEX, max(0, rows - pending), rows)

        self._flush(name)
        self._connection.run(
            f"build the index of {name}",
            lambda client: indexes.wait_for_index(client, name, on_wait=tell),
        )
        self._connection.load(name)

    def _rebuild_beside(
        self,
        name: str,
        metric: Metric,
        index: IndexChoice,
        described: dict[str, Any],
        *,
        rows: int,
        on_progress: Progress,
    ) -> None:
        """Copy a collection into its free slot, with another index, and switch its name over."""
        connection = self._connection
        old = str(described["collection_name"])
        new = alias.free_slot(name, old)
        properties = {**described["properties"], **index_properties(index)}
        dimension, bulk = dimension_of(described), connection.bulk_seconds
        action = f"rebuild the index of {name}"
        with self.lock, contextlib.ExitStack() as undo:
            live = self._collections.count_rows(name)
            undo.callback(self._drop_half_built, new)
            with connection.once(action) as client:
                alias.drop_leftovers(client, name, keep=old)
                alias.create_slot(client, new, dimension=dimension, properties=properties)
                indexes.create_index(client, new, metric, index, rows=rows, dimension=dimension)
            with connection.once(action, seconds=bulk) as client:
                alias.copy_rows(
                    client,
                    old,
                    new,
                    on_copied=lambda copied: on_progress(Stage.COPY, copied, live),
                )
            self._finish(new, rows=live, on_progress=on_progress)
            if (copied := self._collections.count_rows(new)) != live:
                raise StoreError(
                    f"{name} has {live:,} rows, the copy with the new index {copied:,}; "
                    "the old one stays in use. Let nobody else write, then run the same again."
                )
            undo.pop_all()
            action = f"switch {name} to its new index"
            with connection.load_lock, connection.once(action) as client:
                client.alter_alias(new, name)
                client.drop_collection(old, timeout=bulk)

    def _drop_half_built(self, slot: str) -> None:
        """Give its space back now; where that fails, the next rebuild does."""
        with contextlib.suppress(StoreError), self._connection.once(f"drop {slot}") as client:
            client.drop_collection(slot)
