"""Reading from a database: what collections there are, and how they are made.

A collection that others made is found under the family's own name and read by its schema.
"""

from dataclasses import replace
from typing import Any

from core.collection.info import (
    CollectionInfo,
    collection_info,
    foreign_info,
    is_ours,
    own_schema,
)
from core.collection.recognition import SAMPLE_ROWS, common_prefix, folder_prefix, schema_of
from core.collection.schema import Schema
from core.errors import CollectionNotFoundError, StoreError
from core.metric import Metric
from core.records import EncoderIdentity
from core.store import indexes
from core.store.connection import Client, Connection
from core.wording import BUILD_IT


def collection_name(family: str, metric: Metric) -> str:
    """Return the name of a family's collection for a metric, such as `fruit_vector_l2`."""
    return f"{family}_{metric.lower()}"


class CollectionReader:
    """Which collections there are, by family and metric, and how each is made."""

    def __init__(
        self,
        connection: Connection,
        *,
        path_prefix: str = "",
        assumed_encoder: EncoderIdentity | None = None,
    ) -> None:
        """Read through a connection.

        Args:
            path_prefix: The folder in the stored paths of a collection that others made, such as
                `/data/fruit`; empty to find it out.
            assumed_encoder: What is said to have made a collection that does not name its encoder.
        """
        self._connection = connection
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
        described, index = self.describe_with_index(family)
        # One of our own by its full name is no family.
        return [] if is_ours(described) else [_metric_of(family, index)]

    def info(self, family: str, metric: Metric) -> CollectionInfo:
        """Describe one collection of a family.

        Raises:
            CollectionNotFoundError: There is none for this metric.
            EncoderMismatchError: What it says about its encoder cannot be read.
            StoreError: Others made it, and its fields cannot be told apart.
        """
        name = self.name_of(family, metric)
        described, index = self.describe_with_index(name)
        described["collection_name"] = name
        # Without an index nothing can be loaded, and so nothing be counted.
        live = self.count_rows(name) if index else 0
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
        return self.count_rows(self.name_of(family, metric))

    def is_loaded(self, family: str, metric: Metric) -> bool:
        """Whether a collection is in memory, ready to be searched."""
        name = self.name_of(family, metric)
        state = self._connection.run(
            f"look for {name}", lambda client: client.get_load_state(name)["state"]
        )
        return str(getattr(state, "name", state)) == "Loaded"

    def name_of(self, family: str, metric: Metric) -> str:
        """Return the name of the collection that holds a family's rows for a metric.

        Raises:
            CollectionNotFoundError: There is none; the message says which metrics there are.
        """
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

    def count_rows(self, name: str) -> int:
        """Return the number of live rows of a collection by its own name."""
        counted = self._connection.read(
            name,
            lambda client: client.query(
                name, filter="", output_fields=["count(*)"], consistency_level="Strong"
            ),
        )
        return int(counted[0]["count(*)"])

    def schema(self, name: str) -> Schema:
        """Return which fields of a collection, by its own name, hold what.

        Raises:
            StoreError: Others made it, and its fields cannot be told apart.
        """
        described = self.describe(name)
        return (
            own_schema(described) if is_ours(described) else self._foreign_schema(name, described)
        )

    def describe(self, name: str) -> dict[str, Any]:
        """Return Milvus's description of a collection by its own name."""
        return self._connection.run(
            f"describe {name}", lambda client: dict(client.describe_collection(name))
        )

    def describe_with_index(self, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return Milvus's descriptions of a collection and of its index, empty if it has none."""

        def describe(client: Client) -> tuple[dict[str, Any], dict[str, Any]]:
            described = dict(client.describe_collection(name))
            return described, indexes.describe_index(client, name)

        return self._connection.run(f"describe {name}", describe)

    def _foreign_schema(self, name: str, described: dict[str, Any]) -> Schema:
        schema = schema_of(described)
        if self._path_prefix:
            return replace(schema, prefix=folder_prefix(self._path_prefix))
        if (name, schema) not in self._prefixes:
            rows = self._connection.read(
                name,
                lambda client: client.query(
                    name, filter="", limit=SAMPLE_ROWS, output_fields=[schema.path]
                ),
            )
            self._prefixes[name, schema] = common_prefix(
                str(row[schema.path] or "") for row in rows
            )
        return replace(schema, prefix=self._prefixes[name, schema])

    def _exists(self, name: str) -> bool:
        return bool(
            self._connection.run(f"look for {name}", lambda client: client.has_collection(name))
        )


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
