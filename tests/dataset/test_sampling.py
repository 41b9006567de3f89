"""The sample keeps every class's share and repeats with its seed."""

from collections import Counter

from core.dataset.sampling import stratified_sample


def test_shares_are_kept() -> None:
    labels = ["a"] * 60 + ["b"] * 30 + ["c"] * 10
    chosen = stratified_sample(labels, limit=10, seed=3)
    # 60, 30 and 10 of 100 rows make 6, 3 and 1 of 10.
    assert Counter(labels[row] for row in chosen) == {"a": 6, "b": 3, "c": 1}
    assert chosen.tolist() == sorted(set(chosen.tolist()))


def test_places_left_over_go_to_the_largest_remainders() -> None:
    labels = ["a"] * 5 + ["b"] * 3 + ["c"] * 3
    # Of 4 places: 20/11 = 1.82, 12/11 = 1.09, 1.09. Rounded down 1, 1, 1; the fourth is a's.
    chosen = stratified_sample(labels, limit=4, seed=0)
    assert Counter(labels[row] for row in chosen) == {"a": 2, "b": 1, "c": 1}


def test_a_seed_repeats_and_another_differs() -> None:
    labels = ["a", "b"] * 500
    first = stratified_sample(labels, limit=100, seed=1)
    assert first.tolist() == stratified_sample(labels, limit=100, seed=1).tolist()
    assert first.tolist() != stratified_sample(labels, limit=100, seed=2).tolist()


def test_few_rows_are_all_taken() -> None:
    assert stratified_sample(["a", "", "b"], limit=3, seed=0).tolist() == [0, 1, 2]
    assert stratified_sample([], limit=3, seed=0).tolist() == []


def test_the_limit_is_met_exactly_with_more_classes_than_places() -> None:
    labels = [f"class {number}" for number in range(50)]
    assert len(stratified_sample(labels, limit=7, seed=0)) == 7


def test_small_classes_get_their_least_before_the_shares() -> None:
    labels = ["a"] * 90 + ["b"] * 9 + ["c"]
    chosen = stratified_sample(labels, limit=10, seed=0, at_least=2)
    # First 2, 2 and the only c: 5 of 10. The other 5 by 88 and 7 of 95: 4.63 and 0.37, so 4 and 0,
    # and the one left over goes to the larger remainder, a.
    assert Counter(labels[row] for row in chosen) == {"a": 7, "b": 2, "c": 1}


def test_the_least_of_every_class_may_be_more_than_the_limit() -> None:
    labels = ["a", "a", "b", "b", "c", "c", "c"]
    chosen = stratified_sample(labels, limit=3, seed=0, at_least=2)
    assert Counter(labels[row] for row in chosen) == {"a": 2, "b": 2, "c": 2}
