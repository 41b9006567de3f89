"""All embeddings of a collection as one matrix: read from the database once, then from a file.

The file is a plain `.npy`, memory-mapped. Its name carries a fingerprint of the rows and the
encoder, so a changed collection never meets an old matrix.
"""

import contextlib
import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.collection.info import CollectionInfo
from core.errors import CollectionNotFoundError, OrchardError, StoreError
from core.files import write_whole
from core.metric import Metric
from core.progress import Progress, Stage, silent
from core.records import EncoderIdentity, ImageRecord, record_at
from core.store.vector_store import VectorStore

logger = logging.getLogger(__name__)

# Raised whenever the meaning of the file changes.
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Matrix:
    """Every row of a collection, ordered by id.

    Attributes:
        ids: (N,) int64, ascending.
        paths: (N,) relative to the dataset folder.
        labels: (N,) classes; empty for a row without one.
        digests: (N,) BLAKE2b of the files.
        embeddings: (N, D) float32, memory-mapped, not to be written.
        fingerprint: 16 hexadecimal digits, see `fingerprint`.
    """

    ids: NDArray[np.int64]
    paths: tuple[str, ...]
    labels: tuple[str, ...]
    digests: tuple[str, ...]
    embeddings: NDArray[np.float32]
    fingerprint: str

    def record(self, position: int) -> ImageRecord:
        """Return one row as a record."""
        return record_at(self, position)

    def places(self, ids: Sequence[int]) -> NDArray[np.int64]:
        """Return the rows of ids: (len(ids),); -1 for an id that is not there."""
        asked = np.array(ids, dtype=np.int64)
        nearest = np.minimum(np.searchsorted(self.ids, asked), len(self.ids) - 1)
        return np.where(self.ids[nearest] == asked, nearest, -1)


def load_matrix(
    store: VectorStore,
    family: str,
    metric: Metric,
    cache_dir: Path,
    on_progress: Progress = silent,
) -> Matrix:
    """Return the embeddings of a collection, from `cache_dir` if they are there already.

    Args:
        cache_dir: Is made when missing; older matrices of the collection in it are deleted.
        on_progress: Stage `READ`, in rows; if it stops the work, nothing is left behind.

    Raises:
        CollectionNotFoundError: There is no such collection, or it is empty.
        StoreError: The database failed, or the collection changed while it was read.
        FileError: `cache_dir` cannot be written.
        OrchardError: What was written cannot be read back.
    """
    info = store.info(family, metric)
    records = sorted(store.records(family, metric), key=lambda record: record.id)
    if not records:
        raise CollectionNotFoundError(f"the collection {info.name!r} is empty.")
    mark = fingerprint(records, info.encoder)
    file = cache_dir / f"{info.name}-{mark}-v{_VERSION}.npy"
    shape = (len(records), info.dimension)
    embeddings = _open(file, shape)
    if embeddings is None:
        _read(store, family, info, records, file, on_progress=on_progress)
        embeddings = _open(file, shape)
    if embeddings is None:
        raise OrchardError(f"{str(file)!r} cannot be read back. Check the disk, then try again.")
    return Matrix(
        ids=np.array([record.id for record in records], dtype=np.int64),
        paths=tuple(record.path for record in records),
        labels=tuple(record.label for record in records),
        digests=tuple(record.digest for record in records),
        embeddings=embeddings,
        fingerprint=mark,
    )


def fingerprint(records: Iterable[ImageRecord], encoder: EncoderIdentity) -> str:
    """Return 16 hexadecimal digits that change with any row or with the encoder.

    The metric has no part in it: the collections of a family hold the same rows.
    """
    # Not `fingerprint_of`: reports hold what this gives, and would take all pictures for changed.
    digest = hashlib.blake2b(str(encoder).encode(), digest_size=8)
    for record in sorted(records, key=lambda record: record.id):
        for part in (str(record.id), record.path, record.label, record.digest):
            content = part.encode()
            digest.update(len(content).to_bytes(4) + content)
    return digest.hexdigest()


def _open(file: Path, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    try:
        embeddings: NDArray[np.float32] = np.load(file, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError) as error:
        logger.warning("%s is damaged (%s) and is made again", file, error)
        return None
    if embeddings.shape != shape or embeddings.dtype != np.float32:
        logger.warning("%s holds %s, not %s, and is made again", file, embeddings.shape, shape)
        return None
    return embeddings


def _read(
    store: VectorStore,
    family: str,
    info: CollectionInfo,
    records: list[ImageRecord],
    file: Path,
    *,
    on_progress: Progress,
) -> None:
    """Write the matrix, then delete the older ones of the collection."""
    batches = store.rows_with_embeddings(family, info.metric)
    shape = (len(records), info.dimension)
    write_whole(file, lambda out: _fill(out, batches, records, shape, on_progress))
    # A collection's name holds no hyphen, so these are matrices of this one only.
    for old in file.parent.glob(f"{info.name}-*.npy"):
        if old != file:
            # Windows keeps a file that is mapped; it goes the next time.
            with contextlib.suppress(PermissionError):
                old.unlink(missing_ok=True)


def _fill(
    out: BinaryIO,
    batches: Iterable[tuple[list[ImageRecord], NDArray[np.float32]]],
    records: list[ImageRecord],
    shape: tuple[int, int],
    on_progress: Progress,
) -> None:
    # Written, not mapped: a map on a full disk ends the process (SIGBUS) instead of raising.
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(out, header)
    start, row_bytes = out.tell(), 4 * shape[1]
    place = {record: number for number, record in enumerate(records)}
    filled = np.zeros(len(records), dtype=bool)
    for batch, embeddings in batches:
        positions = np.array([place.get(record, -1) for record in batch], dtype=np.int64)
        if (positions < 0).any():
            break
        order = np.argsort(positions)
        # Rows side by side in the file are written at once.
        for run in np.split(order, np.flatnonzero(np.diff(positions[order]) != 1) + 1):
            if not len(run):
                continue
            out.seek(start + int(positions[run[0]]) * row_bytes)
            out.write(np.ascontiguousarray(embeddings[run], dtype="<f4").data)
        filled[positions] = True
        on_progress(Stage.READ, int(filled.sum()), len(records))
    if not filled.all():
        raise StoreError(
            "the collection changed while its embeddings were read. Wait until indexing has "
            "finished, then try again."
        )
