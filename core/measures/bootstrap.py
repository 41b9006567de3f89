"""Uncertainty of means by bootstrap over queries within a class.

The queries of a class are drawn anew with replacement, 1,000 times; the interval runs from the
2.5th to the 97.5th percentile of the means (Efron, Tibshirani, "An Introduction to the Bootstrap",
1993, chapter 13). Classes are fixed: what varies is which of their pictures were asked.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1_000
# Below this many queries the percentiles of a bootstrap are themselves uncertain.
FEW_QUERIES = 30
# Where an interval is narrower than this, two decimals would hide it.
_NARROW = 0.01

# Drawn positions held at once: 8 bytes each, so 32 MB.
_DRAWS = 4_000_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % interval; NaN where undefined."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Return such as `0.84 (0.79 to 0.88)`."""
        if math.isnan(self.low):
            return self.short
        return f"{self.short} ({self.interval})"

    @property
    def short(self) -> str:
        """The mean alone, such as `0.84`."""
        return self._text(self.value)

    @property
    def interval(self) -> str:
        """Its 95 % interval, such as `0.79 to 0.88`."""
        if math.isnan(self.low):
            return "undefined"
        return f"{self._text(self.low)} to {self._text(self.high)}"

    def _text(self, number: float) -> str:
        """Write a number with two decimals, or with the three that a narrow interval allows."""
        if math.isnan(number):
            return "undefined"
        decimals = 3 if 0 < self.high - self.low < _NARROW else 2
        return f"{number:.{decimals}f}"


def resampled_means(
    values: NDArray[np.float64], *, seed: int | Sequence[int], resamples: int = RESAMPLES
) -> NDArray[np.float64]:
    """Return the means of `resamples` draws with replacement: (resamples, M).

    Args:
        values: (n, M), the same n queries under M measures, n >= 1; NaN is left out of its mean.
            All measures see the same draws, so their differences can be read as paired.
    """
    generator = np.random.default_rng(seed)
    n = len(values)
    known = (~np.isnan(values)).astype(np.float64)
    numbers = np.where(known > 0, values, 0.0)
    gaps = ~known.all(axis=0)
    means = np.empty((resamples, values.shape[1]))
    chunk = max(1, _DRAWS // n)
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        drawn = generator.integers(n, size=(size, n))
        drawn += n * np.arange(size)[:, None]
        times = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)
        counted = np.full((size, values.shape[1]), float(n))
        counted[:, gaps] = times @ known[:, gaps]
        with np.errstate(invalid="ignore"):
            means[start : start + size] = (times @ numbers) / counted
    return means


def borrowed_means(
    value: NDArray[np.float64],
    everything: NDArray[np.float64],
    *,
    seed: int | Sequence[int],
    resamples: int = RESAMPLES,
) -> NDArray[np.float64]:
    """Return what stands for the resampled means of a class with one query: (resamples, M).

    One query drawn again and again gives the same mean, as if it were certain. So the class borrows
    the spread of all queries: its value plus what a query drawn from all of them lies off their
    mean. That spread holds the differences between classes too, so it errs on the wide side.

    Args:
        value: (M,) the class's only query.
        everything: (n, M), all queries of all classes, n >= 1; NaN is left out of the mean.
    """
    known = ~np.isnan(everything)
    with np.errstate(invalid="ignore"):
        centre = np.where(known, everything, 0.0).sum(axis=0) / known.sum(axis=0)
    drawn = np.random.default_rng(seed).integers(len(everything), size=resamples)
    return np.asarray(value + everything[drawn] - centre)


def estimates(value: NDArray[np.float64], means: NDArray[np.float64] | None) -> list[Estimate]:
    """Return one estimate for each of M measures.

    Args:
        value: (M,) the means themselves.
        means: (resamples, M), or None where one query alone says nothing about the spread.
    """
    if means is None:
        return [Estimate(float(v), math.nan, math.nan) for v in value]
    low, high = percentiles(means)
    return [
        Estimate(float(v), float(a), float(b)) for v, a, b in zip(value, low, high, strict=True)
    ]


def percentiles(means: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the 2.5th and 97.5th percentile along the first axis; NaN where all are NaN."""
    undefined = np.asarray(np.isnan(means).any(axis=0))
    low, high = np.percentile(np.where(undefined, 0.0, means), [2.5, 97.5], axis=0)
    # A draw of undefined queries only is rare; the others still say how far the mean spreads.
    for column in np.flatnonzero(undefined & ~np.isnan(means).all(axis=0)):
        low[column], high[column] = np.nanpercentile(means[:, column], [2.5, 97.5])
        undefined[column] = False
    return np.where(undefined, np.nan, low), np.where(undefined, np.nan, high)


def two_sided_p(differences: NDArray[np.float64]) -> float:
    """Return the bootstrap p-value of "no difference": twice the smaller tail.

    Both tails count one more than was drawn, so p is never 0: at least 2 / (B + 1), at most 1.

    Args:
        differences: (B,) resampled mean differences.
    """
    size = len(differences)
    tail = min((differences <= 0).sum(), (differences >= 0).sum())
    return float(min(1.0, 2 * (tail + 1) / (size + 1)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number by Holm's step-down method (Holm 1979).

    The i-th smallest of m is multiplied by m - i + 1, then made no smaller than those before it,
    at most 1. NaN stays NaN and is not counted.
    """
    known = [i for i in range(len(p_values)) if not math.isnan(p_values[i])]
    adjusted = [math.nan] * len(p_values)
    largest = 0.0
    for rank, i in enumerate(sorted(known, key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(known) - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted
