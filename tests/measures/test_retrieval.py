"""Measures: cases worked out by hand, and agreement with scikit-learn."""

import math

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, ndcg_score, precision_score, recall_score

from core.errors import QueryError
from core.measures.retrieval import (
    average_precision_at,
    ceiling_at,
    hit_rate_at,
    map_at_r,
    ndcg_at,
    precision_at,
    query_measures,
    r_precision,
    recall_at,
    reciprocal_rank_at,
)

# Hits of one query: right, wrong, right, wrong, wrong; R = 3 pictures could be found.
RIGHT = np.array([[True, False, True, False, False]])
RELEVANT = np.array([3])


def test_hand_computed() -> None:
    assert precision_at(RIGHT, 1)[0] == 1
    assert precision_at(RIGHT, 5)[0] == pytest.approx(2 / 5)
    assert recall_at(RIGHT, RELEVANT, 5)[0] == pytest.approx(2 / 3)
    # Of the first R = 3 two are right.
    assert r_precision(RIGHT, RELEVANT)[0] == pytest.approx(2 / 3)
    # precision@1 = 1 and precision@3 = 2/3 at the right ranks, over R = 3.
    assert map_at_r(RIGHT, RELEVANT)[0] == pytest.approx((1 + 2 / 3) / 3)
    # The same sum over min(R, k) = 2 and 3.
    assert average_precision_at(RIGHT, RELEVANT, 2)[0] == pytest.approx(1 / 2)
    assert average_precision_at(RIGHT, RELEVANT, 5)[0] == pytest.approx((1 + 2 / 3) / 3)
    assert hit_rate_at(RIGHT, 5)[0] == 1
    # 1/log2(2) + 1/log2(4) = 1.5, over 1 + 1/log2(3) + 1/2.
    assert ndcg_at(RIGHT, RELEVANT, 5)[0] == pytest.approx(1.5 / (1.5 + 1 / math.log2(3)))


def test_first_right_hit_decides_reciprocal_rank() -> None:
    right = np.array([[False, False, True, True], [False, False, False, False]])
    # Third place: 1/3; cut before it, or never: 0.
    assert reciprocal_rank_at(right, 4).tolist() == pytest.approx([1 / 3, 0])
    assert reciprocal_rank_at(right, 2).tolist() == [0, 0]


def test_denominator_is_k_when_fewer_came_back() -> None:
    # Two hits of ten asked for, both right.
    assert precision_at(np.array([[True, True]]), 10)[0] == pytest.approx(0.2)


def test_ceiling_of_a_small_class() -> None:
    # Three pictures to find among ten places: 0.3 at best.
    assert ceiling_at(np.array([3, 30, 0]), 10).tolist()[:2] == pytest.approx([0.3, 1])
    assert math.isnan(ceiling_at(np.array([0]), 10)[0])


def test_nothing_to_find_is_undefined_not_zero() -> None:
    values = query_measures(np.zeros((1, 5), dtype=bool), np.array([0]), ks=[1, 5])
    assert values
    assert all(math.isnan(value[0]) for value in values.values())


def test_lists_shorter_than_r_leave_r_measures_undefined() -> None:
    values = query_measures(RIGHT, np.array([6]), ks=[5])
    assert math.isnan(values["MAP@R"][0])
    assert math.isnan(values["R-precision"][0])
    assert values["precision@5"][0] == pytest.approx(0.4)


def test_unknown_ranks_are_undefined() -> None:
    # Only three ranks are certain: k = 5 and R = 4 reach beyond them.
    values = query_measures(RIGHT, np.array([4]), ks=[3, 5], known=np.array([3]))
    assert values["precision@3"][0] == pytest.approx(2 / 3)
    assert math.isnan(values["precision@5"][0])
    assert math.isnan(values["MRR@5"][0])
    assert math.isnan(values["MAP@R"][0])


@pytest.mark.parametrize("ks", [[], [0], [1001]])
def test_cut_offs_outside_their_range_are_refused(ks: list[int]) -> None:
    with pytest.raises(QueryError, match=r"k"):
        query_measures(RIGHT, RELEVANT, ks=ks)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("k", [1, 3, 10, 40])
def test_agreement_with_scikit_learn(seed: int, k: int) -> None:
    """Unequal classes, full rankings of 30 pictures, k also beyond the class and the gallery."""
    random = np.random.default_rng(seed)
    right = random.random((20, 30)) < random.random((20, 1)) * 0.9
    right[:, 17] = True
    relevant = right.sum(axis=1)
    falling = np.arange(30, 0, -1.0)
    values = query_measures(right, relevant, ks=[k])
    for query, hits in enumerate(right):
        chosen = np.arange(30) < k
        ideal = ndcg_score([hits], [falling], k=k)
        assert values[f"nDCG@{k}"][query] == pytest.approx(ideal)
        assert values[f"recall@{k}"][query] == pytest.approx(recall_score(hits, chosen))
        # scikit-learn divides by the hits there are, we by k.
        precision = precision_score(hits, chosen) * min(k, 30) / k
        assert values[f"precision@{k}"][query] == pytest.approx(precision)
        at_r = np.arange(30) < relevant[query]
        assert values["R-precision"][query] == pytest.approx(precision_score(hits, at_r))
        # average_precision_score divides by the right hits it is shown; MAP@R by R.
        shown = hits[: relevant[query]]
        share = shown.sum() / relevant[query]
        expected = average_precision_score(shown, falling[: len(shown)]) * share if share else 0
        assert values["MAP@R"][query] == pytest.approx(expected)
        if k >= 30:
            full = average_precision_score(hits, falling)
            assert values[f"mAP@{k}"][query] == pytest.approx(full)
