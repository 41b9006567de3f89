"""Two reports over the same pictures: the difference per class, paired by query."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import ReportError
from core.evaluation.report import Report
from core.measures.bootstrap import (
    Estimate,
    borrowed_means,
    estimates,
    holm,
    resampled_means,
    two_sided_p,
)
from core.measures.summary import measures_of

# What is called a difference: a Holm-adjusted p-value below this.
LEVEL = 0.05
# Resamples at most where a class needs more than usual: enough for about 500 classes.
_RESAMPLES = 40_000


@dataclass(frozen=True, slots=True)
class ClassDifference:
    """How one class changed from the first report to the second.

    Attributes:
        queries: Asked in both reports.
        before: Mean of the first report over those queries.
        after: Mean of the second.
        difference: after - before with its paired 95 % bootstrap interval; below 0 is a loss.
        p: Adjusted for the number of classes by Holm's method; NaN with fewer than two queries.
    """

    label: str
    queries: int
    before: float
    after: float
    difference: Estimate
    p: float

    @property
    def certain(self) -> bool:
        """Whether the difference stands after the correction for the number of classes."""
        return self.p < LEVEL


@dataclass(frozen=True, slots=True)
class Comparison:
    """The difference between two reports.

    Attributes:
        classes: Losses first.
        macro: Mean difference over classes; for its interval a class with one query borrows the
            spread of all pairs.
        queries: Asked in both.
        left_out: Asked in only one of the two.
    """

    measure: str
    classes: tuple[ClassDifference, ...]
    macro: Estimate
    queries: int
    left_out: int


def compare(first: Report, second: Report, *, measure: str, index: bool = False) -> Comparison:
    """Compare a measure of two reports query by query.

    Args:
        measure: Such as `precision@10`; both reports must have it.
        index: Compare what the indexes found instead of the exact hits.

    Raises:
        ReportError: The reports are not comparable; the message says why.
    """
    _require_comparable(first, second, measure, index=index)
    _, one, two = np.intersect1d(first.queries, second.queries, return_indices=True)
    before = _values(first, measure, index=index)[one]
    after = _values(second, measure, index=index)[two]
    codes = first.rows.codes[first.queries[one]]
    usable = ~np.isnan(before) & ~np.isnan(after)
    rows: list[tuple[str, int, float, float, Estimate]] = []
    p_values: list[float] = []
    replicates: list[NDArray[np.float64]] = []
    present = np.unique(codes[usable])
    for code in present:
        members = usable & (codes == code)
        pairs = (after - before)[members][:, None]
        seed = (first.configuration.request.seed, int(code))
        drawn = resampled_means(pairs, seed=seed)
        single = len(pairs) < 2
        difference = estimates(pairs.mean(axis=0), None if single else drawn)[0]
        label = first.rows.classes[code]
        rows.append(
            (
                label,
                len(pairs),
                float(before[members].mean()),
                float(after[members].mean()),
                difference,
            )
        )
        p_values.append(math.nan if single else _p(pairs, drawn, seed=seed, classes=len(present)))
        if single:
            drawn = borrowed_means(pairs[0], (after - before)[usable][:, None], seed=seed)
        replicates.append(drawn)
    classes = [ClassDifference(*row, p=p) for row, p in zip(rows, holm(p_values), strict=True)]
    return Comparison(
        measure=measure,
        classes=tuple(sorted(classes, key=lambda c: (c.difference.value, c.label))),
        macro=_macro(classes, replicates),
        queries=int(usable.sum()),
        left_out=len(first.queries) + len(second.queries) - 2 * len(one),
    )


def common_measures(first: Report, second: Report) -> list[str]:
    """Return the names of the measures that both reports have, in the order of the first."""
    ours = measures_of(first.judged, first.configuration.request.ks)
    theirs = measures_of(second.judged, second.configuration.request.ks)
    return [name for name in ours if name in theirs]


def _require_comparable(first: Report, second: Report, measure: str, *, index: bool) -> None:
    reason = ""
    if not np.array_equal(first.ids, second.ids) or first.digests != second.digests:
        same = len(np.intersect1d(first.ids, second.ids))
        reason = (
            f"they were made over different pictures ({len(first.ids):,} and {len(second.ids):,}, "
            f"{same:,} of the same path)"
        )
    elif first.labels != second.labels:
        reason = "pictures have other classes in one than in the other"
    elif not np.array_equal(first.gallery, second.gallery):
        reason = "their galleries differ"
    elif not len(np.intersect1d(first.queries, second.queries)):
        reason = "no picture was asked in both"
    elif measure not in common_measures(first, second):
        reason = f"only one of them has {measure}"
    elif index and not (first.index and second.index):
        reason = "one of them left the index out"
    if reason:
        raise ReportError(
            f"the reports {first.name or 'one'!r} and {second.name or 'two'!r} cannot be "
            f"compared: {reason}. Run both again over the same collection with the same settings."
        )


def _values(report: Report, measure: str, *, index: bool) -> NDArray[np.float64]:
    judged = report.judged_index if index else report.judged
    if judged is None:
        raise ReportError(f"the report {report.name!r} left the index out. Run it again with one.")
    return measures_of(judged, report.configuration.request.ks)[measure]


def _p(
    pairs: NDArray[np.float64],
    drawn: NDArray[np.float64],
    *,
    seed: tuple[int, int],
    classes: int,
) -> float:
    """The p-value of one class, fine enough that Holm's correction can leave it below the level.

    B resamples give no p below 2 / (B + 1), which times the number of classes must stay below.
    """
    p = two_sided_p(drawn[:, 0])
    resamples = min(_RESAMPLES, math.ceil(4 * classes / LEVEL))
    if p >= LEVEL or resamples <= len(drawn):
        return p
    return two_sided_p(resampled_means(pairs, seed=seed, resamples=resamples)[:, 0])


def _macro(classes: list[ClassDifference], replicates: list[NDArray[np.float64]]) -> Estimate:
    if not classes:
        return Estimate(math.nan, math.nan, math.nan)
    mean = np.array([np.mean([c.difference.value for c in classes])])
    # A spread that was borrowed may lead out of the range of a difference.
    return estimates(mean, np.clip(np.mean(replicates, axis=0), -1.0, 1.0))[0]
