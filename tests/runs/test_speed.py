"""The rate of a run: over the last moments, whole batches, never from a burst alone."""

import pytest

from core.runs.speed import Rate


def burst(rate: Rate, moment: float, *, first: int, last: int) -> float:
    """Tell of pictures one by one, microseconds apart; the rate that is seen until the next."""
    return [rate.record(moment + n * 1e-6, n) for n in range(first, last + 1)][-1]


def test_batches_slower_than_the_window_have_the_rate_of_a_batch() -> None:
    rate = Rate()
    burst(rate, 0.0, first=1, last=15)
    for number in range(1, 5):
        # Sixteen pictures in twelve seconds: 16 / 12 a second.
        seen = burst(rate, 12.0 * number, first=16 * number, last=16 * number + 15)
        assert seen == pytest.approx(16 / 12, rel=1e-3)


def test_a_call_between_two_batches_that_counts_nothing_changes_no_rate() -> None:
    rate = Rate()
    # Sixteen pictures in twelve seconds, and a call every second besides.
    for second in range(37):
        seen = rate.record(float(second), 16 * (second // 12))
        assert seen == pytest.approx(16 / 12 if second >= 12 else 0)


def test_pictures_that_were_known_do_not_count_for_those_that_are_encoded() -> None:
    rate = Rate()
    # A thousand in half a second, then sixteen in twelve.
    for number in range(1, 1_001):
        rate.record(number * 0.0005, number)
    assert burst(rate, 12.5, first=1_001, last=1_016) == pytest.approx(16 / 12, rel=1e-3)


def test_rate_is_unknown_for_the_first_second() -> None:
    rate = Rate()
    assert [rate.record(moment, int(100 * moment)) for moment in (0.0, 0.3, 0.6, 0.9)] == [0] * 4
    # 100 pictures a second from the beginning on.
    assert rate.record(1.0, 100) == pytest.approx(100.0)


def test_only_the_last_ten_seconds_count() -> None:
    rate = Rate()
    # Ten a second for thirty seconds, then two a second for eleven.
    for tenth in range(301):
        rate.record(tenth / 10, tenth)
    seen = [rate.record(30 + second, 300 + 2 * second) for second in range(1, 12)]
    assert seen[-1] == pytest.approx(2.0, rel=0.05)


def test_count_that_falls_begins_anew() -> None:
    rate = Rate()
    for second in range(5):
        rate.record(second, 100 * second)
    assert rate.record(5.0, 0) == 0
    assert rate.record(7.0, 6) == pytest.approx(3.0)
