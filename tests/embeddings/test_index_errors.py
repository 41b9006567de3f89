"""What an index may be blamed for, on lists short enough to read."""

import numpy as np

from core.embeddings.index_errors import with_ties_of
from core.embeddings.neighbours import Neighbours


def lists(*rows: list[tuple[int, float]]) -> Neighbours:
    return Neighbours.from_hits(rows, depth=max(map(len, rows)))


def test_equals_stand_in_the_order_of_exact_search() -> None:
    exact = lists([(3, 0.9), (5, 0.9), (8, 0.9), (1, 0.7), (2, 0.6)])
    # The database takes equals as they were added, and sums in another order.
    index = lists([(8, 0.9000001), (3, 0.9), (2, 0.6)])
    found = with_ties_of(exact, index)
    # Two of the three equals came back: those of the lowest positions.
    assert found.positions.tolist() == [[3, 5, 2]]
    np.testing.assert_array_equal(found.scores, index.scores)
    assert index.positions.tolist() == [[8, 3, 2]], "what was given stays as it was"


def test_hits_that_equal_nothing_keep_their_places() -> None:
    exact = lists([(3, 0.9), (5, 0.8), (8, 0.7)], [(1, 0.5), (2, 0.5), (4, 0.4)])
    # An index may return what exact search has further down, and find less than is asked for.
    index = Neighbours.from_hits([[(5, 0.8), (3, 0.9)], [(9, 0.3)]], depth=3)
    assert with_ties_of(exact, index).positions.tolist() == [[5, 3, -1], [9, -1, -1]]
