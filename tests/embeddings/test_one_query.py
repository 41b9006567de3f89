"""Exact search for one query, against plain NumPy in double precision."""

import sys
from pathlib import Path

import numpy as np
import pytest

from core.embeddings import one_query
from core.embeddings.matrix_file import delete_others
from core.embeddings.neighbours import exact_neighbours
from core.embeddings.one_query import best_rows, exact_scores, farthest_usual
from core.metric import Metric
from scripts.benchmark.measuring import resident_bytes

RANDOM = np.random.default_rng(0)
# More than one block of 1,024 rows.
ROWS = RANDOM.normal(size=(1500, 6)).astype(np.float32)
QUERY = RANDOM.normal(size=6).astype(np.float32)


def reference(metric: Metric) -> np.ndarray:
    rows, query = ROWS.astype(np.float64), QUERY.astype(np.float64)
    if metric is Metric.L2:
        return ((rows - query) ** 2).sum(axis=1)
    product = rows @ query
    if metric is Metric.IP:
        return product
    return product / np.linalg.norm(rows, axis=1) / np.linalg.norm(query)


@pytest.mark.parametrize("metric", list(Metric))
def test_scores_are_those_of_plain_arithmetic(metric: Metric) -> None:
    scores = exact_scores(ROWS, QUERY, metric=metric)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, reference(metric), rtol=1e-4, atol=1e-5)


def test_a_row_of_zeros_is_like_nothing_by_cosine() -> None:
    rows = np.array([[0, 0], [2, 0]], dtype=np.float32)
    scores = exact_scores(rows, np.array([1, 0], dtype=np.float32), metric=Metric.COSINE)
    np.testing.assert_array_equal(scores, [0, 1])
    nothing = exact_scores(rows, np.zeros(2, dtype=np.float32), metric=Metric.COSINE)
    np.testing.assert_array_equal(nothing, [0, 0])


@pytest.mark.parametrize("metric", list(Metric))
def test_the_best_rows_come_first_in_the_metrics_direction(metric: Metric) -> None:
    scores = exact_scores(ROWS, QUERY, metric=metric)
    order = np.argsort(-reference(metric) if metric.higher_is_better else reference(metric))
    found = best_rows(scores, metric=metric, k=10, allowed=np.ones(1500, dtype=bool))
    np.testing.assert_array_equal(found, order[:10])


def test_equal_scores_are_ordered_by_position_also_at_the_cut() -> None:
    scores = np.array([1, 5, 5, 5, 0], dtype=np.float32)
    everything = np.ones(5, dtype=bool)
    for metric, expected in ((Metric.IP, [1, 2]), (Metric.L2, [4, 0])):
        assert best_rows(scores, metric=metric, k=2, allowed=everything).tolist() == expected


def test_only_allowed_rows_are_returned_and_fewer_if_there_are_no_more() -> None:
    scores = np.array([3, 2, 1], dtype=np.float32)
    allowed = np.array([False, True, True])
    assert best_rows(scores, metric=Metric.IP, k=9, allowed=allowed).tolist() == [1, 2]
    assert best_rows(scores, metric=Metric.IP, k=9, allowed=~np.ones(3, bool)).tolist() == []


def test_the_usual_distance_is_the_99th_percentile_of_the_nearest_ones() -> None:
    # On a line at 0, 1, 3, 7: the nearest are 1, 1, 2, 4 away, squared 1, 1, 4, 16. The 99th
    # percentile lies at 0.99 * 3 = 2.97 steps: 4 + 0.97 * (16 - 4) = 15.64.
    rows = np.array([[0], [1], [3], [7]], dtype=np.float32)
    assert farthest_usual(rows, metrics=[Metric.L2])[Metric.L2] == pytest.approx(15.64, rel=1e-5)


def test_for_similarities_it_is_the_first_percentile() -> None:
    # Cosines of unit vectors at 0, 60 and 90 degrees: nearest 0.5, cos 30, cos 30. The first
    # percentile lies at 0.01 * 2 = 0.02 steps from 0.5 towards 0.866.
    angles = np.radians([0, 60, 90])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    expected = 0.5 + 0.02 * (np.cos(np.radians(30)) - 0.5)
    assert farthest_usual(rows, metrics=[Metric.COSINE])[Metric.COSINE] == pytest.approx(
        expected, rel=1e-5
    )


def test_a_single_row_has_no_nearest_one() -> None:
    assert np.isnan(farthest_usual(ROWS[:1], metrics=[Metric.L2])[Metric.L2])


def test_one_product_gives_the_usual_distances_of_every_metric() -> None:
    # 1,500 rows of which 1,000 are asked: far from the origin, in two blocks, one of them zeros.
    rows = ROWS + 30
    rows[700] = 0
    asked = np.sort(np.random.default_rng(0).choice(1500, 1000, replace=False))
    found = farthest_usual(rows, metrics=tuple(Metric))
    for metric in Metric:
        exact = exact_neighbours(rows, queries=asked, metric=metric, k=1).scores[:, 0]
        share = 0.01 if metric.higher_is_better else 0.99
        expected = np.quantile(exact.astype(np.float64), share)
        assert found[metric] == pytest.approx(expected, rel=1e-4)


def test_usual_distances_are_kept_beside_a_mapped_matrix_until_it_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "set-1-v2.npy", ROWS)
    mapped = np.load(tmp_path / "set-1-v2.npy", mmap_mode="r")
    found = farthest_usual(mapped, metrics=[Metric.L2])
    with monkeypatch.context() as patch:
        patch.setattr(one_query, "_nearest", lambda *_: pytest.fail("measured again"))
        assert farthest_usual(mapped, metrics=[Metric.L2]) == found
    # Another metric is added to what is known.
    assert farthest_usual(mapped, metrics=[Metric.L2, Metric.IP])[Metric.L2] == found[Metric.L2]
    [kept] = tmp_path.glob("*.json")
    kept.write_text("no JSON")
    assert farthest_usual(mapped, metrics=[Metric.L2]) == found
    delete_others(tmp_path / "set-1-v2.npy", keep=(tmp_path / "set-1-v2.npy",))
    assert not kept.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process holds now")
def test_going_through_a_mapped_matrix_gives_its_memory_back(tmp_path: Path) -> None:
    rows = np.ones((20_000, 500), dtype=np.float32)
    np.save(tmp_path / "rows.npy", rows)
    del rows
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    before = resident_bytes()
    assert exact_scores(mapped, mapped[0].copy(), metric=Metric.IP)[-1] == 500
    farthest_usual(mapped, metrics=[Metric.IP])
    # The matrix has 40 MB; what is left are 20,000 scores and what BLAS keeps for itself.
    assert resident_bytes() - before < 20_000_000
