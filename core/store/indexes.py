"""A collection's index over its life: created, described, waited for, replaced when outgrown.

The functions take the database's client and let its exceptions through.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from core.collection.index_choice import IndexChoice, auto_nlist
from core.collection.info import NLIST, VECTOR, choice_of, dimension_of, index_properties
from core.errors import StoreError
from core.metric import Metric
from core.store.connection import Client, MilvusClient

# An index is built anew once the rows call for this many times its lists.
OUTGROWN = 2
# An index that makes no progress for so long never will.
STALLED_SECONDS = 600.0

_POLL_SECONDS = 0.2
_FAILED = "Failed"


def create_index(
    client: Client, name: str, metric: Metric, index: IndexChoice, *, rows: int, dimension: int = 0
) -> None:
    """Start to build an index for `rows` rows and return; `wait_for_index` waits until it is built.

    Milvus Lite has built it by then, a server goes on in the background.

    Args:
        dimension: Needed by types that cut an embedding into parts.
    """
    parameters = MilvusClient.prepare_index_params()
    parameters.add_index(
        VECTOR,
        index_type=index.index_type.value,
        metric_type=metric.value,
        params=index.parameters(rows, dimension=dimension),
    )
    # Otherwise pymilvus sleeps half a second at every call, and waits for ever where its timeout is
    # no whole number.
    client.create_index(name, parameters, sync=False)


def replace_index(
    client: Client, name: str, metric: Metric, index: IndexChoice, *, rows: int
) -> None:
    """Drop what index there is and start to build another; the collection is released."""
    client.release_collection(name)
    for old in client.list_indexes(name):
        client.drop_index(name, old)
    dimension = dimension_of(client.describe_collection(name))
    create_index(client, name, metric, index, rows=rows, dimension=dimension)
    client.alter_collection_properties(name, index_properties(index))


def describe_index(client: Client, name: str) -> dict[str, Any]:
    """Return Milvus's description of the index of the embeddings; empty if there is none."""
    for index in client.list_indexes(name):
        described = dict(client.describe_index(name, index) or {})
        # Others may have indexed a number or a text as well, which has no metric.
        if "metric_type" in described:
            return described
    return {}


def wait_for_index(
    client: Client, name: str, *, on_wait: Callable[[int], None] | None = None
) -> None:
    """Return once the index covers every flushed row.

    Args:
        on_wait: Called with the number of rows still to be indexed, several times a second.

    Raises:
        StoreError: The index has made no progress for `STALLED_SECONDS`, or failed.
    """
    least, deadline = None, 0.0
    while True:
        described = describe_index(client, name)
        pending = int(described.get("pending_index_rows", 0))
        if not pending:
            return
        if described.get("state") == _FAILED:
            raise StoreError(
                f"the database could not build the index of {name}, with {pending:,} rows to go. "
                "Look into the database's own log, then do the same again."
            )
        if least is None or pending < least:
            least, deadline = pending, time.monotonic() + STALLED_SECONDS
        elif time.monotonic() > deadline:
            raise StoreError(
                f"the index of {name} stands still with {pending:,} rows to go. Look into the "
                "database's own log, then do the same again."
            )
        if on_wait:
            on_wait(pending)
        time.sleep(_POLL_SECONDS)


def better_index(
    described: Mapping[str, Any], index: Mapping[str, Any], wanted: IndexChoice, *, rows: int
) -> IndexChoice | None:
    """Return the index a collection should have instead of the one it has; None if it is right.

    A choice that says nothing (`IndexChoice()`) leaves an index alone, unless nlist was left to
    us and the rows have outgrown it: a collection that began with ten pictures has one list. So
    does one of the type that is there, for what it leaves open.

    Args:
        described: Milvus's description of the collection.
        index: Milvus's description of its index, empty if there is none.
        rows: How many rows the index is for.
    """
    if not index:
        return wanted
    built = choice_of(index)
    if wanted == IndexChoice():
        wanted = IndexChoice() if built is None else _left_open(built)
    elif built is None or wanted.index_type is not built.index_type or not _has(built, wanted):
        return wanted
    is_auto = (described.get("properties") or {}).get(NLIST) == "auto"
    lists = (built and built.nlist) or 0
    outgrown = lists > 0 and auto_nlist(rows) >= OUTGROWN * lists
    return wanted if is_auto and outgrown and wanted.nlist is None else None


def _left_open(index: IndexChoice) -> IndexChoice:
    return replace(index, nlist=None) if index.kind.has_lists else index


def _has(built: IndexChoice, wanted: IndexChoice) -> bool:
    """Whether an index of the same type has every number that is not left open."""
    fields = [parameter.field for parameter in wanted.kind.build]
    return all(getattr(wanted, f) in (None, getattr(built, f)) for f in fields)
