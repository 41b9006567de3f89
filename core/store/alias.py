"""Where a collection really lies: behind its name, an alias, are two slots, used in turn.

An index is rebuilt in the slot that is free; moving the alias is one step, so that no search ever
finds the name without a collection. The functions take the database's client and let its
exceptions through.
"""

from collections.abc import Callable

from core.collection.info import KEY, VECTOR
from core.collection.schema import Schema
from core.dataset.listing import MAX_PATH_BYTES
from core.store.connection import Client, DataType, MilvusClient

_COPY_ROWS = 500


def slot_names(name: str) -> tuple[str, str]:
    """Return the two collections that may stand behind the alias `name`."""
    return f"{name}__a", f"{name}__b"


def candidate_name(name: str) -> str:
    """Return the name of the copy beside a collection, over which indexes are measured."""
    return f"{name}__tuning"


def is_candidate(physical: str) -> bool:
    """Whether a collection is such a copy."""
    return physical.endswith(candidate_name(""))


def name_of_slot(physical: str) -> str:
    """Return the alias that a collection may stand behind; one that is no slot has its own name."""
    return physical.removesuffix("__a").removesuffix("__b")


def free_slot(name: str, taken: str) -> str:
    """Return the slot of `name` that is not `taken`."""
    first, second = slot_names(name)
    return second if taken == first else first


def is_aliased(name: str, physical: str) -> bool:
    """Whether `name` is an alias for `physical`, so that another can take its place."""
    return physical in slot_names(name)


def create_slot(client: Client, slot: str, *, dimension: int, properties: dict[str, str]) -> None:
    """Create an empty collection for embeddings of `dimension` numbers, without an index."""
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=True)
    schema.add_field(KEY, DataType.INT64, is_primary=True)
    schema.add_field(VECTOR, DataType.FLOAT_VECTOR, dim=dimension)
    schema.add_field("path", DataType.VARCHAR, max_length=MAX_PATH_BYTES)
    schema.add_field("label", DataType.VARCHAR, max_length=MAX_PATH_BYTES)
    schema.add_field("digest", DataType.VARCHAR, max_length=64)
    client.create_collection(slot, schema=schema, num_shards=2, properties=properties)


def drop_leftovers(client: Client, name: str, *, keep: str = "") -> None:
    """Drop the slots that no alias leads to: what a stopped run left half built."""
    for slot in slot_names(name):
        if slot != keep and client.has_collection(slot):
            client.drop_collection(slot)


def drop_collection(client: Client, name: str) -> None:
    """Delete what `name` stands for, and the alias; an alias alone cannot be dropped by name."""
    physical = str(client.describe_collection(name)["collection_name"])
    if physical != name:
        client.drop_alias(name)
    client.drop_collection(physical)


def rename(client: Client, name: str, new: str) -> None:
    """Give a collection another name, under which it is found at every moment or both are.

    Begun anew after it was stopped it goes on.
    """
    physical = str(client.describe_collection(name)["collection_name"])
    if not client.has_collection(new):
        drop_leftovers(client, new)
        client.create_alias(physical, new)
    slot, _ = slot_names(new)
    if physical not in slot_names(new):
        client.rename_collection(physical, slot)
    # One that was no alias has been found by its own name, which is gone.
    if name != physical:
        client.drop_alias(name)


def copy_rows(
    client: Client, source: str, target: str, *, on_copied: Callable[[int], None]
) -> None:
    """Copy every row of one collection to another.

    Args:
        on_copied: Called with the number of rows copied so far; whatever it raises ends the copy.
    """
    schema = Schema()
    fields = [schema.key, schema.vector, *schema.record_fields]
    batches = client.query_iterator(source, batch_size=_COPY_ROWS, output_fields=fields)
    copied = 0
    try:
        while batch := batches.next():
            rows = [{name: row[name] for name in row if name != schema.dynamic} for row in batch]
            client.upsert(target, rows)
            copied += len(batch)
            on_copied(copied)
    finally:
        batches.close()
