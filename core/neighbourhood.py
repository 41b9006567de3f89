"""The exact nearest neighbours of every row, and what they say about rows and maps; NumPy only."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.metric import Metric

# How many neighbours are kept for every row, where the collection has that many.
NEIGHBOURS = 15

# Rows compared with all others at once: 256 x 20,000 numbers are 20 MB.
_BLOCK = 256

Progress = Callable[[str, int, int], None]


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
        """Neighbourhoods per row: `NEIGHBOURS`, or one less than there are rows."""
        return int(self.indices.shape[1])


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A row whose neighbours mostly have one other class.

    Attributes:
        row: Its position.
        label: The class most of its neighbours have.
        share: Of its k neighbours with that class, in (0, 1].
    """

    row: int
    label: str
    share: float


def as_euclidean(embeddings: NDArray[np.float32], metric: Metric) -> NDArray[np.float32]:
    """Return (N, D) vectors whose Euclidean distances rank as `metric` does.

    For COSINE these are the unit vectors, since |a - b|^2 = 2 - 2 cos(a, b) for |a| = |b| = 1; a
    vector of zeros stays as it is.

    Raises:
        ValueError: `metric` is IP, which is no distance: a row need not be nearest to itself.
    """
    if metric is Metric.IP:
        raise ValueError("the inner product is no distance; take COSINE or L2")
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
    on_progress: Progress | None = None,
) -> Neighbourhoods:
    """Compare every row with every other and keep the `k` nearest.

    Args:
        embeddings: (N, D) float32.
        metric: COSINE or L2.
        k: 1 and more; fewer are kept where there are fewer other rows.
        on_progress: Called with `neighbours`, rows done, rows in all.
    """
    vectors = as_euclidean(embeddings, metric)
    units = vectors if metric is Metric.COSINE else as_euclidean(embeddings, Metric.COSINE)
    rows = len(vectors)
    k = max(0, min(k, rows - 1))
    squares = np.einsum("ij,ij->i", vectors, vectors)
    indices = np.zeros((rows, k), dtype=np.int32)
    scores = np.zeros((rows, k), dtype=np.float32)
    cosines = np.zeros((rows, k), dtype=np.float32)
    for start in range(0, rows, _BLOCK) if k else ():
        block = slice(start, min(start + _BLOCK, rows))
        found = _nearest_of_block(vectors, squares, block, k)
        cosine = np.clip(np.einsum("id,ikd->ik", units[block], units[found]), -1, 1)
        # From the difference itself: |a|^2 + |b|^2 - 2ab loses all digits for near-duplicates.
        gaps = vectors[found] - vectors[block, None]
        distance = np.einsum("ikd,ikd->ik", gaps, gaps)
        score = cosine if metric is Metric.COSINE else distance
        order = np.lexsort((found, distance), axis=1)
        indices[block] = np.take_along_axis(found, order, axis=1)
        scores[block] = np.take_along_axis(score, order, axis=1)
        cosines[block] = np.take_along_axis(cosine, order, axis=1)
        if on_progress:
            on_progress("neighbours", block.stop, rows)
    return Neighbourhoods(indices, scores, cosines)


def purity(neighbours: Neighbourhoods, labels: Sequence[str]) -> NDArray[np.float32]:
    """Return (N,) shares of each row's neighbours that have its class; NaN without neighbours.

    It equals exact precision@k of the row as a query against all others.
    """
    codes = _codes(labels)
    if not neighbours.k:
        return np.full(len(codes), np.nan, dtype=np.float32)
    same = codes[neighbours.indices] == codes[:, None]
    return np.asarray(same.mean(axis=1), dtype=np.float32)


def hub_counts(neighbours: Neighbourhoods) -> NDArray[np.int64]:
    """Return (N,) how many other rows have each row among their neighbours; k on average."""
    return np.bincount(neighbours.indices.ravel(), minlength=len(neighbours.indices))


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
    from scipy.spatial import KDTree

    _, found = KDTree(coordinates).query(coordinates, k=k + 1)
    # The row itself is dropped by its number: equal positions may put another one first.
    is_self = found == np.arange(rows)[:, None]
    is_self[~is_self.any(axis=1), -1] = True
    kept = found[~is_self].reshape(rows, k)
    shared = (kept[:, :, None] == neighbours.indices[:, None, :]).any(axis=2)
    return np.asarray(shared.mean(axis=1), dtype=np.float32)


def outliers(neighbours: Neighbourhoods, *, metric: Metric, count: int) -> NDArray[np.int64]:
    """Return up to `count` rows whose k-th neighbour is least alike, the farthest first.

    Ramaswamy, Rastogi and Shim (2000), "Efficient algorithms for mining outliers".
    """
    if not neighbours.k:
        return np.zeros(0, dtype=np.int64)
    last = neighbours.scores[:, -1]
    farthest = last if metric.higher_is_better else -last
    return np.argsort(farthest, kind="stable")[:count]


def near_duplicates(neighbours: Neighbourhoods, *, similarity: float) -> list[NDArray[np.int64]]:
    """Return groups of rows linked by a cosine similarity of `similarity` and more.

    Rows are linked to those among their k nearest that are alike enough; linked rows share a
    group, also over steps, so the first and last of a chain may be less alike than `similarity`.

    Args:
        similarity: In [-1, 1].

    Returns:
        Arrays of two or more rows each, the largest group first, rows in ascending order.
    """
    parents = list(range(len(neighbours.indices)))
    for row, place in np.argwhere(neighbours.cosines >= similarity):
        one = _root(parents, int(row))
        other = _root(parents, int(neighbours.indices[row, place]))
        parents[max(one, other)] = min(one, other)
    members: dict[int, list[int]] = {}
    for row in range(len(parents)):
        members.setdefault(_root(parents, row), []).append(row)
    groups = [np.array(rows) for rows in members.values() if len(rows) > 1]
    return sorted(groups, key=lambda rows: (-len(rows), int(rows[0])))


def suspected_labels(
    neighbours: Neighbourhoods, labels: Sequence[str], *, least: float
) -> list[Suspicion]:
    """Return the rows of which a share of `least` and more of the neighbours have one other class.

    Args:
        least: Above 0, at most 1. A row without a label is suspected of nothing.

    Returns:
        The largest share first.
    """
    names, codes = np.unique(np.asarray(labels, dtype=object).astype(str), return_inverse=True)
    found: list[Suspicion] = []
    for row, around in enumerate(codes[neighbours.indices]):
        if not around.size or not labels[row]:
            continue
        counts = np.bincount(around, minlength=len(names))
        most = int(counts.argmax())
        share = counts[most] / len(around)
        if most != codes[row] and names[most] and share >= least:
            found.append(Suspicion(row, str(names[most]), float(share)))
    return sorted(found, key=lambda item: -item.share)


def _nearest_of_block(
    vectors: NDArray[np.float32], squares: NDArray[np.float32], block: slice, k: int
) -> NDArray[np.intp]:
    """Return (rows of the block, k) positions, in no particular order."""
    distances = squares[None, :] - 2 * (vectors[block] @ vectors.T)
    own = np.arange(block.start, block.stop)
    distances[np.arange(len(own)), own] = np.inf
    return np.argpartition(distances, k - 1, axis=1)[:, :k]


def _root(parents: list[int], row: int) -> int:
    while parents[row] != row:
        parents[row] = parents[parents[row]]
        row = parents[row]
    return row


def _codes(labels: Sequence[str]) -> NDArray[np.intp]:
    return np.unique(np.asarray(labels, dtype=object).astype(str), return_inverse=True)[1]
