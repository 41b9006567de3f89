"""One query against every row, exactly; and how near the rows of a collection are to each other."""

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.embeddings.matrix_file import file_of, let_go
from core.errors import FileError
from core.files import write_whole
from core.metric import Metric

# Rows at once: 8 MB at 2,048 numbers.
_BLOCK = 1024
# Queries that the limit below is taken from. More would not change what a person is told.
SAMPLE = 1000
_USUAL = 0.99
# Behind the name of a matrix; the number is raised when the meaning changes.
_KEPT = ".usual-v1.json"
# Blocks after which the memory of a mapped matrix is given back: measured with 820 MB, it takes a
# tenth longer, and 34 MB instead of 853.
_LET_GO = 8


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
        if start % (_LET_GO * _BLOCK) == 0:
            let_go(embeddings)
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
    let_go(embeddings)
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


def farthest_usual(
    embeddings: NDArray[np.float32], *, metrics: Sequence[Metric]
) -> dict[Metric, float]:
    """Return the score of a nearest neighbour that 99 % of the rows surpass; NaN for one row.

    It is the 99th percentile of the distances to the nearest other row: for L2 that of the squared
    distances, for similarities the 1st percentile. Above 1,000 rows it is taken over a sample of
    1,000, drawn with a fixed seed, each compared with every row. Of a mapped matrix it is kept in a
    file beside it, and read from there.

    Args:
        embeddings: (N, D) float32; may be memory-mapped.
    """
    file = file_of(embeddings)
    kept = file.with_suffix(_KEPT) if file else None
    known = _known(kept) if kept else {}
    lacking = [metric for metric in metrics if metric not in known]
    if lacking:
        known |= _measured(embeddings, lacking)
        if kept:
            content = json.dumps(known).encode()
            with contextlib.suppress(FileError):
                write_whole(kept, content)
    return {metric: known[metric] for metric in metrics}


def _known(file: Path) -> dict[str, float]:
    try:
        return {
            str(metric): float(limit) for metric, limit in json.loads(file.read_bytes()).items()
        }
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _measured(embeddings: NDArray[np.float32], metrics: Sequence[Metric]) -> dict[str, float]:
    size = len(embeddings)
    if size < 2:
        return dict.fromkeys(map(str, metrics), float("nan"))
    asked = np.arange(size)
    if size > SAMPLE:
        asked = np.sort(np.random.default_rng(0).choice(size, SAMPLE, replace=False))
    nearest = _nearest(embeddings, asked, metrics)
    let_go(embeddings)
    limits = {}
    for metric, scores in nearest.items():
        share = 1 - _USUAL if metric.higher_is_better else _USUAL
        limits[str(metric)] = float(np.quantile(scores.astype(np.float64), share))
    return limits


def _nearest(
    embeddings: NDArray[np.float32], asked: NDArray[np.int64], metrics: Sequence[Metric]
) -> dict[Metric, NDArray[np.float32]]:
    """Return the score (Q,) of the nearest other row of each that is asked, by metric.

    One product serves all metrics.
    """
    left = np.asarray(embeddings[asked])
    # Differences of small numbers lose fewer digits than differences of large ones.
    centre = left.mean(axis=0)
    left = left - centre
    worst = {m: -np.inf if m.higher_is_better else np.inf for m in metrics}
    best = {m: np.full(len(asked), worst[m], dtype=np.float32) for m in metrics}
    for start in range(0, len(embeddings), _BLOCK):
        rows = np.asarray(embeddings[start : start + _BLOCK])
        scores = _scores(left, rows - centre, centre, metrics)
        own = np.flatnonzero((asked >= start) & (asked < start + len(rows)))
        for metric, part in scores.items():
            part[own, asked[own] - start] = worst[metric]
            if metric.higher_is_better:
                np.maximum(best[metric], part.max(axis=1), out=best[metric])
            else:
                np.minimum(best[metric], part.min(axis=1), out=best[metric])
        if start % (_LET_GO * _BLOCK) == 0:
            let_go(embeddings)
    return best


def _scores(
    left: NDArray[np.float32],
    right: NDArray[np.float32],
    centre: NDArray[np.float32],
    metrics: Sequence[Metric],
) -> dict[Metric, NDArray[np.float32]]:
    """Return (Q, B) scores by metric of rows from which `centre` was taken."""
    products = left @ right.T
    scores: dict[Metric, NDArray[np.float32]] = {}
    if Metric.L2 in metrics:
        squares = np.einsum("ij,ij->i", left, left)[:, None] + np.einsum("ij,ij->i", right, right)
        scores[Metric.L2] = np.maximum(squares - 2 * products, 0)
    # (a + c)(b + c) = ab + ac + bc + cc.
    products += (left @ centre)[:, None] + (right @ centre) + centre @ centre
    if Metric.IP in metrics:
        scores[Metric.IP] = products.copy()
    if Metric.COSINE in metrics:
        sizes = np.outer(_lengths(left + centre), _lengths(right + centre))
        scores[Metric.COSINE] = np.divide(
            products, sizes, out=np.zeros_like(products), where=sizes > 0
        )
    return scores


def _lengths(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths: NDArray[np.float32] = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return lengths
