"""Which settings meet a person's limits, which is recommended, which no other beats."""

import math
from typing import Any

import pytest

from core.collection.index_choice import IndexChoice, IndexType
from core.errors import SettingsError
from core.measures.bootstrap import Estimate
from core.metric import Metric
from core.tuning.limits import Limits, advice, front, recommended
from core.tuning.tuning import Asked, Measured, Tuning

SQ8 = IndexChoice(IndexType.IVF_SQ8, nlist=128)
FLAT = IndexChoice(IndexType.FLAT)
GRAPH = IndexChoice(IndexType.HNSW_SQ)


def setting(
    index: IndexChoice = SQ8,
    *,
    ms: float = 5.0,
    loss: float = 0.0,
    megabytes: float = 13.0,
    recall: float = 1.0,
    **effort: int,
) -> Measured:
    return Measured(
        index=index,
        effort=effort,
        recall=recall,
        precision=0.8 - loss,
        difference=Estimate(-loss, -loss - 0.002, -loss + 0.002),
        p50=ms,
        p95=2 * ms,
        per_second=1000 / ms,
        per_second_of_8=100.0,
        build_seconds=1.0,
        memory_bytes=int(megabytes * 1e6),
        disk_bytes=int(megabytes * 1e6),
        is_computed=False,
    )


def tuning(*measured: Measured) -> Tuning:
    return Tuning(
        asked=Asked("fruit_cosine", Metric.COSINE, "f" * 16, 10, 200, 0, "Milvus Lite 3.2.2"),
        created="2026-01-01T00:00:00+00:00",
        rows=6_000,
        dimension=2_048,
        current=FLAT,
        asked_queries=200,
        classes=5,
        exact_precision=0.8,
        measured=measured,
    )


USUAL = Limits.of(milliseconds=20, loss=0.005)


def test_the_fastest_of_the_smallest_that_meet_the_limits_is_recommended() -> None:
    whole = setting(FLAT, ms=1, megabytes=49)
    lossy = setting(nprobe=1, ms=2, loss=0.02)
    slow = setting(nprobe=128, ms=9)
    quick = setting(nprobe=16, ms=4, loss=0.004)
    # A tenth more memory than the smallest counts as as small, a fifth more does not.
    as_small = setting(GRAPH, ef=64, ms=3, megabytes=14.2)
    larger = setting(GRAPH, ef=32, ms=1, megabytes=15.6)
    assert recommended(tuning(whole, lossy, slow, quick), USUAL) == quick
    assert recommended(tuning(whole, lossy, slow, quick, as_small, larger), USUAL) == as_small


def test_of_settings_that_are_as_fast_the_one_that_finds_most_is_recommended() -> None:
    quickest = setting(nprobe=1, ms=4.0, loss=0.002, recall=0.8)
    # More precise than exact search is chance, and counts as nothing lost.
    lucky = setting(nprobe=4, ms=4.4, loss=-0.001, recall=0.96)
    finds_most = setting(nprobe=16, ms=5.0, recall=0.99)
    slower = setting(nprobe=64, ms=5.1, recall=1.0)
    assert recommended(tuning(quickest, lucky, finds_most, slower), USUAL) == finds_most


def test_the_limit_on_time_is_for_95_of_100_searches() -> None:
    # 95 % within twice the 11 ms of half of them.
    assert recommended(tuning(setting(ms=11)), USUAL) is None
    assert recommended(tuning(setting(ms=10)), USUAL) is not None


def test_a_recommendation_says_what_is_saved_and_what_is_lost() -> None:
    said = advice(tuning(setting(nprobe=8, ms=7.4, loss=0.001)), USUAL)
    # 13 MB of 6,000 x 2,048 x 4 = 49.2 MB.
    assert said == (
        "IVF_SQ8, nlist 128, nprobe 8: 13.0 MB, 26% of the embeddings; precision@10 -0.001 "
        "(-0.003 to +0.001) against exact search; 7.4 ms, 95 % within 14.8 ms"
    )


def test_limits_that_nothing_meets_are_said_with_what_comes_nearest() -> None:
    said = advice(tuning(setting(nprobe=1, ms=30), setting(nprobe=8, ms=40, loss=0.1)), USUAL)
    assert said.startswith(
        "No setting meets p95 <= 20, precision loss <= 0.005. Nearest is IVF_SQ8, nlist 128, "
        "nprobe 1: 13.0 MB"
    )
    assert said.endswith("it misses p95 <= 20.")
    assert advice(tuning(), USUAL) == "Nothing was measured yet."


def test_the_front_holds_what_no_other_beats() -> None:
    slow_best = setting(ms=9, loss=0.0, recall=0.95)
    beaten = setting(ms=9.5, loss=0.0, recall=0.95)
    quick = setting(ms=2, loss=0.01, recall=0.9)
    beaten_too = setting(ms=3, loss=0.02, recall=0.99)
    all_of_them = [slow_best, beaten, quick, beaten_too]
    assert front(all_of_them, by_recall=False) == [quick, slow_best]
    assert front(all_of_them, by_recall=True) == [quick, beaten_too]


@pytest.mark.parametrize(
    ("text", "meets"),
    [
        ("precision loss <= 0.005", True),
        ("precision loss < 0.004", False),
        ("  recall>=0.9 ", True),
        ("recall > 0.9", False),
        ("p50 <= 5", True),
        ("p95 <= 9", False),
        ("megabytes <= 13", True),
        ("searches a second >= 250", False),
        ("precision >= 0.79", True),
    ],
)
def test_a_condition_is_read_as_it_is_written(text: str, meets: bool) -> None:
    one = setting(loss=0.004, recall=0.9)
    assert Limits.parse([text]).hold(one) is meets


@pytest.mark.parametrize("text", ["", "recall", "speed <= 3", "recall = 1", "recall <= 1e"])
def test_a_condition_that_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(SettingsError, match=r"is no (condition|number)"):
        Limits.parse([text])


def test_an_undefined_difference_meets_no_limit() -> None:
    undefined: Any = setting(loss=math.nan)
    assert not USUAL.hold(undefined)
