"""What an answer is worth, on lists short enough to count by hand."""

import math

import pytest

from core.metric import Metric
from core.records import ImageRecord
from core.search.hits import Hit
from core.search.verdict import (
    Cause,
    beyond,
    class_votes,
    compare_with_exact,
    is_unusual,
    overlap,
    precision,
    rank_changes,
)


def hits(*pairs: tuple[str, float]) -> list[Hit]:
    """Hits named such as `pear1`: the class is the name without its last letter."""
    return [
        Hit(rank, ImageRecord(hash(name) % 2**62, f"{name}.jpg", name[:-1], ""), score)
        for rank, (name, score) in enumerate(pairs, 1)
    ]


EXACT = hits(("pear1", 1), ("plum1", 2), ("pear2", 3), ("plum2", 4))


def test_votes_are_shares_of_the_hits_most_frequent_first() -> None:
    votes = class_votes(hits(("pear1", 1), ("plum1", 2), ("plum2", 3), ("fig1", 4)))
    assert [(v.label, v.count, v.share) for v in votes] == [
        ("plum", 2, 0.5),
        ("pear", 1, 0.25),
        ("fig", 1, 0.25),
    ]
    assert class_votes([]) == []


def test_precision_counts_a_missing_hit_as_not_right() -> None:
    # 2 of 3 hits are pears, 5 were asked for.
    assert precision(EXACT[:3], expected="pear", k=5) == pytest.approx(2 / 5)


def test_recall_is_the_share_of_the_exact_hits_and_the_missed_are_named() -> None:
    found = hits(("pear1", 1), ("pear2", 3), ("fig1", 9))
    verdict = compare_with_exact(found, EXACT, expected=None, others=2)
    assert verdict.recall == pytest.approx(2 / 4)
    assert [(h.rank, h.record.path) for h in verdict.missed] == [(2, "plum1.jpg"), (4, "plum2.jpg")]
    assert verdict.causes == {}


def test_a_wrong_hit_is_the_encoders_if_exact_search_has_it_and_the_indexs_otherwise() -> None:
    found = hits(("pear1", 1), ("plum1", 2), ("pear2", 3), ("fig1", 9))
    verdict = compare_with_exact(found, EXACT, expected="pear", others=3)
    assert verdict.causes == {
        found[1].record.id: Cause.ENCODER,
        found[3].record.id: Cause.INDEX,
    }


def test_a_hit_behind_all_that_could_be_right_is_nobodys_fault() -> None:
    found = hits(("pear1", 1), ("plum1", 2), ("pear2", 3), ("fig1", 9))
    # There are two pears: with the third hit both are found.
    assert beyond(found, expected="pear", others=2) == {found[3].record.id}
    verdict = compare_with_exact(found, EXACT, expected="pear", others=2)
    assert verdict.causes == {found[1].record.id: Cause.ENCODER}
    # One pear is enough for the first place; all others have none to lose.
    assert len(beyond(found, expected="pear", others=1)) == 3
    assert beyond(found, expected="pear", others=3) == frozenset()


def test_a_hit_that_ties_with_the_last_exact_one_is_no_miss() -> None:
    found = [*EXACT[:3], *hits(("fig1", 4.0 + 1e-6))]
    verdict = compare_with_exact(found, EXACT, expected="pear", others=3)
    assert verdict.recall == 1 and verdict.missed == ()
    assert verdict.causes[found[3].record.id] is Cause.ENCODER


def test_where_exact_search_finds_nothing_nothing_was_missed() -> None:
    verdict = compare_with_exact([], [], expected="pear", others=3)
    assert (verdict.recall, verdict.missed, dict(verdict.causes)) == (1, (), {})


@pytest.mark.parametrize(
    ("metric", "score", "unusual"),
    [
        (Metric.L2, 5.0, True),
        (Metric.L2, 3.0, False),
        (Metric.COSINE, 3.0, True),
        (Metric.COSINE, 5.0, False),
    ],
)
def test_unusual_is_worse_than_the_usual_limit_in_the_metrics_direction(
    metric: Metric, score: float, unusual: bool
) -> None:
    assert is_unusual(score, farthest=4.0, metric=metric) is unusual
    assert not is_unusual(score, farthest=float("nan"), metric=metric)


def test_rank_changes_count_upwards_and_new_hits_have_none() -> None:
    now = hits(("pear2", 1), ("pear1", 2), ("fig1", 3), ("plum2", 4))
    # Ranks before: pear2 3, pear1 1, plum2 4.
    assert rank_changes(now, EXACT) == [2, -1, None, 0]


def test_overlap_is_a_share_of_the_longer_list_whatever_the_order() -> None:
    # Two of EXACT's four are among these three.
    assert overlap(EXACT, hits(("plum2", 1), ("pear1", 2), ("fig1", 3))) == pytest.approx(2 / 4)


def test_short_lists_of_the_same_pictures_overlap_in_full() -> None:
    # A class filter may leave fewer than k under every metric: they agree all the same.
    assert overlap(hits(("fig1", 1), ("fig2", 2)), hits(("fig2", 1), ("fig1", 2))) == 1
    assert math.isnan(overlap((), ()))
