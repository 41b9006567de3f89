"""An indexing run that kills itself with SIGKILL at a chosen moment; started by test_kill.py.

    python -m tests.support.killed_run DATASET URI STAGE COUNT [TOKEN]

STAGE is one of `STAGES`; the process dies as the call of that stage numbered COUNT (from 1) is
about to begin, or, for a stage ending in `-after`, has just returned. With a token it
replaces what is indexed.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.indexing import build, pictures
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


def main() -> None:
    root, uri, stage, count, *token = sys.argv[1:]
    pictures.BATCH_ROWS = 16
    store, encoder = VectorStore(uri, database="pictures"), ColourEncoder()
    name, _, when = stage.partition("-")
    owner: Any = {"decode": pictures, "encode": encoder}.get(name, bare_client(store))
    if stage != "none":
        setattr(owner, name, deadly(getattr(owner, name), int(count), after=bool(when)))
    replacing: dict[str, Any] = {"recreate": True, "token": token[0]} if token else {}
    build.build_index(Path(root), store=store, encoder=encoder, family="fruit", **replacing)
    store.close()


if __name__ == "__main__":
    main()
