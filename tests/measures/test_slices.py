"""Precision by the values of a column, worked out by hand."""

import math

import numpy as np
import pytest

from core.measures.slices import slices

NAN = math.nan


def test_every_value_has_its_mean_and_that_of_all_others() -> None:
    measure = np.array([1.0, 0.5, 0.0, 0.8, NAN])
    values = {
        "Gala": np.array([True, True, False, False, True]),
        "Elstar": np.array([False, False, True, False, False]),
        "never asked": np.zeros(5, dtype=bool),
    }
    gala, elstar = slices(measure, values, seed=0)
    # (1 + 0.5) / 2; the query without a measure does not count. Others: (0 + 0.8) / 2.
    assert (gala.value, gala.queries, gala.measure.value) == ("Gala", 2, 0.75)
    assert (gala.other_queries, gala.others.value) == (2, pytest.approx(0.4))
    # One query alone has no interval. Others: (1 + 0.5 + 0.8) / 3.
    assert (elstar.queries, elstar.measure.value) == (1, 0.0)
    assert math.isnan(elstar.measure.low)
    assert (elstar.other_queries, elstar.others.value) == (3, pytest.approx(2.3 / 3))
    assert gala.few


def test_a_query_may_have_several_values() -> None:
    values = {"dark": np.array([True, True, False]), "blurred": np.array([False, True, True])}
    dark, blurred = slices(np.array([0.2, 0.4, 0.9]), values, seed=0)
    assert (dark.queries, dark.measure.value) == (2, pytest.approx(0.3))
    assert (blurred.queries, blurred.measure.value) == (2, pytest.approx(0.65))
    assert blurred.others.value == 0.2


def test_the_interval_is_that_of_the_mean() -> None:
    # 400 queries, right with probability 1/2: the mean's standard deviation is 0.5 / 20 = 0.025,
    # so the interval reaches about 1.96 * 0.025 = 0.049 to either side.
    measure = np.tile([0.0, 1.0], 400)
    values = {"half": np.arange(800) < 400}
    [half] = slices(measure, values, seed=3)
    for estimate in (half.measure, half.others):
        assert estimate.value == 0.5
        assert estimate.low == pytest.approx(0.451, abs=0.008)
        assert estimate.high == pytest.approx(0.549, abs=0.008)
    assert not half.few


def test_where_every_query_has_the_value_there_are_no_others() -> None:
    [every] = slices(np.array([0.0, 1.0]), {"x": np.ones(2, dtype=bool)}, seed=0)
    assert (every.other_queries, every.measure.value) == (0, 0.5)
    assert math.isnan(every.others.value)
    assert slices(np.array([0.5]), {}, seed=0) == []
