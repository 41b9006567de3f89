"""What neighbour lists say about single pictures: hubs, suspected labels, causes of wrong hits."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.embeddings.index_errors import exact_too
from core.embeddings.neighbour_table import NEIGHBOURS
from core.embeddings.neighbours import Neighbours, occurrences
from core.embeddings.suspects import Suspect, suspected_labels
from core.measures.judgement import Judgement, LabelledRows


@dataclass(frozen=True, slots=True)
class Hubs:
    """How often each of N rows is among the first k hits of Q queries.

    Source: Radovanovic, Nanopoulos, Ivanovic, "Hubs in Space" (2010): k-occurrence N_k(x), its
    skewness, and "bad" occurrences, where the query has another class.

    Attributes:
        occurrences: (N,) int64, N_k(x).
        bad: (N,) int64, those of them with a query of another class that had one of its own still
            to be found, see `Judgement.faults`.
        skew: Third standardised moment of N_k over the gallery; 0 is symmetric, above 1 a few
            pictures answer many queries. NaN when every picture occurs equally often.
        never: Pictures of the gallery that no query retrieves.
    """

    occurrences: NDArray[np.int64]
    bad: NDArray[np.int64]
    skew: float
    never: int


@dataclass(frozen=True, slots=True)
class Causes:
    """Where the wrong hits of an index come from, counted over the first k hits.

    A hit is wrong where a picture of the query's class was still to be found, see
    `Judgement.faults`.

    Attributes:
        encoder: Wrong hits that exact search has among its first k as well.
        index: Wrong hits that stand where exact search has another picture.
        missing: Places left empty since the index found fewer than k.
    """

    encoder: int
    index: int
    missing: int


def find_hubs(
    neighbours: Neighbours, judged: Judgement, *, gallery: NDArray[np.bool_], k: int = NEIGHBOURS
) -> Hubs:
    """Count how often every row is retrieved.

    Args:
        k: Hits of a query that are looked at; the usual number is also the map's.
    """
    positions = neighbours.positions[:, :k]
    counts = occurrences(positions, rows=len(gallery))
    wrong = judged.faults[:, :k]
    of_gallery = counts[gallery].astype(np.float64)
    spread = of_gallery.std()
    deviations = of_gallery - of_gallery.mean()
    return Hubs(
        occurrences=counts,
        bad=occurrences(np.where(wrong, positions, -1), rows=len(gallery)),
        skew=float(((deviations / spread) ** 3).mean()) if spread else math.nan,
        never=int((of_gallery == 0).sum()),
    )


def suspects(judged: Judgement, rows: LabelledRows) -> list[Suspect]:
    """Return the queries whose label is suspected, by the rule and the neighbours of the map.

    See `core.embeddings.suspects`; `row` is a place among the queries.
    """
    around = judged.hits[:, :NEIGHBOURS]
    return suspected_labels(judged.classes, around, judged.relevant, names=rows.classes)


def causes(index: Neighbours, judged: Judgement, exact: Neighbours, *, k: int) -> list[Causes]:
    """Say for every wrong hit of the index whether exact search has it too: counts per query.

    Args:
        judged: Of the index's hits; a query with nothing to find has no wrong hits.

    Returns:
        One for each of the Q queries; `total` adds them up.
    """
    usable = (judged.relevant > 0)[:, None]
    filled = index.positions[:, :k] >= 0
    wrong = judged.faults[:, :k]
    shared = exact_too(index, exact, k=k)
    fewer = (exact.positions[:, :k] >= 0).sum(axis=1) - filled.sum(axis=1)
    missing = np.where(usable[:, 0], np.maximum(fewer, 0), 0)
    counts = zip((wrong & shared).sum(axis=1), (wrong & ~shared).sum(axis=1), missing, strict=True)
    return [Causes(int(encoder), int(own), int(empty)) for encoder, own, empty in counts]


def total(causes: Iterable[Causes]) -> Causes:
    """Add up the causes of many queries."""
    counts = [(cause.encoder, cause.index, cause.missing) for cause in causes]
    return Causes(*np.array(counts, dtype=np.int64).reshape(-1, 3).sum(axis=0).tolist())


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
    filled = ~np.isnan(scores)
    edges = np.histogram_bin_edges(scores[filled], bins=bins)
    return ScoreBins(
        edges,
        np.histogram(scores[filled & right], bins=edges)[0],
        np.histogram(scores[filled & ~right], bins=edges)[0],
    )
