"""All embeddings of a collection as one matrix: read from the database once, then from a file.

The file is a plain `.npy`, memory-mapped. Its name carries a fingerprint of the rows and the
encoder, so a changed collection never meets an old matrix.
"""

import contextlib
import hashlib
import logging
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import CollectionNotFoundError, OrchardError, StoreError
from core.metric import Metric
from core.records import CollectionInfo, EncoderIdentity, ImageRecord
from core.store import VectorStore

logger = logging.getLogger(__name__)

# Raised whenever the meaning of the file changes.
_VERSION = 1

Progress = Callable[[int, int], None]


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
        return ImageRecord(
            int(self.ids[position]),
            self.paths[position],
            self.labels[position],
            self.digests[position],
        )


def load_matrix(
    store: VectorStore,
    family: str,
    metric: Metric,
    cache_dir: Path,
    on_progress: Progress | None = None,
) -> Matrix:
    """Return the embeddings of a collection, from `cache_dir` if they are there already.

    Args:
        cache_dir: Is made when missing; older matrices of the collection in it are deleted.
        on_progress: Called with rows read and rows there are; whatever it raises stops the
            reading, and nothing is left behind.

    Raises:
        CollectionNotFoundError: There is no such collection, or it is empty.
        StoreError: The database failed, or the collection changed while it was read.
        OrchardError: `cache_dir` cannot be written.
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
    on_progress: Progress | None,
) -> None:
    """Write the matrix to a temporary file, then give it its name."""
    partial = file.with_name(f".{file.name}.{uuid.uuid4().hex}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        matrix = np.lib.format.open_memmap(
            partial, mode="w+", dtype=np.float32, shape=(len(records), info.dimension)
        )
        _fill(matrix, store.rows_with_embeddings(family, info.metric), records, on_progress)
        matrix.flush()
        del matrix
        partial.replace(file)
    except OSError as error:
        raise OrchardError(
            f"the embeddings of {info.name} cannot be written to {str(file.parent)!r} "
            f"({error.strerror}). Free some space there or set ORCHARD_DATA_DIR."
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    # A collection's name holds no hyphen, so these are matrices of this one only.
    for old in file.parent.glob(f"{info.name}-*.npy"):
        if old != file:
            # Windows keeps a file that is mapped; it goes the next time.
            with contextlib.suppress(PermissionError):
                old.unlink(missing_ok=True)


def _fill(
    matrix: NDArray[np.float32],
    batches: Iterable[tuple[list[ImageRecord], NDArray[np.float32]]],
    records: list[ImageRecord],
    on_progress: Progress | None,
) -> None:
    place = {record: number for number, record in enumerate(records)}
    filled = np.zeros(len(records), dtype=bool)
    for batch, embeddings in batches:
        positions = [place.get(record, -1) for record in batch]
        if -1 in positions:
            break
        matrix[positions] = embeddings
        filled[positions] = True
        if on_progress:
            on_progress(int(filled.sum()), len(records))
    if not filled.all():
        raise StoreError(
            "the collection changed while its embeddings were read. Wait until indexing has "
            "finished, then try again."
        )
