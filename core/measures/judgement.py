"""Neighbour lists and labels -> which hits are right, also without duplicates of the query."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.embeddings.neighbours import Neighbours
from core.metric import Metric

# For rows without a label: never right, never a class of their own.
NO_CLASS = -1


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """What is known of the N rows of a collection.

    Attributes:
        classes: Names in alphabetical order.
        codes: (N,) int32, each row's place in `classes`; -1 without a label.
        copies: (N,) int64, equal for rows whose files have the same bytes.
        gallery: (N,) bool, the rows that may be found.
    """

    classes: tuple[str, ...]
    codes: NDArray[np.int32]
    copies: NDArray[np.int64]
    gallery: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Judgement:
    """Which hits of Q queries are right.

    Attributes:
        classes: (Q,) int32, class of each query; -1 without a label.
        hits: (Q, D) int32, class of each hit; -1 for none, or one without a label.
        right: (Q, D) bool.
        relevant: (Q,) int64, pictures of the query's class that could be found, without itself;
            0 for a query without a label.
        reachable: (Q,) int64, pictures of any class that could be found, without the query.
        filled: (Q,) int64, hits that came back.
        known: (Q,) int64, ranks that are certain where near-duplicates were taken out of lists
            that do not reach through the whole gallery; None where all are.
    """

    classes: NDArray[np.int32]
    hits: NDArray[np.int32]
    right: NDArray[np.bool_]
    relevant: NDArray[np.int64]
    reachable: NDArray[np.int64]
    filled: NDArray[np.int64]
    known: NDArray[np.int64] | None

    @property
    def faults(self) -> NDArray[np.bool_]:
        """(Q, D) bool: hits of another class where a picture of the query's was still to be found.

        What stands behind all of them could not be right, so it is nobody's fault.
        """
        before: NDArray[np.int64] = np.cumsum(self.right, axis=1) - self.right
        filled = np.arange(self.right.shape[1]) < self.filled[:, None]
        faults: NDArray[np.bool_] = filled & ~self.right & (before < self.relevant[:, None])
        return faults


def make_rows(
    labels: Sequence[str], digests: Sequence[str], *, gallery: NDArray[np.bool_] | None = None
) -> LabelledRows:
    """Number classes and copies; a row without a digest is a copy of nothing."""
    classes = tuple(sorted(set(labels) - {""}))
    code = {name: number for number, name in enumerate(classes)}
    number: dict[str, int] = {}
    copies = [
        number.setdefault(digest or f"row {row}", len(number)) for row, digest in enumerate(digests)
    ]
    return LabelledRows(
        classes,
        np.array([code.get(label, NO_CLASS) for label in labels], dtype=np.int32),
        np.array(copies, dtype=np.int64),
        np.ones(len(labels), dtype=bool) if gallery is None else gallery,
    )


def judge(
    neighbours: Neighbours,
    rows: LabelledRows,
    queries: NDArray[np.int64],
    *,
    dropped: NDArray[np.bool_] | None = None,
) -> Judgement:
    """Compare the classes of queries and hits.

    Args:
        queries: (Q,) positions of the queries.
        dropped: (Q, D) hits to leave out; those of the query's class no longer count as
            relevant either.
    """
    classes = rows.codes[queries]
    counts = np.bincount(
        rows.codes[rows.gallery & (rows.codes >= 0)], minlength=max(1, len(rows.classes))
    )
    relevant = np.where(classes >= 0, counts[classes] - rows.gallery[queries], 0)
    reachable = rows.gallery.sum() - rows.gallery[queries].astype(np.int64)
    known = None
    if dropped is not None:
        dropped = dropped & (neighbours.positions >= 0)
        same = rows.codes[neighbours.positions] == classes[:, None]
        relevant = np.maximum(relevant - (dropped & same & (classes >= 0)[:, None]).sum(axis=1), 0)
        # A list as long as the gallery ends because there is nothing more: that is no gap.
        left = neighbours.depth - dropped.sum(axis=1)
        known = np.where(neighbours.depth < reachable, left, np.iinfo(np.int64).max)
        reachable = reachable - dropped.sum(axis=1)
        neighbours = neighbours.without(dropped)
    filled = neighbours.positions >= 0
    hits = np.where(filled, rows.codes[neighbours.positions], NO_CLASS).astype(np.int32)
    return Judgement(
        classes=classes,
        hits=hits,
        right=(hits == classes[:, None]) & (hits >= 0),
        relevant=relevant.astype(np.int64),
        reachable=reachable,
        filled=filled.sum(axis=1),
        known=known,
    )


def exact_copies(
    neighbours: Neighbours, rows: LabelledRows, queries: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Mark the neighbours (Q, D) whose file has the same bytes as the query's."""
    same: NDArray[np.bool_] = rows.copies[neighbours.positions] == rows.copies[queries][:, None]
    return same & (neighbours.positions >= 0)


def cosine_similarities(
    neighbours: Neighbours, metric: Metric, norms: NDArray[np.float32], queries: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the cosine similarity (Q, D) of every neighbour to its query, whatever the metric.

    From a distance: (|a|^2 + |b|^2 - d^2) / (2 |a| |b|); from an inner product: ab / (|a| |b|).

    Args:
        norms: (N,) lengths of the embeddings; a row of zeros has similarity 0.
    """
    if metric is Metric.COSINE:
        return neighbours.scores
    left, right = norms[queries][:, None], norms[neighbours.positions]
    lengths: NDArray[np.float32] = left * right
    dot = neighbours.scores
    if metric is Metric.L2:
        dot = ((left**2 + right**2 - neighbours.scores) / 2).astype(np.float32)
    result = np.where(np.isnan(dot), dot, np.float32(0))
    np.divide(dot, lengths, out=result, where=lengths > 0)
    return result


def tied_cuts(neighbours: Neighbours, k: int) -> int:
    """Return for how many queries hit `k` and the one behind it have the same score.

    There the cut is arbitrary: it falls between equals, by id.
    """
    if neighbours.depth <= k:
        return 0
    return int((neighbours.scores[:, k - 1] == neighbours.scores[:, k]).sum())
