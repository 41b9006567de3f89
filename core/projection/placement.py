"""A picture that is not in the collection, placed on a map that is there already."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.embeddings.neighbour_table import NEIGHBOURS
from core.embeddings.one_query import best_rows, exact_scores
from core.errors import EncoderMismatchError
from core.metric import Metric


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a query lies, and why.

    Attributes:
        position: (2,) or (3,), the mean of its neighbours' positions, weighted by similarity.
        rows: Up to 15 nearest rows in the full space, nearest first.
        cosines: Their cosine similarities with the query, in [-1, 1].
    """

    position: tuple[float, ...]
    rows: tuple[int, ...]
    cosines: tuple[float, ...]


def place_query(
    query: NDArray[np.float32],
    embeddings: NDArray[np.float32],
    coordinates: NDArray[np.float32],
    *,
    metric: Metric,
) -> Placed:
    """Place a query at the similarity-weighted mean of its nearest neighbours' positions.

    The weights are cosine similarities; negative ones count as 0, and where none is positive all
    neighbours weigh the same. The map itself is not computed again, so a query that is like
    nothing in the collection lies among pictures all the same: look at the similarities.

    Args:
        query: (D,).
        embeddings: (N, D) float32, N of 1 and more; may be memory-mapped, it is read in blocks.
        coordinates: (N, 2) or (N, 3).
        metric: Decides which rows are nearest: COSINE or L2.

    Raises:
        EncoderMismatchError: The query is of another dimension.
    """
    if query.shape != embeddings.shape[1:]:
        raise EncoderMismatchError(
            f"the query has {query.size} numbers, the map {embeddings.shape[1]}. Query with the "
            "encoder the collection was built with."
        )
    scores = exact_scores(embeddings, query, metric=metric)
    everyone = np.ones(len(embeddings), dtype=bool)
    rows = best_rows(scores, metric=metric, k=NEIGHBOURS, allowed=everyone)
    cosines = np.clip(exact_scores(embeddings[rows], query, metric=Metric.COSINE), -1, 1)
    weights = np.maximum(cosines, 0)
    if not weights.any():
        weights = np.ones_like(weights)
    position = weights @ coordinates[rows] / weights.sum()
    return Placed(
        tuple(float(value) for value in position),
        tuple(int(row) for row in rows),
        tuple(float(value) for value in cosines),
    )
