"""One query against every row, exactly; and how near the rows of a collection are to each other."""

import numpy as np
from numpy.typing import NDArray

from core.embeddings.neighbours import exact_neighbours
from core.metric import Metric

# Rows at once: 8 MB at 2,048 numbers.
_BLOCK = 1024
# Queries that the limit below is taken from. More would not change what a person is told.
SAMPLE = 1000
_USUAL = 0.99


def exact_scores(
    embeddings: NDArray[np.float32], query: NDArray[np.float32], *, metric: Metric
) -> NDArray[np.float32]:
    """Return the score of every row with a query: (N,) float32, as Milvus gives them.

    A row of zeros has cosine similarity 0 to everything.

    Args:
        embeddings: (N, D) float32; may be memory-mapped.
        query: (D,).
    """
    scores = np.empty(len(embeddings), dtype=np.float32)
    length = float(np.linalg.norm(query))
    for start in range(0, len(embeddings), _BLOCK):
        rows = np.asarray(embeddings[start : start + _BLOCK])
        part = scores[start : start + _BLOCK]
        if metric is Metric.L2:
            gaps = rows - query
            np.einsum("ij,ij->i", gaps, gaps, out=part)
            continue
        np.matmul(rows, query, out=part)
        if metric is Metric.COSINE:
            sizes = np.sqrt(np.einsum("ij,ij->i", rows, rows)) * np.float32(length)
            np.divide(part, sizes, out=part, where=sizes > 0)
    return scores


def best_rows(
    scores: NDArray[np.float32], *, metric: Metric, k: int, allowed: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return the positions of up to `k` allowed rows, best first; equal scores by position.

    Args:
        scores: (N,), as `exact_scores` gives them.
        allowed: (N,) rows that may be returned.
    """
    rows = np.flatnonzero(allowed)
    keys = -scores[rows] if metric.higher_is_better else scores[rows]
    if k < len(rows):
        # Everything that reaches the k-th value, so that a tie at the cut is decided by position.
        cut = np.partition(keys, k - 1)[k - 1]
        kept = keys <= cut
        rows, keys = rows[kept], keys[kept]
    return rows[np.argsort(keys, kind="stable")][:k]


def farthest_usual(embeddings: NDArray[np.float32], *, metric: Metric) -> float:
    """Return the score of a nearest neighbour that 99 % of the rows surpass; NaN for one row.

    It is the 99th percentile of the distances to the nearest other row: for L2 that of the squared
    distances, for similarities the 1st percentile. Above 1,000 rows it is taken over a sample of
    1,000, drawn with a fixed seed, each compared with every row.

    Args:
        embeddings: (N, D) float32; may be memory-mapped.
    """
    size = len(embeddings)
    if size < 2:
        return float("nan")
    queries = np.arange(size)
    if size > SAMPLE:
        drawn = np.random.default_rng(0).choice(size, SAMPLE, replace=False)
        queries = np.sort(drawn)
    nearest = exact_neighbours(embeddings, queries=queries, metric=metric, k=1).scores[:, 0]
    share = 1 - _USUAL if metric.higher_is_better else _USUAL
    return float(np.quantile(nearest.astype(np.float64), share))
