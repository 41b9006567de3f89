"""Where a collection really lies: behind its name, an alias, are two slots, used in turn.

An index is rebuilt in the slot that is free; moving the alias is one step, so that no search ever
finds the name without a collection. The functions take the database's client and let its
exceptions through.
"""

from collections.abc import Callable
from typing import Any

from core.collection.info import KEY, RECORD_FIELDS, VECTOR
from core.store import index_building

# pymilvus is untyped, and only `core.store.vector_store` imports it.
Client = Any

_COPY_ROWS = 500


def slot_names(name: str) -> tuple[str, str]:
    """Return the two collections that may stand behind the alias `name`."""
    return f"{name}__a", f"{name}__b"


def free_slot(name: str, taken: str) -> str:
    """Return the slot of `name` that is not `taken`."""
    first, second = slot_names(name)
    return second if taken == first else first


def is_aliased(name: str, physical: str) -> bool:
    """Whether `name` is an alias for `physical`, so that another can take its place."""
    return physical in slot_names(name)


def drop_leftovers(client: Client, name: str, *, timeout: float, keep: str = "") -> None:
    """Drop the slots that no alias leads to: what a stopped run left half built."""
    for slot in slot_names(name):
        if slot != keep and client.has_collection(slot, timeout=timeout):
            client.drop_collection(slot, timeout=timeout)


def drop_collection(client: Client, name: str, *, timeout: float) -> None:
    """Delete what `name` stands for, and the alias; an alias alone cannot be dropped by name."""
    physical = str(client.describe_collection(name, timeout=timeout)["collection_name"])
    if physical != name:
        client.drop_alias(name, timeout=timeout)
    client.drop_collection(physical, timeout=timeout)


def copy_rows(
    client: Client,
    source: str,
    target: str,
    *,
    timeout: float,
    on_copied: Callable[[int], None] | None = None,
) -> int:
    """Copy every row of one collection to another and return how many there were.

    Args:
        on_copied: Called with the number of rows copied so far; whatever it raises ends the copy.
    """
    fields = [KEY, VECTOR, *RECORD_FIELDS]
    batches = client.query_iterator(
        source, batch_size=_COPY_ROWS, output_fields=fields, timeout=timeout
    )
    copied = 0
    try:
        while batch := batches.next():
            rows = [{field: row[field] for field in fields} for row in batch]
            client.upsert(target, rows, timeout=timeout)
            copied += len(rows)
            if on_copied:
                on_copied(copied)
    finally:
        batches.close()
    return copied


def build_index(
    client: Client,
    name: str,
    *,
    timeout: float,
    flush_seconds: float,
    on_wait: Callable[[int], None] | None = None,
) -> None:
    """Flush a collection, wait for its index and load it.

    Args:
        on_wait: As for `index_building.wait_for_index`.
    """
    client.flush(name, timeout=flush_seconds)
    index_building.wait_for_index(client, name, timeout=timeout, on_wait=on_wait)
    client.load_collection(name, timeout=flush_seconds)
