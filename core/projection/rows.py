"""The rows that a map shows: all of a collection, or a sample of it stratified by class."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.dataset.sampling import stratified_sample
from core.embeddings.matrix import Matrix
from core.files import fingerprint_of
from core.projection.projection import DEFAULT_SEED
from core.records import ImageRecord


@dataclass(frozen=True, slots=True)
class MapRows:
    """Rows of a collection in the order a map has them.

    Attributes:
        matrix: The whole collection.
        positions: (N,) int64, ascending, rows of the matrix.
        labels: (N,) classes; empty for a row without one.
        paths: (N,) relative to the dataset folder.
        fingerprint: Changes with the embeddings and with the choice.
        seen: Changes with the classes as well.
    """

    matrix: Matrix
    positions: NDArray[np.int64]
    labels: tuple[str, ...]
    paths: tuple[str, ...]
    fingerprint: str
    seen: str

    def __len__(self) -> int:
        """Return the number of rows on the map."""
        return len(self.positions)

    @property
    def is_sample(self) -> bool:
        """Whether the collection has more rows than the map."""
        return len(self.positions) < len(self.matrix.ids)

    @property
    def ids(self) -> NDArray[np.int64]:
        """(N,) the ids of the pictures."""
        return self.matrix.ids[self.positions]

    def embeddings(self) -> NDArray[np.float32]:
        """Read (N, D) float32 from the matrix."""
        return np.asarray(self.matrix.embeddings[self.positions], dtype=np.float32)

    def record(self, row: int) -> ImageRecord:
        """Return the picture at a row of the map."""
        return self.matrix.record(int(self.positions[row]))


def choose_rows(matrix: Matrix, *, limit: int, seed: int = DEFAULT_SEED) -> MapRows:
    """Take all rows, or a seeded sample of `limit` that keeps every class's share."""
    positions = stratified_sample(matrix.labels, limit=limit, seed=seed)
    return MapRows(
        matrix=matrix,
        positions=positions,
        labels=tuple(matrix.labels[position] for position in positions),
        paths=tuple(matrix.paths[position] for position in positions),
        # Another class, given by a correction, moves no point.
        fingerprint=fingerprint_of(matrix.embedded, positions.tobytes()),
        seen=fingerprint_of(matrix.fingerprint, positions.tobytes()),
    )
