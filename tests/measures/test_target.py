"""What an interval says about a target."""

import math

import pytest

from core.measures.bootstrap import Estimate
from core.measures.target import Verdict, verdict


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.60, 0.79, Verdict.BELOW),
        # The target itself lies within.
        (0.60, 0.80, Verdict.UNDECIDED),
        (0.79, 0.90, Verdict.UNDECIDED),
        (0.80, 0.90, Verdict.REACHED),
        # A single query has no interval, and decides nothing.
        (math.nan, math.nan, Verdict.UNDECIDED),
    ],
)
def test_a_target_is_missed_or_reached_by_the_whole_interval(
    low: float, high: float, expected: Verdict
) -> None:
    assert verdict(Estimate(0.7, low, high), 0.8) is expected


def test_a_class_with_too_few_pictures_to_find_is_not_blamed() -> None:
    # Two others to find for ten hits.
    assert verdict(Estimate(0.1, 0.05, 0.2), 0.8, ceiling=0.2) is Verdict.OUT_OF_REACH
    assert verdict(Estimate(0.1, 0.05, 0.15), 0.2, ceiling=0.2) is Verdict.BELOW
