"""One connection to Milvus: opened, waited for, loaded, its exceptions translated.

The only module that imports pymilvus. What it relies on was measured on Milvus Lite 3.2.2 and on a
Milvus 2.3.5 server; where the two differ, the comment says so.
"""

import contextlib
import functools
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypedDict, TypeVar

import grpc

from core.errors import StoreError, StoreUnavailableError
from core.store import lite
from core.store.faults import missing_database, store_error

# pymilvus reads MILVUS_URI while it is imported, also from `.env`, and fails on a file name.
_foreign = os.environ.get("MILVUS_URI")
os.environ["MILVUS_URI"] = ""
try:
    from pymilvus import DataType, MilvusClient, MilvusException
finally:
    os.environ.pop("MILVUS_URI")
    if _foreign is not None:
        os.environ["MILVUS_URI"] = _foreign

# It also prints tracebacks on its own, even for errors that are handled; what matters is raised.
# grpc._server is Milvus Lite's, which lacks a method that every read of many rows first tries.
for _name in (
    "pymilvus",
    "pymilvus.milvus_client",
    "pymilvus.bulk_writer",
    "milvus_lite",
    "grpc._server",
):
    logging.getLogger(_name).handlers.clear()
    logging.getLogger(_name).propagate = True
    logging.getLogger(_name).setLevel(logging.CRITICAL)

logger = logging.getLogger(__name__)

__all__ = [
    "PATIENCE",
    "RUN_PATIENCE",
    "Client",
    "Connection",
    "DataType",
    "MilvusClient",
    "Options",
]

T = TypeVar("T")

# Seconds for which a server that has gone away is tried again, unless told otherwise.
PATIENCE = 3.0
# For runs and scripts: a server that restarts is back within this time.
RUN_PATIENCE = 60.0

_LITE_BULK_SECONDS = 60.0
_LOAD_SECONDS = 600.0
_LONGEST_PAUSE = 5.0
_BUSY_PAUSE = 0.5
# A server that was killed is itself again within this time of answering.
_RECOVERY_SECONDS = 90.0
# By itself gRPC waits up to two minutes between looks at a server that was away, and shares that
# wait among all clients of an address: one that came back long ago would still count as away.
_GRPC = {
    "grpc.initial_reconnect_backoff_ms": 500,
    "grpc.min_reconnect_backoff_ms": 500,
    "grpc.max_reconnect_backoff_ms": 2_000,
    "grpc.use_local_subchannel_pool": 1,
}


class Options(TypedDict, total=False):
    """What `Connection` takes besides the address, all by name."""

    token: str
    database: str
    timeout: float
    patience: float
    on_retry: Callable[[str], None] | None
    read_only: bool


class Client:
    """pymilvus's client, each of whose calls may take so many seconds unless told otherwise."""

    def __init__(
        self, bare_client: MilvusClient, *, seconds: float, make_room: Callable[[str], None]
    ) -> None:
        """Lend pymilvus's client.

        Args:
            make_room: Called with each name that a collection is about to get.
        """
        self._bare_client, self._seconds, self._make_room = bare_client, seconds, make_room

    def create_collection(self, name: str, **options: Any) -> None:  # noqa: ANN401
        """Make a collection."""
        self._make_room(name)
        self._bare_client.create_collection(name, timeout=self._seconds, **options)

    def rename_collection(self, name: str, new: str) -> None:
        """Give a collection another name."""
        self._make_room(new)
        self._bare_client.rename_collection(name, new, timeout=self._seconds)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        # pymilvus is untyped, and takes a timeout with every call of the database.
        return functools.partial(getattr(self._bare_client, name), timeout=self._seconds)


class Connection:
    """One connection to a Milvus Lite file or a Milvus server; safe to share between threads.

    Every call of the database goes through one of its verbs, which differ in what happens when a
    server does not answer: `once`, `run`, `at_length`, and `read` of what has to be loaded first.

    Attributes:
        version: Of Milvus.
        is_lite: Whether it is a Milvus Lite file.
        read_only: Whether nothing may be changed through it.
        timeout: Seconds that a call may take.
        bulk_seconds: Seconds that a call of many rows may take.
        bare_client: pymilvus's own, for tests and benchmarks; the store's parts leave it alone.
        load_lock: Held while a collection is loaded, or must not be: a search must not load one
            again while its index is being replaced.
    """

    def __init__(
        self,
        uri: str,
        *,
        token: str = "",
        database: str = "default",
        timeout: float = 10.0,
        patience: float = PATIENCE,
        on_retry: Callable[[str], None] | None = None,
        read_only: bool = False,
    ) -> None:
        """Connect, and create the database if it does not exist and may be changed.

        Args:
            uri: A Milvus Lite file or an address such as http://localhost:19530.
            timeout: Seconds before a silent server counts as down.
            patience: Seconds during which a call that found a server down is tried again; 0 for
                never. Opening is never tried again.
            on_retry: Called with a sentence before each further try.
            read_only: Create no database, and let every method that changes a collection raise
                `ReadOnlyError`.

        Raises:
            StoreUnavailableError: The server does not answer, or another process holds the file.
            StoreError: The file cannot be used, the server refused, or there is no such database
                and none may be created.
        """
        self.uri, self.database, self.read_only = uri, database, read_only
        self.timeout = timeout
        self.is_lite = "://" not in uri
        self.bulk_seconds = _LITE_BULK_SECONDS if self.is_lite else timeout
        self.load_lock = threading.RLock()
        self._secrets = (token, token.partition(":")[2])
        self._patience = 0.0 if self.is_lite else patience
        self._on_retry = on_retry
        self._loaded: set[str] = set()
        with contextlib.ExitStack() as opened:
            address = uri
            if self.is_lite:
                if read_only and not Path(uri).expanduser().exists():
                    raise missing_database(database, uri)
                address = str(lite.acquire(Path(uri)))
                opened.callback(lite.release, Path(address))
            with self._translated("open the database"):
                self.bare_client = self._connected(address, token, opened)
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Close the connection; the last one to a Milvus Lite file also gives up its lock."""
        self._opened.close()

    def ping(self) -> float:
        """Ask the database for its version, and return how many milliseconds the answer took.

        Raises:
            StoreUnavailableError: It does not answer.
        """
        started = time.perf_counter()
        with self.once("reach the database") as client:
            client.get_server_version()
        return (time.perf_counter() - started) * 1000

    @contextlib.contextmanager
    def once(self, action: str, *, seconds: float | None = None) -> Iterator[Client]:
        """Lend the client for steps that must not be repeated.

        Args:
            action: What is done, to follow "could not".
            seconds: What each call may take; None means the timeout of the connection.

        Raises:
            StoreError: The database failed, in words a person can act on.
        """
        with self._translated(action):
            yield self._timed(seconds)

    def run(self, action: str, call: Callable[[Client], T], *, seconds: float | None = None) -> T:
        """Call; while a server is down, call again until patience is at its end.

        Args:
            action, seconds: As for `once`.
            call: May be repeated.

        Raises:
            StoreError: As `once`.
        """
        started, pause = time.monotonic(), 0.5
        while True:
            try:
                with self.once(action, seconds=seconds) as client:
                    return call(client)
            except StoreUnavailableError:
                waited = time.monotonic() - started
                if waited + pause > self._patience:
                    raise
            self._tell(
                f"the database does not answer (could not {action}); trying again for "
                f"{self._patience - waited:.0f} s"
            )
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def at_length(self, action: str, call: Callable[[Client], object], *, seconds: float) -> None:
        """Do what may take long, and notice within the timeout if a server has gone silent.

        Args:
            action: As for `once`.
            call: May be repeated.
            seconds: After which to give up although the server is there.

        Raises:
            StoreError: As `once`.
        """
        deadline = time.monotonic() + seconds
        refused_until = time.monotonic() + max(self._patience, _RECOVERY_SECONDS)
        while True:
            began = time.monotonic()
            try:
                with self.once(action, seconds=seconds if self.is_lite else None) as client:
                    call(client)
                return
            except StoreUnavailableError:
                now = time.monotonic()
                # One that refuses at once is not at work on it.
                is_refused = now - began < self.timeout / 2
                if self.is_lite or now > (refused_until if is_refused else deadline):
                    raise
            # It may be loading millions of rows, or have been started a moment ago.
            self._tell(
                f"the database is still busy ({action}); waiting up to "
                f"{deadline - time.monotonic():.0f} s more"
            )
            time.sleep(_BUSY_PAUSE)
            self.run(action, lambda client: client.get_server_version())

    def read(self, name: str, call: Callable[[Client], T], *, seconds: float | None = None) -> T:
        """Call what reads a collection, which is loaded for it if need be.

        Args:
            name: Of the collection.
            call, seconds: As for `run`.

        Raises:
            StoreError: As `once`.
        """
        action = f"read {name}"
        self.ensure_loaded(name)
        try:
            with self.once(action, seconds=seconds) as client:
                return call(client)
        except StoreError:
            # Another process may have released it or switched its index, and a restarted server
            # loads nothing by itself.
            self.forget(name)
        self.load(name)
        return self.run(action, call, seconds=seconds)

    def load(self, name: str) -> None:
        """Have a collection brought into memory, where alone it can be searched and read."""
        with self.load_lock:
            self.at_length(
                f"load {name}", lambda client: client.load_collection(name), seconds=_LOAD_SECONDS
            )
        self._loaded.add(name)

    def ensure_loaded(self, name: str) -> None:
        """Load a collection unless this connection has done so before."""
        if name not in self._loaded:
            self.load(name)

    def forget(self, name: str) -> None:
        """Take a collection as no longer loaded."""
        self._loaded.discard(name)

    def _connected(self, address: str, token: str, opened: contextlib.ExitStack) -> MilvusClient:
        options = {"token": token, "timeout": self.timeout, "grpc_options": _GRPC}
        first = MilvusClient(address, **options)
        with contextlib.closing(first):
            self.version = str(first.get_server_version(timeout=self.timeout))
            if self.database not in first.list_databases(timeout=self.timeout):
                if self.read_only:
                    raise missing_database(self.database, self.uri)
                first.create_database(self.database, timeout=self.timeout)
        client = MilvusClient(address, db_name=self.database, **options)
        opened.callback(client.close)
        # A wrong name only shows at the first call.
        client.list_collections(timeout=self.timeout)
        return client

    def _timed(self, seconds: float | None) -> Client:
        seconds = self.timeout if seconds is None else seconds
        return Client(self.bare_client, seconds=seconds, make_room=self._make_room)

    def _make_room(self, collection: str) -> None:
        if self.is_lite:
            lite.remove_unfinished(Path(self.uri), database=self.database, collection=collection)

    def _tell(self, sentence: str) -> None:
        logger.warning("%s", sentence)
        if self._on_retry:
            self._on_retry(sentence)

    @contextlib.contextmanager
    def _translated(self, action: str) -> Iterator[None]:
        try:
            yield
        except (MilvusException, grpc.RpcError) as error:
            logger.debug("Milvus failed to %s", action, exc_info=True)
            raise store_error(error, action, self.uri, secrets=self._secrets) from error
