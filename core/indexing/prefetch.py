"""Work done in threads before its results are needed, in order and bounded."""

import itertools
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def prefetch(
    work: Callable[[T], R], items: Iterable[T], *, threads: int, window: int
) -> Generator[R, None, None]:
    """Yield what `work` makes of every item, in order, at most `window` of them ahead.

    What is not needed any more, when the generator is closed or `work` raises, is cancelled.
    """
    remaining = iter(items)
    with ThreadPoolExecutor(threads, thread_name_prefix="prefetch") as pool:
        running: deque[Future[R]] = deque(
            pool.submit(work, item) for item in itertools.islice(remaining, window)
        )
        try:
            while running:
                result = running.popleft().result()
                running.extend(pool.submit(work, item) for item in itertools.islice(remaining, 1))
                yield result
        finally:
            for future in running:
                future.cancel()
