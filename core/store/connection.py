"""One connection to Milvus: opened, waited for, loaded, its exceptions translated.

The only module that imports pymilvus. What it relies on was measured on Milvus Lite 3.2.2 and on a
Milvus 2.3.5 server; where the two differ, the comment says so.
"""

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TypedDict, TypeVar

import grpc

from core.access import require_writable
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

__all__ = ["PATIENCE", "Connection", "DataType", "Options"]

T = TypeVar("T")

# Seconds for which a server that has gone away is tried again, unless told otherwise.
PATIENCE = 3.0

_LITE_WRITE_SECONDS = 60.0
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


class WriteLock:
    """The lock that every writing call of a store holds; a read-only store never gives it out."""

    def __init__(self, *, read_only: bool) -> None:
        self._read_only = read_only
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        require_writable(read_only=self._read_only)
        self._lock.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.release()


class Connection:
    """One connection to a Milvus Lite file or a Milvus server; safe to share between threads."""

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
        self.uri, self.database = uri, database
        self._secrets = (token, token.partition(":")[2])
        self._timeout = timeout
        self._is_lite = "://" not in uri
        self._write_seconds = _LITE_WRITE_SECONDS if self._is_lite else timeout
        self._patience = 0.0 if self._is_lite else patience
        self._on_retry = on_retry
        self._write_lock = WriteLock(read_only=read_only)
        # A search must not load a collection again while its index is being replaced.
        self._load_lock = threading.RLock()
        self._loaded: set[str] = set()
        with contextlib.ExitStack() as opened:
            address = uri
            if self._is_lite:
                if read_only and not Path(uri).expanduser().exists():
                    raise missing_database(database, uri)
                address = str(lite.acquire(Path(uri)))
                opened.callback(lite.release, Path(address))
            with self._translated("open the database"):
                self._client = self._connected(address, token, opened, read_only=read_only)
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
        with self._translated("reach the database"):
            self._client.get_server_version(timeout=self._timeout)
        return (time.perf_counter() - started) * 1000

    def _connected(
        self, address: str, token: str, opened: contextlib.ExitStack, *, read_only: bool
    ) -> MilvusClient:
        options = {"token": token, "timeout": self._timeout, "grpc_options": _GRPC}
        first = MilvusClient(address, **options)
        with contextlib.closing(first):
            self.version = str(first.get_server_version(timeout=self._timeout))
            if self.database not in first.list_databases(timeout=self._timeout):
                if read_only:
                    raise missing_database(self.database, self.uri)
                first.create_database(self.database, timeout=self._timeout)
        client = MilvusClient(address, db_name=self.database, **options)
        opened.callback(client.close)
        # A wrong name only shows at the first call.
        client.list_collections(timeout=self._timeout)
        return client

    def _load(self, name: str) -> None:
        with self._load_lock:
            self._at_length(
                f"load {name}",
                lambda seconds: self._client.load_collection(name, timeout=seconds),
                _LOAD_SECONDS,
            )
        self._loaded.add(name)

    def _read(self, name: str, call: Callable[[], T]) -> T:
        if name not in self._loaded:
            self._load(name)
        try:
            with self._translated(f"read {name}"):
                return call()
        except StoreError:
            # Another process may have released it or switched its index, and a restarted server
            # loads nothing by itself.
            self._loaded.discard(name)
        self._load(name)
        return self._patiently(f"read {name}", call)

    def _patiently(self, action: str, call: Callable[[], T]) -> T:
        """Call; while a server is down, call again until patience is at its end."""
        started, pause = time.monotonic(), 0.5
        while True:
            try:
                with self._translated(action):
                    return call()
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

    def _at_length(self, action: str, call: Callable[[float], object], seconds: float) -> None:
        """Do what may take long, and notice within the timeout if a server has gone silent.

        Args:
            call: Takes the seconds it may wait; may be repeated.
            seconds: After which to give up although the server is there.
        """
        deadline = time.monotonic() + seconds
        refused_until = time.monotonic() + max(self._patience, _RECOVERY_SECONDS)
        while True:
            began = time.monotonic()
            try:
                with self._translated(action):
                    call(seconds if self._is_lite else self._timeout)
                return
            except StoreUnavailableError:
                now = time.monotonic()
                # One that refuses at once is not at work on it.
                is_refused = now - began < self._timeout / 2
                if self._is_lite or now > (refused_until if is_refused else deadline):
                    raise
            # It may be loading millions of rows, or have been started a moment ago.
            self._tell(
                f"the database is still busy ({action}); waiting up to "
                f"{deadline - time.monotonic():.0f} s more"
            )
            time.sleep(_BUSY_PAUSE)
            self._patiently(action, lambda: self._client.get_server_version(timeout=self._timeout))

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
