"""Embeddings made smaller, to see what that costs: fewer numbers, or fewer bits for each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.metric import Metric
from core.records import Reduction, Rounding
from core.reduction.fitted import Fitted, fit, is_centred, principal_components
from core.tuning.tuning import Rounded

Floats = NDArray[np.float32]

_PLAIN = (
    Reduction(rounding=Rounding.FLOAT16),
    Reduction(rounding=Rounding.INT8),
    Reduction(normalised=True),
)
_DIMENSIONS = (512, 256, 128)
_BYTES = {Rounding.NONE: 4, Rounding.FLOAT16: 2, Rounding.INT8: 1}


@dataclass(frozen=True, slots=True)
class Smaller:
    """Embeddings (N, D') float32 with what little is left in them."""

    reduction: Reduction
    embeddings: Floats

    @property
    def bytes_a_row(self) -> int:
        """Bytes that storing one takes where a database has such numbers."""
        return _BYTES[self.reduction.rounding] * int(self.embeddings.shape[1])


def reductions(rows: int, dimension: int) -> tuple[Reduction, ...]:
    """Return the ways in which so many embeddings are usually made smaller."""
    usable = [count for count in _DIMENSIONS if count < min(rows, dimension)]
    return (*_PLAIN, *(Reduction(pca=count) for count in usable))


def fewest(ways: Sequence[Reduction], measured: Sequence[Rounded]) -> Reduction:
    """Return the way with the fewest components that is not measurably less precise.

    Where all are, or nothing was measured, it is the one with the most; without PCA the first way.

    Args:
        ways: At least one, as `reductions` returns them.
        measured: What is known of them.
    """
    cut = [way for way in ways if way.pca]
    as_precise = {one.name for one in measured if one.difference.high >= 0}
    good = [way for way in cut if way.title in as_precise]
    return next(iter([*good[::-1], *cut, *ways]))


def smaller(embeddings: Floats, metric: Metric) -> Iterator[Smaller]:
    """Yield the embeddings in every way they are usually made smaller, one at a time.

    Args:
        embeddings: (N, D) float32, may be memory-mapped.
        metric: PCA leaves the mean in for IP and COSINE, which are about angles from zero.
    """
    centred = is_centred([metric])
    ways = reductions(*embeddings.shape)
    for way in ways:
        if not way.pca:
            yield Smaller(way, fit(embeddings, way, centred=centred).apply(embeddings))
    # The components of fewer numbers are the first of more.
    if most := max(way.pca for way in ways):
        mean, components = principal_components(embeddings, most, centred=centred)
        projected = Fitted(Reduction(pca=most), mean, components).apply(embeddings)
        for way in ways:
            if way.pca:
                yield Smaller(way, np.ascontiguousarray(projected[:, : way.pca]))
