"""A query's place: cases worked out by hand."""

import tracemalloc

import numpy as np
import pytest

from core.errors import EncoderMismatchError
from core.metric import Metric
from core.projection.placement import place_query

ROWS = np.float32([[1, 0], [0, 1], [-1, 0]])
PLACES = np.float32([[0, 0], [10, 0], [100, 100]])


def test_the_mean_is_weighted_by_similarity() -> None:
    placed = place_query(np.float32([3, 4]), ROWS, PLACES, metric=Metric.COSINE)
    # Cosines 0.6, 0.8 and -0.6: the last counts as 0. (0.6 * 0 + 0.8 * 10) / 1.4 = 5.714.
    assert placed.position == pytest.approx((8 / 1.4, 0))
    assert placed.rows == (1, 0, 2)
    assert placed.cosines == pytest.approx((0.8, 0.6, -0.6))


def test_a_row_itself_is_its_own_nearest() -> None:
    rows = np.random.default_rng(0).normal(size=(40, 6)).astype("f4")
    for metric in (Metric.COSINE, Metric.L2):
        placed = place_query(rows[7], rows, np.zeros((40, 3), "f4"), metric=metric)
        assert placed.rows[0] == 7
        assert placed.cosines[0] == pytest.approx(1)
        assert len(placed.rows) == 15 and len(placed.position) == 3


def test_unlike_everything_all_neighbours_weigh_the_same() -> None:
    placed = place_query(np.float32([0, -1]), ROWS[:2], PLACES[:2], metric=Metric.COSINE)
    # Cosines 0 and -1 give no weight: the middle of (0, 0) and (10, 0).
    assert placed.position == (5, 0)


def test_the_metric_decides_who_is_near() -> None:
    rows = np.float32([[10, 0], [1, 1]])
    places = np.float32([[0, 0], [1, 1]])
    query = np.float32([1, 0])
    assert place_query(query, rows, places, metric=Metric.COSINE).rows == (0, 1)
    assert place_query(query, rows, places, metric=Metric.L2).rows == (1, 0)


def test_another_dimension_is_refused() -> None:
    with pytest.raises(EncoderMismatchError, match="the query has 3 numbers, the map 2"):
        place_query(np.zeros(3, "f4"), ROWS, PLACES, metric=Metric.L2)


def test_a_large_matrix_is_compared_in_blocks() -> None:
    rows = np.random.default_rng(0).normal(size=(40_000, 64)).astype("f4")
    places = np.zeros((len(rows), 2), "f4")
    tracemalloc.start()
    place_query(rows[7], rows, places, metric=Metric.L2)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The matrix takes 10 MB. Its scores, and what is sorted of them, take 8 bytes a row here and
    # there: 2 MB; a copy of the matrix would not fit.
    assert most < rows.nbytes / 2
