"""One measurement at a time in a process: two would only slow each other down.

with turn():
    report = evaluate(matrix, ...)
"""

import contextlib
import threading
import time
from collections.abc import Iterator

from core.errors import BusyError

_running = threading.Lock()
# When the last one ended, by the monotonic clock.
_ended = [-float("inf")]


@contextlib.contextmanager
def turn() -> Iterator[None]:
    """Measure alone.

    Raises:
        BusyError: Somebody else is measuring.
    """
    if not _running.acquire(blocking=False):
        raise BusyError(
            "another report is being made, or nprobe is being measured. Wait until that is done, "
            "then try again."
        )
    try:
        yield
    finally:
        _ended[0] = time.monotonic()
        _running.release()


def is_taken() -> bool:
    """Whether somebody is measuring."""
    return _running.locked()


def seconds_since() -> float:
    """Return how long ago the last measurement ended; infinite before the first."""
    return time.monotonic() - _ended[0]
