"""Neighbourhoods: cases worked out by hand, and scikit-learn on random ones."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from core.embeddings.near_duplicates import near_duplicates
from core.embeddings.neighbour_table import (
    Neighbourhoods,
    as_euclidean,
    nearest,
    outliers,
    purity,
    survival,
)
from core.embeddings.neighbours import occurrences
from core.embeddings.suspects import suspects_among
from core.metric import Metric

# Points on a line: a pair, a pair, and one far off.
LINE = np.array([[0, 0], [1, 0], [10, 0], [12, 0], [30, 0]], dtype=np.float32)
LABELS = ["a", "a", "b", "a", "b"]


def _random(rows: int, dimension: int = 7) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(rows, dimension)).astype(np.float32)


def _with_cosines(cosines: list[list[float]], indices: list[list[int]]) -> Neighbourhoods:
    values = np.array(cosines, dtype=np.float32)
    return Neighbourhoods(np.array(indices, dtype=np.int32), values, values)


def test_the_nearest_on_a_line() -> None:
    found = nearest(LINE, metric=Metric.L2, k=2)
    # From 10: 12 is 2 off, 1 is 9 off. From 12: 10 is 2 off, 1 is 11 off. From 30: 12, then 10.
    assert found.indices.tolist() == [[1, 2], [0, 2], [3, 1], [2, 1], [3, 2]]
    # Squared, as Milvus gives L2: 30 - 12 = 18, 30 - 10 = 20.
    assert found.scores[4].tolist() == [324, 400]


@pytest.mark.parametrize(("metric", "name"), [(Metric.L2, "euclidean"), (Metric.COSINE, "cosine")])
def test_agrees_with_scikit_learn(metric: Metric, name: str) -> None:
    # More rows than one block holds.
    vectors = _random(600)
    found = nearest(vectors, metric=metric, k=15)
    model = NearestNeighbors(n_neighbors=16, metric=name, algorithm="brute").fit(vectors)
    distances, indices = model.kneighbors(vectors)
    assert (found.indices == indices[:, 1:]).mean() > 0.999
    expected = distances[:, 1:] ** 2 if metric is Metric.L2 else 1 - distances[:, 1:]
    np.testing.assert_allclose(found.scores, expected, rtol=1e-4, atol=1e-5)


def test_a_row_is_never_its_own_neighbour_also_among_equals() -> None:
    found = nearest(np.ones((6, 3), dtype=np.float32), metric=Metric.COSINE, k=5)
    assert all(row not in found.indices[row] for row in range(6))
    np.testing.assert_allclose(found.scores, 1)


def test_nearly_equal_rows_far_from_zero_keep_their_distance() -> None:
    # |a|^2 is about 2e6, where float32 steps by 0.125: by |a|^2 + |b|^2 - 2ab 0.01 would be lost.
    rows = np.full((3, 2), 1000, dtype=np.float32) + np.float32([[0, 0], [0.1, 0], [5, 0]])
    assert nearest(rows, metric=Metric.L2, k=1).scores[0, 0] == pytest.approx(0.01, rel=0.01)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_few_rows_have_few_neighbours(rows: int) -> None:
    found = nearest(_random(rows), metric=Metric.COSINE)
    assert found.k == rows - 1
    assert found.indices.shape == (rows, rows - 1)


def test_one_row_has_no_purity_and_no_group() -> None:
    found = nearest(_random(1), metric=Metric.L2)
    assert np.isnan(purity(found, ["a"])).all()
    assert np.isnan(survival(found, np.zeros((1, 2), dtype=np.float32))).all()
    assert near_duplicates(found, similarity=-1) == []
    assert outliers(found, metric=Metric.L2, count=5).tolist() == []
    assert suspects_among(found, ["a"]) == []
    assert occurrences(found.indices, rows=1).tolist() == [0]


def test_unit_vectors_rank_as_cosine_and_zero_stays_zero() -> None:
    vectors = as_euclidean(np.float32([[3, 4], [0, 0]]), Metric.COSINE)
    np.testing.assert_allclose(vectors, [[0.6, 0.8], [0, 0]])


def test_the_inner_product_is_refused() -> None:
    with pytest.raises(ValueError, match="not a distance"):
        nearest(LINE, metric=Metric.IP)


def test_purity_is_the_share_of_neighbours_of_the_class() -> None:
    found = nearest(LINE, metric=Metric.L2, k=2)
    # Row 0 (a): 1 (a), 2 (b). Row 2 (b): 3 (a), 1 (a). Row 4 (b): 3 (a), 2 (b).
    assert purity(found, LABELS).tolist() == [0.5, 0.5, 0, 0.5, 0.5]


def test_survival_of_a_faithful_and_of_a_torn_map() -> None:
    found = nearest(LINE, metric=Metric.L2, k=2)
    assert survival(found, LINE).tolist() == [1, 1, 1, 1, 1]
    # 30 is moved beside 0 and 1: their two nearest on the map are each other and row 4.
    torn = np.float32([[0, 0], [1, 0], [10, 0], [12, 0], [2, 0]])
    # Row 0: {1, 4} of {1, 2}. Row 1: {0, 4} of {0, 2}. Row 2: {3, 4} of {3, 1}.
    # Row 3: {2, 4} of {2, 1}. Row 4: {1, 0} of {3, 2}.
    assert survival(found, torn).tolist() == [0.5, 0.5, 0.5, 0.5, 0]


def test_survival_where_all_lie_on_one_point_stays_a_share() -> None:
    found = nearest(_random(30), metric=Metric.L2, k=5)
    shares = survival(found, np.zeros((30, 2), dtype=np.float32))
    assert ((shares >= 0) & (shares <= 1)).all()


def test_outliers_are_farthest_from_their_kth_neighbour() -> None:
    by_distance = nearest(LINE, metric=Metric.L2, k=2)
    # k-th distances: 10, 9, 9, 11, 20.
    assert outliers(by_distance, metric=Metric.L2, count=3).tolist() == [4, 3, 0]
    angles = np.radians([0, 1, 2, 90])
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    by_cosine = nearest(circle, metric=Metric.COSINE, k=2)
    assert outliers(by_cosine, metric=Metric.COSINE, count=1).tolist() == [3]


def test_near_duplicates_join_over_steps() -> None:
    # 0-1 and 1-2 are alike, 0-2 are not: one group all the same. 3-4 are a group of their own.
    links = _with_cosines(
        [[0.99, 0.5], [0.99, 0.98], [0.98, 0.5], [0.97, 0.1], [0.97, 0.1], [0.2, 0.1]],
        [[1, 2], [0, 2], [1, 0], [4, 0], [3, 0], [0, 1]],
    )
    assert [g.tolist() for g in near_duplicates(links, similarity=0.95)] == [[0, 1, 2], [3, 4]]
    assert [g.tolist() for g in near_duplicates(links, similarity=0.985)] == [[0, 1]]
    assert near_duplicates(links, similarity=1.0) == []


def test_cosines_are_there_whatever_the_metric() -> None:
    # Same direction, far apart: L2 5, cosine 1.
    rows = np.float32([[1, 0], [6, 0]])
    found = nearest(rows, metric=Metric.L2)
    assert found.scores[0, 0] == 25
    assert found.cosines[0, 0] == pytest.approx(1)
    assert [g.tolist() for g in near_duplicates(found, similarity=0.99)] == [[0, 1]]


def test_progress_ends_at_the_number_of_rows() -> None:
    seen: list[tuple[str, int, int]] = []
    nearest(_random(600), metric=Metric.L2, k=3, on_progress=lambda *step: seen.append(step))
    assert seen == [("compare", 512, 600), ("compare", 600, 600)]
