"""All embeddings of a collection as one matrix: read from the database once, then from a file.

The file is a plain `.npy`, memory-mapped. Its name carries a fingerprint of the rows and the
encoder, so a changed collection never meets an old matrix. Corrections come on top: another class
changes no file, and without what is left out a second file is written from the first.
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
from core.corrections.correction import Applied, applied_to
from core.errors import CollectionNotFoundError, OrchardError, StoreError
from core.files import fingerprint_of, write_whole
from core.metric import Metric
from core.progress import Progress, Stage, silent
from core.records import EncoderIdentity, Further, ImageRecord, record_at
from core.store.vector_store import VectorStore

logger = logging.getLogger(__name__)

# Raised whenever the meaning of the file changes.
_VERSION = 1
# Rows copied at once: 16 MB at 2,048 numbers.
_BLOCK = 2_048


@dataclass(frozen=True, slots=True)
class Matrix:
    """Every row of a collection but those that are left out, ordered by id.

    Attributes:
        ids: (N,) int64, ascending.
        paths: (N,) relative to the dataset folder.
        labels: (N,) classes, as corrected; empty for a row without one.
        digests: (N,) BLAKE2b of the files.
        embeddings: (N, D) float32, memory-mapped, not to be written.
        fingerprint: 16 hexadecimal digits, see `fingerprint`.
        stored: The same of the rows as they are stored, before corrections.
        embedded: Changes with the embeddings and which rows they are of, not with another class.
        applied: Which corrections make the difference.
        further: (N,) what else is known of them; empty as a whole where nothing is of any.
    """

    ids: NDArray[np.int64]
    paths: tuple[str, ...]
    labels: tuple[str, ...]
    digests: tuple[str, ...]
    embeddings: NDArray[np.float32]
    fingerprint: str
    stored: str
    embedded: str
    applied: Applied = Applied()  # noqa: RUF009 - frozen
    further: tuple[Further, ...] = ()

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
        CorrectionError: Every picture of it is left out, or the corrections are damaged.
        StoreError: The database failed, or the collection changed while it was read.
        FileError: `cache_dir` cannot be written.
        OrchardError: What was written cannot be read back.
    """
    info, corrections = store.info(family, metric), store.corrections(family)
    records = sorted(store.stored.records(family, metric), key=lambda record: record.id)
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
        raise _unreadable(file)
    applied = applied_to(records, corrections)
    embedded, seen = mark, records
    if applied.fingerprint:
        seen = corrections.all_seen(records)
    if applied.excluded:
        kept = np.array([corrections.seen(record) is not None for record in records])
        embedded = fingerprint_of(mark, np.packbits(kept).tobytes())[: len(mark)]
        embeddings = _without(file, embeddings, kept, name=f"{info.name}-{mark}-{embedded}")
    return Matrix(
        ids=np.array([record.id for record in seen], dtype=np.int64),
        paths=tuple(record.path for record in seen),
        labels=tuple(record.label for record in seen),
        digests=tuple(record.digest for record in seen),
        embeddings=embeddings,
        fingerprint=fingerprint(seen, info.encoder) if applied.fingerprint else mark,
        stored=mark,
        embedded=embedded,
        applied=applied,
        further=tuple(record.further for record in seen),
    )


def fingerprint(records: Iterable[ImageRecord], encoder: EncoderIdentity) -> str:
    """Return 16 hexadecimal digits that change with any row or with the encoder.

    The metric has no part in it: the collections of a family hold the same rows. Nor has what else
    is known of a picture: what is computed from embeddings and classes stays as it is.
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
    batches = store.stored.rows_with_embeddings(family, info.metric)
    shape = (len(records), info.dimension)
    write_whole(file, lambda out: _fill(out, batches, records, shape, on_progress))
    _delete_others(file, keep=(file,))


def _without(
    file: Path, embeddings: NDArray[np.float32], kept: NDArray[np.bool_], *, name: str
) -> NDArray[np.float32]:
    """Return the marked rows of a matrix, from a file beside that of all of them."""
    smaller = file.with_name(f"{name}-v{_VERSION}.npy")
    shape = (int(kept.sum()), embeddings.shape[1])
    found = _open(smaller, shape)
    if found is None:
        write_whole(smaller, lambda out: _copy(out, embeddings, kept))
        _delete_others(file, keep=(file, smaller))
        found = _open(smaller, shape)
    if found is None:
        raise _unreadable(smaller)
    return found


def _copy(out: BinaryIO, embeddings: NDArray[np.float32], kept: NDArray[np.bool_]) -> None:
    _write_header(out, (int(kept.sum()), embeddings.shape[1]))
    for start in range(0, len(embeddings), _BLOCK):
        rows = slice(start, start + _BLOCK)
        out.write(np.ascontiguousarray(embeddings[rows][kept[rows]], dtype="<f4").data)


def _write_header(out: BinaryIO, shape: tuple[int, int]) -> None:
    # Written, not mapped: a map on a full disk ends the process (SIGBUS) instead of raising.
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(out, header)


def _delete_others(file: Path, *, keep: Sequence[Path]) -> None:
    """Delete the matrices of a collection but some."""
    # A collection's name holds no hyphen, so these are matrices of this one only.
    name, _, _ = file.name.partition("-")
    for old in file.parent.glob(f"{name}-*.npy"):
        if old not in keep:
            # Windows keeps a file that is mapped; it goes the next time.
            with contextlib.suppress(PermissionError):
                old.unlink(missing_ok=True)


def _unreadable(file: Path) -> OrchardError:
    return OrchardError(f"{str(file)!r} cannot be read back. Check the disk, then try again.")


def _fill(
    out: BinaryIO,
    batches: Iterable[tuple[list[ImageRecord], NDArray[np.float32]]],
    records: list[ImageRecord],
    shape: tuple[int, int],
    on_progress: Progress,
) -> None:
    _write_header(out, shape)
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
