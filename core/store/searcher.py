"""The answers of a database to queries."""

from collections.abc import Callable, Sequence
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from core.collection.columns import Having
from core.collection.index_types.parameters import Effort
from core.collection.info import CollectionInfo
from core.collection.query import check_query, row_filter, search_parameters
from core.collection.rows import as_record
from core.corrections.correction import Corrections
from core.records import ImageRecord
from core.store.connection import Connection

# For the answers to many queries at once.
_MANY_SECONDS = 60.0


class Searcher:
    """The rows that are nearest to a query, corrected as those of `RowReader` are."""

    def __init__(self, connection: Connection, corrections: Callable[[str], Corrections]) -> None:
        """Search through a connection.

        Args:
            corrections: Returns those of a family.
        """
        self._connection, self._corrections = connection, corrections

    def search(
        self,
        info: CollectionInfo,
        embedding: NDArray[np.float32],
        *,
        k: int,
        labels: Sequence[str] = (),
        having: Having = (),
        **effort: Unpack[Effort],
    ) -> list[tuple[ImageRecord, float]]:
        """Return up to `k` rows with their scores, best first.

        Args:
            embedding: (D,) float32.
            k: 1 to 16,384.
            labels: Only rows of these classes; empty means all.
            having: Only rows with one of the values in each of these further columns.
            effort: How thoroughly to search.

        Raises:
            QueryError: A value is outside its range.
        """
        schema, corrections = info.schema, self._corrections(info.family)
        check_query(info, embedding, k=k)
        parameters = search_parameters(info, k=k, effort=effort)
        answer = self._connection.read(
            info.name,
            lambda client: client.search(
                info.name,
                [embedding.astype(np.float32, copy=False)],
                anns_field=schema.vector,
                limit=k,
                filter=row_filter(labels, schema, having=having, corrections=corrections),
                output_fields=schema.record_fields,
                search_params={"metric_type": info.metric.value, "params": parameters},
            ),
        )
        # The key comes back under its own name on Lite and as `id` from a server.
        hits = (
            (
                corrections.seen(
                    as_record(hit.get(schema.key, hit.get("id")), hit["entity"], schema)
                ),
                float(hit["distance"]),
            )
            for hit in answer[0]
        )
        return [(record, score) for record, score in hits if record is not None]

    def search_ids(
        self,
        info: CollectionInfo,
        embeddings: NDArray[np.float32],
        *,
        k: int,
        **effort: Unpack[Effort],
    ) -> list[list[tuple[int, float]]]:
        """Return for each of many queries up to `k` ids with their scores, best first.

        Many queries in one call cost 4 to 5 times less each on Milvus Lite.

        Args:
            embeddings: (Q, D) float32; with `k` they decide the size of the answer, which a
                server limits to 64 MiB: 100 queries for 1,000 hits are far below.
            k: 1 to 16,384.
            effort: How thoroughly to search.

        Raises:
            QueryError: A value is outside its range.
        """
        for embedding in embeddings:
            check_query(info, embedding, k=k)
        parameters = search_parameters(info, k=k, effort=effort)
        answer = self._connection.read(
            info.name,
            lambda client: client.search(
                info.name,
                list(embeddings),
                anns_field=info.schema.vector,
                limit=k,
                filter=row_filter([], info.schema, corrections=self._corrections(info.family)),
                search_params={"metric_type": info.metric.value, "params": parameters},
            ),
            seconds=max(_MANY_SECONDS, self._connection.timeout),
        )
        return [
            [(int(hit.get(info.schema.key, hit.get("id"))), float(hit["distance"])) for hit in hits]
            for hits in answer
        ]
