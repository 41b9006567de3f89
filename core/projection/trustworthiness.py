"""How far a map can be trusted: whether what is near on it is near in the full space."""

import numpy as np
from numpy.typing import NDArray

from core.embeddings.neighbour_table import NEIGHBOURS

# Trustworthiness compares all pairs; above this many rows a seeded sample stands for them.
TRUST_ROWS = 2_000


def trust_in(
    vectors: NDArray[np.float32], coordinates: NDArray[np.float32], *, seed: int
) -> tuple[float, int, int]:
    """Return scikit-learn's trustworthiness, for how many neighbours, and on how many rows.

    k is 15, less for few rows: it must stay below half of them. Above `TRUST_ROWS` rows a seeded
    sample is judged as a map of its own.

    Args:
        vectors: (N, D), compared by Euclidean distance.
        coordinates: (N, 2) or (N, 3).
    """
    rows = len(vectors)
    if rows > TRUST_ROWS:
        drawn = np.random.default_rng(seed).choice(rows, size=TRUST_ROWS, replace=False)
        vectors, coordinates, rows = vectors[drawn], coordinates[drawn], TRUST_ROWS
    k = min(NEIGHBOURS, (rows - 1) // 2)
    if k < 1:
        return float("nan"), 0, rows
    from sklearn.manifold import trustworthiness

    # Squared distances rank like distances; scikit-learn would take much longer to find them.
    squares = np.einsum("ij,ij->i", vectors, vectors)
    distances = np.maximum(squares[:, None] + squares - 2 * (vectors @ vectors.T), 0)
    trust = trustworthiness(distances, coordinates, n_neighbors=k, metric="precomputed")
    return float(trust), k, rows
