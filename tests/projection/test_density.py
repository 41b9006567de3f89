"""Lines of equal density: what they enclose is counted, and few points have none."""

import numpy as np
import pytest

from core.projection.density import DENSE_FROM, ENCLOSED, density_lines


def _split(corners: np.ndarray) -> list[np.ndarray]:
    ends = np.flatnonzero(np.isnan(corners[:, 0]))
    starts = [0, *(ends[:-1] + 1)]
    return [corners[start:end] for start, end in zip(starts, ends, strict=True)]


def test_the_lines_of_a_round_cloud_are_circles_that_enclose_their_shares() -> None:
    places = np.random.default_rng(0).normal(size=(40_000, 2)).astype("f4")
    lines = sorted(_split(density_lines(places)), key=lambda line: -np.abs(line).max())
    radii = [np.linalg.norm(line, axis=1) for line in lines]
    assert len(lines) == len(ENCLOSED)
    for share, around in zip(ENCLOSED, radii, strict=True):
        # In two dimensions a share s of a normal cloud lies within sqrt(-2 ln(1 - s)); smoothing by
        # one and a half of 96 fields of about 0.1 makes the cloud wider by 1 %.
        assert around.mean() == pytest.approx(np.sqrt(-2 * np.log(1 - share)), rel=0.05)
        assert around.std() < 0.1 * around.mean() + 0.02


def test_two_clusters_have_lines_of_their_own() -> None:
    places = np.random.default_rng(0).normal(size=(20_000, 2)).astype("f4")
    places[::2, 0] += 20
    # Every line is about one of them: none passes between.
    sides = [set(line[:, 0] > 10) for line in _split(density_lines(places))]
    assert all(len(side) == 1 for side in sides)
    assert {True, False} == set().union(*sides)


def test_few_points_and_points_without_an_area_have_no_lines() -> None:
    places = np.random.default_rng(0).normal(size=(DENSE_FROM, 2)).astype("f4")
    assert density_lines(places) is not None
    assert density_lines(places[1:]) is None
    assert density_lines(np.zeros((DENSE_FROM, 2), dtype="f4")) is None
    assert density_lines(places * np.float32([1, 0])) is None
