"""What a score means and how it is shown, for each metric."""

import math
import re

import numpy as np
import pytest

from core.metric import Metric


def test_l2_is_displayed_as_the_root_of_the_squared_distance() -> None:
    # (0, 0) to (3, 4): 9 + 16 = 25, the distance is 5.
    assert Metric.L2.displayed(25.0) == 5.0
    assert Metric.L2.formatted(25.0) == "5.00"


@pytest.mark.parametrize("score", [0.0, -0.0, -1e-9, -1.7e-6])
def test_an_l2_score_that_rounding_made_negative_is_distance_zero(score: float) -> None:
    assert Metric.L2.displayed(score) == 0.0
    assert Metric.L2.formatted(score) == "0.00"


@pytest.mark.parametrize(
    ("score", "text"),
    [
        (1.0, "1.000"),
        (0.98765, "0.988"),
        (1.0000001, "1.000"),
        (0.0, "0.000"),
        (-0.00001, "0.000"),
        (-0.5, "-0.500"),
    ],
)
def test_cosine_has_three_decimals_and_is_never_a_percentage(score: float, text: str) -> None:
    assert Metric.COSINE.displayed(score) == score
    assert Metric.COSINE.formatted(score) == text


@pytest.mark.parametrize("score", [-12.5, 0.0, 0.25, 812.0])
def test_ip_is_shown_as_it_is(score: float) -> None:
    assert Metric.IP.displayed(score) == score


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.00"),
        (1.7e-6, "0.00"),
        (-1.7e-6, "0.00"),
        (0.000499, "0.00"),
        (0.0005, "0.000500"),
        (0.00134, "0.00134"),
        (0.5, "0.500"),
        (-0.123456, "-0.123"),
        (1.0, "1.00"),
        (9.994, "9.99"),
        (9.996, "10.0"),
        (12.345, "12.3"),
        (99.94, "99.9"),
        (99.96, "100"),  # four digits would be 99.96; rounded to three it is 100, not 1e+02
        (123.456, "123"),
        (1234.5678, "1235"),
        (1.5e9, "1500000000"),
        (math.inf, "inf"),
        (math.nan, "nan"),
    ],
)
def test_numbers_have_three_significant_digits_and_no_exponent(value: float, text: str) -> None:
    assert Metric.IP.formatted(value) == text


@pytest.mark.parametrize("power", range(-12, 13))
def test_no_size_of_number_is_written_with_an_exponent(power: int) -> None:
    for metric in Metric:
        assert re.fullmatch(r"-?\d+(\.\d+)?", metric.formatted(9.999 * 10.0**power))


def test_only_l2_is_better_when_lower() -> None:
    assert {m: m.higher_is_better for m in Metric} == {
        Metric.L2: False,
        Metric.IP: True,
        Metric.COSINE: True,
    }


@pytest.mark.parametrize("metric", list(Metric))
def test_the_words_about_direction_agree_with_the_direction(metric: Metric) -> None:
    assert ("higher is more alike" in metric.direction) == metric.higher_is_better
    assert ("lower is more alike" in metric.direction) != metric.higher_is_better
    assert metric.noun in metric.direction.lower()


def test_names_are_those_of_milvus() -> None:
    assert [str(metric) for metric in Metric] == ["COSINE", "L2", "IP"]
    assert Metric("COSINE") is Metric.COSINE
    with pytest.raises(ValueError, match="cosine"):
        Metric("cosine")


def test_an_array_of_scores_is_displayed_as_each_of_them_is() -> None:
    scores = np.array([[25.0, -1e-9], [0.25, np.nan]], dtype=np.float32)
    shown = Metric.L2.displayed(scores)
    np.testing.assert_array_equal(shown, np.float32([[5, 0], [0.5, np.nan]]))
    assert shown.dtype == np.float32
    assert Metric.COSINE.displayed(scores) is scores
