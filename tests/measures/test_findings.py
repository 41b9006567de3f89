"""Hubs, suspected labels, ANN recall, causes of wrong hits: worked out by hand."""

import math

import numpy as np
import pytest

from core.embeddings.index_errors import ann_recall
from core.embeddings.neighbour_table import nearest
from core.embeddings.neighbours import Neighbours, exact_neighbours
from core.embeddings.suspects import suspects_among
from core.measures.findings import causes, find_hubs, score_bins, suspects, total
from core.measures.judgement import judge, make_rows
from core.metric import Metric
from core.projection.colours import by_hubs


def _lists(positions: list[list[int]], scores: list[list[float]] | None = None) -> Neighbours:
    places = np.array(positions, dtype=np.int32)
    if scores is None:
        falling = np.arange(places.shape[1], 0, -1, dtype=np.float32)
        numbers = np.where(places >= 0, falling, np.nan).astype(np.float32)
    else:
        numbers = np.array(scores, dtype=np.float32)
    return Neighbours(places, numbers)


def test_hubs() -> None:
    rows = make_rows(["a", "a", "b", "b"], list("1234"))
    lists = _lists([[1, 2], [0, 2], [0, 1], [0, 1]])
    judged = judge(lists, rows, np.arange(4))
    hubs = find_hubs(lists, judged, gallery=rows.gallery, k=2)
    assert hubs.occurrences.tolist() == [3, 3, 2, 0]
    # Rows 0 and 1 answer 2 and 3 of class b. Row 2 answers 0 and 1 of class a, but behind the one
    # row that could be right.
    assert hubs.bad.tolist() == [2, 2, 0, 0]
    assert hubs.never == 1
    # Deviations 1, 1, 0, -2 from the mean 2: cubes sum to -6; variance 6/4.
    assert hubs.skew == pytest.approx((-6 / 4) / (6 / 4) ** 1.5)
    top = find_hubs(
        _lists([[1], [0]]),
        judge(_lists([[1], [0]]), rows, np.arange(2)),
        k=1,
        gallery=np.array([True, True, False, False]),
    )
    assert math.isnan(top.skew)


def test_page_and_map_suspect_the_same_labels_and_count_the_same_hubs() -> None:
    random = np.random.default_rng(0)
    centres = random.normal(size=(4, 8))
    embeddings = (np.repeat(centres, 30, axis=0) + 0.3 * random.normal(size=(120, 8))).astype("f4")
    labels = [f"class {number // 30}" for number in range(120)]
    labels[3], labels[70], labels[100] = "class 1", "class 0", ""
    rows = make_rows(labels, list(map(str, range(120))))
    queries = np.arange(120)
    exact = exact_neighbours(embeddings, queries=queries, metric=Metric.COSINE, k=40)
    judged = judge(exact, rows, queries)
    table = nearest(embeddings, metric=Metric.COSINE)
    on_page = suspects(judged, rows)
    assert {3, 70} <= {suspect.row for suspect in on_page}
    assert on_page == suspects_among(table, labels)
    hubs = find_hubs(exact, judged, gallery=rows.gallery)
    assert hubs.occurrences.tolist() == by_hubs(table).values.tolist()
    # Every picture has 15 neighbours.
    assert hubs.occurrences.sum() == 120 * 15


def test_ann_recall_is_a_property_of_the_index() -> None:
    exact = _lists([[1, 2, 3], [0, 2, 3]], [[0.9, 0.8, 0.7], [0.9, 0.8, 0.7]])
    index = _lists([[1, 3, -1], [0, 2, 3]], [[0.9, 0.7, np.nan], [0.9, 0.8, 0.7]])
    # 2 of 3, and 3 of 3.
    assert ann_recall(index, exact, k=3).tolist() == pytest.approx([2 / 3, 1])


def test_a_tie_at_the_cut_is_no_error_of_the_index() -> None:
    exact = _lists([[1, 2]], [[0.9, 0.8]])
    index = _lists([[1, 3]], [[0.9, 0.8]])
    assert ann_recall(index, exact, k=2).tolist() == [1]


def test_a_wrong_hit_that_ties_with_the_last_exact_one_is_the_encoders() -> None:
    rows = make_rows(["a", "a", "b", "b", "a"], list("12345"))
    exact = _lists([[1, 2]], [[0.9, 0.8]])
    index = _lists([[1, 3]], [[0.9, 0.8]])
    [found] = causes(index, judge(index, rows, np.arange(1)), exact, k=2)
    assert (found.encoder, found.index) == (1, 0)


def test_wrong_hits_have_a_cause() -> None:
    rows = make_rows(["a", "a", "b", "b", "a"], list("12345"))
    exact = _lists([[1, 2, 4], [0, 4, 2]], [[0.9, 0.8, 0.7], [0.9, 0.8, 0.7]])
    index = _lists([[2, 3, -1], [0, 4, 3]], [[0.8, 0.6, math.nan], [0.9, 0.8, 0.6]])
    queries = np.arange(2)
    found = causes(index, judge(index, rows, queries), exact, k=3)
    # Query 0: 2 is wrong under exact search too, 3 is the index's own; one place stays empty.
    # Query 1 has 0 and 4, all that is right: that 3 stands behind them is nobody's fault.
    assert [(c.encoder, c.index, c.missing) for c in found] == [(1, 1, 1), (0, 0, 0)]
    found = total(found)
    assert (found.encoder, found.index, found.missing) == (1, 1, 1)


def test_a_hit_is_wrong_only_where_a_right_one_could_have_stood() -> None:
    # Query 0 (a) can find 1 and 4, query 3 (b) can find 2, query 5 has no class.
    rows = make_rows(["a", "a", "b", "b", "a", ""], list("123456"))
    lists = _lists([[2, 1, 4, 3], [2, 0, 1, 4], [0, 1, 2, -1]], [[0.9, 0.8, 0.7, 0.6]] * 3)
    judged = judge(lists, rows, np.array([0, 3, 5]))
    assert judged.faults.tolist() == [
        [True, False, False, False],
        [False, False, False, False],
        [False, False, False, False],
    ]


def test_score_bins() -> None:
    rows = make_rows(["a", "a", "b", "b"], list("1234"))
    scores = [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]
    lists = _lists([[1, 2], [0, 2], [3, 0], [0, 1]], scores)
    judged = judge(lists, rows, np.arange(4))
    bins = score_bins(lists.scores.astype(np.float64), judged, k=2, bins=2)
    assert bins.same.tolist() == [0, 3]
    assert bins.other.tolist() == [5, 0]
    assert bins.probability.tolist() == [0, 1]
