"""All embeddings of a collection as one matrix: read from the database once, then from a file.

The file is a plain `.npy`, memory-mapped, one for the collections of all metrics, which hold the
same rows. Its name carries a fingerprint of the rows and the encoder, so a changed collection never
meets an old matrix. What a run writes is kept as it is written, and nothing is read after it.
Corrections come on top: another class changes no file, and without what is left out a second file
is written from the first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.collection.info import CollectionInfo
from core.corrections.correction import Applied, applied_to
from core.embeddings.fingerprint import fingerprint
from core.embeddings.listing import Listing, load_listing
from core.embeddings.matrix_file import delete_others, matrix_file, open_matrix, write_header
from core.errors import CollectionNotFoundError, OrchardError, StoreError
from core.files import fingerprint_of, write_whole
from core.metric import Metric
from core.progress import Progress, Stage, silent
from core.records import Further, ImageRecord, record_at
from core.store.vector_store import VectorStore

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
        fingerprint: 16 hexadecimal digits, see `core.embeddings.fingerprint`.
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
    *,
    listing: Listing | None = None,
) -> Matrix:
    """Return the embeddings of a collection, from `cache_dir` if they are there already.

    Args:
        cache_dir: Is made when missing; older matrices of the family in it are deleted.
        on_progress: Stage `READ`, in rows; if it stops the work, nothing is left behind.
        listing: Of the collection as it is now; None looks for it.

    Raises:
        CollectionNotFoundError: There is no such collection, or it is empty.
        CorrectionError: Every picture of it is left out, or the corrections are damaged.
        StoreError: The database failed, or the collection changed while it was read.
        FileError: `cache_dir` cannot be written.
        OrchardError: What was written cannot be read back.
    """
    info, corrections = store.info(family, metric), store.corrections(family)
    listing = listing or load_listing(store, info, cache_dir)
    records, mark = listing.records, listing.fingerprint
    if not records:
        raise CollectionNotFoundError(f"the collection {info.name!r} is empty.")
    file = matrix_file(cache_dir, family=info.family, fingerprint=mark)
    shape = (len(records), info.dimension)
    embeddings = open_matrix(file, shape)
    if embeddings is None:
        _read(store, family, info, records, file, on_progress=on_progress)
        embeddings = open_matrix(file, shape)
    if embeddings is None:
        raise _unreadable(file)
    applied = applied_to(records, corrections)
    embedded = mark
    seen: Sequence[ImageRecord] = records
    if applied.fingerprint:
        seen = corrections.all_seen(records)
    if applied.excluded:
        kept = np.array([corrections.seen(record) is not None for record in records])
        embedded = fingerprint_of(mark, np.packbits(kept).tobytes())[: len(mark)]
        embeddings = _without(file, embeddings, kept, family=info.family, mark=f"{mark}-{embedded}")
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


def _read(
    store: VectorStore,
    family: str,
    info: CollectionInfo,
    records: Sequence[ImageRecord],
    file: Path,
    *,
    on_progress: Progress,
) -> None:
    """Write the matrix, then delete the older ones of the family."""
    batches = store.stored.rows_with_embeddings(family, info.metric)
    shape = (len(records), info.dimension)
    write_whole(file, lambda out: _fill(out, batches, records, shape, on_progress))
    delete_others(file, keep=(file,))


def _without(
    file: Path, embeddings: NDArray[np.float32], kept: NDArray[np.bool_], *, family: str, mark: str
) -> NDArray[np.float32]:
    """Return the marked rows of a matrix, from a file beside that of all of them."""
    smaller = matrix_file(file.parent, family=family, fingerprint=mark)
    shape = (int(kept.sum()), embeddings.shape[1])
    found = open_matrix(smaller, shape)
    if found is None:
        write_whole(smaller, lambda out: _copy(out, embeddings, kept))
        delete_others(file, keep=(file, smaller))
        found = open_matrix(smaller, shape)
    if found is None:
        raise _unreadable(smaller)
    return found


def _copy(out: BinaryIO, embeddings: NDArray[np.float32], kept: NDArray[np.bool_]) -> None:
    write_header(out, (int(kept.sum()), embeddings.shape[1]))
    for start in range(0, len(embeddings), _BLOCK):
        rows = slice(start, start + _BLOCK)
        out.write(np.ascontiguousarray(embeddings[rows][kept[rows]], dtype="<f4").data)


def _unreadable(file: Path) -> OrchardError:
    return OrchardError(f"{str(file)!r} cannot be read back. Check the disk, then try again.")


def _fill(
    out: BinaryIO,
    batches: Iterable[tuple[list[ImageRecord], NDArray[np.float32]]],
    records: Sequence[ImageRecord],
    shape: tuple[int, int],
    on_progress: Progress,
) -> None:
    write_header(out, shape)
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
