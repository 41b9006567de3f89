"""umap-learn behind one function: seeded, silent, reporting its epochs, compiled once a machine."""

import io
import re
import threading
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.embeddings.neighbour_table import nearest
from core.embeddings.one_query import best_rows, exact_scores
from core.metric import Metric
from core.progress import Progress, Stage, silent

# Numba's threads may be used from one thread at a time; the others would end the process.
_ONE_AT_A_TIME = threading.Lock()


def umap_layout(
    vectors: NDArray[np.float32],
    *,
    dimensions: int,
    n_neighbors: int,
    min_dist: float,
    seed: int,
    on_progress: Progress = silent,
) -> NDArray[np.float32]:
    """Return UMAP's positions (N, dimensions) for vectors compared by Euclidean distance.

    Args:
        vectors: (N, D), N of 5 and more, not all equal, D of `dimensions` and more.
        n_neighbors: 2 to N - 1.
        on_progress: Stage `LAYOUT`, in epochs.
    """
    neighbours = _with_themselves(vectors, n_neighbors)
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = _model(dimensions, n_neighbors, min_dist, seed, on_progress)
        model.precomputed_knn = (*neighbours, None)
        return np.asarray(model.fit_transform(vectors), dtype=np.float32)


def umap_transform(
    vectors: NDArray[np.float32],
    positions: NDArray[np.float32],
    queries: NDArray[np.float32],
    *,
    n_neighbors: int,
    min_dist: float,
    seed: int,
) -> NDArray[np.float32]:
    """Return where UMAP's own transform puts new vectors on a map that stays as it is.

    Args:
        vectors: (N, D), what the map was made of, N of 5 and more.
        positions: (N, 2) or (N, 3), the map.
        queries: (Q, D).
        n_neighbors: 2 to N - 1, as for the map.

    Returns:
        (Q, 2) or (Q, 3).
    """
    neighbours = _with_themselves(vectors, n_neighbors)
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # No epochs: it learns the neighbourhoods only, and takes the positions that are there.
        model = _umap().UMAP(
            n_neighbors=n_neighbors,
            n_components=positions.shape[1],
            min_dist=min_dist,
            metric="euclidean",
            init=positions,
            n_epochs=0,
            random_state=seed,
            n_jobs=1,
        )
        model.precomputed_knn = (*neighbours, None)
        model.fit(vectors)
        model.embedding_ = positions
        model.n_epochs = None
        model._knn_search_index = _ExactSearch(vectors)
        return np.asarray(model.transform(queries), dtype=np.float32)


def warm_up() -> None:
    """Import umap-learn and have its code compiled, or read from disk if it was before.

    Until it is done `umap_layout` waits in other threads.
    """
    rows = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    umap_layout(rows, dimensions=2, n_neighbors=3, min_dist=0.1, seed=0)


def _umap() -> Any:  # noqa: ANN401 - umap-learn has no types
    """Import umap-learn such that what it compiles is kept on disk.

    It keeps only a part by itself, and compiles the rest for many seconds in every process. The
    files lie beside its modules, or in the user's cache where that folder cannot be written, and
    are made anew when the modules change.
    """
    import umap
    from umap import layouts, umap_

    for module, name in (
        (umap_, "smooth_knn_dist"),
        (umap_, "compute_membership_strengths"),
        (layouts, "_nb_optimize_layout_euclidean_single_epoch"),
    ):
        # Another release may name them otherwise; then it is slower, not wrong.
        compiled = getattr(module, name, None)
        if compiled is not None and hasattr(compiled, "enable_caching"):
            compiled.enable_caching()
    # A bar keeps its lock where the writing of it raises, which stops a layout: whoever shows a bar
    # in another thread would wait for ever. One layout at a time needs no lock.
    if hasattr(layouts, "tqdm"):
        layouts.tqdm.set_lock(_NoLock())
    return umap


def _model(
    dimensions: int,
    n_neighbors: int,
    min_dist: float,
    seed: int,
    on_progress: Progress,
) -> Any:  # noqa: ANN401 - umap-learn has no types
    return _umap().UMAP(
        n_neighbors=n_neighbors,
        n_components=dimensions,
        min_dist=min_dist,
        metric="euclidean",
        # PCA's own positions are the start: the map grows out of the first view.
        init="pca",
        random_state=seed,
        # A seed means one thread anyway; saying so spares a warning.
        n_jobs=1,
        tqdm_kwds={
            "file": _EpochReader(on_progress),
            "bar_format": "{n}/{total}",
            "mininterval": 0,
            "disable": False,
        },
    )


def _with_themselves(
    vectors: NDArray[np.float32], n_neighbors: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the nearest rows of every row and their distances, as umap-learn wants them.

    The row itself comes first, at distance 0. Exact, where umap-learn's own search above 4,096
    rows is approximate.

    Returns:
        (N, n_neighbors) int32 and float32.
    """
    others = nearest(vectors, metric=Metric.L2, k=n_neighbors - 1)
    own = np.arange(len(vectors), dtype=np.int32)[:, None]
    distances = Metric.L2.displayed(others.scores)
    return np.hstack([own, others.indices]), np.hstack([np.zeros_like(distances[:, :1]), distances])


class _ExactSearch:
    """Stands in for umap-learn's approximate index, which takes a processor 10 s to compile."""

    # umap-learn asks for it to choose how widely to search.
    _angular_trees = False

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self._vectors = vectors

    def query(
        self, queries: NDArray[np.float32], k: int, *, epsilon: float
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the k nearest rows of every query, nearest first, and their distances."""
        del epsilon
        everyone = np.ones(len(self._vectors), dtype=bool)
        rows, distances = [], []
        for query in queries:
            scores = exact_scores(self._vectors, query, metric=Metric.L2)
            nearest_rows = best_rows(scores, metric=Metric.L2, k=k, allowed=everyone)
            rows.append(nearest_rows)
            distances.append(Metric.L2.displayed(scores[nearest_rows]))
        return np.array(rows, dtype=np.int32), np.array(distances, dtype=np.float32)


class _NoLock:
    """Stands in for the lock of umap-learn's progress bar."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


class _EpochReader(io.TextIOBase):
    """Takes what umap-learn's progress bar writes, and passes the epochs on."""

    def __init__(self, on_progress: Progress) -> None:
        self._on_progress = on_progress

    def write(self, text: str) -> int:
        counts = re.search(r"(\d+)/(\d+)", text)
        if counts:
            self._on_progress(Stage.LAYOUT, int(counts[1]), int(counts[2]))
        return len(text)
