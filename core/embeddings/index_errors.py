"""How much of exact search an index finds: ANN recall, a property of the index alone."""

import numpy as np
from numpy.typing import NDArray

from core.embeddings.neighbours import Neighbours


def ann_recall(index: Neighbours, exact: Neighbours, *, k: int) -> NDArray[np.float64]:
    """Return the share of the exact `k` neighbours that the index returned: (Q,) in [0, 1].

    A hit that only ties with one of them counts, see `exact_too`. Where there was nothing to find,
    the index missed nothing: 1.
    """
    depth = (exact.positions[:, :k] >= 0).sum(axis=1)
    good = np.minimum(exact_too(index, exact, k=k).sum(axis=1), depth)
    shares: NDArray[np.float64] = np.where(depth > 0, good / np.maximum(depth, 1), 1.0)
    return shares


def exact_too(index: Neighbours, exact: Neighbours, *, k: int) -> NDArray[np.bool_]:
    """Mark the first `k` hits (Q, k) of an index that exact search has among its first `k`.

    A hit as good as the last of the exact ones counts, also when the tie at the cut let another
    one in (so does ann-benchmarks); the database sums in another order, so scores are taken as
    equal up to 1e-5 of their size. If such a hit is wrong, the encoder is to blame for it, and the
    index for all other wrong hits.
    """
    best, hits = exact.positions[:, :k], index.positions[:, :k]
    if not best.shape[1]:
        return np.zeros(hits.shape, dtype=bool)
    depth = (best >= 0).sum(axis=1)
    last = exact.scores[np.arange(len(best)), np.maximum(depth - 1, 0)][:, None]
    tied = (hits >= 0) & np.isclose(index.scores[:, :k], last, rtol=1e-5, atol=1e-7)
    marked: NDArray[np.bool_] = _contained(hits, best) | tied
    return marked


def with_ties_of(exact: Neighbours, index: Neighbours) -> Neighbours:
    """Return the index's lists with equals in the order that exact search has them in: by id.

    Which of several equals the database returns, and in which order, is chance. An index that
    returned two of a picture's five copies gets the two of the lowest ids. Equal is what has equal
    scores in the exact lists, where rows with identical embeddings have identical scores.

    Args:
        exact: (Q, D), of the same queries; deeper than the index's lists, so that it shows what
            ties with the last of them.
        index: (Q, K).
    """
    alike = exact.scores[:, 1:] == exact.scores[:, :-1]
    positions = index.positions.copy()
    for query in np.flatnonzero(alike.any(axis=1)):
        hits = positions[query]
        starts = np.flatnonzero(np.concatenate([[True], ~alike[query]]))
        for equals in np.split(exact.positions[query], starts[1:]):
            if len(equals) > 1:
                places = np.flatnonzero(np.isin(hits, equals))
                hits[places] = equals[: len(places)]
    return Neighbours(positions, index.scores)


def _contained(items: NDArray[np.int32], others: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Whether each item (Q, K) occurs in the same row of `others`; -1 never does.

    Rows are told apart by adding a multiple of the number of positions, so one sort does it.
    """
    size = int(max(items.max(initial=0), others.max(initial=0))) + 1
    shift = np.arange(len(items), dtype=np.int64)[:, None] * size
    shifted = (others + shift)[others >= 0]
    inside: NDArray[np.bool_] = np.isin(items + shift, shifted)
    return inside & (items >= 0)
