"""A setting beside exact search: recall over queries, precision and its loss over classes."""

import numpy as np
import pytest

from core.embeddings.neighbours import Neighbours
from core.measures.judgement import make_rows
from core.measures.paired import macro_difference, paired_classes
from core.measures.setting import against_exact


def lists(*positions: list[int]) -> Neighbours:
    # Scores without ties: a rank each, the same for a row in both lists.
    scores = -np.array(positions, dtype=np.float32)
    return Neighbours(np.array(positions, dtype=np.int32), scores)


ROWS = make_rows(list("aaabbb"), [""] * 6)
QUERIES = np.array([0, 1, 3])
EXACT = lists([1, 2], [0, 2], [4, 5])


def test_what_exact_search_finds_is_found_in_full_and_loses_nothing() -> None:
    judged = against_exact(EXACT, EXACT, rows=ROWS, queries=QUERIES, k=2, seed=0)
    assert (judged.recall, judged.precision) == (1.0, 1.0)
    difference = judged.difference
    assert (difference.value, difference.low, difference.high) == (0.0, 0.0, 0.0)


def test_recall_is_a_mean_over_queries_and_precision_one_over_classes() -> None:
    # The second query of class a finds row 4 of class b in the place of row 2: recall 1/2.
    found = lists([1, 2], [0, 4], [4, 5])
    judged = against_exact(found, EXACT, rows=ROWS, queries=QUERIES, k=2, seed=0)
    # Recall (1 + 1/2 + 1) / 3; class a (1 + 1/2) / 2, class b 1.
    assert judged.recall == pytest.approx(5 / 6)
    assert judged.precision == pytest.approx((0.75 + 1) / 2)
    # Class a loses 1/4, class b nothing.
    assert judged.difference.value == pytest.approx(-0.125)
    # Of class a's two queries either, both or none are drawn; class b borrows its spread from all.
    assert judged.difference.low < -0.125 < judged.difference.high


def test_a_loss_that_is_the_same_for_every_query_is_certain() -> None:
    # Paired: how precise either is varies, the difference does not.
    classes = paired_classes(np.full(40, -0.1), np.repeat([0, 1], 20).astype(np.int32), seed=3)
    macro = macro_difference(classes)
    assert (macro.value, macro.low, macro.high) == pytest.approx((-0.1, -0.1, -0.1))


def test_what_is_undefined_is_left_out_and_nothing_at_all_is_undefined() -> None:
    codes = np.array([0, 0, 1], dtype=np.int32)
    found = paired_classes(np.array([0.5, np.nan, np.nan]), codes, seed=0)
    assert [(one.code, len(one.pairs), one.difference.value) for one in found] == [(0, 1, 0.5)]
    assert np.isnan(macro_difference([]).value)
