"""precision over k: one line a class, and their mean."""

import numpy as np
from numpy.typing import NDArray

from core.measures.judgement import Judgement, LabelledRows

MACRO_MEAN = "macro mean"
# How far the lines reach, where the stored neighbours do.
LARGEST_K = 50


def precision_curves(judged: Judgement, rows: LabelledRows) -> dict[str, NDArray[np.float64]]:
    """Return precision@k for k = 1, 2 ... per class and for `MACRO_MEAN`: name to (K,) float64.

    K is `LARGEST_K`, or the depth of the lists where that is less. Queries with nothing to find
    are left out; NaN where no query of the class is known so deep, and in the mean where one class
    is unknown. Empty without a usable query.
    """
    depth = min(LARGEST_K, judged.right.shape[1])
    ranks = np.arange(1, depth + 1)
    shares = np.cumsum(judged.right[:, :depth], axis=1) / ranks
    if judged.known is not None:
        shares = np.where(ranks <= judged.known[:, None], shares, np.nan)
    usable = judged.relevant > 0
    lines: dict[str, NDArray[np.float64]] = {}
    for code in np.unique(judged.classes[usable]):
        members = shares[usable & (judged.classes == code)]
        known = ~np.isnan(members)
        with np.errstate(invalid="ignore"):
            lines[rows.classes[code]] = np.where(known, members, 0).sum(axis=0) / known.sum(axis=0)
    if lines:
        lines[MACRO_MEAN] = np.mean(list(lines.values()), axis=0)
    return lines
