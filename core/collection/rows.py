"""Records and embeddings as Milvus stores them, and back."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.collection.info import KEY, VECTOR
from core.collection.schema import Schema
from core.dataset.classes import label_of
from core.dataset.names import composed
from core.errors import StoreError
from core.records import Further, ImageRecord

BATCH_ROWS = 500


def checked_embeddings(
    embeddings: NDArray[np.floating[Any]], *, rows: int, dimension: int, name: str
) -> NDArray[np.float32]:
    """Return `embeddings` as (rows, dimension) float32.

    Raises:
        StoreError: The shape is another, or a number is not finite.
    """
    if embeddings.shape != (rows, dimension):
        raise StoreError(
            f"{rows} rows with embeddings of shape {embeddings.shape} were refused before they "
            f"reached {name}, which takes ({rows}, {dimension}). Check the encoder."
        )
    with np.errstate(over="ignore"):
        numbers = embeddings.astype(np.float32, copy=False)
    bad = np.flatnonzero(~np.isfinite(numbers).all(axis=1))
    if bad.size:
        raise StoreError(
            f"{bad.size} of {rows} rows were refused before they reached {name}: their embeddings "
            f"are not finite, the first is row {bad[0]}. Check the encoder's weights."
        )
    return numbers


def as_row(record: ImageRecord, embedding: NDArray[np.float32]) -> dict[str, Any]:
    """Return a record with its embedding (D,) as Milvus stores it."""
    return {
        KEY: record.id,
        VECTOR: embedding,
        "path": record.path,
        "label": record.label,
        "digest": record.digest,
        **dict(record.further),
    }


def as_record(key: int, row: Mapping[str, Any], schema: Schema) -> ImageRecord:
    """Return the record of a stored row; what it lacks is empty, and the class is composed."""
    path = str(row.get(schema.path) or "").removeprefix(schema.prefix)
    label = composed(str(row.get(schema.label) or "")) if schema.label else label_of(path)
    digest = str(row.get(schema.digest) or "") if schema.digest else ""
    further: Further = ()
    if schema.dynamic:
        # Others may have put numbers there.
        dynamic = {name: value for name, value in row.items() if name not in schema.named}
        further = tuple(
            sorted((str(n), str(value)) for n, value in dynamic.items() if value is not None)
        )
    return ImageRecord(int(key), path, label, digest, further)
