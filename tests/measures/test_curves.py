"""Lines of precision over k: counted by hand."""

import numpy as np
import pytest

from core.embeddings.neighbours import Neighbours
from core.measures.curves import MACRO_MEAN, precision_curves
from core.measures.judgement import judge, make_rows

ROWS = make_rows(["a", "a", "b", "b", "b", ""], list("001234"))
LISTS = Neighbours(
    np.array([[1, 2, 3], [0, 2, 3], [3, 0, 4], [2, 4, 0], [0, 1, 2], [0, 1, 2]], dtype=np.int32),
    np.ones((6, 3), dtype=np.float32),
)


def test_a_line_is_the_mean_over_the_queries_of_a_class() -> None:
    lines = precision_curves(judge(LISTS, ROWS, np.arange(6)), ROWS)
    # a: right, wrong, wrong for both queries: 1, 1/2, 1/3.
    assert lines["a"].tolist() == pytest.approx([1, 1 / 2, 1 / 3])
    # b: 1 0 1, 1 1 0, 0 0 1: at 1: 2/3; at 2: (1 + 2 + 0) / 6; at 3: (2 + 2 + 1) / 9.
    assert lines["b"].tolist() == pytest.approx([2 / 3, 1 / 2, 5 / 9])
    assert lines[MACRO_MEAN].tolist() == pytest.approx([5 / 6, 1 / 2, (1 / 3 + 5 / 9) / 2])
    assert list(lines) == ["a", "b", MACRO_MEAN]


def test_a_line_ends_where_no_query_is_known_so_deep() -> None:
    # Hit 1 of queries 0 and 1 is left out: of their three ranks two are known.
    dropped = np.zeros((6, 3), dtype=bool)
    dropped[:2, 0] = True
    lines = precision_curves(judge(LISTS, ROWS, np.arange(6), dropped=dropped), ROWS)
    # Then class a has nothing to find, and is left out.
    assert list(lines) == ["b", MACRO_MEAN]
    dropped[:2], dropped[2:5, 1] = False, True
    lines = precision_curves(judge(LISTS, ROWS, np.arange(6), dropped=dropped), ROWS)
    # b without its second hits: 1 1, 1 0, 0 1 (query 3 has lost a right one, and one of two left).
    assert lines["b"][:2].tolist() == pytest.approx([2 / 3, 2 / 3])
    assert np.isnan(lines["b"][2]) and np.isnan(lines[MACRO_MEAN][2])


def test_without_a_usable_query_there_is_no_line() -> None:
    assert precision_curves(judge(LISTS, ROWS, np.array([5] * 6)), ROWS) == {}
