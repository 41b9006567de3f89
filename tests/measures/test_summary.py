"""Judging hits, means per class, macro and micro, intervals, confusion: worked out by hand."""

import math

import numpy as np
import pytest

from core.embeddings.neighbours import Neighbours, exact_neighbours
from core.evaluation.tables import confused_pairs
from core.measures.bootstrap import (
    Estimate,
    borrowed_means,
    estimates,
    holm,
    resampled_means,
    two_sided_p,
)
from core.measures.judgement import (
    Judgement,
    LabelledRows,
    cosine_similarities,
    exact_copies,
    judge,
    make_rows,
    tied_cuts,
)
from core.measures.summary import confusion, summarise
from core.metric import Metric

# Numbers on a line; classes a (4 pictures), b (2), c (1) and one without a label.
LABELS = ["a", "a", "a", "b", "b", "a", "c", ""]
PLACES = [0, 1, 3, 7, 15, 31, 63, 127]
DIGESTS = ["0", "0", "2", "3", "4", "5", "6", "7"]


def _neighbours(depth: int) -> Neighbours:
    rows = np.array(PLACES, dtype=np.float32)[:, None]
    return exact_neighbours(rows, queries=np.arange(8), metric=Metric.L2, k=depth)


def _judged(depth: int = 7) -> tuple[Judgement, LabelledRows]:
    rows = make_rows(LABELS, DIGESTS)
    return judge(_neighbours(depth), rows, np.arange(8)), rows


def test_relevant_leaves_out_the_query_and_rows_without_label() -> None:
    judged, _ = _judged()
    # a has 3 others, b one, c none; the unlabelled row has no class to be right about.
    assert judged.relevant.tolist() == [3, 3, 3, 1, 1, 3, 0, 0]
    # Nearest of each: 0-1, 1-0, 3-1, 7-3, 15-7, 31-15, 63-31, 127-63.
    assert judged.right[:, 0].tolist() == [True, True, True, False, True, False, False, False]


def test_macro_counts_classes_micro_counts_queries() -> None:
    judged, rows = _judged()
    summary = summarise(judged, rows, ks=[1], seed=0)
    first = {c.label: c for c in summary.classes}
    # a: 3 of 4 queries, b: 1 of 2.
    assert first["a"].measures["precision@1"].value == pytest.approx(3 / 4)
    assert first["b"].measures["precision@1"].value == pytest.approx(1 / 2)
    assert summary.macro["precision@1"].value == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert summary.micro["precision@1"].value == pytest.approx(4 / 6)
    assert (summary.queries, summary.lone, summary.lone_queries) == (6, ("c",), 1)
    assert summary.unlabelled == 1
    assert [c.label for c in summary.worst_first("precision@1")] == ["b", "a"]


def test_chance_and_ceiling() -> None:
    judged, rows = _judged()
    summary = summarise(judged, rows, ks=[2], seed=0)
    first, second = summary.classes
    # 3 of the 7 other rows are of class a; b has one picture for two places.
    assert first.chance == pytest.approx(3 / 7)
    assert second.ceilings[2] == pytest.approx(1 / 2)
    # b: query 7 finds 3 and 1 (0 right), query 15 finds 7 and 3 (1 right): 1/4 of 1/2 at best.
    assert second.over_ceiling(2) == pytest.approx(1 / 2)
    assert first.few


def test_k_beyond_the_gallery_is_underfilled_and_counted() -> None:
    judged, rows = _judged()
    summary = summarise(judged, rows, ks=[7, 8], seed=0)
    assert dict(summary.underfilled) == {7: 0, 8: 6}
    # All 3 others of class a are among the 7 hits; the denominator stays 8.
    assert summary.classes[0].measures["precision@8"].value == pytest.approx(3 / 8)


def test_confused_with_the_class_met_most() -> None:
    judged, rows = _judged()
    summary = summarise(judged, rows, ks=[3], seed=0)
    # Hits of a at 3: (a a b) (a a b) (a a b) (b b a): b 5 of 12.
    assert summary.classes[0].confused_with == "b"
    assert summary.classes[0].confused_share == pytest.approx(5 / 12)
    shares = confusion(judged, rows, k=3)
    assert shares[0].tolist() == pytest.approx([7 / 12, 5 / 12, 0])
    assert np.isnan(shares[2]).all()


def test_hits_behind_all_that_could_be_right_are_no_confusions() -> None:
    # One other of class a, and it comes first: what follows could not be right.
    rows = make_rows(["a", "a", "b", "b", "b"], list("01234"))
    lists = Neighbours(
        np.array([[1, 2, 3], [2, 0, 3]], dtype=np.int32),
        np.array([[3, 2, 1], [3, 2, 1]], dtype=np.float32),
    )
    judged = judge(lists, rows, np.arange(2))
    # Of six places two are right, and one b stands before the a that was still to be found.
    assert confusion(judged, rows, k=3)[0].tolist() == pytest.approx([2 / 6, 1 / 6])
    [only] = summarise(judged, rows, ks=[3], seed=0).classes
    assert (only.confused_with, only.confused_share) == ("b", pytest.approx(1 / 6))
    assert confused_pairs(judged, rows.classes, asked="a", got="b", k=3) == [(1, 0)]


def test_copies_of_the_query_are_taken_out_of_hits_and_of_what_counts() -> None:
    rows, queries = make_rows(LABELS, DIGESTS), np.arange(8)
    lists = _neighbours(7)
    copies = exact_copies(lists, rows, queries)
    assert copies.sum() == 2
    judged = judge(lists, rows, queries, dropped=copies)
    # Rows 0 and 1 have the same bytes: each has two others of its class left, in 6 rows.
    assert judged.relevant[:3].tolist() == [2, 2, 3]
    assert judged.reachable[0] == 6
    assert judged.hits[0].tolist() == [0, 1, 1, 0, 2, -1, -1]
    # The lists reach through the whole gallery, so every rank is known.
    summary = summarise(judged, rows, ks=[7], seed=0)
    assert dict(summary.unknown) == {7: 0}


def test_taking_out_more_than_was_stored_leaves_ranks_unknown() -> None:
    rows, queries = make_rows(LABELS, DIGESTS), np.arange(8)
    lists = _neighbours(2)
    judged = judge(lists, rows, queries, dropped=exact_copies(lists, rows, queries))
    summary = summarise(judged, rows, ks=[1, 2], seed=0)
    assert dict(summary.unknown) == {1: 0, 2: 2}


def test_split_gallery_counts_the_gallery_only() -> None:
    gallery = np.array([True, True, False, True, False, False, True, True])
    rows = make_rows(LABELS, DIGESTS, gallery=gallery)
    queries = np.array([2, 4, 5])
    line = np.array(PLACES, dtype=np.float32)[:, None]
    lists = exact_neighbours(line, queries=queries, metric=Metric.L2, k=3, gallery=gallery)
    judged = judge(lists, rows, queries)
    # Two of class a and one of b in the gallery; the queries are not in it.
    assert judged.relevant.tolist() == [2, 1, 2]
    assert judged.reachable.tolist() == [5, 5, 5]


@pytest.mark.parametrize("metric", list(Metric))
def test_similarity_is_the_cosine_for_every_metric(metric: Metric) -> None:
    rows = np.random.default_rng(0).random((9, 4), dtype=np.float32)
    norms = np.linalg.norm(rows, axis=1)
    lists = exact_neighbours(rows, queries=np.arange(9), metric=metric, k=8)
    similar = cosine_similarities(lists, metric, norms, np.arange(9))
    unit = rows / norms[:, None]
    expected = np.take_along_axis(unit @ unit.T, lists.positions.astype(np.int64), axis=1)
    assert similar == pytest.approx(expected, abs=1e-5)


def test_tied_cuts_are_counted() -> None:
    scores = np.array([[3, 2, 2], [3, 2, 1], [2, np.nan, np.nan]], dtype=np.float32)
    lists = Neighbours(np.array([[0, 1, 2], [0, 1, 2], [0, -1, -1]], dtype=np.int32), scores)
    assert [tied_cuts(lists, k) for k in (1, 2, 3)] == [0, 1, 0]


def test_nothing_to_judge_is_undefined() -> None:
    rows = make_rows(["a", "b", ""], ["1", "2", "3"])
    lists = exact_neighbours(
        np.eye(3, dtype=np.float32), queries=np.arange(3), metric=Metric.L2, k=2
    )
    summary = summarise(judge(lists, rows, np.arange(3)), rows, ks=[1], seed=0)
    assert summary.classes == ()
    assert math.isnan(summary.macro["precision@1"].value)
    assert math.isnan(summary.micro["precision@1"].low)
    assert (summary.lone, summary.unlabelled) == (("a", "b"), 1)


def test_one_class_has_macro_equal_to_micro() -> None:
    rows = make_rows(["a"] * 5, list("12345"))
    line = np.arange(5, dtype=np.float32)[:, None]
    lists = exact_neighbours(line, queries=np.arange(5), metric=Metric.L2, k=4)
    summary = summarise(judge(lists, rows, np.arange(5)), rows, ks=[1], seed=0)
    assert summary.macro == summary.micro
    assert str(summary.macro["precision@1"]) == "1.00 (1.00 to 1.00)"


def test_bootstrap_agrees_with_the_normal_approximation() -> None:
    # 400 coin throws: standard error sqrt(0.25 / 400) = 0.025, so 0.5 -+ 1.96 * 0.025.
    values = np.tile([0.0, 1.0], 200)[:, None]
    means = resampled_means(values, seed=3)
    found = estimates(values.mean(axis=0), means)[0]
    assert found.low == pytest.approx(0.451, abs=0.01)
    assert found.high == pytest.approx(0.549, abs=0.01)
    assert (resampled_means(values, seed=3) == means).all()
    assert (resampled_means(values, seed=4) != means).any()


def test_bootstrap_leaves_out_what_is_undefined() -> None:
    values = np.array([[1.0, np.nan], [0.0, 1.0], [1.0, 1.0]])
    means = resampled_means(values, seed=0, resamples=50)
    # The second measure is 1 wherever it is defined.
    assert set(means[:, 1][~np.isnan(means[:, 1])].tolist()) == {1.0}


def test_p_values_and_holm() -> None:
    # 1 of 99 draws at or below zero: 2 * (1 + 1) / (99 + 1).
    assert two_sided_p(np.array([-1.0] + [1.0] * 98)) == pytest.approx(0.04)
    assert two_sided_p(np.zeros(10)) == 1
    # Sorted 0.01, 0.02, 0.04 times 3, 2, 1, never falling: 0.03, 0.04, 0.04.
    adjusted = holm([0.04, 0.01, math.nan, 0.02])
    assert adjusted[:2] + adjusted[3:] == pytest.approx([0.04, 0.03, 0.04])
    assert math.isnan(adjusted[2])


def test_estimates_read_as_text() -> None:
    assert str(Estimate(0.84, 0.79, 0.88)) == "0.84 (0.79 to 0.88)"
    # Two decimals would make a point of so narrow an interval.
    assert str(Estimate(0.84, 0.837, 0.843)) == "0.840 (0.837 to 0.843)"
    assert str(Estimate(math.nan, math.nan, math.nan)) == "undefined"
    assert str(Estimate(0.5, math.nan, math.nan)) == "0.50"


def _first_hits(right: list[bool]) -> tuple[Judgement, LabelledRows]:
    """Query i has class i, one picture to find, and one hit."""
    size = len(right)
    rows = make_rows([f"{n:03}" for n in range(size)] * 2, list(map(str, range(2 * size))))
    hits = [[size + n if good else (n + 1) % size] for n, good in enumerate(right)]
    lists = Neighbours(np.array(hits, dtype=np.int32), np.ones((size, 1), dtype=np.float32))
    return judge(lists, rows, np.arange(size)), rows


def test_classes_with_one_query_do_not_make_the_mean_look_certain() -> None:
    summary = summarise(*_first_hits([n % 2 == 0 for n in range(100)]), ks=[1], seed=0)
    assert all(math.isnan(c.measures["precision@1"].low) for c in summary.classes)
    for mean in (summary.macro["precision@1"], summary.micro["precision@1"]):
        # 100 classes, half of them 1 and half 0: the deviation of their mean is
        # sqrt(0.5 * 0.5 / 100) = 0.05, and 1.96 of them lie to either side.
        assert mean.value == pytest.approx(0.5)
        assert (mean.low, mean.high) == pytest.approx((0.5 - 0.098, 0.5 + 0.098), abs=0.02)


def test_a_borrowed_spread_stays_in_the_range_of_the_measure() -> None:
    # 5 of 6 right. A wrong one drawn six times gives 5/6 + (0 - 5/6) = 0, a right one 1.
    mean = summarise(*_first_hits([True] * 5 + [False]), ks=[1], seed=0).macro["precision@1"]
    assert 0 <= mean.low < 5 / 6 < mean.high <= 1


def test_the_spread_that_is_borrowed_is_that_of_all_queries() -> None:
    everything = np.array([[0.0, np.nan], [1.0, 0.5], [0.5, 0.5]])
    drawn = borrowed_means(np.array([0.25, 0.5]), everything, seed=0)
    # Off the mean 0.5 by -0.5, 0.5 and 0: around 0.25. In the second column all known are alike.
    assert sorted(set(drawn[:, 0].tolist())) == [-0.25, 0.25, 0.75]
    assert set(drawn[~np.isnan(drawn[:, 1]), 1].tolist()) == {0.5}


def test_a_p_value_is_at_least_two_over_the_resamples_and_one() -> None:
    # None of 99 lies at or below 0: 2 * (0 + 1) / (99 + 1).
    assert two_sided_p(np.ones(99)) == pytest.approx(0.02)
