"""Two reports over the same pictures: the difference per class, paired by query."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import ReportError
from core.evaluation.report import Report
from core.measures.bootstrap import Estimate, holm, resampled_means, two_sided_p
from core.measures.paired import PairedClass, macro_difference, paired_classes
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
    seed = first.configuration.request.seed
    # What only one of them could measure is NaN.
    pairs = paired_classes(after - before, codes, seed=seed)
    p_values = [_p(each, seed=(seed, each.code), classes=len(pairs)) for each in pairs]
    classes = []
    for paired, p in zip(pairs, holm(p_values), strict=True):
        members = usable & (codes == paired.code)
        classes.append(
            ClassDifference(
                label=first.rows.classes[paired.code],
                queries=len(paired.pairs),
                before=float(before[members].mean()),
                after=float(after[members].mean()),
                difference=paired.difference,
                p=p,
            )
        )
    return Comparison(
        measure=measure,
        classes=tuple(sorted(classes, key=lambda c: (c.difference.value, c.label))),
        macro=macro_difference(pairs),
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


def _p(one: PairedClass, *, seed: tuple[int, int], classes: int) -> float:
    """The p-value of one class, fine enough that Holm's correction can leave it below the level.

    B resamples give no p below 2 / (B + 1), which times the number of classes must stay below.
    """
    if len(one.pairs) < 2:
        return math.nan
    p = two_sided_p(one.drawn[:, 0])
    resamples = min(_RESAMPLES, math.ceil(4 * classes / LEVEL))
    if p >= LEVEL or resamples <= len(one.drawn):
        return p
    return two_sided_p(resampled_means(one.pairs, seed=seed, resamples=resamples)[:, 0])
