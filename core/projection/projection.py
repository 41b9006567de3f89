"""Embeddings -> positions on a map: PCA at once, UMAP on PCA-reduced embeddings."""

import time
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.embeddings.neighbour_table import as_euclidean
from core.errors import ProjectionError
from core.metric import Metric
from core.progress import Progress, Stage, silent
from core.projection.trustworthiness import trust_in
from core.projection.umap_layout import umap_layout, umap_transform

# UMAP runs on this many principal components: nearly the same map in a fraction of the time.
REDUCED = 50
# With fewer rows there is no neighbourhood to preserve.
MIN_UMAP_ROWS = 5

DEFAULT_SEED = 42


class Method(StrEnum):
    """How positions are found."""

    UMAP = "UMAP"
    PCA = "PCA"


@dataclass(frozen=True, slots=True)
class ProjectionSettings:
    """What decides a map, apart from the rows.

    Attributes:
        dimensions: 2 or 3.
        metric: COSINE or L2; IP is no distance.
        n_neighbors: UMAP: 2 to 200, rows a neighbourhood holds; few show detail, many the whole.
        min_dist: UMAP: 0 to 0.99, how close points may lie; small values pack clusters tightly.
        seed: 0 to 2**32 - 1; the same seed repeats a map on the same machine.

    Raises:
        ProjectionError: A value is outside its range.
    """

    method: Method = Method.UMAP
    dimensions: int = 2
    metric: Metric = Metric.COSINE
    n_neighbors: int = 15
    min_dist: float = 0.1
    seed: int = DEFAULT_SEED

    def __post_init__(self) -> None:
        for name, value, is_allowed, allowed in (
            ("dimensions", self.dimensions, self.dimensions in (2, 3), "2 and 3"),
            ("metric", self.metric, self.metric is not Metric.IP, "COSINE and L2"),
            ("n_neighbors", self.n_neighbors, 2 <= self.n_neighbors <= 200, "2 to 200"),
            ("min_dist", self.min_dist, 0 <= self.min_dist <= 0.99, "0 to 0.99"),
            ("seed", self.seed, 0 <= self.seed < 2**32, "0 to 4,294,967,295"),
        ):
            if not is_allowed:
                raise ProjectionError(f"{name} is {value}, allowed are {allowed}.")

    def to_dict(self) -> dict[str, Any]:
        """Return what matters for the result as plain data; PCA has no UMAP parameters."""
        values = asdict(self)
        if self.method is Method.PCA:
            del values["n_neighbors"], values["min_dist"]
        return values


@dataclass(frozen=True, slots=True)
class Projection:
    """A map and how far it can be trusted.

    Attributes:
        settings: What was asked for.
        shown: What placed the rows: PCA too where UMAP could not.
        coordinates: (N, 2) or (N, 3) float32, row by row.
        trustworthiness: In [0, 1], higher is better: 1 means that no point has false neighbours on
            the map (Venna and Kaski, 2001); NaN where there are too few rows.
        trust_k: Neighbours it was computed for; 0 without it.
        trust_rows: Rows it was computed on.
        variance: Share of the variance that the principal components keep, in [0, 1]: for UMAP of
            the components it ran on, for PCA of those shown.
        seconds: The computation took.
        notes: What a reader must know, such as a parameter that did not fit the rows.
    """

    settings: ProjectionSettings
    shown: Method
    coordinates: NDArray[np.float32]
    trustworthiness: float
    trust_k: int
    trust_rows: int
    variance: float
    seconds: float
    notes: tuple[str, ...]


def project(
    embeddings: NDArray[np.float32],
    settings: ProjectionSettings,
    *,
    on_progress: Progress = silent,
) -> Projection:
    """Place every row on a map.

    Args:
        embeddings: (N, D) float32, N of 1 and more.
        on_progress: Stages `REDUCE`, `GRAPH`, `LAYOUT`, in epochs, and `TRUST`.

    Raises:
        ProjectionError: There is no row, or a number is not finite.
    """
    if not len(embeddings) or not np.isfinite(embeddings).all():
        raise ProjectionError(
            f"embeddings of shape {np.shape(embeddings)} cannot be projected: there must be a row, "
            "and every number must be finite. Build the index again."
        )
    started = time.perf_counter()
    on_progress(Stage.REDUCE, 0, 0)
    vectors = as_euclidean(embeddings, settings.metric)
    reduced, variance = reduce(vectors, REDUCED, seed=settings.seed)
    notes: list[str] = []
    positions = None
    if _umap_fits(reduced, settings, notes):
        positions = _umap(reduced, settings, notes, on_progress)
    shown = Method.PCA if positions is None else Method.UMAP
    coordinates = _first_columns(reduced if positions is None else positions, settings.dimensions)
    kept = variance if shown is Method.UMAP else variance[: settings.dimensions]
    on_progress(Stage.TRUST, 0, 0)
    trust, trust_k, trust_rows = trust_in(vectors, coordinates, seed=settings.seed)
    return Projection(
        settings=settings,
        shown=shown,
        coordinates=np.ascontiguousarray(coordinates, dtype=np.float32),
        trustworthiness=trust,
        trust_k=trust_k,
        trust_rows=trust_rows,
        variance=float(kept.sum()),
        seconds=time.perf_counter() - started,
        notes=tuple(notes),
    )


def transform(
    embeddings: NDArray[np.float32],
    projection: Projection,
    query: NDArray[np.float32],
    *,
    on_progress: Progress = silent,
) -> NDArray[np.float32]:
    """Return where UMAP's own transform puts a query on its map, (2,) or (3,) float32.

    The neighbourhoods of the map are found again for it.

    Args:
        embeddings: (N, D) float32, those of the map.
        query: (D,) float32.
        on_progress: Stage `PLACE`.

    Raises:
        ProjectionError: The map was not made by UMAP, or the query is of another dimension.
    """
    settings = projection.settings
    vectors = as_euclidean(embeddings, settings.metric)
    if query.shape != embeddings.shape[1:]:
        raise ProjectionError(
            f"the query has {query.size} numbers, the map {embeddings.shape[1]}. Query with the "
            "encoder the collection was built with."
        )
    reducer = _fitted(vectors, REDUCED, seed=settings.seed)
    notes = ["It was not made by UMAP."] if settings.method is not Method.UMAP else []
    if reducer is None or not _umap_fits(vectors, settings, notes):
        why = " ".join(notes) or "All embeddings are equal."
        raise ProjectionError(f"UMAP cannot place a picture on this map. {why}")
    on_progress(Stage.PLACE, 0, 0)
    positions = umap_transform(
        reducer.transform(vectors).astype(np.float32),
        projection.coordinates,
        reducer.transform(as_euclidean(query[None], settings.metric)).astype(np.float32),
        n_neighbors=min(settings.n_neighbors, len(vectors) - 1),
        min_dist=settings.min_dist,
        seed=settings.seed,
    )
    return np.asarray(positions[0], dtype=np.float32)


def reduce(
    vectors: NDArray[np.float32], components: int, *, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return principal components, the largest first, and the share of variance each keeps.

    Args:
        vectors: (N, D).
        components: At most this many; fewer where N or D is smaller.

    Returns:
        (N, c) float32 and (c,) in [0, 1]; zeros where all vectors are equal.
    """
    pca = _fitted(vectors, components, seed=seed)
    if pca is None:
        components = min(components, *vectors.shape)
        return np.zeros((len(vectors), components), dtype=np.float32), np.zeros(components)
    reduced = pca.transform(vectors)
    return reduced.astype(np.float32), np.nan_to_num(pca.explained_variance_ratio_)


def _fitted(vectors: NDArray[np.float32], components: int, *, seed: int) -> Any:  # noqa: ANN401
    """Return scikit-learn's PCA, which has no types, of the vectors; None if all are equal."""
    if np.ptp(vectors, axis=0).max() == 0:
        return None
    from sklearn.decomposition import PCA

    components = min(components, *vectors.shape)
    solver = "randomized" if 2 * components < min(vectors.shape) else "full"
    return PCA(components, svd_solver=solver, random_state=seed).fit(vectors)


def _umap_fits(
    reduced: NDArray[np.float32], settings: ProjectionSettings, notes: list[str]
) -> bool:
    """Whether UMAP is wanted and possible; where it is not, `notes` says why."""
    if settings.method is not Method.UMAP:
        return False
    if len(reduced) < MIN_UMAP_ROWS:
        notes.append(
            f"UMAP needs at least {MIN_UMAP_ROWS} pictures, and has {len(reduced)}: PCA is shown."
        )
        return False
    if not reduced.any():
        notes.append("All embeddings are equal: every picture lies at the same point.")
        return False
    return True


def _umap(
    reduced: NDArray[np.float32],
    settings: ProjectionSettings,
    notes: list[str],
    on_progress: Progress,
) -> NDArray[np.float32] | None:
    """Return UMAP's positions; None where they are not finite, and `notes` says so."""
    n_neighbors = min(settings.n_neighbors, len(reduced) - 1)
    if n_neighbors < settings.n_neighbors:
        notes.append(
            f"n_neighbors was lowered from {settings.n_neighbors} to {n_neighbors}: there are only "
            f"{len(reduced)} pictures."
        )
    on_progress(Stage.GRAPH, 0, 0)
    positions = umap_layout(
        reduced,
        dimensions=min(settings.dimensions, reduced.shape[1]),
        n_neighbors=n_neighbors,
        min_dist=settings.min_dist,
        seed=settings.seed,
        on_progress=on_progress,
    )
    if not np.isfinite(positions).all():
        notes.append("UMAP found no finite positions for these pictures: PCA is shown.")
        return None
    return positions


def _first_columns(positions: NDArray[np.float32], dimensions: int) -> NDArray[np.float32]:
    """Return (N, dimensions), filled up with zeros where there are fewer columns."""
    missing = max(0, dimensions - positions.shape[1])
    return np.pad(positions[:, :dimensions], ((0, 0), (0, missing)))
