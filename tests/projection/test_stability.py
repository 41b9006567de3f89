"""What a second map repeats of the first: worked out by hand, and blind to how a map is turned."""

import numpy as np
import pytest

from core.projection.stability import compare_maps, other_seed


def _line(*places: float) -> np.ndarray:
    return np.float32([[place, 0] for place in places])


def test_the_share_of_neighbours_that_come_back_is_counted_point_by_point() -> None:
    # Two groups on a line; on the second map points 2 and 3 have changed their groups.
    found = compare_maps(_line(0, 1, 2, 10, 11, 12), _line(0, 1, 10, 2, 11, 12), k=2)
    # Nearest two before: 12, 02, 01, 45, 35, 34; after: 13, 03, 45, 01, 25, 24.
    assert found.shares.tolist() == [0.5, 0.5, 0, 0, 0.5, 0.5]
    # Pale are those of which fewer than half come back.
    assert found.pale.tolist() == [False, False, True, True, False, False]
    assert found.k == 2


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("change", ["none", "turned", "mirrored", "scaled and moved"])
def test_a_map_that_is_only_turned_mirrored_or_scaled_is_pale_nowhere(
    dimensions: int, change: str
) -> None:
    places = np.random.default_rng(0).normal(size=(200, dimensions)).astype("f4")
    other = places.copy()
    if change == "turned":
        angle = 0.7
        turn = np.eye(dimensions)
        turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        other = (places @ turn).astype("f4")
    elif change == "mirrored":
        other[:, 0] *= -1
    elif change == "scaled and moved":
        other = (3 * places + 5).astype("f4")
    found = compare_maps(places, other)
    assert not found.pale.any()
    assert found.shares.min() == pytest.approx(1, abs=1 / 15)  # a tie by rounding at most
    assert found.agreement == pytest.approx(1, abs=1e-5)


def test_the_agreement_is_what_is_left_after_the_best_fit() -> None:
    cross = np.float32([[1, 0], [-1, 0], [0, 1], [0, -1]])
    flat = np.float32([[1, 0], [-1, 0], [0, 0], [0, 0]])
    # The squares sum to 4 and 2. cross' flat / (2 sqrt 2) = [[1 / sqrt 2, 0], [0, 0]], of which the
    # singular values sum to 1 / sqrt 2; their square is the agreement.
    assert compare_maps(cross, flat).agreement == pytest.approx(0.5)


def test_a_map_of_points_that_have_nothing_to_do_with_each_other_is_pale_nearly_everywhere() -> (
    None
):
    generator = np.random.default_rng(0)
    one, other = generator.normal(size=(2, 1_000, 2)).astype("f4")
    # By chance 15 of 999 come back.
    found = compare_maps(one, other)
    assert found.shares.mean() == pytest.approx(15 / 999, abs=0.005)
    assert found.pale.mean() > 0.99 and found.agreement < 0.05


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_few_and_equal_points_are_not_pale(rows: int) -> None:
    found = compare_maps(np.zeros((rows, 2), dtype="f4"), np.zeros((rows, 2), dtype="f4"))
    assert not found.pale.any() and found.agreement == 1


def test_the_second_map_has_another_seed_whatever_the_first_has() -> None:
    assert [other_seed(seed) for seed in (0, 42, 2**32 - 1)] == [1, 43, 0]
