"""Exact neighbours by blocked matrix products, and neighbour lists as plain arrays.

Rows are ordered by id, ascending, so a row's position breaks ties as its id would.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import QueryError
from core.metric import Metric
from core.progress import Progress, Stage, silent

# Queries at once and gallery rows at once: the scores of a block take 4 * 512 * N bytes (100 MB at
# 50,000 rows), and the product is already as fast as the processor allows.
_QUERY_BLOCK = 512
_GALLERY_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The neighbours of Q queries, best first.

    Attributes:
        positions: (Q, D) int32, rows of the matrix; -1 where a query has no more neighbours.
        scores: (Q, D) float32, as Milvus gives them (see `core.metric`); NaN where there is none.
    """

    positions: NDArray[np.int32]
    scores: NDArray[np.float32]

    @classmethod
    def from_hits(cls, hits: Sequence[Sequence[tuple[int, float]]], *, depth: int) -> "Neighbours":
        """Return lists of (position, score), best first, as arrays of `depth` columns.

        Longer lists are cut, shorter ones filled up with -1 and NaN.
        """
        positions = np.full((len(hits), depth), -1, dtype=np.int32)
        scores = np.full((len(hits), depth), np.nan, dtype=np.float32)
        for query, row in enumerate(hits):
            kept = row[:depth]
            positions[query, : len(kept)] = [position for position, _ in kept]
            scores[query, : len(kept)] = [score for _, score in kept]
        return cls(positions, scores)

    @property
    def depth(self) -> int:
        """How many neighbours a query has at most."""
        return int(self.positions.shape[1])

    def without(self, dropped: NDArray[np.bool_]) -> "Neighbours":
        """Return the lists without the marked neighbours (Q, D); those behind move up."""
        # False sorts before True, and a stable sort keeps the order within both.
        order = np.argsort(dropped, axis=1, kind="stable")
        gone = np.take_along_axis(dropped, order, axis=1)
        positions = np.where(gone, -1, np.take_along_axis(self.positions, order, axis=1))
        scores = np.where(gone, np.nan, np.take_along_axis(self.scores, order, axis=1))
        return Neighbours(positions.astype(np.int32), scores.astype(np.float32))


def exact_neighbours(
    embeddings: NDArray[np.float32],
    *,
    queries: NDArray[np.int64],
    metric: Metric,
    k: int,
    gallery: NDArray[np.bool_] | None = None,
    on_progress: Progress = silent,
    stage: Stage = Stage.EXACT,
) -> Neighbours:
    """Return the `k` best rows for every query, never the query itself.

    Scores are float32. Rows with identical embeddings get identical scores, whatever order the
    processor summed in; rows of equal score are ordered by position. A row of zeros has cosine
    similarity 0 to everything.

    Args:
        embeddings: (N, D) float32; may be memory-mapped.
        queries: (Q,) positions of the queries.
        k: 1 and more; cut to the number of rows that can be found.
        gallery: (N,) rows that may be found; None means all.
        on_progress: One stage, in queries.
        stage: What the search is to whoever waits for it.

    Returns:
        Lists as deep as `k`, or as the gallery where it is smaller.

    Raises:
        QueryError: `k` is below 1, or the gallery is empty.
    """
    columns = np.arange(len(embeddings)) if gallery is None else np.flatnonzero(gallery)
    if k < 1:
        raise QueryError(f"k is {k}, allowed are 1 and more.")
    if not len(columns):
        raise QueryError("there is no row to find: the gallery is empty. Choose another one.")
    place = np.full(len(embeddings), -1)
    place[columns] = np.arange(len(columns))
    depth = min(k, len(columns) - int((place[queries] >= 0).all()))
    positions = np.full((len(queries), depth), -1, dtype=np.int32)
    scores = np.full((len(queries), depth), np.nan, dtype=np.float32)
    product = _Product(embeddings, columns, metric)
    for start in range(0, len(queries), _QUERY_BLOCK):
        block = queries[start : start + _QUERY_BLOCK]
        keys = product.keys(block)
        inside = np.flatnonzero(place[block] >= 0)
        keys[inside, place[block[inside]]] = -np.inf
        best, values = _best(keys, depth)
        end = start + len(block)
        positions[start:end] = np.where(best >= 0, columns[best], -1)
        scores[start:end] = values if metric.higher_is_better else -values
        on_progress(stage, end, len(queries))
    return Neighbours(positions, scores)


def occurrences(positions: NDArray[np.int32], *, rows: int) -> NDArray[np.int64]:
    """Return (rows,) how many neighbour lists each row is in: what makes a picture a hub.

    It is the k-occurrence N_k(x) of Radovanovic, Nanopoulos, Ivanovic, "Hubs in Space" (2010); its
    mean is k where every row has a list.

    Args:
        positions: (Q, k), -1 where a list has ended.
    """
    return np.bincount(positions[positions >= 0], minlength=rows)


class _Product:
    """Scores of queries against the gallery, a block at a time; higher is better."""

    def __init__(
        self, embeddings: NDArray[np.float32], columns: NDArray[np.int64], metric: Metric
    ) -> None:
        self._embeddings, self._columns, self._metric = embeddings, columns, metric
        # Distances do not change when everything is shifted, and differences of small numbers
        # lose fewer digits than differences of large ones.
        self._centre = embeddings.mean(axis=0, dtype=np.float64).astype(np.float32)
        self._copies, self._originals = _copies(embeddings, columns)

    def keys(self, block: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return (len(block), len(columns)) float32, higher is better."""
        left = self._prepared(block)
        keys = np.empty((len(block), len(self._columns)), dtype=np.float32)
        for start in range(0, len(self._columns), _GALLERY_BLOCK):
            end = min(start + _GALLERY_BLOCK, len(self._columns))
            right = self._prepared(self._columns[start:end])
            part = keys[:, start:end]
            np.matmul(left, right.T, out=part)
            if self._metric is Metric.L2:
                # -|a - b|^2 = 2 ab - |a|^2 - |b|^2, never above 0.
                part *= 2
                part -= np.einsum("ij,ij->i", right, right)
                part -= np.einsum("ij,ij->i", left, left)[:, None]
                np.minimum(part, 0, out=part)
        if len(self._copies):
            keys[:, self._copies] = keys[:, self._originals]
        return keys

    def _prepared(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        rows = self._rows(positions)
        if self._metric is Metric.L2:
            shifted: NDArray[np.float32] = rows - self._centre
            return shifted
        if self._metric is Metric.COSINE:
            norms = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
            unit = np.zeros_like(rows)
            np.divide(rows, norms, out=unit, where=norms > 0)
            return unit
        return rows

    def _rows(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        first, last = int(positions[0]), int(positions[-1])
        if last - first + 1 == len(positions) and (np.diff(positions) == 1).all():
            return np.asarray(self._embeddings[first : last + 1])
        return np.asarray(self._embeddings[positions])


def _copies(
    embeddings: NDArray[np.float32], columns: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places in `columns` whose embedding occurred before, and where it did."""
    first: dict[bytes, int] = {}
    copies: list[int] = []
    originals: list[int] = []
    for place, column in enumerate(columns):
        content = hashlib.blake2b(embeddings[column].tobytes(), digest_size=16)
        original = first.setdefault(content.digest(), place)
        if original != place:
            copies.append(place)
            originals.append(original)
    return np.array(copies, dtype=np.int64), np.array(originals, dtype=np.int64)


def _best(keys: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the `k` largest of every row, (B, k), with their columns; -1, NaN where -inf.

    The k-th value is found first, then everything that reaches it: a tie at the cut is decided by
    the column, not by the order in which a partition happened to leave the elements.
    """
    size = keys.shape[1]
    if not k:
        return np.empty((len(keys), 0), dtype=np.int64), np.empty((len(keys), 0), dtype=np.float32)
    cut = np.partition(keys, size - k, axis=1)[:, size - k]
    rows, columns = np.nonzero(keys >= cut[:, None])
    values = keys[rows, columns]
    # Stable: what ties stays in the order of the columns.
    order = np.lexsort((-values, rows))
    counts = np.bincount(rows, minlength=len(keys))
    starts = np.cumsum(counts) - counts
    taken = order[(starts[:, None] + np.arange(k)).ravel()].reshape(len(keys), k)
    places, highest = columns[taken], values[taken]
    missing = np.isneginf(highest)
    return np.where(missing, -1, places), np.where(missing, np.float32(np.nan), highest)
