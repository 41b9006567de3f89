"""What neighbour lists say about single pictures: hubs, suspected labels, causes of wrong hits."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.embeddings.neighbours import Neighbours
from core.embeddings.recall import exact_too
from core.measures.judgement import NO_CLASS, Judgement, LabelledRows

# Queries times classes counted at once: 8 bytes each, so 32 MB.
_VOTES = 4_000_000


@dataclass(frozen=True, slots=True)
class Hubs:
    """How often each of N rows is among the first k hits of Q queries.

    Source: Radovanovic, Nanopoulos, Ivanovic, "Hubs in Space" (2010): k-occurrence N_k(x), its
    skewness, and "bad" occurrences, where the query has another class.

    Attributes:
        occurrences: (N,) int64, N_k(x).
        bad: (N,) int64, those of them with a query of another class.
        skew: Third standardised moment of N_k over the gallery; 0 is symmetric, above 1 a few
            pictures answer many queries. NaN when every picture occurs equally often.
        never: Pictures of the gallery that no query retrieves.
    """

    occurrences: NDArray[np.int64]
    bad: NDArray[np.int64]
    skew: float
    never: int


@dataclass(frozen=True, slots=True)
class Suspect:
    """A picture whose neighbours agree on another class.

    Attributes:
        query: Place among the queries.
        suggested: The class that most of the first k neighbours have.
        share: Share of the k neighbours of that class.
        own_share: Share of the k neighbours of the picture's own class.
    """

    query: int
    suggested: str
    share: float
    own_share: float


@dataclass(frozen=True, slots=True)
class Causes:
    """Where the wrong hits of an index come from, counted over the first k hits.

    Attributes:
        encoder: Wrong hits that exact search has among its first k as well.
        index: Wrong hits that stand where exact search has another picture.
        missing: Places left empty since the index found fewer than k.
    """

    encoder: int
    index: int
    missing: int


def find_hubs(
    neighbours: Neighbours, judged: Judgement, *, gallery: NDArray[np.bool_], k: int
) -> Hubs:
    """Count how often every row is retrieved."""
    positions = neighbours.positions[:, :k]
    there = positions >= 0
    occurrences = np.bincount(positions[there], minlength=len(gallery))
    wrong = there & ~judged.right[:, :k] & (judged.classes != NO_CLASS)[:, None]
    counted = occurrences[gallery].astype(np.float64)
    spread = counted.std()
    skew = float((((counted - counted.mean()) / spread) ** 3).mean()) if spread else float("nan")
    return Hubs(
        occurrences=occurrences,
        bad=np.bincount(positions[wrong], minlength=len(gallery)),
        skew=skew,
        never=int((counted == 0).sum()),
    )


def suspects(judged: Judgement, rows: LabelledRows, *, k: int) -> list[Suspect]:
    """Return the queries of which more neighbours have one other class than have their own.

    Certain first: by share of the suggested class minus share of the own, then by place. A query
    without a label suggests the class of its neighbours as well.
    """
    size = len(rows.classes)
    if not size:
        return []
    found: list[Suspect] = []
    block = max(1, _VOTES // size)
    for start in range(0, len(judged.hits), block):
        classes = judged.classes[start : start + block]
        best, other, own = _votes(judged.hits[start : start + block, :k], classes, size)
        found += [
            Suspect(start + int(q), rows.classes[best[q]], float(other[q] / k), float(own[q] / k))
            for q in np.flatnonzero(other > own)
        ]
    return sorted(found, key=lambda s: (s.own_share - s.share, s.query))


def causes(index: Neighbours, judged: Judgement, exact: Neighbours, *, k: int) -> list[Causes]:
    """Say for every wrong hit of the index whether exact search has it too: counts per query.

    Args:
        judged: Of the index's hits; a query with nothing to find has no wrong hits.

    Returns:
        One for each of the Q queries; `total` adds them up.
    """
    usable = (judged.relevant > 0)[:, None]
    found = index.positions[:, :k]
    wrong = usable & (found >= 0) & ~judged.right[:, :k]
    shared = exact_too(index, exact, k=k)
    there = (exact.positions[:, :k] >= 0).sum(axis=1) - (found >= 0).sum(axis=1)
    missing = np.where(usable[:, 0], np.maximum(there, 0), 0)
    counts = zip((wrong & shared).sum(axis=1), (wrong & ~shared).sum(axis=1), missing, strict=True)
    return [Causes(int(encoder), int(own), int(empty)) for encoder, own, empty in counts]


def total(causes: Iterable[Causes]) -> Causes:
    """Add up the causes of many queries."""
    found = list(causes)
    return Causes(
        sum(c.encoder for c in found), sum(c.index for c in found), sum(c.missing for c in found)
    )


@dataclass(frozen=True, slots=True)
class ScoreBins:
    """Retrieved pairs by score.

    Attributes:
        edges: (B + 1,) ascending, of the scores as displayed.
        same: (B,) pairs of one class.
        other: (B,) pairs of two classes.
    """

    edges: NDArray[np.float64]
    same: NDArray[np.int64]
    other: NDArray[np.int64]

    @property
    def probability(self) -> NDArray[np.float64]:
        """P(same class | score): (B,), NaN where a bin is empty."""
        total = self.same + self.other
        result = np.full(len(total), np.nan)
        np.divide(self.same, total, out=result, where=total > 0)
        return result


def score_bins(
    displayed: NDArray[np.float64], judged: Judgement, *, k: int, bins: int = 24
) -> ScoreBins:
    """Count query-hit pairs of the first `k` hits by score, in bins of equal width.

    Args:
        displayed: (Q, D) scores as shown to a person; NaN where there is no hit.
    """
    usable = judged.relevant > 0
    scores, right = displayed[usable, :k], judged.right[usable, :k]
    there = ~np.isnan(scores)
    edges = np.histogram_bin_edges(scores[there], bins=bins)
    return ScoreBins(
        edges,
        np.histogram(scores[there & right], bins=edges)[0],
        np.histogram(scores[there & ~right], bins=edges)[0],
    )


def _votes(
    hits: NDArray[np.int32], classes: NDArray[np.int32], size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return (Q,) each: the other class met most, how often it is met, how often the own one is."""
    everyone = np.arange(len(hits))
    flat = everyone[:, None] * size + hits
    votes = np.bincount(flat[hits >= 0], minlength=len(hits) * size).reshape(len(hits), size)
    labelled = classes >= 0
    own = np.where(labelled, votes[everyone, classes], 0)
    votes[everyone[labelled], classes[labelled]] = -1
    best = votes.argmax(axis=1)
    return best, votes[everyone, best], own
