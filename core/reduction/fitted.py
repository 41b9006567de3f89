"""Embeddings -> embeddings with what little is left in them, the same way for rows and queries."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.errors import ReductionError
from core.metric import Metric
from core.progress import Progress, Stage, silent
from core.records import EncoderIdentity, Reduction, Rounding
from core.wording import counted

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

# Rows at a time: 32 MB at 2,048 numbers.
_BLOCK = 4_096
_STEPS = 255
_LARGEST = float(np.finfo(np.float16).max)


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A reduction with what it needs; what it has no use for is None.

    Attributes:
        mean: (D,) float32, taken away before the components; zeros where it was left in.
        components: (D, pca) float32, unit vectors, those that hold most first.
        least, step: (D',) float32: the smallest number of each column, and 1/255 of its range.
    """

    reduction: Reduction
    mean: Floats | None = None
    components: Floats | None = None
    least: Floats | None = None
    step: Floats | None = None

    @property
    def takes(self) -> int | None:
        """How many numbers an embedding must have before; None where any will do."""
        told = self.least if self.mean is None else self.mean
        return None if told is None else len(told)

    def dimension(self, before: int) -> int:
        """Return how many numbers are left of so many."""
        return self.reduction.pca or before

    def apply(self, embeddings: Floats) -> Floats:
        """Return embeddings (N, D) float32 as they are after it: (N, D') float32, a new array.

        An embedding with a number that is not finite becomes one without any.
        """
        out = np.empty((len(embeddings), self.dimension(embeddings.shape[1])), np.float32)
        for rows in _blocks(len(embeddings)):
            out[rows] = self._applied(np.asarray(embeddings[rows]))
        return out

    def _applied(self, rows: Floats) -> Floats:
        broken = np.logical_not(np.isfinite(rows).all(axis=1))[:, None]
        with np.errstate(invalid="ignore", over="ignore"):
            kept = unit_length(rows) if self.reduction.normalised else rows
            if self.mean is not None and self.components is not None:
                kept = np.matmul(kept - self.mean, self.components, dtype=np.float32)
            kept = self._rounded(kept)
        return np.where(broken, np.float32(np.nan), kept)

    def _rounded(self, rows: Floats) -> Floats:
        if self.reduction.rounding is Rounding.FLOAT16:
            half: Floats = np.clip(rows, -_LARGEST, _LARGEST).astype(np.float16).astype(np.float32)
            return half
        if self.least is not None and self.step is not None:
            # A byte has no room for what lies outside of what it was fitted to.
            steps = np.clip(np.rint((rows - self.least) / self.step), 0, _STEPS)
            rounded: Floats = (steps * self.step + self.least).astype(np.float32)
            return rounded
        return rows


def fit(
    embeddings: Floats,
    reduction: Reduction,
    *,
    centred: bool,
    on_progress: Progress = silent,
) -> Fitted:
    """Find what a reduction needs; the same embeddings give the same numbers.

    Principal components as in Jolliffe, *Principal Component Analysis* (2002), section 1.1: the
    eigenvectors of the covariance; without `centred` those of the second moments about zero.

    Args:
        embeddings: (N, D) float32, may be memory-mapped; a block is read at a time.
        centred: Whether the mean is taken away, see `is_centred`.
        on_progress: Stage `FIT`, in rows.

    Raises:
        ReductionError: Nothing is asked for, or more components than there are rows or numbers.
    """
    if reduction.is_nothing:
        raise ReductionError(
            "nothing is asked for that makes embeddings smaller. Ask for such as pca256, int8, "
            "float16 or normalised."
        )
    _refuse_too_many(reduction, *embeddings.shape)
    fitted = Fitted(replace(reduction, rounding=Rounding.NONE, fitted=""))
    if reduction.pca:
        mean, components = principal_components(
            embeddings,
            reduction.pca,
            centred=centred,
            normalised=reduction.normalised,
            on_progress=on_progress,
        )
        fitted = replace(fitted, mean=mean, components=components)
    least = step = None
    if reduction.rounding is Rounding.INT8:
        least, step = _ranges(embeddings, fitted, on_progress)
    return replace(fitted, reduction=replace(reduction, fitted=""), least=least, step=step)


def reduced(identity: EncoderIdentity, fitted: Fitted) -> EncoderIdentity:
    """Return the identity of an encoder whose embeddings are made smaller.

    Raises:
        ReductionError: They are not of the size that the reduction was fitted to.
    """
    if fitted.takes not in (None, identity.dimension):
        raise ReductionError(
            f"{fitted.reduction} was fitted to embeddings of {fitted.takes:,} numbers, those of "
            f"{identity.title} have {identity.dimension:,}. Build the collection again from the "
            "one with whole embeddings."
        )
    dimension = fitted.dimension(identity.dimension)
    return replace(identity, dimension=dimension, reduction=fitted.reduction)


def principal_components(
    embeddings: Floats,
    count: int,
    *,
    centred: bool,
    normalised: bool = False,
    on_progress: Progress = silent,
) -> tuple[Floats, Floats]:
    """Return mean (D,) and components (D, count) of embeddings (N, D), all float32.

    Each component's largest number is positive, so that its sign is no matter of chance.

    Args:
        count: At most D.
        centred: As in `fit`; without it the mean is zeros.
        normalised: Whether the embeddings are scaled to length 1 first.
        on_progress: Stage `FIT`, in rows.
    """
    few = 2 * len(embeddings) < embeddings.shape[1]
    of = _of_few if few else _of_many
    mean, components = of(embeddings, count, centred, normalised, on_progress)
    largest = np.abs(components).argmax(axis=0)
    components = components * np.sign(components[largest, np.arange(count)])
    return mean.astype(np.float32), np.ascontiguousarray(components, dtype=np.float32)


def _of_many(
    embeddings: Floats, count: int, centred: bool, normalised: bool, on_progress: Progress
) -> tuple[Doubles, Doubles]:
    """Return mean (D,) and components (D, count) from the moments of all rows, block by block."""
    rows, dimension = embeddings.shape
    moment, total = np.zeros((dimension, dimension)), np.zeros(dimension)
    for part in _blocks(rows):
        on_progress(Stage.FIT, part.start, rows)
        block = np.asarray(embeddings[part])
        block = unit_length(block) if normalised else block
        moment += block.T @ block
        total += block.sum(axis=0, dtype=np.float64)
    mean = total / rows if centred else np.zeros(dimension)
    moment -= rows * np.outer(mean, mean)
    on_progress(Stage.FIT, rows, rows)
    # In ascending order.
    _, vectors = np.linalg.eigh(moment)
    return mean, vectors[:, : -count - 1 : -1]


def _of_few(
    embeddings: Floats, count: int, centred: bool, normalised: bool, on_progress: Progress
) -> tuple[Doubles, Doubles]:
    """Return the same from the rows themselves, of which there are fewer than numbers in each."""
    on_progress(Stage.FIT, 0, len(embeddings))
    whole = np.asarray(embeddings)
    whole = unit_length(whole) if normalised else whole
    mean = whole.mean(axis=0, dtype=np.float64) if centred else np.zeros(whole.shape[1])
    _, _, vectors = np.linalg.svd(whole - mean, full_matrices=False)
    on_progress(Stage.FIT, len(whole), len(whole))
    return mean, vectors[:count].T


def is_centred(metrics: Iterable[Metric]) -> bool:
    """Whether components are sought about the mean: not where IP or COSINE, about zero, compare."""
    return all(metric is Metric.L2 for metric in metrics)


def unit_length(rows: Floats) -> Floats:
    """Return rows (N, D) scaled to length 1; zeros stay zeros."""
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
    scaled: Floats = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return scaled


def _ranges(embeddings: Floats, before: Fitted, on_progress: Progress) -> tuple[Floats, Floats]:
    """Return the least number of every column, and a step of which 255 reach the largest."""
    least, most = np.inf, -np.inf
    for part in _blocks(len(embeddings)):
        on_progress(Stage.FIT, part.start, len(embeddings))
        block = before.apply(np.asarray(embeddings[part]))
        least, most = np.minimum(least, block.min(axis=0)), np.maximum(most, block.max(axis=0))
    step = np.where(most > least, (most - least) / _STEPS, np.float32(1))
    return np.asarray(least, dtype=np.float32), step.astype(np.float32)


def _refuse_too_many(reduction: Reduction, rows: int, dimension: int) -> None:
    if reduction.pca >= min(rows, dimension) or reduction.pca < 0:
        raise ReductionError(
            f"PCA to {reduction.pca:,} numbers is not possible of {counted(rows, 'picture')} with "
            f"{dimension:,} numbers each: there have to be more of both. Ask for fewer numbers."
        )


def _blocks(rows: int) -> Iterator[slice]:
    for start in range(0, rows, _BLOCK):
        yield slice(start, min(rows, start + _BLOCK))
