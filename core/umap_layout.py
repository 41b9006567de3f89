"""umap-learn behind one function: seeded, silent, reporting its epochs."""

import io
import re
import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from core.metric import Metric
from core.neighbourhood import nearest


def umap_layout(
    vectors: NDArray[np.float32],
    *,
    dimensions: int,
    n_neighbors: int,
    min_dist: float,
    seed: int,
    on_epoch: Callable[[int, int], None],
) -> NDArray[np.float32]:
    """Return UMAP's positions (N, dimensions) for vectors compared by Euclidean distance.

    Args:
        vectors: (N, D), N of 5 and more, not all equal, D of `dimensions` and more.
        n_neighbors: 2 to N - 1.
        on_epoch: Called with epochs done and epochs in all; what it raises stops the work.
    """
    import umap

    model = umap.UMAP(
        n_neighbors=n_neighbors,
        n_components=dimensions,
        min_dist=min_dist,
        metric="euclidean",
        # PCA's own positions are the start: the map grows out of the first view.
        init="pca",
        random_state=seed,
        precomputed_knn=(*_with_themselves(vectors, n_neighbors), None),
        # A seed means one thread anyway; saying so spares a warning.
        n_jobs=1,
        tqdm_kwds={
            "file": _EpochReader(on_epoch),
            "bar_format": "{n}/{total}",
            "mininterval": 0,
            "disable": False,
        },
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(model.fit_transform(vectors), dtype=np.float32)


def _with_themselves(
    vectors: NDArray[np.float32], n_neighbors: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the nearest rows of every row and their distances, as umap-learn wants them.

    The row itself comes first, at distance 0. Exact, and faster up to tens of thousands of rows
    than umap-learn's own approximate search, which compiles itself for minutes above 4,096 rows.

    Returns:
        (N, n_neighbors) int32 and float32.
    """
    others = nearest(vectors, metric=Metric.L2, k=n_neighbors - 1)
    own = np.arange(len(vectors), dtype=np.int32)[:, None]
    distances = np.sqrt(others.scores)
    return np.hstack([own, others.indices]), np.hstack([np.zeros_like(distances[:, :1]), distances])


class _EpochReader(io.TextIOBase):
    """Takes what umap-learn's progress bar writes, and passes the epochs on."""

    def __init__(self, on_epoch: Callable[[int, int], None]) -> None:
        self._on_epoch = on_epoch

    def write(self, text: str) -> int:
        counts = re.search(r"(\d+)/(\d+)", text)
        if counts:
            self._on_epoch(int(counts[1]), int(counts[2]))
        return len(text)
