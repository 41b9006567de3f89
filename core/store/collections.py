"""Reading from a database: what collections there are, and how they are made.

A collection that others made is found under the family's own name and read by its schema.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.collection.info import (
    CollectionInfo,
    collection_info,
    encoder_of,
    foreign_info,
    is_ours,
    own_schema,
    what_made,
)
from core.collection.listed import Listed
from core.collection.recognition import SAMPLE_ROWS, common_prefix, folder_prefix, schema_of
from core.collection.schema import Schema
from core.config import CollectionSettings
from core.errors import CollectionNotFoundError, StoreError, StoreUnavailableError
from core.metric import Metric
from core.store import alias, indexes, lite
from core.store.connection import Client, Connection
from core.wording import BUILD_IT


def collection_name(family: str, metric: Metric) -> str:
    """Return the name of a family's collection for a metric, such as `fruit_vector_l2`."""
    return f"{family}_{metric.lower()}"


def nothing_said(_: str) -> CollectionSettings:
    """Say nothing of any collection."""
    return CollectionSettings()


class CollectionReader:
    """Which collections there are, by family and metric, and how each is made."""

    def __init__(
        self, connection: Connection, *, said: Callable[[str], CollectionSettings] = nothing_said
    ) -> None:
        """Read through a connection.

        Args:
            said: What a person says of a collection that others made, by its name: the folder in
                its stored paths, such as `/data/fruit`, which is found out where it is empty, and
                what made it.
        """
        self._connection, self._said = connection, said
        self._prefixes: dict[tuple[str, Schema], str] = {}

    def families(self) -> list[Listed]:
        """List what can be searched, in order of the names; nothing is loaded for it.

        What others made is there if it is recognised and has an index. Half-built slots, and copies
        over which indexes are measured, are not.

        Raises:
            StoreError: The database failed.
        """
        names: list[str] = self._connection.run(
            "list the collections", lambda client: list(client.list_collections())
        )
        found: dict[str, Listed] = {}
        for one in filter(None, map(self._listed, sorted(names))):
            other = found.get(one.name)
            # As in `metrics`: beside a family of our own, one of that very name is not seen.
            if other is None or other.is_foreign:
                found[one.name] = one
            elif not one.is_foreign:
                metrics = tuple(m for m in Metric if m in (*other.metrics, *one.metrics))
                found[one.name] = replace(one, metrics=metrics, rows=max(one.rows, other.rows))
        return [found[name] for name in sorted(found)]

    def metrics(self, family: str) -> list[Metric]:
        """Return the metrics for which the family has a collection.

        Raises:
            StoreError: A collection that others made has this name, and cannot be searched.
        """
        # Not `list_collections`, which leaves out aliases.
        ours = [metric for metric in Metric if self.exists(collection_name(family, metric))]
        if ours or not self.exists(family):
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
            dataset=self._said(name).path_prefix,
            assumed=self._said(name).assumed_identity,
        )

    def count(self, family: str, metric: Metric) -> int:
        """Return the number of live rows; statistics would count dead ones on a server."""
        return self.count_rows(self.name_of(family, metric))

    def state(self, name: str) -> str:
        """Return what changes with every row written to a collection or deleted, by whomever.

        Together with the number of rows it says that all of them are still those of before. Empty
        where that cannot be told without reading them: on a server, and while rows are written.

        Args:
            name: Of the collection itself, such as `CollectionInfo.name`.
        """
        if not self._connection.is_lite:
            return ""
        return lite.state_of(
            Path(self._connection.uri),
            database=self._connection.database,
            collection=str(self.describe(name)["collection_name"]),
        )

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
        if self.exists(name):
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
        if said := self._said(name).path_prefix:
            return replace(schema, prefix=folder_prefix(said))
        prefix = self._prefixes.get((name, schema))
        if prefix is None:
            rows = self._connection.read(
                name,
                lambda client: client.query(
                    name, filter="", limit=SAMPLE_ROWS, output_fields=[schema.path]
                ),
            )
            prefix = common_prefix(str(row[schema.path] or "") for row in rows)
            # Of fewer rows than are looked at, more may come, which lie elsewhere.
            if len(rows) == SAMPLE_ROWS:
                self._prefixes[name, schema] = prefix
        return replace(schema, prefix=prefix)

    def _listed(self, physical: str) -> Listed | None:
        """Describe a collection by its own name; None for one that is not to be listed."""
        if alias.is_candidate(physical):
            return None
        try:
            described = self.describe(physical)
            if not is_ours(described):
                return self._listed_foreign(*self.describe_with_index(physical))
            name = alias.name_of_slot(physical)
            # Of a half-built slot there is no alias, or it leads to the other one.
            if name != physical and self.describe(name)["collection_name"] != physical:
                return None
            for metric in Metric:
                family = name.removesuffix(collection_name("", metric))
                if family not in ("", name):
                    rows = self._rows_by_statistics(physical)
                    _, dataset = what_made(described)
                    return Listed(family, (metric,), rows, encoder_of(described), dataset=dataset)
        except StoreUnavailableError:
            raise
        except StoreError:
            # No alias leads there, dropped since, or nothing that could be searched.
            return None
        return None

    def _listed_foreign(self, described: dict[str, Any], index: dict[str, Any]) -> Listed:
        name = str(described["collection_name"])
        schema, metric = schema_of(described), _metric_of(name, index)
        info = foreign_info(
            described,
            index,
            rows=self._rows_by_statistics(name),
            schema=schema,
            dataset="",
            assumed=self._said(name).assumed_identity,
        )
        return Listed(name, (metric,), info.rows, info.encoder, is_foreign=True)

    def _rows_by_statistics(self, name: str) -> int:
        told = self._connection.run(
            f"describe {name}", lambda client: client.get_collection_stats(name)
        )
        return int(told["row_count"])

    def exists(self, name: str) -> bool:
        """Whether there is a collection, or an alias, of this name."""
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
