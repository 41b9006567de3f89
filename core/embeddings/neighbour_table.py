"""The exact nearest neighbours of every row, and what they say about rows and maps; NumPy only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.embeddings.neighbours import exact_neighbours
from core.metric import Metric
from core.progress import Progress, Stage, silent

# How many neighbours are kept for every row, where the collection has that many. They also decide,
# on every page, which labels are suspected and which pictures are hubs.
NEIGHBOURS = 15


# Rows scored again at once: with 15 neighbours of 2,048 numbers they take 31 MB.
_BLOCK = 256
_NO_DISTANCE = "the inner product is not a distance; take COSINE or L2"


@dataclass(frozen=True, slots=True)
class Neighbourhoods:
    """The k nearest other rows of every row, in the full space.

    Attributes:
        indices: (N, k) int32, nearest first; a row is never its own neighbour, also where others
            are equal to it.
        scores: (N, k) float32, as `core.metric` defines them: squared distance or cosine.
        cosines: (N, k) float32 in [-1, 1], the cosine similarity whatever the metric.
    """

    indices: NDArray[np.int32]
    scores: NDArray[np.float32]
    cosines: NDArray[np.float32]

    @property
    def k(self) -> int:
        """Neighbours per row: `NEIGHBOURS`, or one less than there are rows."""
        return int(self.indices.shape[1])


def as_euclidean(embeddings: NDArray[np.float32], metric: Metric) -> NDArray[np.float32]:
    """Return (N, D) vectors whose Euclidean distances rank as `metric` does.

    For COSINE these are the unit vectors, since |a - b|^2 = 2 - 2 cos(a, b) for |a| = |b| = 1; a
    vector of zeros stays as it is.

    Raises:
        ValueError: `metric` is IP, which is not a distance: a row need not be nearest to itself.
    """
    if metric is Metric.IP:
        raise ValueError(_NO_DISTANCE)
    vectors = np.asarray(embeddings, dtype=np.float32)
    if metric is Metric.L2:
        return vectors
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norms > 0, norms, 1), dtype=np.float32)


def nearest(
    embeddings: NDArray[np.float32],
    *,
    metric: Metric,
    k: int = NEIGHBOURS,
    on_progress: Progress = silent,
) -> Neighbourhoods:
    """Compare every row with every other and keep the `k` nearest.

    Args:
        embeddings: (N, D) float32.
        metric: COSINE or L2.
        k: 1 and more; fewer are kept where there are fewer other rows.
        on_progress: Stage `COMPARE`, in rows.

    Raises:
        ValueError: The metric is IP, which is no distance.
    """
    if metric is Metric.IP:
        raise ValueError(_NO_DISTANCE)
    rows = len(embeddings)
    k = max(0, min(k, rows - 1))
    if not k:
        empty = np.zeros((rows, 0), dtype=np.float32)
        return Neighbourhoods(empty.astype(np.int32), empty, empty)
    lists = exact_neighbours(
        embeddings,
        queries=np.arange(rows),
        metric=metric,
        k=k,
        on_progress=on_progress,
        stage=Stage.COMPARE,
    )
    if metric is Metric.COSINE:
        cosines = np.clip(lists.scores, -1, 1)
        return Neighbourhoods(lists.positions, cosines, cosines)
    return _scored_again(embeddings, lists.positions)


def purity(
    neighbours: Neighbourhoods, labels: Sequence[str], *, k: int | None = None
) -> NDArray[np.float32]:
    """Return (N,) shares of each row's neighbours that have its class; NaN without neighbours.

    It equals exact precision@k of the row as a query against all others.

    Args:
        k: Only the first k neighbours; all that are kept where it is None or more than those.
    """
    codes = _codes(labels)
    if not neighbours.k:
        return np.full(len(codes), np.nan, dtype=np.float32)
    same = codes[neighbours.indices[:, :k]] == codes[:, None]
    return np.asarray(same.mean(axis=1), dtype=np.float32)


def survival(neighbours: Neighbourhoods, coordinates: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (N,) shares of each row's true neighbours that are among its k nearest on the map.

    Args:
        coordinates: (N, 2) or (N, 3), positions on the map.

    Returns:
        In [0, 1]; 1 where the map shows the whole neighbourhood, NaN without neighbours.
    """
    rows, k = neighbours.indices.shape
    if not k:
        return np.full(rows, np.nan, dtype=np.float32)
    return shared(neighbours.indices, nearest_on_map(coordinates, k))


def nearest_on_map(coordinates: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """Return (N, k) the other rows that lie nearest on a map; k is at most N - 1.

    Args:
        coordinates: (N, 2) or (N, 3), positions on the map.
    """
    from scipy.spatial import KDTree

    rows = len(coordinates)
    _, near = KDTree(coordinates).query(coordinates, k=k + 1)
    # The row itself is dropped by its number: equal positions may put another one first.
    is_self = near == np.arange(rows)[:, None]
    is_self[~is_self.any(axis=1), -1] = True
    return np.asarray(near[~is_self].reshape(rows, k))


def shared(one: NDArray[np.integer], other: NDArray[np.integer]) -> NDArray[np.float32]:
    """Return (N,) what share of each row's neighbours in one table is among those in another.

    Args:
        one: (N, k), k of 1 and more.
        other: (N, k).
    """
    both = (one[:, :, None] == other[:, None, :]).any(axis=2)
    return np.asarray(both.mean(axis=1), dtype=np.float32)


def outliers(neighbours: Neighbourhoods, *, metric: Metric, count: int) -> NDArray[np.int64]:
    """Return up to `count` rows whose k-th neighbour is least alike, the farthest first.

    Ramaswamy, Rastogi and Shim (2000), "Efficient algorithms for mining outliers".
    """
    if not neighbours.k:
        return np.zeros(0, dtype=np.int64)
    last = neighbours.scores[:, -1]
    farthest = last if metric.higher_is_better else -last
    return np.argsort(farthest, kind="stable")[:count]


def _scored_again(vectors: NDArray[np.float32], indices: NDArray[np.int32]) -> Neighbourhoods:
    """Return squared distances from the differences themselves, and the order they give.

    |a|^2 + |b|^2 - 2ab loses all digits for near-duplicates, and UMAP scales every neighbourhood by
    its smallest distance above 0.
    """
    units = as_euclidean(vectors, Metric.COSINE)
    ordered = np.empty_like(indices)
    distances = np.empty(indices.shape, dtype=np.float32)
    cosines = np.empty(indices.shape, dtype=np.float32)
    for start in range(0, len(vectors), _BLOCK):
        block = slice(start, start + _BLOCK)
        near = indices[block]
        gaps = vectors[near] - vectors[block, None]
        distance = np.einsum("ikd,ikd->ik", gaps, gaps)
        cosine = np.clip(np.einsum("id,ikd->ik", units[block], units[near]), -1, 1)
        order = np.lexsort((near, distance), axis=1)
        ordered[block] = np.take_along_axis(near, order, axis=1)
        distances[block] = np.take_along_axis(distance, order, axis=1)
        cosines[block] = np.take_along_axis(cosine, order, axis=1)
    return Neighbourhoods(ordered, distances, cosines)


def _codes(labels: Sequence[str]) -> NDArray[np.intp]:
    return np.unique(np.asarray(labels, dtype=object).astype(str), return_inverse=True)[1]
