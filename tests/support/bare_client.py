"""The one door of the tests to Milvus itself, for what the store has no method for."""

from typing import Any

from core.store.vector_store import VectorStore


def bare_client(store: VectorStore) -> Any:
    """Return pymilvus's client on the store's own connection.

    With it a test looks at what really lies in the database, does what another program might do
    to it, or replaces one of its methods (`monkeypatch.setattr`) to see what the store makes of
    that.
    """
    return store.connection.bare_client
