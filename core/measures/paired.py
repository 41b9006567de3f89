"""Two ways to answer the same queries: the difference per class and over classes, paired by query.

Paired, since the same query is easy or hard for both: the difference varies less than either.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.measures.bootstrap import Estimate, borrowed_means, estimates, resampled_means


@dataclass(frozen=True, slots=True)
class PairedClass:
    """The difference of one class.

    Attributes:
        code: Of the class.
        pairs: (n, 1) differences of its queries.
        difference: Their mean with its paired 95 % bootstrap interval; NaN bounds for one query.
        drawn: (resamples, 1) resampled means; of one query those that it borrows from all.
    """

    code: int
    pairs: NDArray[np.float64]
    difference: Estimate
    drawn: NDArray[np.float64]


def paired_classes(
    differences: NDArray[np.float64], codes: NDArray[np.int32], *, seed: int
) -> list[PairedClass]:
    """Return the difference of every class, in the order of the codes.

    Args:
        differences: (Q,) of the queries; NaN leaves one out.
        codes: (Q,) their classes.
    """
    usable = ~np.isnan(differences)
    everything = differences[usable][:, None]
    found = []
    for code in np.unique(codes[usable]).tolist():
        pairs = differences[usable & (codes == code)][:, None]
        drawn = resampled_means(pairs, seed=(seed, code))
        single = len(pairs) < 2
        difference = estimates(pairs.mean(axis=0), None if single else drawn)[0]
        if single:
            drawn = borrowed_means(pairs[0], everything, seed=(seed, code))
        found.append(PairedClass(code, pairs, difference, drawn))
    return found


def macro_difference(classes: Sequence[PairedClass]) -> Estimate:
    """Return the mean difference over classes, each counting the same; NaN where there is none."""
    if not classes:
        return Estimate(math.nan, math.nan, math.nan)
    mean = np.array([np.mean([c.difference.value for c in classes])])
    # A spread that was borrowed may lead out of the range of a difference.
    drawn = np.clip(np.mean([c.drawn for c in classes], axis=0), -1.0, 1.0)
    return estimates(mean, drawn)[0]
