"""Hubs, suspected labels, ANN recall, causes of wrong hits: worked out by hand."""

import math

import numpy as np
import pytest

from core.embeddings.neighbours import Neighbours
from core.embeddings.recall import ann_recall
from core.measures.findings import causes, find_hubs, score_bins, suspects, total
from core.measures.judgement import judge, make_rows


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
    # Row 2 answers queries 0 and 1 of class a; rows 0 and 1 answer 2 and 3 of class b.
    assert hubs.bad.tolist() == [2, 2, 2, 0]
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


def test_suspects_most_certain_first() -> None:
    rows = make_rows(["a", "a", "b", "b", "b", ""], list("123456"))
    lists = _lists([[2, 3, 4], [0, 2, 3], [3, 4, 0], [2, 4, 1], [2, 3, 0], [2, 3, 0]])
    found = suspects(judge(lists, rows, np.arange(6)), rows, k=3)
    # Query 0: b 3, a 0. Query 5 has no label: b 2, none of its own. Query 1: b 2, a 1.
    assert [(s.query, s.suggested) for s in found] == [(0, "b"), (5, "b"), (1, "b")]
    assert found[2].share == pytest.approx(2 / 3)
    assert found[2].own_share == pytest.approx(1 / 3)


def test_one_class_has_no_suspects() -> None:
    rows = make_rows(["a", "a"], list("12"))
    assert suspects(judge(_lists([[1], [0]]), rows, np.arange(2)), rows, k=1) == []
    none = make_rows(["", ""], list("12"))
    assert suspects(judge(_lists([[1], [0]]), none, np.arange(2)), none, k=1) == []


def test_ann_recall_is_a_property_of_the_index() -> None:
    exact = _lists([[1, 2, 3], [0, 2, 3]], [[0.9, 0.8, 0.7], [0.9, 0.8, 0.7]])
    index = _lists([[1, 3, -1], [0, 2, 3]], [[0.9, 0.7, np.nan], [0.9, 0.8, 0.7]])
    # 2 of 3, and 3 of 3.
    assert ann_recall(index, exact, k=3).tolist() == pytest.approx([2 / 3, 1])


def test_a_tie_at_the_cut_is_no_error_of_the_index() -> None:
    exact = _lists([[1, 2]], [[0.9, 0.8]])
    index = _lists([[1, 3]], [[0.9, 0.8]])
    assert ann_recall(index, exact, k=2).tolist() == [1]


def test_wrong_hits_have_a_cause() -> None:
    rows = make_rows(["a", "a", "b", "b", "a"], list("12345"))
    exact = _lists([[1, 2, 4], [0, 4, 2]])
    index = _lists([[2, 3, -1], [0, 4, 3]])
    queries = np.arange(2)
    found = causes(index, judge(index, rows, queries), exact, k=3)
    assert [(c.encoder, c.index, c.missing) for c in found] == [(1, 1, 1), (0, 1, 0)]
    found = total(found)
    # Query 0: 2 is wrong under exact search too, 3 is the index's own; one place stays empty.
    # Query 1: 3 is the index's own.
    assert (found.encoder, found.index, found.missing) == (1, 2, 1)


def test_score_bins() -> None:
    rows = make_rows(["a", "a", "b", "b"], list("1234"))
    scores = [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]
    lists = _lists([[1, 2], [0, 2], [3, 0], [0, 1]], scores)
    judged = judge(lists, rows, np.arange(4))
    bins = score_bins(lists.scores.astype(np.float64), judged, k=2, bins=2)
    assert bins.same.tolist() == [0, 3]
    assert bins.other.tolist() == [5, 0]
    assert bins.probability.tolist() == [0, 1]
