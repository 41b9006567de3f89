"""Maps: PCA and trustworthiness against scikit-learn, UMAP's seed and epochs, bad input."""

import io
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from tqdm import tqdm

from core.errors import ProjectionError
from core.metric import Metric
from core.projection.projection import Method, ProjectionSettings, project, reduce, transform
from core.projection.trustworthiness import TRUST_ROWS, trust_in

ROOT = Path(__file__).parents[2]


def _clusters(rows: int = 90, dimension: int = 64) -> np.ndarray:
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(3, dimension)) * 5
    return (centres[np.arange(rows) % 3] + generator.normal(size=(rows, dimension))).astype("f4")


def _pca(**values: Any) -> ProjectionSettings:
    return ProjectionSettings(method=Method.PCA, **values)


def test_pca_agrees_with_scikit_learn() -> None:
    vectors = _clusters()
    found = project(vectors, _pca(metric=Metric.L2))
    model = PCA(2, svd_solver="full")
    expected = model.fit_transform(vectors)
    # The sign of a component is free.
    signs = np.sign((found.coordinates * expected).sum(axis=0))
    np.testing.assert_allclose(found.coordinates * signs, expected, atol=1e-2)
    assert found.variance == pytest.approx(model.explained_variance_ratio_.sum(), rel=1e-4)


def test_trustworthiness_is_that_of_the_metric() -> None:
    vectors = _clusters()
    found = project(vectors, _pca(metric=Metric.COSINE))
    expected = trustworthiness(vectors, found.coordinates, n_neighbors=15, metric="cosine")
    assert found.trustworthiness == pytest.approx(expected, abs=1e-3)
    assert (found.trust_k, found.trust_rows) == (15, 90)


def test_trustworthiness_of_many_rows_is_judged_on_a_sample() -> None:
    vectors = np.random.default_rng(0).normal(size=(TRUST_ROWS + 1, 2)).astype("f4")
    # A map that is the space itself is fully trustworthy.
    assert trust_in(vectors, vectors, seed=0) == (1.0, 15, TRUST_ROWS)


def test_umap_separates_clusters_repeats_and_reports_every_epoch() -> None:
    vectors = _clusters()
    steps: list[tuple[str, int, int]] = []
    first = project(vectors, ProjectionSettings(), on_progress=lambda *step: steps.append(step))
    again = project(vectors, ProjectionSettings())
    assert np.array_equal(first.coordinates, again.coordinates)
    other = project(vectors, ProjectionSettings(seed=7))
    assert not np.array_equal(first.coordinates, other.coordinates)
    centres = np.stack([first.coordinates[start::3].mean(axis=0) for start in range(3)])
    # Along one axis; 90 points in three clusters.
    spread = max(first.coordinates[start::3].std(axis=0).max() for start in range(3))
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.linalg.norm(centres[one] - centres[other]) > 4 * spread
    # umap-learn runs 500 epochs below 10,000 rows.
    epochs = [done for stage, done, total in steps if stage == "layout" and total == 500]
    assert epochs == sorted(epochs)
    assert set(range(501)) <= set(epochs)
    assert list(dict.fromkeys(stage for stage, _, _ in steps)) == [
        "reduce",
        "graph",
        "layout",
        "trust",
    ]


def test_what_progress_raises_stops_the_layout() -> None:
    class EnoughError(Exception):
        pass

    def stop(stage: str, done: int, total: int) -> None:
        if stage == "layout" and done == 3:
            raise EnoughError

    with pytest.raises(EnoughError):
        project(_clusters(), ProjectionSettings(), on_progress=stop)
    # Progress bars of other threads do not wait for the one that was stopped.
    other = threading.Thread(target=lambda: list(tqdm([1], file=io.StringIO())), daemon=True)
    other.start()
    other.join(60)
    assert not other.is_alive()


@pytest.mark.parametrize("dimensions", [2, 3])
def test_umap_places_a_query_among_its_like_and_leaves_the_map_alone(dimensions: int) -> None:
    vectors = _clusters()
    made = project(vectors, ProjectionSettings(dimensions=dimensions))
    before = made.coordinates.copy()
    steps: list[str] = []
    for cluster in range(3):
        query = vectors[cluster::3].mean(axis=0)
        place = transform(vectors, made, query, on_progress=lambda *step: steps.append(step[0]))
        assert place.shape == (dimensions,)
        near = np.linalg.norm(made.coordinates - place, axis=1).argsort()[:5]
        assert set(near % 3) == {cluster}
    assert steps == ["place"] * 3
    assert np.array_equal(made.coordinates, before)


def test_a_query_that_umap_cannot_place_is_told() -> None:
    vectors = _clusters()
    with pytest.raises(ProjectionError, match="was not made by UMAP"):
        transform(vectors, project(vectors, _pca()), vectors[0])
    few = project(vectors[:4], ProjectionSettings())
    with pytest.raises(ProjectionError, match="at least 5 pictures"):
        transform(vectors[:4], few, vectors[0])
    made = project(vectors, _pca())
    with pytest.raises(ProjectionError, match="has 3 numbers, the map 64"):
        transform(vectors, made, vectors[0, :3])


def test_three_dimensions() -> None:
    found = project(_clusters(), ProjectionSettings(dimensions=3))
    assert found.coordinates.shape == (90, 3)
    assert found.shown is Method.UMAP
    assert np.isfinite(found.coordinates).all()


@pytest.mark.parametrize("rows", [1, 2, 3, 4])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_too_few_rows_for_umap_are_shown_by_pca_and_said(rows: int, dimensions: int) -> None:
    found = project(_clusters(rows), ProjectionSettings(dimensions=dimensions))
    assert found.coordinates.shape == (rows, dimensions)
    assert np.isfinite(found.coordinates).all()
    assert "UMAP needs at least 5 pictures" in found.notes[0]
    assert (found.settings.method, found.shown) == (Method.UMAP, Method.PCA)
    # k must stay below half of the rows, so one or two rows have no trustworthiness.
    assert np.isnan(found.trustworthiness) == (rows < 3)


def test_fewer_rows_than_n_neighbors_lower_it() -> None:
    found = project(_clusters(8), ProjectionSettings(n_neighbors=15))
    assert found.notes == ("n_neighbors was lowered from 15 to 7: there are only 8 pictures.",)
    assert np.isfinite(found.coordinates).all()


@pytest.mark.parametrize("method", list(Method))
def test_equal_vectors_lie_on_one_point(method: Method) -> None:
    found = project(np.ones((20, 8), dtype="f4"), ProjectionSettings(method=method))
    assert not found.coordinates.any()
    assert (found.variance, found.shown) == (0, Method.PCA)


def test_two_distinct_vectors_among_many() -> None:
    vectors = np.repeat(np.float32([[1, 0], [0, 1]]), 10, axis=0)
    found = project(vectors, ProjectionSettings(dimensions=3))
    assert found.coordinates.shape == (20, 3)
    assert np.isfinite(found.coordinates).all()


def test_reduction_of_a_plane_keeps_everything() -> None:
    # Three numbers a row, but all rows lie in a plane: two components hold all the variance.
    flat = np.random.default_rng(0).normal(size=(40, 2)).astype("f4") @ np.float32(
        [[1, 2, 3], [0, 1, 1]]
    )
    reduced, variance = reduce(flat, 50, seed=0)
    assert reduced.shape == (40, 3)
    assert variance[:2].sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dimensions", 4),
        ("metric", Metric.IP),
        ("n_neighbors", 1),
        ("n_neighbors", 201),
        ("min_dist", -0.1),
        ("min_dist", 1.0),
        ("seed", -1),
    ],
)
def test_values_outside_their_range_are_refused(name: str, value: object) -> None:
    with pytest.raises(ProjectionError, match=f"{name} is .*allowed are"):
        ProjectionSettings(**{name: value})


@pytest.mark.parametrize("vectors", [np.zeros((0, 4), "f4"), np.full((9, 4), np.nan, "f4")])
def test_no_rows_and_numbers_that_are_not_finite_are_refused(vectors: np.ndarray) -> None:
    with pytest.raises(ProjectionError, match="cannot be projected"):
        project(vectors, _pca())


@pytest.mark.slow
def test_what_umap_compiles_is_read_from_disk_by_the_next_process() -> None:
    code = (
        "from umap import layouts, umap_\n"
        "from core.projection.umap_layout import warm_up\n"
        "warm_up()\n"
        "for compiled in (umap_.smooth_knn_dist, umap_.compute_membership_strengths,\n"
        "                 layouts._nb_optimize_layout_euclidean_single_epoch):\n"
        "    print(sum(compiled.stats.cache_hits.values()),\n"
        "          sum(compiled.stats.cache_misses.values()))\n"
    )

    def hits_and_misses() -> list[str]:
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    hits_and_misses()
    assert hits_and_misses() == ["1 0"] * 3
