"""Queries combined and moved; the expected values are worked out in the comments."""

import numpy as np
import pytest

from core.errors import QueryError
from core.search.feedback import FeedbackWeights, mean_embedding, moved_query

NONE = np.empty((0, 2), dtype=np.float32)


def rows(*values: tuple[float, float]) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def test_several_queries_are_their_mean() -> None:
    mean = mean_embedding(rows((1, 0), (3, 4)))
    assert mean.dtype == np.float32
    np.testing.assert_array_equal(mean, [2, 2])


def test_without_marks_the_query_stays_where_it_is() -> None:
    query = rows((3, 1))[0]
    weights = FeedbackWeights(query=2.0)
    np.testing.assert_allclose(moved_query(query, more=NONE, less=NONE, weights=weights), query)


def test_the_query_moves_by_rocchios_formula_kept_at_its_scale() -> None:
    query = rows((2, 0))[0]
    moved = moved_query(
        query, more=rows((0, 4), (0, 8)), less=rows((1, 1)), weights=FeedbackWeights()
    )
    # 1 (2, 0) + 0.75 (0, 6) - 0.15 (1, 1) = (1.85, 4.35); 1 + 0.75 - 0.15 = 1.6.
    np.testing.assert_allclose(moved, [1.85 / 1.6, 4.35 / 1.6], rtol=1e-6)


def test_liking_the_query_itself_moves_nothing() -> None:
    query = rows((2, 5))[0]
    moved = moved_query(query, more=rows((2, 5)), less=NONE, weights=FeedbackWeights())
    np.testing.assert_allclose(moved, query)


def test_a_mark_has_no_part_in_the_scale_while_none_is_marked_that_way() -> None:
    query = rows((2, 0))[0]
    moved = moved_query(query, more=NONE, less=rows((4, 4)), weights=FeedbackWeights())
    # (1 (2, 0) - 0.15 (4, 4)) / (1 - 0.15)
    np.testing.assert_allclose(moved, [1.4 / 0.85, -0.6 / 0.85], rtol=1e-6)


def test_weights_that_leave_no_query_are_refused() -> None:
    with pytest.raises(QueryError, match=r"add up to -0\.50 \(0\.5 \+ 0 - 1\)"):
        moved_query(
            rows((1, 1))[0],
            more=NONE,
            less=rows((2, 2)),
            weights=FeedbackWeights(query=0.5, less=1.0),
        )
