"""An indexing run that kills itself with SIGKILL at a chosen moment; used by test_kill.py."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import milvus_lite.db

from core.indexing import build, encoding, picture_run
from core.store.vector_store import VectorStore
from tests.conftest import ColourEncoder
from tests.support.bare_client import bare_client

# What is intercepted: the owner and the name of a function.
STAGES = (
    "decode",
    "encode",
    "upsert",
    "upsert-after",
    "flush",
    "flush-after",
    "save_schema",
    "create_collection-after",
    "create_index",
    "create_alias",
    "load_collection",
    "alter_collection_properties-after",
)


def deadly(real: Callable[..., Any], count: int, *, after: bool) -> Callable[..., Any]:
    calls = 0

    def call(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == count and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*arguments, **options)
        if calls == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return call


def run(root: Path, uri: str, stage: str, count: int, token: str = "") -> None:
    """Index `root`, and die at that moment.

    Args:
        root: Folder of class folders.
        uri: The database.
        stage: One of `STAGES`. The process dies as its call numbered `count` (from 1) is about to
            begin, or, for a stage ending in `-after`, has just returned.
        count: See `stage`.
        token: With one, what is indexed is replaced.
    """
    picture_run.BATCH_ROWS = 16
    store, encoder = VectorStore(uri, database="pictures"), ColourEncoder()
    name, _, when = stage.partition("-")
    owners = {"decode": encoding, "encode": encoder, "save_schema": milvus_lite.db}
    owner: Any = owners.get(name, bare_client(store))
    setattr(owner, name, deadly(getattr(owner, name), count, after=bool(when)))
    replacing: dict[str, Any] = {"recreate": True, "token": token} if token else {}
    build.build_index(root, store=store, encoder=encoder, family="fruit", **replacing)
