"""Exact neighbours: agreement with scikit-learn, ties by id, the query left out."""

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity, euclidean_distances, linear_kernel

from core.embeddings import neighbours
from core.embeddings.neighbours import Neighbours, exact_neighbours, occurrences
from core.errors import QueryError
from core.metric import Metric

FULL = {
    Metric.L2: lambda rows: euclidean_distances(rows, squared=True),
    Metric.IP: linear_kernel,
    Metric.COSINE: cosine_similarity,
}


@pytest.mark.parametrize("metric", list(Metric))
def test_agreement_with_scikit_learn(metric: Metric, monkeypatch: pytest.MonkeyPatch) -> None:
    # Blocks that do not divide the rows evenly.
    monkeypatch.setattr(neighbours, "_QUERY_BLOCK", 7)
    monkeypatch.setattr(neighbours, "_GALLERY_BLOCK", 11)
    rows = np.random.default_rng(1).random((60, 8), dtype=np.float32)
    found = exact_neighbours(rows, queries=np.arange(60), metric=metric, k=5)
    full = FULL[metric](rows.astype(np.float64))
    keys = full if metric.higher_is_better else -full
    np.fill_diagonal(keys, -np.inf)
    expected = np.argsort(-keys, axis=1, kind="stable")[:, :5]
    assert found.positions.tolist() == expected.tolist()
    scores = np.take_along_axis(full, expected, axis=1)
    assert found.scores == pytest.approx(scores, abs=1e-5)


@pytest.mark.parametrize("metric", list(Metric))
def test_copies_tie_exactly_and_come_in_order_of_ids(metric: Metric) -> None:
    random = np.random.default_rng(2)
    rows = np.repeat(random.random((1, 513), dtype=np.float32), 30, axis=0)
    rows[::2] = random.random((15, 513), dtype=np.float32)
    found = exact_neighbours(rows, queries=np.array([1, 29]), metric=metric, k=10)
    if metric is not Metric.IP:  # Under IP a longer row can beat a copy.
        assert found.positions[0].tolist() == [3, 5, 7, 9, 11, 13, 15, 17, 19, 21]
        # The query itself is left out, not the copy that stands first.
        assert found.positions[1].tolist() == [1, 3, 5, 7, 9, 11, 13, 15, 17, 19]
        assert len(set(found.scores[0].tolist())) == 1


def test_only_the_gallery_is_found() -> None:
    rows = np.arange(6, dtype=np.float32)[:, None]
    gallery = np.array([True, True, True, False, False, False])
    found = exact_neighbours(
        rows, queries=np.array([4, 5]), metric=Metric.L2, k=10, gallery=gallery
    )
    # Three rows can be found; the distances of 4 are 2, 3, 4, squared.
    assert found.positions.tolist() == [[2, 1, 0], [2, 1, 0]]
    assert found.scores[0].tolist() == pytest.approx([4, 9, 16])


def test_a_query_outside_the_gallery_finds_one_more() -> None:
    rows = np.arange(4, dtype=np.float32)[:, None]
    gallery = np.array([True, True, True, False])
    found = exact_neighbours(
        rows, queries=np.array([0, 3]), metric=Metric.L2, k=10, gallery=gallery
    )
    assert found.positions.tolist() == [[1, 2, -1], [2, 1, 0]]
    assert np.isnan(found.scores[0, 2])


def test_a_row_of_zeros_has_similarity_zero() -> None:
    rows = np.array([[0, 0], [1, 0], [-1, 0]], dtype=np.float32)
    found = exact_neighbours(rows, queries=np.array([0]), metric=Metric.COSINE, k=2)
    assert found.scores.tolist() == [[0, 0]]


def test_large_offsets_do_not_drown_small_distances() -> None:
    # 1000 + i in each of 16 numbers: neighbours are 16 apart, squared, beside lengths of 1.6e7.
    rows = 1000 + np.repeat(np.arange(50, dtype=np.float32)[:, None], 16, axis=1)
    found = exact_neighbours(rows, queries=np.array([10]), metric=Metric.L2, k=3)
    assert found.positions.tolist() == [[9, 11, 8]]
    assert found.scores[0].tolist() == pytest.approx([16, 16, 64])


def test_dropped_neighbours_move_the_others_up() -> None:
    lists = Neighbours(
        np.array([[4, 2, 7]], dtype=np.int32), np.array([[0.9, 0.8, 0.7]], dtype=np.float32)
    )
    left = lists.without(np.array([[True, False, True]]))
    assert left.positions.tolist() == [[2, -1, -1]]
    assert left.scores[0, 0] == pytest.approx(0.8)


def test_progress_can_stop_the_search() -> None:
    def stop(stage: str, done: int, total: int) -> None:
        raise KeyboardInterrupt(f"{done} of {total}")

    rows = np.ones((3, 2), dtype=np.float32)
    with pytest.raises(KeyboardInterrupt, match="3 of 3"):
        exact_neighbours(rows, queries=np.arange(3), metric=Metric.IP, k=1, on_progress=stop)


def test_refusals() -> None:
    rows = np.ones((3, 2), dtype=np.float32)
    with pytest.raises(QueryError, match="k is 0"):
        exact_neighbours(rows, queries=np.arange(3), metric=Metric.IP, k=0)
    with pytest.raises(QueryError, match="gallery is empty"):
        exact_neighbours(
            rows, queries=np.arange(3), metric=Metric.IP, k=1, gallery=np.zeros(3, dtype=bool)
        )


def test_one_row_finds_nothing() -> None:
    rows = np.ones((1, 2), dtype=np.float32)
    found = exact_neighbours(rows, queries=np.arange(1), metric=Metric.IP, k=5)
    assert found.positions.shape == (1, 0)


def test_hits_become_lists_of_one_length() -> None:
    lists = Neighbours.from_hits([[(4, 0.5), (2, 0.25), (7, 0.125)], []], depth=2)
    assert lists.positions.tolist() == [[4, 2], [-1, -1]]
    assert lists.scores[0].tolist() == [0.5, 0.25]
    assert np.isnan(lists.scores[1]).all()


def test_occurrences_count_the_lists_a_row_is_in() -> None:
    lists = np.array([[1, 2], [0, 2], [3, 1], [2, 1], [3, -1]], dtype=np.int32)
    # 0 is in one list, 1 and 2 in three, 3 in two, 4 in none: 9 = 5 lists of two, one of them cut.
    assert occurrences(lists, rows=5).tolist() == [1, 3, 3, 2, 0]
