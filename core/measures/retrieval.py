"""Measures of retrieval over neighbour lists. Pure NumPy; knows no store and no metric.

A query is a picture; a hit is *right* when it has the query's class. `right` is (Q, D) bool, best
hit first, False where a query has no more hits. `relevant` is (Q,) int, R: how many pictures of the
query's class could be found, the query itself not counted. Where R is 0 there is nothing to find
and every measure is NaN, never 0.

Sources: Manning, Raghavan, Schuetze, "Introduction to Information Retrieval" (2008), chapter 8
(precision, recall, R-precision, mean average precision, reciprocal rank); Jarvelin, Kekalainen,
"Cumulated gain-based evaluation of IR techniques" (2002) (nDCG); Musgrave, Belongie, Lim, "A
Metric Learning Reality Check" (2020) (MAP@R).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.errors import QueryError

Flags = NDArray[np.bool_]
Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]

MAX_K = 1_000
# Hits measured at once, so that half a dozen tables of 8 bytes each stay small.
_CELLS = 2_000_000
# The measures that look at the first R hits, whatever k is.
R_MEASURES = ("R-precision", "MAP@R")


def precision_at(right: Flags, k: int) -> Numbers:
    """Share of right hits among the first `k`: right / k, also when fewer than k came back.

    Returns:
        (Q,) in [0, 1].
    """
    return np.asarray(_right_at(right, k) / k, dtype=np.float64)


def recall_at(right: Flags, relevant: Counts, k: int) -> Numbers:
    """Share of what could be found that is among the first `k`: right / R.

    Returns:
        (Q,) in [0, 1], NaN where R is 0.
    """
    return _divided(_right_at(right, k), relevant)


def hit_rate_at(right: Flags, k: int) -> Numbers:
    """1 where at least one of the first `k` hits is right, else 0; also called recall@k by some."""
    return np.asarray(right[:, :k].any(axis=1), dtype=np.float64)


def r_precision(right: Flags, relevant: Counts) -> Numbers:
    """Precision at R: the share of right hits among the first R.

    Returns:
        (Q,) in [0, 1]; NaN where R is 0 or the lists are shorter than R.
    """
    within = np.arange(right.shape[1]) < relevant[:, None]
    return _unless_cut(_divided((right & within).sum(axis=1), relevant), right, relevant)


def map_at_r(right: Flags, relevant: Counts) -> Numbers:
    """MAP@R: (1 / R) * sum over ranks i <= R with a right hit of precision@i.

    Unlike mean average precision it looks no further than R, so that the best possible ranking
    and only that one gives 1.

    Returns:
        (Q,) in [0, 1]; NaN where R is 0 or the lists are shorter than R.
    """
    within = np.arange(right.shape[1]) < relevant[:, None]
    values = _divided((_precisions(right) * within).sum(axis=1), relevant)
    return _unless_cut(values, right, relevant)


def average_precision_at(right: Flags, relevant: Counts, k: int) -> Numbers:
    """mAP@k: (1 / min(R, k)) * sum over ranks i <= k with a right hit of precision@i.

    The denominator min(R, k) lets a perfect list reach 1 whatever k is; others divide by R or by
    the number of right hits, and their numbers cannot be compared with these.

    Returns:
        (Q,) in [0, 1], NaN where R is 0.
    """
    return _divided(_precisions(right[:, :k]).sum(axis=1), np.minimum(relevant, k))


def reciprocal_rank_at(right: Flags, k: int) -> Numbers:
    """1 / rank of the first right hit, 0 when none of the first `k` is right; MRR@k is its mean."""
    seen = right[:, :k]
    if not seen.shape[1]:
        return np.zeros(len(seen))
    return np.where(seen.any(axis=1), 1 / (seen.argmax(axis=1) + 1.0), 0.0)


def ndcg_at(right: Flags, relevant: Counts, k: int) -> Numbers:
    """nDCG@k with gains 0 and 1: sum of right_i / log2(i + 1), over that of the best ranking.

    The best ranking has min(R, k) right hits in front.

    Returns:
        (Q,) in [0, 1], NaN where R is 0.
    """
    discounts = 1 / np.log2(np.arange(2, k + 2))
    gained = right[:, :k] @ discounts[: right.shape[1]]
    ideal = np.concatenate(([0.0], np.cumsum(discounts)))[np.minimum(relevant, k)]
    return _divided(gained, ideal)


def ceiling_at(relevant: Counts, k: int) -> Numbers:
    """The largest precision@k there can be: min(R, k) / k, (Q,) in [0, 1]; NaN where R is 0."""
    return np.asarray(np.where(relevant > 0, np.minimum(relevant, k) / k, np.nan))


def query_measures(
    right: Flags, relevant: Counts, *, ks: Sequence[int], known: Counts | None = None
) -> dict[str, Numbers]:
    """Return every measure of every query, by name: `precision@10`, `MAP@R`, `MRR@10` and so on.

    Args:
        right: (Q, D) bool.
        relevant: (Q,) int.
        ks: Cut-offs; MRR is cut at the largest.
        known: (Q,) how many ranks are certain, where the lists were cut short after they were
            made; None when whatever is missing was never found.

    Returns:
        Name to (Q,) float64; NaN where R is 0 or a rank that counts is not known.

    Raises:
        QueryError: A cut-off is outside its range.
    """
    check_ks(ks)
    size = max(1, _CELLS // max(1, right.shape[1]))
    blocks = [slice(start, start + size) for start in range(0, max(1, len(right)), size)]
    parts = [
        _block_measures(right[b], relevant[b], ks, None if known is None else known[b])
        for b in blocks
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def measure_names(ks: Sequence[int]) -> tuple[str, ...]:
    """Return the names of `query_measures` for these cut-offs.

    Raises:
        QueryError: A cut-off is outside its range.
    """
    nobody = np.zeros((0, 1), dtype=bool)
    return tuple(query_measures(nobody, np.zeros(0, dtype=np.int64), ks=ks))


def _block_measures(
    right: Flags, relevant: Counts, ks: Sequence[int], known: Counts | None
) -> dict[str, Numbers]:
    values: dict[str, Numbers] = {}
    certain = np.full(len(right), right.shape[1]) if known is None else known
    for k in sorted(set(ks)):
        values[f"precision@{k}"] = precision_at(right, k)
        values[f"recall@{k}"] = recall_at(right, relevant, k)
        values[f"mAP@{k}"] = average_precision_at(right, relevant, k)
        values[f"nDCG@{k}"] = ndcg_at(right, relevant, k)
        values[f"hit rate@{k}"] = hit_rate_at(right, k)
        if k == max(ks):
            values[f"MRR@{k}"] = reciprocal_rank_at(right, k)
    if known is not None:
        values = {
            name: np.where(known >= int(name.rpartition("@")[2]), value, np.nan)
            for name, value in values.items()
        }
    values["R-precision"] = np.where(relevant <= certain, r_precision(right, relevant), np.nan)
    values["MAP@R"] = np.where(relevant <= certain, map_at_r(right, relevant), np.nan)
    return {name: np.where(relevant > 0, value, np.nan) for name, value in values.items()}


def check_ks(ks: Sequence[int]) -> None:
    """Refuse an empty list of cut-offs or one outside 1 to 1,000.

    Raises:
        QueryError: As said; the message names the value.
    """
    if not ks:
        raise QueryError("there is no k to evaluate. Give at least one, such as 1 5 10.")
    for k in ks:
        if not 1 <= k <= MAX_K:
            raise QueryError(f"k is {k}, allowed are 1 to {MAX_K:,}.")


def _right_at(right: Flags, k: int) -> Counts:
    return np.asarray(right[:, :k].sum(axis=1))


def _precisions(right: Flags) -> Numbers:
    """precision@i at every rank i that holds a right hit, 0 at the others: (Q, D)."""
    ranks = np.arange(1, right.shape[1] + 1)
    return np.where(right, np.cumsum(right, axis=1) / ranks, 0.0)


def _divided(above: Counts | Numbers, below: Counts | Numbers) -> Numbers:
    """Quotient, NaN where the divisor is 0."""
    result = np.full(len(below), np.nan)
    np.divide(above, below, out=result, where=below > 0)
    return result


def _unless_cut(values: Numbers, right: Flags, relevant: Counts) -> Numbers:
    return np.where(relevant <= right.shape[1], values, np.nan)
