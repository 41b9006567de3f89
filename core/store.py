"""Milvus behind one class: collections, indexes, writing, searching, fetching.

The only module that imports pymilvus. What it relies on was measured on Milvus Lite 3.2.2 and on a
Milvus 2.3.5 server; where the two differ, the comment says so.
"""

import contextlib
import functools
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import grpc
import numpy as np
from numpy.typing import NDArray

from core import index_upkeep, lite, rows, slots
from core.access import WriteLock
from core.config import Settings
from core.dataset import MAX_PATH_BYTES
from core.errors import CollectionNotFoundError, StoreError, StoreUnavailableError
from core.faults import store_error
from core.index import IndexChoice, default_ef
from core.metric import Metric
from core.records import CollectionInfo, EncoderIdentity, ImageRecord
from core.rows import KEY, RECORD_FIELDS, VECTOR

# pymilvus reads MILVUS_URI while it is imported, also from `.env`, and fails on a file name.
_foreign = os.environ.get("MILVUS_URI")
os.environ["MILVUS_URI"] = ""
try:
    from pymilvus import DataType, MilvusClient, MilvusException
finally:
    os.environ.pop("MILVUS_URI")
    if _foreign is not None:
        os.environ["MILVUS_URI"] = _foreign

# It also prints tracebacks on its own, even for errors that are handled; what matters is raised.
# grpc._server is Milvus Lite's, which lacks a method that every read of many rows first tries.
for _name in (
    "pymilvus",
    "pymilvus.milvus_client",
    "pymilvus.bulk_writer",
    "milvus_lite",
    "grpc._server",
):
    logging.getLogger(_name).handlers.clear()
    logging.getLogger(_name).propagate = True
    logging.getLogger(_name).setLevel(logging.CRITICAL)

logger = logging.getLogger(__name__)

T = TypeVar("T")

BATCH_ROWS = 500

# Seconds for which a server that has gone away is tried again, unless told otherwise.
PATIENCE = 3.0

_READ_ROWS = 2_000
_LITE_WRITE_SECONDS = 60.0
# For the answers to many queries at once.
_MANY_SECONDS = 60.0
_FLUSH_SECONDS = 600.0
_LOAD_SECONDS = 600.0
_LONGEST_PAUSE = 5.0


def collection_name(family: str, metric: Metric) -> str:
    """Return the name of a family's collection for a metric, such as `fruit_vector_l2`."""
    return f"{family}_{metric.lower()}"


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
    )


class VectorStore:
    """One connection to a Milvus Lite file or a Milvus server; safe to share between threads."""

    def __init__(
        self,
        uri: str,
        *,
        token: str = "",
        database: str = "default",
        timeout: float = 10.0,
        patience: float = PATIENCE,
        on_retry: Callable[[str], None] | None = None,
        read_only: bool = False,
    ) -> None:
        """Connect, and create the database if it does not exist.

        Args:
            uri: A Milvus Lite file or an address such as http://localhost:19530.
            timeout: Seconds before a silent server counts as down.
            patience: Seconds during which a call that found a server down is tried again; 0 for
                never. Opening is never tried again.
            on_retry: Called with a sentence before each further try.
            read_only: Let every method that changes a collection raise `ReadOnlyError`.

        Raises:
            StoreUnavailableError: The server does not answer, or another process holds the file.
            StoreError: The file cannot be used, or the server refused.
        """
        self.uri = uri
        self._secrets = (token, token.partition(":")[2])
        self._timeout = timeout
        self._is_lite = "://" not in uri
        self._write_seconds = _LITE_WRITE_SECONDS if self._is_lite else timeout
        self._patience = 0.0 if self._is_lite else patience
        self._on_retry = on_retry
        self._write_lock = WriteLock(read_only=read_only)
        # A search must not load a collection again while its index is being replaced.
        self._load_lock = threading.RLock()
        self._loaded: set[str] = set()
        with contextlib.ExitStack() as opened:
            address = uri
            if self._is_lite:
                address = str(lite.acquire(Path(uri)))
                opened.callback(lite.release, Path(address))
            with self._translated("open the database"):
                self._client = self._connected(address, token, database, opened)
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Close the connection; the last one to a Milvus Lite file also gives up its lock."""
        self._opened.close()

    def ping(self) -> float:
        """Ask the database for its version, and return how many milliseconds the answer took.

        Raises:
            StoreUnavailableError: It does not answer.
        """
        started = time.perf_counter()
        with self._translated("reach the database"):
            self._client.get_server_version(timeout=self._timeout)
        return (time.perf_counter() - started) * 1000

    def is_loaded(self, family: str, metric: Metric) -> bool:
        """Whether a collection is in memory, ready to be searched."""
        name = collection_name(family, metric)
        state = self._patiently(
            f"look for {name}", lambda: self._client.get_load_state(name, timeout=self._timeout)
        )
        return str(getattr(state["state"], "name", state["state"])) == "Loaded"

    def metrics(self, family: str) -> list[Metric]:
        """Return the metrics for which the family has a collection."""
        # Not `list_collections`, which leaves out aliases.
        return [metric for metric in Metric if self._exists(collection_name(family, metric))]

    def info(self, family: str, metric: Metric) -> CollectionInfo:
        """Describe one collection of a family.

        Raises:
            CollectionNotFoundError: There is none for this metric.
            EncoderMismatchError: It does not say which encoder made its embeddings.
        """
        name = collection_name(family, metric)
        self._require(family, metric)
        described, index = self._described(name)
        described["collection_name"] = name
        # Without an index nothing can be loaded, and so nothing be counted.
        live = self.count(family, metric) if index else 0
        return rows.collection_info(described, index, metric=metric, rows=live)

    def count(self, family: str, metric: Metric) -> int:
        """Return the number of live rows; statistics would count dead ones on a server."""
        return self._count(collection_name(family, metric))

    def _count(self, name: str) -> int:
        counted = self._read(
            name,
            lambda: self._client.query(
                name,
                filter="",
                output_fields=["count(*)"],
                consistency_level="Strong",
                timeout=self._timeout,
            ),
        )
        return int(counted[0]["count(*)"])

    def create(
        self,
        family: str,
        metric: Metric,
        *,
        encoder: EncoderIdentity,
        dataset: str,
        index: IndexChoice,
        expected_rows: int,
    ) -> None:
        """Create an empty collection with its index, marked as incomplete.

        Args:
            expected_rows: Decides nlist where `index` leaves it open.
        """
        name = collection_name(family, metric)
        first, _ = slots.slot_names(name)
        properties = rows.new_properties(encoder, dataset, index)
        with self._write_lock, self._translated(f"create {name}"):
            slots.drop_leftovers(self._client, name, timeout=self._timeout)
            self._create_slot(first, encoder.dimension, properties)
            index_upkeep.create_index(
                self._client, first, metric, index, rows=expected_rows, timeout=self._timeout
            )
            self._client.create_alias(first, name, timeout=self._timeout)

    def fit_index(
        self, family: str, metric: Metric, *, index: IndexChoice, expected_rows: int
    ) -> None:
        """Replace the index where it is missing, not the one asked for, or has been outgrown.

        The rows are copied beside, with the new index, and the name is switched over once that
        is loaded: searches go on all the while. Nobody else may write in the meantime. `finish`
        waits for the new index and loads it.

        Args:
            index: `IndexChoice()` asks for nothing in particular, see `better_index`.
        """
        name = collection_name(family, metric)
        described, present = self._described(name)
        better = index_upkeep.better_index(described, present, index, rows=expected_rows)
        if better is None:
            return
        physical = str(described["collection_name"])
        if present and slots.is_aliased(name, physical):
            self._rebuild_beside(family, metric, better, described, expected_rows)
            return
        # Nothing can be searched without an index; a collection that is no alias has to wait.
        action = f"replace the index of {name}"
        with self._write_lock, self._load_lock, self._translated(action):
            self._loaded.discard(name)
            index_upkeep.replace_index(
                self._client, name, metric, better, rows=expected_rows, timeout=self._timeout
            )

    def set_complete(
        self, family: str, metric: Metric, *, complete: bool, dataset: str | None = None
    ) -> None:
        """Record whether the rows of the dataset are all there, and where it lies if it moved."""
        name = collection_name(family, metric)
        properties = rows.state_properties(complete=complete, dataset=dataset)
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
        described = self._patiently(
            f"write to {name}",
            lambda: self._client.describe_collection(name, timeout=self._timeout),
        )
        dimension = rows.dimension_of(described)
        numbers = rows.checked_embeddings(
            embeddings, rows=len(records), dimension=dimension, name=name
        )
        written = [rows.as_row(*pair) for pair in zip(records, numbers, strict=True)]
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
        if ids and name not in self._loaded:
            self._load(name)
        with self._write_lock:
            for start in range(0, len(ids), BATCH_ROWS):
                batch = list(ids[start : start + BATCH_ROWS])
                delete = functools.partial(
                    self._client.delete, name, ids=batch, timeout=self._write_seconds
                )
                self._patiently(f"delete rows of {name}", delete)

    def finish(
        self, family: str, metric: Metric, *, on_wait: Callable[[int], None] | None = None
    ) -> None:
        """Flush, wait until the index covers every row, load.

        Args:
            on_wait: Called with the number of rows still to be indexed, several times a second.

        Raises:
            StoreError: The index has not come on for ten minutes, or the database failed.
        """
        name = collection_name(family, metric)
        with self._write_lock:
            self._at_length(
                f"flush {name}",
                lambda seconds: self._client.flush(name, timeout=seconds),
                _FLUSH_SECONDS,
            )
            self._patiently(
                f"build the index of {name}",
                lambda: index_upkeep.wait_for_index(
                    self._client, name, timeout=self._timeout, on_wait=on_wait
                ),
            )
            self._load(name)

    def drop(self, family: str, metric: Metric) -> None:
        """Delete a collection with all its rows."""
        name = collection_name(family, metric)
        with self._write_lock, self._translated(f"drop {name}"):
            slots.drop_collection(self._client, name, timeout=self._write_seconds)
            slots.drop_leftovers(self._client, name, timeout=self._write_seconds)
            self._loaded.discard(name)

    def records(self, family: str, metric: Metric) -> Iterator[ImageRecord]:
        """Yield every row without its embedding, in the order of the ids."""
        name = collection_name(family, metric)
        self._require(family, metric)
        # An iterator of a server sees the rows that a strong read has seen, not the very newest.
        self.count(family, metric)
        batches = self._read(
            name,
            lambda: self._client.query_iterator(
                name,
                batch_size=_READ_ROWS,
                output_fields=[KEY, *RECORD_FIELDS],
                timeout=self._write_seconds,
            ),
        )
        with contextlib.closing(batches):
            while True:
                with self._translated(f"read {name}"):
                    batch = batches.next()
                if not batch:
                    return
                for row in batch:
                    yield rows.as_record(row[KEY], row)

    def rows_with_embeddings(
        self, family: str, metric: Metric
    ) -> Iterator[tuple[list[ImageRecord], NDArray[np.float32]]]:
        """Yield every row with its embedding, in batches: records and (B, D) float32."""
        name = collection_name(family, metric)
        self._require(family, metric)
        # As in `records`.
        self.count(family, metric)
        batches = self._read(
            name,
            lambda: self._client.query_iterator(
                name,
                batch_size=BATCH_ROWS,
                output_fields=[KEY, *RECORD_FIELDS, VECTOR],
                timeout=self._write_seconds,
            ),
        )
        with contextlib.closing(batches):
            while True:
                with self._translated(f"read {name}"):
                    batch = batches.next()
                if not batch:
                    return
                yield (
                    [rows.as_record(row[KEY], row) for row in batch],
                    np.array([row[VECTOR] for row in batch], dtype=np.float32),
                )

    def embeddings(
        self, family: str, metric: Metric, ids: Sequence[int]
    ) -> dict[int, NDArray[np.float32]]:
        """Return the stored embeddings of the given ids; ids that do not exist are left out."""
        name = collection_name(family, metric)
        found: dict[int, NDArray[np.float32]] = {}
        for start in range(0, len(ids), BATCH_ROWS):
            get = functools.partial(
                self._client.get,
                name,
                ids=list(ids[start : start + BATCH_ROWS]),
                output_fields=[KEY, VECTOR],
                # Else a server may leave out what was written a moment ago.
                consistency_level="Strong",
                timeout=self._write_seconds,
            )
            got = self._read(name, get)
            found |= {row[KEY]: np.asarray(row[VECTOR], dtype=np.float32) for row in got}
        return found

    def search(
        self,
        info: CollectionInfo,
        embedding: NDArray[np.float32],
        *,
        k: int,
        nprobe: int,
        ef: int | None = None,
        labels: Sequence[str] = (),
    ) -> list[tuple[ImageRecord, float]]:
        """Return up to `k` rows with their scores, best first.

        Args:
            embedding: (D,) float32.
            k: 1 to 16,384.
            nprobe: Lists to search, 1 to nlist; ignored by an index without lists.
            ef: Candidates an HNSW index looks at, k to 32,768; None takes `default_ef`; ignored
                by other indexes.
            labels: Only rows of these classes; empty means all.

        Raises:
            QueryError: A value is outside its range.
        """
        rows.check_query(info, embedding, k=k, nprobe=nprobe)
        parameters = rows.search_parameters(
            info, k=k, nprobe=nprobe, ef=default_ef(k) if ef is None else ef
        )
        answer = self._read(
            info.name,
            lambda: self._client.search(
                info.name,
                [embedding.astype(np.float32, copy=False)],
                anns_field=VECTOR,
                limit=k,
                filter=rows.label_filter(labels),
                output_fields=RECORD_FIELDS,
                search_params={"metric_type": info.metric.value, "params": parameters},
                timeout=self._timeout,
            ),
        )
        # The key comes back under its own name on Lite and as `id` from a server.
        return [
            (rows.as_record(hit.get(KEY, hit.get("id")), hit["entity"]), float(hit["distance"]))
            for hit in answer[0]
        ]

    def search_ids(
        self, info: CollectionInfo, embeddings: NDArray[np.float32], *, k: int, nprobe: int
    ) -> list[list[tuple[int, float]]]:
        """Return for each of many queries up to `k` ids with their scores, best first.

        Many queries in one call cost 4 to 5 times less each on Milvus Lite.

        Args:
            embeddings: (Q, D) float32; with `k` they decide the size of the answer, which a
                server limits to 64 MiB: 100 queries for 1,000 hits are far below.
            k: 1 to 16,384.
            nprobe: As in `search`.

        Raises:
            QueryError: A value is outside its range.
        """
        for embedding in embeddings:
            rows.check_query(info, embedding, k=k, nprobe=nprobe)
        parameters = rows.search_parameters(info, k=k, nprobe=nprobe, ef=default_ef(k))
        answer = self._read(
            info.name,
            lambda: self._client.search(
                info.name,
                list(embeddings),
                anns_field=VECTOR,
                limit=k,
                search_params={"metric_type": info.metric.value, "params": parameters},
                timeout=max(_MANY_SECONDS, self._timeout),
            ),
        )
        return [
            [(int(hit.get(KEY, hit.get("id"))), float(hit["distance"])) for hit in hits]
            for hits in answer
        ]

    def _require(self, family: str, metric: Metric) -> None:
        existing = self.metrics(family)
        if metric in existing:
            return
        has = f"it has {', '.join(existing)}" if existing else "there is none of that name"
        raise CollectionNotFoundError(
            f"the collection {family!r} has no {metric} index ({has}). Build it: "
            f"python -m scripts.build_index DATASET --collection {family} --metrics {metric}"
        )

    def _connected(
        self, address: str, token: str, database: str, opened: contextlib.ExitStack
    ) -> MilvusClient:
        first = MilvusClient(address, token=token, timeout=self._timeout)
        with contextlib.closing(first):
            self.version = str(first.get_server_version(timeout=self._timeout))
            if database not in first.list_databases(timeout=self._timeout):
                first.create_database(database, timeout=self._timeout)
        client = MilvusClient(address, token=token, db_name=database, timeout=self._timeout)
        opened.callback(client.close)
        # A wrong name only shows at the first call.
        client.list_collections(timeout=self._timeout)
        return client

    def _exists(self, name: str) -> bool:
        return bool(
            self._patiently(
                f"look for {name}",
                lambda: self._client.has_collection(name, timeout=self._timeout),
            )
        )

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
        expected_rows: int,
    ) -> None:
        name, old = collection_name(family, metric), str(described["collection_name"])
        new = slots.free_slot(name, old)
        properties = {**described["properties"], **rows.index_properties(index)}
        with self._write_lock:
            live = self.count(family, metric)
            with self._translated(f"rebuild the index of {name}"):
                slots.drop_leftovers(self._client, name, timeout=self._timeout, keep=old)
                self._create_slot(new, rows.dimension_of(described), properties)
                index_upkeep.create_index(
                    self._client, new, metric, index, rows=expected_rows, timeout=self._timeout
                )
                slots.copy_rows(self._client, old, new, timeout=self._write_seconds)
                slots.build_index(
                    self._client, new, timeout=self._timeout, flush_seconds=_FLUSH_SECONDS
                )
            if (copied := self._count(new)) != live:
                raise StoreError(
                    f"{name} has {live:,} rows, the copy with the new index {copied:,}; "
                    "the old one stays in use. Let nobody else write, then run the same again."
                )
            with self._load_lock, self._translated(f"switch {name} to its new index"):
                self._client.alter_alias(new, name, timeout=self._timeout)
                self._client.drop_collection(old, timeout=self._write_seconds)

    def _described(self, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return Milvus's descriptions of a collection and of its index, empty if it has none."""

        def describe() -> tuple[dict[str, Any], dict[str, Any]]:
            described = self._client.describe_collection(name, timeout=self._timeout)
            return dict(described), index_upkeep.describe_index(
                self._client, name, timeout=self._timeout
            )

        return self._patiently(f"describe {name}", describe)

    def _load(self, name: str) -> None:
        with self._load_lock:
            self._at_length(
                f"load {name}",
                lambda seconds: self._client.load_collection(name, timeout=seconds),
                _LOAD_SECONDS,
            )
        self._loaded.add(name)

    def _read(self, name: str, call: Callable[[], T]) -> T:
        if name not in self._loaded:
            self._load(name)
        try:
            with self._translated(f"read {name}"):
                return call()
        except StoreError:
            # Another process may have released it or switched its index, and a restarted server
            # loads nothing by itself.
            self._loaded.discard(name)
        self._load(name)
        return self._patiently(f"read {name}", call)

    def _patiently(self, action: str, call: Callable[[], T]) -> T:
        """Call; while a server is down, call again until patience is at its end."""
        started, pause = time.monotonic(), 0.5
        while True:
            try:
                with self._translated(action):
                    return call()
            except StoreUnavailableError:
                waited = time.monotonic() - started
                if waited + pause > self._patience:
                    raise
            said = (
                f"the database does not answer (could not {action}); trying again for "
                f"{self._patience - waited:.0f} s"
            )
            logger.warning("%s", said)
            if self._on_retry:
                self._on_retry(said)
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _at_length(self, action: str, call: Callable[[float], object], seconds: float) -> None:
        """Do what may take long, and notice within the timeout if a server has gone silent.

        Args:
            call: Takes the seconds it may wait; may be repeated.
            seconds: After which to give up although the server is there.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                with self._translated(action):
                    call(seconds if self._is_lite else self._timeout)
                return
            except StoreUnavailableError:
                if self._is_lite or time.monotonic() > deadline:
                    raise
            self._patiently(action, lambda: self._client.get_server_version(timeout=self._timeout))

    @contextlib.contextmanager
    def _translated(self, action: str) -> Iterator[None]:
        try:
            yield
        except (MilvusException, grpc.RpcError) as error:
            logger.debug("Milvus failed to %s", action, exc_info=True)
            raise store_error(error, action, self.uri, secrets=self._secrets) from error
