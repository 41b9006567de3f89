"""Several query embeddings as one, and a query moved by what a person likes and dislikes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import QueryError

Embeddings = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FeedbackWeights:
    """How much the query, the liked and the disliked pictures count.

    The defaults are those Manning, Raghavan, Schuetze, "Introduction to Information Retrieval"
    (2008), section 9.1.1, call reasonable.

    Attributes:
        query: alpha, above 0.
        more: beta, 0 and more.
        less: gamma, 0 and more.
    """

    query: float = 1.0
    more: float = 0.75
    less: float = 0.15


def mean_embedding(embeddings: Embeddings) -> Embeddings:
    """Return the mean (D,) float32 of embeddings (Q, D), Q of 1 and more."""
    mean: Embeddings = embeddings.mean(axis=0, dtype=np.float64).astype(np.float32)
    return mean


def moved_query(
    query: Embeddings, *, more: Embeddings, less: Embeddings, weights: FeedbackWeights
) -> Embeddings:
    """Move a query towards pictures that were liked and away from those that were not.

    Rocchio, "Relevance feedback in information retrieval" (1971), as in Manning, Raghavan,
    Schuetze (2008), section 9.1.1:

        q' = (alpha q + beta mean(more) - gamma mean(less)) / (alpha + beta - gamma)

    where beta or gamma is 0 when no picture is marked that way. The division is ours: it does not
    change the direction, so COSINE ranks as by Rocchio's own formula, and it keeps the query at
    the scale of the embeddings, without which L2 would compare with a point far outside them.
    Negative numbers are kept; Rocchio sets them to 0, since words cannot occur less than never.

    Args:
        query: (D,).
        more: (R, D), R of 0 and more.
        less: (S, D), S of 0 and more.

    Raises:
        QueryError: The weights that apply do not add up to more than 0.
    """
    beta = weights.more if len(more) else 0.0
    gamma = weights.less if len(less) else 0.0
    total = weights.query + beta - gamma
    if total <= 1e-6:
        raise QueryError(
            f"the weights add up to {total:.2f} ({weights.query:g} + {beta:g} - {gamma:g}), which "
            "leaves no query. Lower the weight of 'less like this'."
        )
    moved = weights.query * query.astype(np.float64)
    if len(more):
        moved += beta * more.mean(axis=0, dtype=np.float64)
    if len(less):
        moved -= gamma * less.mean(axis=0, dtype=np.float64)
    return (moved / total).astype(np.float32)
