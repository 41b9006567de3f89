"""Reading from a database: what collections there are, and how they are made.

A collection that others made is found under the family's own name and read by its schema.
"""

import functools
from dataclasses import replace
from typing import Any, Unpack

from core.collection.info import CollectionInfo, Schema, collection_info, foreign_info, is_ours
from core.collection.schema import SAMPLE_ROWS, common_prefix, folder_prefix, schema_of
from core.errors import CollectionNotFoundError, StoreError
from core.metric import Metric
from core.records import EncoderIdentity
from core.store import index_building
from core.store.connection import Connection, Options
from core.wording import BUILD_IT


def collection_name(family: str, metric: Metric) -> str:
    """Return the name of a family's collection for a metric, such as `fruit_vector_l2`."""
    return f"{family}_{metric.lower()}"


class Reader(Connection):
    """A connection that reads what collections there are."""

    def __init__(
        self,
        uri: str,
        *,
        path_prefix: str = "",
        assumed_encoder: EncoderIdentity | None = None,
        **options: Unpack[Options],
    ) -> None:
        """Connect as `Connection`.

        Args:
            path_prefix: The folder in the stored paths of a collection that others made, such as
                `/data/fruit`; empty to find it out.
            assumed_encoder: What is said to have made a collection that does not name its encoder.
        """
        super().__init__(uri, **options)
        self._path_prefix, self._assumed_encoder = path_prefix, assumed_encoder
        self._prefixes: dict[tuple[str, Schema], str] = {}

    def metrics(self, family: str) -> list[Metric]:
        """Return the metrics for which the family has a collection.

        Raises:
            StoreError: A collection that others made has this name, and cannot be searched.
        """
        # Not `list_collections`, which leaves out aliases.
        ours = [metric for metric in Metric if self._exists(collection_name(family, metric))]
        if ours or not self._exists(family):
            return ours
        described, index = self._described(family)
        # One of our own by its full name is no family.
        return [] if is_ours(described) else [_metric_of(family, index)]

    def info(self, family: str, metric: Metric) -> CollectionInfo:
        """Describe one collection of a family.

        Raises:
            CollectionNotFoundError: There is none for this metric.
            EncoderMismatchError: What it says about its encoder cannot be read.
            StoreError: Others made it, and its fields cannot be told apart.
        """
        name = self._require(family, metric)
        described, index = self._described(name)
        described["collection_name"] = name
        # Without an index nothing can be loaded, and so nothing be counted.
        live = self._count(name) if index else 0
        if is_ours(described):
            return collection_info(described, index, metric=metric, rows=live)
        return foreign_info(
            described,
            index,
            rows=live,
            schema=self._foreign_schema(name, described),
            dataset=self._path_prefix,
            assumed=self._assumed_encoder,
        )

    def count(self, family: str, metric: Metric) -> int:
        """Return the number of live rows; statistics would count dead ones on a server."""
        return self._count(self._require(family, metric))

    def is_loaded(self, family: str, metric: Metric) -> bool:
        """Whether a collection is in memory, ready to be searched."""
        name = self._require(family, metric)
        state = self._patiently(
            f"look for {name}", lambda: self._client.get_load_state(name, timeout=self._timeout)
        )
        return str(getattr(state["state"], "name", state["state"])) == "Loaded"

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

    def _require(self, family: str, metric: Metric) -> str:
        """Return the name of the collection that holds a family's rows for a metric."""
        name = collection_name(family, metric)
        if self._exists(name):
            return name
        existing = self.metrics(family)
        if metric in existing:
            return family
        has = f"it has {', '.join(existing)}" if existing else "there is none of that name"
        raise CollectionNotFoundError(
            f"the collection {family!r} has no {metric} index ({has}). To have one, {BUILD_IT} "
            f"--collection {family} --metrics {metric}"
        )

    def _schema(self, name: str) -> Schema:
        described = self._patiently(
            f"describe {name}",
            lambda: dict(self._client.describe_collection(name, timeout=self._timeout)),
        )
        return Schema() if is_ours(described) else self._foreign_schema(name, described)

    def _foreign_schema(self, name: str, described: dict[str, Any]) -> Schema:
        schema = schema_of(described)
        if self._path_prefix:
            return replace(schema, prefix=folder_prefix(self._path_prefix))
        if (name, schema) not in self._prefixes:
            query = functools.partial(
                self._client.query,
                name,
                filter="",
                limit=SAMPLE_ROWS,
                output_fields=[schema.path],
                timeout=self._timeout,
            )
            paths = [str(row[schema.path] or "") for row in self._read(name, query)]
            self._prefixes[name, schema] = common_prefix(paths)
        return replace(schema, prefix=self._prefixes[name, schema])

    def _exists(self, name: str) -> bool:
        return bool(
            self._patiently(
                f"look for {name}",
                lambda: self._client.has_collection(name, timeout=self._timeout),
            )
        )

    def _described(self, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return Milvus's descriptions of a collection and of its index, empty if it has none."""

        def describe() -> tuple[dict[str, Any], dict[str, Any]]:
            described = self._client.describe_collection(name, timeout=self._timeout)
            return dict(described), index_building.describe_index(
                self._client, name, timeout=self._timeout
            )

        return self._patiently(f"describe {name}", describe)


def _metric_of(name: str, index: dict[str, Any]) -> Metric:
    try:
        return Metric(str(index.get("metric_type", "")))
    except ValueError as error:
        has = f"an index of {index['metric_type']}" if "metric_type" in index else "no index"
        raise StoreError(
            f"{name} was not built by Orchard and has {has}; one of {', '.join(Metric)} is needed "
            "to search it. Create it, for example with Milvus's own client, or choose another "
            "collection with ORCHARD_COLLECTION."
        ) from error
