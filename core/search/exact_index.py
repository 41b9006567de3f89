"""The embeddings of a collection at hand: what the answers of its index are measured against."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.collection.columns import Column, Having, columns_of
from core.embeddings.listing import Listing
from core.embeddings.matrix import Matrix, load_matrix
from core.embeddings.one_query import best_rows, farthest_usual
from core.metric import Metric
from core.progress import Progress, silent
from core.search.hits import Hit
from core.store.vector_store import VectorStore


@dataclass(frozen=True, slots=True)
class ExactIndex:
    """Every row of a collection, ready for exact search.

    Attributes:
        labels: (N,) the classes of the matrix's rows.
        columns: Their further columns, by name.
        farthest_usual: By metric, the score of a nearest neighbour that 99 % of the rows surpass.
    """

    matrix: Matrix
    labels: NDArray[np.str_]
    farthest_usual: Mapping[Metric, float]
    columns: Mapping[str, Column] = field(default_factory=dict)

    def allowed(
        self, labels: Sequence[str], exclude: Collection[int], having: Having = ()
    ) -> NDArray[np.bool_]:
        """Mark the rows (N,) of the given classes, all if there are none, less some ids.

        Args:
            having: Only rows with one of the values in each of these further columns.
        """
        mask = np.isin(self.labels, labels) if labels else np.ones(len(self.labels), dtype=bool)
        for name, values in having:
            mask &= self.columns[name].mask(*values) if name in self.columns else False
        places = self.matrix.places(list(exclude))
        mask[places[places >= 0]] = False
        return mask

    def best(
        self,
        scores: NDArray[np.float32],
        *,
        metric: Metric,
        k: int,
        labels: Sequence[str] = (),
        having: Having = (),
        exclude: Collection[int] = (),
    ) -> tuple[Hit, ...]:
        """Return the `k` best rows by scores (N,), ranked from 1."""
        allowed = self.allowed(labels, exclude, having)
        rows = best_rows(scores, metric=metric, k=k, allowed=allowed)
        return tuple(
            Hit(rank, self.matrix.record(int(row)), float(scores[row]))
            for rank, row in enumerate(rows, 1)
        )

    def embeddings(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Return the embeddings of ids: (len(ids), D); NaN for an id that is not there."""
        places = self.matrix.places(ids)
        rows = np.array(self.matrix.embeddings[np.maximum(places, 0)], dtype=np.float32)
        rows[places < 0] = np.nan
        return rows


def load_reference(
    store: VectorStore,
    family: str,
    metrics: Sequence[Metric],
    cache_dir: Path,
    on_progress: Progress = silent,
    *,
    listing: Listing | None = None,
) -> ExactIndex:
    """Read the embeddings, from `cache_dir` if they are there, and measure how near rows lie.

    Args:
        metrics: Of the family, one or more; the embeddings are read from the first.
        on_progress: Stage `READ`, in rows.
        listing: As for `load_matrix`.

    Raises:
        OrchardError: As `core.embeddings.matrix.load_matrix`.
    """
    matrix = load_matrix(store, family, metrics[0], cache_dir, on_progress, listing=listing)
    return ExactIndex(
        matrix=matrix,
        labels=np.array(matrix.labels, dtype=np.str_),
        columns=columns_of(matrix.further),
        farthest_usual=farthest_usual(matrix.embeddings, metrics=metrics),
    )
