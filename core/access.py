"""Who may change what: the one guard that every change of a collection passes."""

import threading
from types import TracebackType

from core.errors import ReadOnlyError


def require_writable(*, read_only: bool) -> None:
    """Refuse a change where the settings allow none.

    Raises:
        ReadOnlyError: `read_only` is set.
    """
    if read_only:
        raise ReadOnlyError(
            "this Orchard is read-only (ORCHARD_READ_ONLY=true), so nothing was changed. To "
            "change the collection, set ORCHARD_READ_ONLY=false and start again."
        )


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
