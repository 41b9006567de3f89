"""Work ahead of its consumer: in order, bounded, and over when nobody wants it any more."""

import threading
import time

import pytest

from core.indexing.prefetch import prefetch


def test_results_come_in_order_though_work_ends_out_of_order() -> None:
    def work(n: int) -> int:
        time.sleep(0.02 if n % 3 == 0 else 0)
        return n * n

    assert list(prefetch(work, range(20), threads=4, window=6)) == [n * n for n in range(20)]


def test_work_never_runs_further_ahead_than_the_window() -> None:
    started: list[int] = []
    results = prefetch(lambda n: started.append(n) or n, range(100), threads=3, window=5)
    for taken, _ in enumerate(results, 1):
        time.sleep(0.001)
        assert len(started) <= taken + 5
        if taken == 20:
            break
    results.close()
    assert len(started) <= 25


def test_it_works_while_the_consumer_is_busy() -> None:
    ready = threading.Event()
    results = prefetch(lambda n: ready.set() if n == 3 else n, range(4), threads=1, window=4)
    next(results)
    # Without asking for the fourth, it is made.
    assert ready.wait(5)
    results.close()


def test_what_goes_wrong_reaches_the_consumer_and_cancels_the_rest() -> None:
    started: list[int] = []

    def work(n: int) -> int:
        started.append(n)
        if n == 2:
            raise ValueError("two")
        return n

    results = prefetch(work, range(1000), threads=1, window=8)
    with pytest.raises(ValueError, match="two"):
        list(results)
    assert len(started) < 20


def test_nothing_gives_nothing() -> None:
    assert list(prefetch(abs, [], threads=2, window=3)) == []
