"""The three metrics and everything that depends on which one it is."""

import math
from enum import StrEnum
from typing import TypeVar, overload

import numpy as np
from numpy.typing import NDArray

_Float = TypeVar("_Float", np.float32, np.float64)

# Far below what tells two pictures apart; distances this small are rounding.
_SHOWN_AS_ZERO = 0.0005


class Metric(StrEnum):
    """How two embeddings are compared, in the order in which they are listed everywhere.

    Nothing else in Orchard compares metric names.

    A *score* is what Milvus returns: for L2 the squared distance, for IP the dot product, for
    COSINE the cosine of the angle. What a person is shown may differ, see `displayed`.
    """

    COSINE = "COSINE"
    L2 = "L2"
    IP = "IP"

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger score means more alike."""
        return self is not Metric.L2

    @property
    def noun(self) -> str:
        """What the displayed number is called."""
        return {
            Metric.L2: "distance",
            Metric.IP: "inner product",
            Metric.COSINE: "similarity",
        }[self]

    @property
    def direction(self) -> str:
        """The direction and range of the displayed number, in words."""
        return {
            Metric.L2: "Euclidean distance, 0 is identical, lower is more alike, no upper limit",
            Metric.IP: "inner product, higher is more alike, no limits",
            Metric.COSINE: "cosine similarity, from -1 to 1, higher is more alike",
        }[self]

    @overload
    def displayed(self, score: float) -> float: ...

    @overload
    def displayed(self, score: NDArray[_Float]) -> NDArray[_Float]: ...

    def displayed(self, score: float | NDArray[_Float]) -> float | NDArray[_Float]:
        """Return the number to show for a score: L2 as the distance itself, others unchanged.

        Milvus returns the square of the L2 distance; rounding can make it negative near zero.

        Args:
            score: One, or an array of any shape, which keeps its type; NaN stays NaN.
        """
        if self is not Metric.L2:
            return score
        if isinstance(score, np.ndarray):
            return np.sqrt(np.maximum(score, 0))
        return math.sqrt(max(score, 0.0))

    def reaches(self, score: float, limit: float) -> bool:
        """Whether a score is at least as good as a limit that is given as displayed."""
        shown = self.displayed(score)
        return shown >= limit if self.higher_is_better else shown <= limit

    def formatted(self, score: float) -> str:
        """Return the displayed number as text, never with an exponent.

        COSINE has three decimals, the others three significant digits, numbers from a thousand on
        all their digits before the point. What is nearer to zero than 0.0005 reads 0.00.
        """
        value = self.displayed(score)
        if self is Metric.COSINE:
            return f"{value:z.3f}"
        return _three_digits(value)


def _three_digits(value: float) -> str:
    if not math.isfinite(value):
        return str(value)
    if abs(value) < _SHOWN_AS_ZERO:
        return "0.00"
    # Rounded first: 99.96 has three digits before the point, not two.
    power = math.floor(math.log10(abs(float(f"{value:.2e}"))))
    return f"{value:.{max(0, 2 - power)}f}"
