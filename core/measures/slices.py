"""Precision by the values of a column: how the pictures fare that have one, and how the others."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.measures.bootstrap import (
    FEW_QUERIES,
    Estimate,
    borrowed_means,
    estimates,
    resampled_means,
)


@dataclass(frozen=True, slots=True)
class Slice:
    """How the queries fared that have a value.

    Attributes:
        queries: Queries behind the mean.
        measure: Mean over them, with its 95 % interval; of one query there is no interval.
        other_queries: Queries with another value or with none.
        others: The same over those.
    """

    value: str
    queries: int
    measure: Estimate
    other_queries: int
    others: Estimate

    @property
    def few(self) -> bool:
        """Whether the interval rests on too few queries to be trusted."""
        return self.queries < FEW_QUERIES


def slices(
    measure: NDArray[np.float64], values: Mapping[str, NDArray[np.bool_]], *, seed: int
) -> list[Slice]:
    """Return the mean of a measure for the queries of every value, and for all the others.

    Each query counts the same. Queries are drawn anew within groups of the same values, so that
    what a mean and that of the others vary by are the same draws, see `core.measures.bootstrap`.

    Args:
        measure: (Q,) of every query; NaN where it is undefined, which leaves the query out.
        values: Value to (Q,) whether a query has it; a query may have several.
        seed: Of the bootstrap.

    Returns:
        Those with a query, in the order given.
    """
    known = ~np.isnan(measure)
    numbers = measure[known]
    if not values or not numbers.size:
        return []
    table = np.stack([has[known] for has in values.values()])
    combinations, member_of = np.unique(table, axis=1, return_inverse=True)
    groups = [
        numbers[member_of.ravel() == number][:, None] for number in range(combinations.shape[1])
    ]
    drawn = [_drawn(group, numbers, seed=(seed, n)) for n, group in enumerate(groups)]
    found = []
    for value, has in zip(values, combinations, strict=True):
        if not has.any():
            continue
        own, other = np.flatnonzero(has), np.flatnonzero(~has)
        queries, inside = _mean(own, groups, drawn)
        other_queries, outside = _mean(other, groups, drawn)
        found.append(Slice(value, queries, inside, other_queries, outside))
    return found


def _drawn(
    group: NDArray[np.float64], everything: NDArray[np.float64], *, seed: Sequence[int]
) -> NDArray[np.float64]:
    """Return the resampled means (resamples,) of a group (n, 1)."""
    if len(group) > 1:
        return resampled_means(group, seed=seed)[:, 0]
    return borrowed_means(group[0], everything[:, None], seed=seed)[:, 0]


def _mean(
    chosen: NDArray[np.int64],
    groups: Sequence[NDArray[np.float64]],
    drawn: Sequence[NDArray[np.float64]],
) -> tuple[int, Estimate]:
    """Return how many queries some groups have, and their mean."""
    sizes = np.array([len(groups[number]) for number in chosen], dtype=np.float64)
    total = int(sizes.sum())
    if not total:
        return 0, Estimate(math.nan, math.nan, math.nan)
    value = sum(float(groups[number].sum()) for number in chosen) / total
    if total == 1:
        return 1, Estimate(value, math.nan, math.nan)
    means = np.clip(sizes / total @ np.stack([drawn[number] for number in chosen]), 0.0, 1.0)
    return total, estimates(np.array([value]), means[:, None])[0]
