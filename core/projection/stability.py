"""What another seed does not repeat: a second map of the same rows, compared with the first."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.embeddings.neighbour_table import NEIGHBOURS, nearest_on_map, shared

# Of a point's neighbours, this share must come back; a point of which fewer do is pale.
STEADY_FROM = 1 / 2


@dataclass(frozen=True, slots=True)
class Repeated:
    """How far a second map repeats the first.

    Attributes:
        shares: (N,) float32 in [0, 1], of each point's nearest on the first map those that are
            nearest on the second too.
        k: How many nearest.
        agreement: In [0, 1], of all positions: 1 where the second map, moved, turned, mirrored and
            scaled as a whole, is the first.
    """

    shares: NDArray[np.float32]
    k: int
    agreement: float

    @property
    def pale(self) -> NDArray[np.bool_]:
        """(N,) the points whose neighbourhood does not come back."""
        return self.shares < STEADY_FROM


def other_seed(seed: int) -> int:
    """Return the seed of the second map."""
    return (seed + 1) % 2**32


def compare_maps(
    first: NDArray[np.float32], second: NDArray[np.float32], *, k: int = NEIGHBOURS
) -> Repeated:
    """Compare two maps of the same rows, point by point and as a whole.

    A point's share is |A & B| / k, where A are its k nearest points on the first map and B those on
    the second: the neighbourhood preservation of Lee and
    Verleysen (2009), which turning, mirroring and scaling a map do not change. The agreement is 1
    minus the disparity of Procrustes analysis (Gower, 1975): the sum of squared distances of the
    points after the best such change, where each map's own squares sum to 1.

    Args:
        first: (N, 2) or (N, 3).
        second: The same shape.
        k: 1 and more; fewer where there are fewer other rows.
    """
    rows = len(first)
    k = min(k, rows - 1)
    if k < 1:
        return Repeated(np.ones(rows, dtype=np.float32), k, 1.0)
    shares = shared(nearest_on_map(first, k), nearest_on_map(second, k))
    return Repeated(shares, k, 1 - _disparity(first, second))


def _disparity(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    from scipy.spatial import procrustes

    # Points that all lie in one place have no size to be scaled by.
    has_size = [bool(np.ptp(places, axis=0).any()) for places in (first, second)]
    if not all(has_size):
        return float(any(has_size))
    return float(procrustes(first, second)[2])
