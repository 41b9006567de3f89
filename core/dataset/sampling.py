"""A seeded sample of rows in which every class keeps its share."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def stratified_sample(
    labels: Sequence[str], *, limit: int, seed: int, at_least: int = 0
) -> NDArray[np.int64]:
    """Return up to `limit` positions in ascending order, the same for the same seed.

    Every class gets its share of `limit` rounded down; the places left over go to the largest
    remainders (Hamilton's method), so no class is off by a whole place. A class too small for a
    place may be left out when there are more classes than places for them.

    Args:
        labels: (N,) the class of every row.
        limit: 1 and more; with as many rows or fewer all positions come back.
        at_least: Rows every class gets first, as far as it has them, even if they are more than
            `limit` together; the shares are of what is left.
    """
    rows = len(labels)
    if rows <= limit:
        return np.arange(rows, dtype=np.int64)
    _, codes = np.unique(np.asarray(labels, dtype=object).astype(str), return_inverse=True)
    counts = np.bincount(codes)
    places = np.minimum(counts, at_least)
    rest = counts - places
    shares = max(0, limit - int(places.sum())) * rest / max(1, rest.sum())
    places += np.floor(shares).astype(np.int64)
    left = max(0, limit - int(places.sum()))
    # Stable, so that equal remainders go to the class that comes first by name.
    places[np.argsort(-(shares % 1), kind="stable")[:left]] += 1
    generator = np.random.default_rng(seed)
    chosen = [
        generator.choice(np.flatnonzero(codes == code), size=size, replace=False)
        for code, size in enumerate(places)
    ]
    return np.sort(np.concatenate(chosen)).astype(np.int64)
