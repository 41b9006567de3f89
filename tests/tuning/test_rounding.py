"""Embeddings made smaller keep what they should, and take the bytes they say."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from core.measures.bootstrap import Estimate
from core.metric import Metric
from core.records import Reduction
from core.tuning.rounding import fewest, reductions, smaller
from core.tuning.tuning import Rounded

ROWS = (np.random.default_rng(3).normal(size=(400, 300)) * np.linspace(3, 0.1, 300) + 2).astype(
    np.float32
)


def made(metric: Metric = Metric.L2, rows: np.ndarray = ROWS) -> dict[str, tuple[np.ndarray, int]]:
    return {one.reduction.title: (one.embeddings, one.bytes_a_row) for one in smaller(rows, metric)}


def test_every_way_says_its_bytes_and_pca_only_where_it_leaves_something_out() -> None:
    assert {name: taken for name, (_, taken) in made().items()} == {
        "float16 numbers": 600,
        "int8 numbers": 300,
        "normalised vectors": 1_200,
        "PCA to 256 numbers": 1_024,
        "PCA to 128 numbers": 512,
    }


def test_a_byte_a_number_is_off_by_half_a_step_at_most() -> None:
    step = (ROWS.max(axis=0) - ROWS.min(axis=0)) / 255
    assert (np.abs(made()["int8 numbers"][0] - ROWS) <= step / 2 + 1e-5).all()
    same = np.ones((5, 3), np.float32)
    np.testing.assert_array_equal(made(rows=same)["int8 numbers"][0], same)


def test_normalised_vectors_have_length_one_and_zeros_stay_zeros() -> None:
    rows = np.array([[3, 4], [0, 0]], np.float32)
    found = made(rows=rows)["normalised vectors"][0]
    np.testing.assert_allclose(found, [[0.6, 0.8], [0, 0]], rtol=1e-6)


def test_pca_keeps_the_distances_that_that_of_scikit_learn_keeps() -> None:
    theirs = PCA(128, svd_solver="full").fit_transform(ROWS.astype(np.float64))
    ours = made()["PCA to 128 numbers"][0]
    wanted = np.linalg.norm(theirs[0] - theirs[1:], axis=1)
    np.testing.assert_allclose(np.linalg.norm(ours[0] - ours[1:], axis=1), wanted, rtol=1e-3)


@pytest.mark.parametrize("metric", [Metric.COSINE, Metric.IP])
def test_angles_from_zero_survive_where_the_mean_is_left_in(metric: Metric) -> None:
    # All rows lie in a plane through zero but not through their mean's axis alone.
    plane = np.random.default_rng(4).normal(size=(400, 130)) @ np.random.default_rng(5).normal(
        size=(130, 300)
    )
    rows = plane.astype(np.float32)
    ours = made(metric, rows)["PCA to 256 numbers"][0]
    np.testing.assert_allclose(ours @ ours[0], rows @ rows[0], rtol=1e-2, atol=1)


def test_the_fewest_components_that_lose_nothing_measurable_are_proposed() -> None:
    ways = reductions(600, 2_048)
    assert [str(way) for way in ways] == [
        *("float16", "int8", "normalised"),
        *("pca512", "pca256", "pca128"),
    ]

    def known(**loses: float) -> list[Rounded]:
        return [
            Rounded(Reduction.parse(way).title, 1, 1, 1.0, 0.5, Estimate(-0.01, -0.02, high))
            for way, high in loses.items()
        ]

    assert fewest(ways, known(pca512=0.01, pca256=0.0, pca128=-0.001)) == Reduction(pca=256)
    assert fewest(ways, known(pca512=-0.1, pca256=-0.1)) == Reduction(pca=512)
    assert fewest(ways, []) == Reduction(pca=512)
    assert fewest(reductions(100, 2_048), []) == ways[0]
