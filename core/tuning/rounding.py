"""Embeddings made smaller, to see what that costs: fewer numbers, or fewer bits for each."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.metric import Metric

Floats = NDArray[np.float32]

_DIMENSIONS = (512, 256, 128)
_BLOCK = 4_096


@dataclass(frozen=True, slots=True)
class Smaller:
    """Embeddings (N, D') float32 with what little is left in them.

    Attributes:
        bytes_a_row: That storing one would take.
    """

    name: str
    embeddings: Floats
    bytes_a_row: int


def smaller(embeddings: Floats, metric: Metric) -> Iterator[Smaller]:
    """Yield the embeddings in every way they are usually made smaller, one at a time.

    Args:
        embeddings: (N, D) float32, may be memory-mapped.
        metric: PCA leaves the mean in for IP and COSINE, which are about angles from zero.
    """
    rows, dimension = embeddings.shape
    whole = np.asarray(embeddings)
    yield Smaller("float16 numbers", whole.astype(np.float16).astype(np.float32), 2 * dimension)
    yield Smaller("int8 numbers", _to_bytes(whole), dimension)
    lengths = np.sqrt(np.einsum("ij,ij->i", whole, whole))[:, None]
    unit = np.divide(whole, lengths, out=np.zeros_like(whole), where=lengths > 0)
    yield Smaller("normalised vectors", unit, 4 * dimension)
    del unit
    wanted = [d for d in _DIMENSIONS if d < min(rows, dimension)]
    if not wanted:
        return
    axes = _principal_axes(whole, max(wanted), centred=metric is Metric.L2)
    projected = whole @ axes
    for count in wanted:
        yield Smaller(
            f"PCA to {count} numbers", np.ascontiguousarray(projected[:, :count]), 4 * count
        )


def _to_bytes(rows: Floats) -> Floats:
    """Round every number to one of 256 steps between the least and the largest of its column."""
    least, most = rows.min(axis=0), rows.max(axis=0)
    step = np.where(most > least, (most - least) / 255, np.float32(1))
    rounded: Floats = (np.rint((rows - least) / step) * step + least).astype(np.float32)
    return rounded


def _principal_axes(rows: Floats, count: int, *, centred: bool) -> Floats:
    """Return the `count` directions that hold most of the rows: (D, count), most first."""
    moment = np.zeros((rows.shape[1], rows.shape[1]))
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        moment += block.T @ block
    if centred:
        mean = rows.mean(axis=0, dtype=np.float64)
        moment -= len(rows) * np.outer(mean, mean)
    # In ascending order.
    _, axes = np.linalg.eigh(moment)
    return np.asarray(axes[:, : -count - 1 : -1], dtype=np.float32)
