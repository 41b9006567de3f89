"""The batch size: every candidate gets its turn, then the fastest wins."""

import itertools

from core.encoder.batch_pace import BatchPace


def run(pace: BatchPace, left: int, *, cost: dict[int, list[float]]) -> list[int]:
    """Batches taken for `left` pictures, where a batch of a size takes what `cost` lists for it."""
    taken = []
    seconds = {size: itertools.cycle(times) for size, times in cost.items()}
    while left:
        size = pace.next(left)
        assert 1 <= size <= left
        pace.record(size, next(seconds[size]) if size in seconds else 0.0)
        taken.append(size)
        left -= size
    return taken


def test_after_every_candidate_was_timed_the_fastest_a_picture_is_kept() -> None:
    pace = BatchPace((4, 8, 16))
    # A picture takes 3, 2 and 2.5 seconds.
    cost = {4: [12.0], 8: [16.0], 16: [40.0]}
    taken = run(pace, 3 * (4 + 8 + 16) + 24, cost=cost)
    assert taken == [16, 16, 16, 8, 8, 8, 4, 4, 4, 8, 8, 8]
    assert pace.fastest == 8


def test_one_slow_batch_says_nothing_about_its_size() -> None:
    pace = BatchPace((4, 8))
    run(pace, 36, cost={4: [8.0], 8: [900.0, 8.0, 900.0]})
    assert pace.fastest == 8


def test_few_pictures_are_taken_at_once_and_not_timed() -> None:
    pace = BatchPace((4, 8))
    assert run(pace, 3, cost={3: [0.001]}) == [3]
    assert run(pace, 1, cost={1: [0.001]}) == [1]
    assert pace.next(100) == 8  # no candidate has been timed


def test_a_rest_is_taken_at_once() -> None:
    pace = BatchPace((4, 8))
    run(pace, 36, cost={4: [8.0], 8: [8.0]})
    assert run(pace, 13, cost={8: [8.0]}) == [8, 5]


def test_sizes_that_the_memory_is_too_small_for_are_taken_no_more() -> None:
    pace = BatchPace((4, 8, 16))
    assert pace.next(100) == 16
    pace.rule_out(16)
    # A picture takes 3 and 2 seconds.
    assert run(pace, 3 * 8 + 3 * 4 + 8, cost={4: [12.0], 8: [16.0]}) == [8, 8, 8, 4, 4, 4, 8]
    pace.rule_out(8)
    assert run(pace, 7, cost={4: [12.0]}) == [4, 3]


def test_below_the_smallest_candidate_the_size_is_halved() -> None:
    pace = BatchPace((4, 8))
    pace.rule_out(4)
    assert pace.next(100) == 2
    pace.rule_out(2)
    assert pace.next(100) == 1
