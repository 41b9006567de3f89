"""Measures of queries -> per class, macro mean over classes, micro mean over queries."""

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
from core.measures.judgement import NO_CLASS, Judgement, LabelledRows
from core.measures.retrieval import R_MEASURES, ceiling_at, query_measures


@dataclass(frozen=True, slots=True)
class ClassSummary:
    """How the queries of one class fared.

    Attributes:
        queries: Queries behind the means.
        pictures: Of this class in the gallery.
        measures: By name, such as `precision@10`.
        ceilings: By k, the largest precision@k there can be for so few pictures.
        chance: Share of the class among what could be found: precision of a random ranking.
        confused_with: The other class met most often among the first max(k) hits, as far as a
            picture of its own class was still to be found; empty if none.
        confused_share: Share of hits that are of that class.
    """

    label: str
    queries: int
    pictures: int
    measures: Mapping[str, Estimate]
    ceilings: Mapping[int, float]
    chance: float
    confused_with: str
    confused_share: float

    @property
    def few(self) -> bool:
        """Whether the interval rests on too few queries to be trusted; of one there is none."""
        return self.queries < FEW_QUERIES

    def over_ceiling(self, k: int) -> float:
        """precision@k divided by its ceiling, in [0, 1]."""
        return self.measures[f"precision@{k}"].value / self.ceilings[k]


@dataclass(frozen=True, slots=True)
class Summary:
    """The measures of one run of queries.

    Attributes:
        ks: Cut-offs, ascending.
        classes: In alphabetical order, those with at least one query that has something to find.
        macro: Mean over classes, each counting the same: the headline; undefined when a class
            has no value. For its interval, and that of `micro`, a class with one query borrows the
            spread of all queries, see `core.measures.bootstrap.borrowed_means`.
        micro: Mean over queries; undefined when a class has no value.
        queries: Queries behind the means.
        lone: Classes left out, since their queries have nothing to find.
        lone_queries: Queries of those classes.
        unlabelled: Queries left out, since they have no class.
        underfilled: By k, queries that got fewer than k hits.
        unknown: By k, queries whose measures at k are unknown since taking duplicates out left
            fewer than k stored neighbours.
    """

    ks: tuple[int, ...]
    classes: tuple[ClassSummary, ...]
    macro: Mapping[str, Estimate]
    micro: Mapping[str, Estimate]
    queries: int
    lone: tuple[str, ...]
    lone_queries: int
    unlabelled: int
    underfilled: Mapping[int, int]
    unknown: Mapping[int, int]

    def worst_first(self, measure: str) -> list[ClassSummary]:
        """Return the classes by a measure, lowest first, undefined last."""
        return sorted(
            self.classes,
            key=lambda c: (math.isnan(c.measures[measure].value), c.measures[measure].value),
        )


def measures_of(judged: Judgement, ks: Sequence[int]) -> dict[str, NDArray[np.float64]]:
    """Return every measure of every query: name to (Q,) float64, NaN where undefined."""
    return query_measures(judged.right, judged.relevant, ks=ks, known=judged.known)


def summarise(
    judged: Judgement, rows: LabelledRows, *, ks: Sequence[int], seed: int, r_measures: bool = True
) -> Summary:
    """Summarise judged queries, with bootstrap intervals.

    Args:
        ks: Cut-offs, see `core.measures.retrieval`.
        seed: Of the bootstrap.
        r_measures: Whether R-precision and MAP@R are wanted.
    """
    ks = tuple(sorted(set(ks)))
    values = measures_of(judged, ks)
    if not r_measures:
        values = {name: value for name, value in values.items() if name not in R_MEASURES}
    names = tuple(values)
    table = np.column_stack([values[name] for name in names])
    usable = judged.relevant > 0
    numbers = np.unique(judged.classes[usable])
    classes: list[ClassSummary] = []
    means: list[NDArray[np.float64]] = []
    sizes: list[NDArray[np.int64]] = []
    replicates: list[NDArray[np.float64]] = []
    for number in numbers:
        members = np.flatnonzero(usable & (judged.classes == number))
        mean = _mean(table[members])
        drawn = resampled_means(table[members], seed=(seed, int(number)))
        single = len(members) == 1
        measures = dict(zip(names, estimates(mean, None if single else drawn), strict=True))
        classes.append(_class_summary(judged, rows, members, ks, measures))
        means.append(mean)
        sizes.append((~np.isnan(table[members])).sum(axis=0))
        if single:
            drawn = borrowed_means(mean, table[usable], seed=(seed, int(number)))
        replicates.append(drawn)
    lone = ~usable & (judged.classes != NO_CLASS)
    return Summary(
        ks=ks,
        classes=tuple(classes),
        macro=_macro(names, means, replicates),
        micro=_micro(names, sizes, means, replicates),
        queries=int(usable.sum()),
        lone=tuple(rows.classes[n] for n in np.setdiff1d(judged.classes[lone], numbers)),
        lone_queries=int(lone.sum()),
        unlabelled=int((judged.classes == NO_CLASS).sum()),
        underfilled={k: int((judged.filled[usable] < k).sum()) for k in ks},
        unknown={
            k: 0 if judged.known is None else int((judged.known[usable] < k).sum()) for k in ks
        },
    )


def confusion(judged: Judgement, rows: LabelledRows, *, k: int) -> NDArray[np.float64]:
    """Return the share of the first `k` hits by class: (C, C), rows are the query's class.

    The denominator is k, so that the diagonal is precision@k; rows of classes without a usable
    query are NaN. Hits behind all that could be right are no confusions, see `Judgement.faults`.
    """
    size = len(rows.classes)
    usable = judged.relevant > 0
    counted = (judged.right | judged.faults)[usable, :k] & (judged.hits[usable, :k] >= 0)
    hits = judged.hits[usable, :k]
    asked = np.broadcast_to(judged.classes[usable][:, None], hits.shape)[counted]
    counts = np.bincount(asked * size + hits[counted], minlength=size * size)
    totals = np.bincount(judged.classes[usable], minlength=size) * float(k)
    with np.errstate(invalid="ignore"):
        shares: NDArray[np.float64] = counts.reshape(size, size) / totals[:, None]
    return shares


def _class_summary(
    judged: Judgement,
    rows: LabelledRows,
    members: NDArray[np.int64],
    ks: tuple[int, ...],
    measures: Mapping[str, Estimate],
) -> ClassSummary:
    number = int(judged.classes[members[0]])
    hits = judged.hits[members, : max(ks)]
    wrong = judged.faults[members, : max(ks)] & (hits >= 0)
    counts = np.bincount(hits[wrong], minlength=len(rows.classes))
    other = int(counts.argmax())
    return ClassSummary(
        label=rows.classes[number],
        queries=len(members),
        pictures=int((rows.gallery & (rows.codes == number)).sum()),
        measures=measures,
        ceilings={k: float(ceiling_at(judged.relevant[members], k).mean()) for k in ks},
        chance=float((judged.relevant[members] / judged.reachable[members]).mean()),
        confused_with=rows.classes[other] if counts[other] else "",
        confused_share=float(counts[other] / (len(members) * max(ks))),
    )


def _macro(
    names: tuple[str, ...],
    means: list[NDArray[np.float64]],
    replicates: list[NDArray[np.float64]],
) -> dict[str, Estimate]:
    if not means:
        return {name: Estimate(math.nan, math.nan, math.nan) for name in names}
    # A class without a value leaves the mean undefined: over fewer classes it would mislead.
    drawn = _bounded(np.stack(replicates).mean(axis=0))
    return dict(zip(names, estimates(np.stack(means).mean(axis=0), drawn), strict=True))


def _micro(
    names: tuple[str, ...],
    sizes: list[NDArray[np.int64]],
    means: list[NDArray[np.float64]],
    replicates: list[NDArray[np.float64]],
) -> dict[str, Estimate]:
    """Mean over queries: class means weighted by how many queries are defined under a measure."""
    if not means:
        return {name: Estimate(math.nan, math.nan, math.nan) for name in names}
    weights = np.stack(sizes).astype(np.float64)
    with np.errstate(invalid="ignore"):
        weights /= weights.sum(axis=0)
    value = (np.stack(means) * weights).sum(axis=0)
    drawn = sum(d * w for d, w in zip(replicates, weights, strict=True))
    return dict(zip(names, estimates(value, _bounded(np.asarray(drawn))), strict=True))


def _bounded(means: NDArray[np.float64]) -> NDArray[np.float64]:
    # A spread that was borrowed may lead out of the range of the measures.
    return np.clip(means, 0.0, 1.0)


def _mean(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean along the first axis over what is defined; NaN where nothing is."""
    known = ~np.isnan(table)
    with np.errstate(invalid="ignore"):
        mean: NDArray[np.float64] = np.where(known, table, 0.0).sum(axis=0) / known.sum(axis=0)
    return mean
