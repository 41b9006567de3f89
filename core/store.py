"""Milvus behind one class: collections, indexes, writing, searching, fetching.

The only module that imports pymilvus. What it relies on was measured on Milvus Lite 3.2.2 and on a
Milvus 2.3.5 server; where the two differ, the comment says so.
"""

import contextlib
import functools
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray
from pymilvus import DataType, MilvusClient, MilvusException

from core.config import Settings
from core.dataset import MAX_PATH_BYTES
from core.errors import (
    CollectionNotFoundError,
    EncoderMismatchError,
    QueryError,
    StoreError,
    StoreUnavailableError,
)
from core.index import IndexChoice
from core.lite import check_openable
from core.metric import Metric
from core.records import CollectionInfo, EncoderIdentity, ImageRecord

logger = logging.getLogger(__name__)

KEY, VECTOR = "m_id", "embedding"
RECORD_FIELDS = ["path", "label", "digest"]
BATCH_ROWS = 500
MAX_K = 16_384

_PROPERTY = "orchard."
_READ_ROWS = 2_000

# pymilvus prints tracebacks on its own, also for errors that are handled; what matters is raised.
for _name in ("pymilvus", "pymilvus.milvus_client", "pymilvus.bulk_writer", "milvus_lite"):
    logging.getLogger(_name).handlers.clear()
    logging.getLogger(_name).propagate = True
    logging.getLogger(_name).setLevel(logging.CRITICAL)


def collection_name(family: str, metric: Metric) -> str:
    """Return the name of a family's collection for a metric, such as `fruit_vector_l2`."""
    return f"{family}_{metric.lower()}"


def open_store(settings: Settings) -> "VectorStore":
    """Connect to the database that the settings name; raises as `VectorStore`."""
    return VectorStore(
        settings.uri,
        token=settings.milvus_token.get_secret_value(),
        database=settings.milvus_database,
        timeout=settings.milvus_timeout,
    )


class VectorStore:
    """One connection to a Milvus Lite file or a Milvus server; safe to share between threads."""

    def __init__(
        self, uri: str, *, token: str = "", database: str = "default", timeout: float = 10.0
    ) -> None:
        """Connect, and create the database if it does not exist.

        Args:
            uri: A Milvus Lite file or an address such as http://localhost:19530.
            timeout: Seconds before a silent server counts as down.

        Raises:
            StoreUnavailableError: The server does not answer, or another process holds the file.
            StoreError: The file cannot be used, or the server refused.
        """
        self.uri = uri
        self._timeout = timeout
        self._write_lock = threading.RLock()
        self._loaded: set[str] = set()
        self._is_lite = "://" not in uri
        if self._is_lite and str(Path(uri).absolute()) not in _opened_here:
            check_openable(Path(uri))
        with self._translated("open the database"):
            first = MilvusClient(uri, token=token, timeout=timeout)
            if self._is_lite:
                _opened_here.add(str(Path(uri).absolute()))
            if database not in first.list_databases(timeout=timeout):
                first.create_database(database, timeout=timeout)
            self._client = MilvusClient(uri, token=token, db_name=database, timeout=timeout)
            # A wrong name only shows at the first call.
            self._client.list_collections(timeout=timeout)
            self.version = str(first.get_server_version(timeout=timeout))

    def close(self) -> None:
        """Close the connection; of a Milvus Lite file also the lock."""
        self._client.close()
        if self._is_lite:
            from milvus_lite import server_manager_instance

            server_manager_instance.release_server(self.uri)
            _opened_here.discard(str(Path(self.uri).absolute()))

    def metrics(self, family: str) -> list[Metric]:
        """Return the metrics for which the family has a collection."""
        with self._translated("list the collections"):
            names = set(self._client.list_collections(timeout=self._timeout))
        return [metric for metric in Metric if collection_name(family, metric) in names]

    def info(self, family: str, metric: Metric) -> CollectionInfo:
        """Describe one collection of a family.

        Raises:
            CollectionNotFoundError: There is none for this metric.
            EncoderMismatchError: It does not say which encoder made its embeddings.
        """
        name = collection_name(family, metric)
        self._require(family, metric)
        with self._translated(f"describe {name}"):
            described = self._client.describe_collection(name, timeout=self._timeout)
            index = self._describe_index(name)
        properties = described.get("properties") or {}
        dimension = next(
            int(field["params"]["dim"]) for field in described["fields"] if field["name"] == VECTOR
        )
        return CollectionInfo(
            name=name,
            metric=Metric(index.get("metric_type", metric)),
            dimension=dimension,
            rows=self.count(family, metric),
            index_type=str(index.get("index_type", "")),
            nlist=_nlist(index),
            pending_rows=int(index.get("pending_index_rows", 0)),
            encoder=_identity(properties, name),
            dataset=str(properties.get(_PROPERTY + "dataset", "")),
            complete=properties.get(_PROPERTY + "complete") == "true",
        )

    def count(self, family: str, metric: Metric) -> int:
        """Return the number of live rows; statistics would count dead ones on a server."""
        name = collection_name(family, metric)
        rows = self._loaded_call(
            name,
            lambda: self._client.query(
                name,
                filter="",
                output_fields=["count(*)"],
                consistency_level="Strong",
                timeout=self._timeout,
            ),
        )
        return int(rows[0]["count(*)"])

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
        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=True)
        schema.add_field(KEY, DataType.INT64, is_primary=True)
        schema.add_field(VECTOR, DataType.FLOAT_VECTOR, dim=encoder.dimension)
        schema.add_field("path", DataType.VARCHAR, max_length=MAX_PATH_BYTES)
        schema.add_field("label", DataType.VARCHAR, max_length=MAX_PATH_BYTES)
        schema.add_field("digest", DataType.VARCHAR, max_length=64)
        properties = {
            _PROPERTY + "encoder": str(encoder),
            _PROPERTY + "dataset": dataset,
            _PROPERTY + "complete": "false",
        }
        parameters = self._client.prepare_index_params()
        parameters.add_index(
            VECTOR,
            index_type=index.index_type.value,
            metric_type=metric.value,
            params=index.parameters(expected_rows),
        )
        with self._write_lock, self._translated(f"create {name}"):
            self._client.create_collection(
                name, schema=schema, num_shards=2, properties=properties, timeout=self._timeout
            )
            self._client.create_index(name, parameters, timeout=self._timeout)

    def set_complete(self, family: str, metric: Metric, *, complete: bool) -> None:
        """Record whether the rows of the dataset are all there."""
        name = collection_name(family, metric)
        with self._write_lock, self._translated(f"update {name}"):
            self._client.alter_collection_properties(
                name,
                {_PROPERTY + "complete": "true" if complete else "false"},
                timeout=self._timeout,
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
            StoreError: The shape does not fit or a number is not finite; nothing is written.
        """
        name = collection_name(family, metric)
        if embeddings.shape[0] != len(records) or not np.isfinite(embeddings).all():
            raise StoreError(
                f"{len(records)} rows with embeddings of shape {embeddings.shape} were refused "
                f"before they reached {name}: counts must agree and every number be finite."
            )
        rows = [
            {
                KEY: record.id,
                VECTOR: embedding,
                "path": record.path,
                "label": record.label,
                "digest": record.digest,
            }
            for record, embedding in zip(records, embeddings, strict=True)
        ]
        with self._write_lock, self._translated(f"write to {name}"):
            for start in range(0, len(rows), BATCH_ROWS):
                self._client.upsert(name, rows[start : start + BATCH_ROWS], timeout=60)

    def finish(
        self, family: str, metric: Metric, *, on_wait: Callable[[int], None] | None = None
    ) -> None:
        """Flush, wait until the index covers every row, load.

        Args:
            on_wait: Called with the number of rows still to be indexed, several times a second.
        """
        name = collection_name(family, metric)
        with self._write_lock, self._translated(f"build the index of {name}"):
            self._client.flush(name, timeout=600)
            while pending := int(self._describe_index(name).get("pending_index_rows", 0)):
                if on_wait:
                    on_wait(pending)
                time.sleep(0.2)
        self._load(name)

    def drop(self, family: str, metric: Metric) -> None:
        """Delete a collection with all its rows."""
        name = collection_name(family, metric)
        with self._write_lock, self._translated(f"drop {name}"):
            self._client.drop_collection(name, timeout=60)
            self._loaded.discard(name)

    def records(self, family: str, metric: Metric) -> Iterator[ImageRecord]:
        """Yield every row without its embedding, in the order of the ids."""
        name = collection_name(family, metric)
        self._require(family, metric)
        rows = self._loaded_call(
            name,
            lambda: self._client.query_iterator(
                name, batch_size=_READ_ROWS, output_fields=[KEY, *RECORD_FIELDS]
            ),
        )
        with contextlib.closing(rows):
            while True:
                with self._translated(f"read {name}"):
                    batch = rows.next()
                if not batch:
                    return
                for row in batch:
                    yield _record(row[KEY], row)

    def rows_with_embeddings(
        self, family: str, metric: Metric
    ) -> Iterator[tuple[list[ImageRecord], NDArray[np.float32]]]:
        """Yield every row with its embedding, in batches: records and (B, D) float32."""
        name = collection_name(family, metric)
        self._require(family, metric)
        rows = self._loaded_call(
            name,
            lambda: self._client.query_iterator(
                name, batch_size=BATCH_ROWS, output_fields=[KEY, *RECORD_FIELDS, VECTOR]
            ),
        )
        with contextlib.closing(rows):
            while True:
                with self._translated(f"read {name}"):
                    batch = rows.next()
                if not batch:
                    return
                yield (
                    [_record(row[KEY], row) for row in batch],
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
                timeout=60,
            )
            rows = self._loaded_call(name, get)
            found |= {row[KEY]: np.asarray(row[VECTOR], dtype=np.float32) for row in rows}
        return found

    def search(
        self,
        info: CollectionInfo,
        embedding: NDArray[np.float32],
        *,
        k: int,
        nprobe: int,
        labels: Sequence[str] = (),
    ) -> list[tuple[ImageRecord, float]]:
        """Return up to `k` rows with their scores, best first.

        Args:
            embedding: (D,) float32.
            k: 1 to 16,384.
            nprobe: Lists to search, 1 to nlist; ignored by an index without lists.
            labels: Only rows of these classes; empty means all.

        Raises:
            QueryError: A value is outside its range.
        """
        _check_query(info, embedding, k=k, nprobe=nprobe)
        parameters = {"nprobe": nprobe} if info.nlist else {}
        answer = self._loaded_call(
            info.name,
            lambda: self._client.search(
                info.name,
                [embedding],
                anns_field=VECTOR,
                limit=k,
                filter=_label_filter(labels),
                output_fields=RECORD_FIELDS,
                search_params={"metric_type": info.metric.value, "params": parameters},
                timeout=self._timeout,
            ),
        )
        # The key comes back under its own name on Lite and as `id` from a server.
        return [
            (_record(hit.get(KEY, hit.get("id")), hit["entity"]), float(hit["distance"]))
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
            _check_query(info, embedding, k=k, nprobe=nprobe)
        parameters = {"nprobe": nprobe} if info.nlist else {}
        answer = self._loaded_call(
            info.name,
            lambda: self._client.search(
                info.name,
                list(embeddings),
                anns_field=VECTOR,
                limit=k,
                search_params={"metric_type": info.metric.value, "params": parameters},
                timeout=max(60, self._timeout),
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
            f"python -m scripts.build_index DATASET --metrics {metric}"
        )

    def _describe_index(self, name: str) -> dict[str, Any]:
        names = self._client.list_indexes(name, timeout=self._timeout)
        if not names:
            return {}
        described = self._client.describe_index(name, names[0], timeout=self._timeout)
        return dict(described or {})

    def _load(self, name: str) -> None:
        with self._translated(f"load {name}"):
            self._client.load_collection(name, timeout=120)
        self._loaded.add(name)

    def _loaded_call(self, name: str, call: Callable[[], Any]) -> Any:  # noqa: ANN401
        if name not in self._loaded:
            self._load(name)
        try:
            with self._translated(f"read {name}"):
                return call()
        except StoreError:
            # A restarted server has forgotten what was loaded; the next call loads again.
            self._loaded.discard(name)
            raise

    @contextlib.contextmanager
    def _translated(self, action: str) -> Iterator[None]:
        try:
            yield
        except (MilvusException, grpc.RpcError) as error:
            logger.debug("Milvus failed to %s", action, exc_info=True)
            raise _translate(error, action, self.uri) from error


# Milvus Lite keeps one server per file and process; opening it twice here is fine.
_opened_here: set[str] = set()


def _translate(error: Exception, action: str, uri: str) -> StoreError:
    message = str(getattr(error, "message", "") or error) or type(error).__name__
    down = isinstance(error, grpc.RpcError) or any(
        words in message.lower()
        for words in ("fail connecting", "unavailable", "deadline", "timeout", "open local")
    )
    if down:
        return StoreUnavailableError(
            f"the database at {uri} does not answer (could not {action}: {message}). Check that "
            "it runs and that ORCHARD_MILVUS_URI is right, then try again."
        )
    return StoreError(
        f"the database at {uri} could not {action}: {message}. Nothing was changed by this call; "
        "check the database's own log."
    )


def _check_query(
    info: CollectionInfo, embedding: NDArray[np.float32], *, k: int, nprobe: int
) -> None:
    if embedding.shape != (info.dimension,):
        raise EncoderMismatchError(
            f"the query has {embedding.size} numbers, {info.name} holds embeddings of "
            f"{info.dimension}. Query with the encoder it was built with: {info.encoder}."
        )
    if not np.isfinite(embedding).all():
        raise QueryError("the query embedding is not finite. Use another picture.")
    if not 1 <= k <= MAX_K:
        raise QueryError(f"k is {k}, allowed are 1 to {MAX_K:,}.")
    if info.nlist and not 1 <= nprobe <= info.nlist:
        raise QueryError(f"nprobe is {nprobe}, allowed are 1 to {info.nlist} (nlist).")


def _label_filter(labels: Sequence[str]) -> str:
    # JSON's escapes for quotes and backslashes are those of Milvus's expressions.
    return f"label in {json.dumps(list(labels), ensure_ascii=False)}" if labels else ""


def _record(key: int, row: Any) -> ImageRecord:  # noqa: ANN401
    return ImageRecord(int(key), row["path"], row["label"], row["digest"])


def _identity(properties: dict[str, Any], name: str) -> EncoderIdentity:
    text = str(properties.get(_PROPERTY + "encoder", ""))
    try:
        return EncoderIdentity.parse(text)
    except ValueError as error:
        raise EncoderMismatchError(
            f"{name} does not say which encoder made its embeddings (found {text!r}); it was not "
            "built by Orchard. Choose another name with ORCHARD_COLLECTION."
        ) from error


def _nlist(index: dict[str, Any]) -> int:
    # Lite nests the parameters, a server lists them beside the rest, as text.
    parameters = index.get("params") or {}
    if isinstance(parameters, str):
        parameters = json.loads(parameters)
    return int(parameters.get("nlist", index.get("nlist", 0)))
