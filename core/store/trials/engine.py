"""What the database at hand can build: it is asked, since versions and builds differ."""

import contextlib
import logging

import numpy as np

from core.collection.index_choice import IndexChoice, IndexType
from core.collection.index_types.parameters import ROWS_A_LIST
from core.collection.rows import as_row
from core.errors import StoreError, StoreUnavailableError
from core.metric import Metric
from core.records import ImageRecord
from core.store import alias, indexes
from core.store.connection import Client, Connection

logger = logging.getLogger(__name__)

# It is made and dropped while a database is asked what it can build.
_PROBE = "orchard_index_probe"
# As many as a list is trained with; FAISS warns at the terminal below.
_ROWS, _DIMENSION = ROWS_A_LIST, 8


def buildable_types(connection: Connection) -> tuple[IndexType, ...]:
    """Return the types of index that the database takes, in their usual order.

    A server refuses at once to make an index that it does not know; Milvus Lite takes any name and
    refuses when it loads the rows, so a few are written. A server searches so few rows without an
    index: that it can build one of a type which it knows shows only when it does.

    Raises:
        StoreError: The database failed.
    """
    action = "ask which indexes there are"
    with connection.once(action) as client:
        if client.has_collection(_PROBE):
            client.drop_collection(_PROBE)
        alias.create_slot(client, _PROBE, dimension=_DIMENSION, properties={})
        with contextlib.ExitStack() as undo:
            undo.callback(client.drop_collection, _PROBE)
            if connection.is_lite:
                numbers = np.random.default_rng(0).normal(size=(_ROWS, _DIMENSION))
                rows = [
                    as_row(ImageRecord(n, "", "", ""), row)
                    for n, row in enumerate(numbers.astype(np.float32))
                ]
                client.upsert(_PROBE, rows)
                client.flush(_PROBE)
            return tuple(kind for kind in IndexType if _takes(connection, client, kind))


def _takes(connection: Connection, client: Client, kind: IndexType) -> bool:
    try:
        with connection.once(f"build an index of type {kind}"):
            indexes.create_index(
                client, _PROBE, Metric.L2, IndexChoice(kind), rows=_ROWS, dimension=_DIMENSION
            )
            if connection.is_lite:
                client.load_collection(_PROBE)
    except StoreUnavailableError:
        raise
    except StoreError as error:
        logger.info("%s is not offered: %s", kind, error)
        return False
    finally:
        with contextlib.suppress(StoreError), connection.once("take the index back"):
            client.release_collection(_PROBE)
            for index in client.list_indexes(_PROBE):
                client.drop_index(_PROBE, index)
    return True
