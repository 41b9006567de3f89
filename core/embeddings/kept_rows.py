"""The embeddings that a run writes, kept as they are written: nobody has to read them back.

Reading all of them from Milvus Lite takes a minute for 100,000 rows; copying them takes seconds.
They wait in a file without a name, which the system takes back however the process ends, and
become the matrix when the run is through.
"""

import contextlib
import logging
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.embeddings.fingerprint import fingerprint
from core.embeddings.matrix_file import delete_others, matrix_file, open_matrix, write_header
from core.errors import FileError
from core.files import unwritable, write_whole
from core.progress import Progress, Stage, silent
from core.records import EncoderIdentity, ImageRecord
from core.store.row_reader import RowBatch

logger = logging.getLogger(__name__)

# Rows copied at once: 16 MB at 2,048 numbers. Read, not mapped: what is mapped counts as memory.
_BLOCK = 2_048
# So many rows without a place are read from the database, which takes Milvus Lite a second.
_MOST_READ = 2_000


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Embeddings in a file.

    Attributes:
        begin: Where in the file the first one begins, in bytes.
        digests: Of the pictures, by place, from 0.
        places: Of the ids; of one that was written twice, the later place.
    """

    file: IO[bytes]
    begin: int = 0
    digests: list[str] = field(default_factory=list)
    places: dict[int, int] = field(default_factory=dict)

    def append(self, records: Iterable[ImageRecord]) -> None:
        """Name the pictures of the next rows."""
        for record in records:
            self.places[record.id] = len(self.digests)
            self.digests.append(record.digest)

    def place_of(self, record: ImageRecord) -> int | None:
        """Return the place of a picture's embedding; None of other bytes, or unknown ones."""
        place = self.places.get(record.id)
        # A write that failed half way is kept by halves: the row may be of other bytes.
        is_same = place is not None and self.digests[place] == record.digest
        return place if is_same and record.digest else None


class KeptRows:
    """Embeddings that a run writes, and those that were there before it.

    Attributes:
        failure: Why nothing is kept; empty while all is.
    """

    def __init__(self, folder: Path, *, family: str, encoder: EncoderIdentity) -> None:
        """Begin with nothing.

        Args:
            folder: Of the matrices; it is made when missing.
            encoder: What makes the embeddings.
        """
        self.failure = ""
        self._folder, self._family, self._encoder = folder, family, encoder
        self._row_bytes = 4 * encoder.dimension
        self._written: _Rows | None = None
        self._before: _Rows | None = None

    def __enter__(self) -> "KeptRows":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    def remember(self, records: Collection[ImageRecord]) -> None:
        """Take the matrix of rows that are there already, if there is one of just these.

        Args:
            records: All rows of a collection of the family, as stored, before anything is written.
        """
        if self._before or not any(self._folder.glob(f"{self._family}-*.npy")):
            return
        ordered = sorted(records, key=lambda record: record.id)
        file = self._file(ordered)
        if open_matrix(file, (len(ordered), self._encoder.dimension)) is None:
            return
        with contextlib.suppress(OSError):
            # Open all along: a page may delete it, and make one of the rows half way through.
            opened = file.open("rb")
            begin = file.stat().st_size - len(ordered) * self._row_bytes
            self._before = _Rows(opened, begin)
            self._before.append(ordered)

    def add(
        self,
        records: Sequence[ImageRecord],
        embeddings: NDArray[np.float32],
        *,
        if_unknown: bool = False,
    ) -> None:
        """Keep rows that were written; a disk without room for them ends all keeping.

        Args:
            embeddings: (len(records), D) as they were written.
            if_unknown: Only rows that are not kept yet.
        """
        if if_unknown:
            new = [n for n, record in enumerate(records) if self._source(record) is None]
            records, embeddings = [records[n] for n in new], embeddings[new]
        if self.failure or not records:
            return
        try:
            rows = self._written = self._written or self._begun()
            self._require_room(len(rows.digests) + len(records))
            rows.file.write(np.ascontiguousarray(embeddings, dtype="<f4").data)
            rows.file.flush()
        except OSError as error:
            self._give_up(str(unwritable(self._folder, error)))
            return
        rows.append(records)

    def forget(self) -> None:
        """Delete the matrices there are: their rows are about to be replaced."""
        delete_others(self._folder / f"{self._family}-", keep=())

    def make_matrix(
        self,
        records: Collection[ImageRecord],
        *,
        read: Callable[[Sequence[int]], Iterable[RowBatch]] | None = None,
        on_progress: Progress = silent,
    ) -> NDArray[np.float32] | None:
        """Return the matrix (N, D) of the rows that are there now, written first if need be.

        None where too many of the rows are not kept, or it cannot be written.

        Args:
            records: All rows of a collection of the family, as stored.
            read: Returns rows with their embeddings by id, for a few that are not kept.
            on_progress: Stage `KEEP`, in rows; if it stops the work, nothing is left behind.
        """
        if self.failure or not records:
            return None
        ordered = sorted(records, key=lambda record: record.id)
        file, shape = self._file(ordered), (len(ordered), self._encoder.dimension)
        if self._written is None and (there := open_matrix(file, shape)) is not None:
            return there
        if not self._has_all(ordered, read):
            return None
        try:
            self._require_room(len(ordered))
            write_whole(file, partial(self._copy, ordered, on_progress=on_progress))
        except (OSError, FileError) as error:
            self._give_up(str(unwritable(file, error) if isinstance(error, OSError) else error))
            return None
        delete_others(file, keep=(file,))
        return open_matrix(file, shape)

    def _has_all(
        self,
        records: Sequence[ImageRecord],
        read: Callable[[Sequence[int]], Iterable[RowBatch]] | None,
    ) -> bool:
        """Whether every row is kept, once the few that are not have been read."""
        missing = [record for record in records if self._source(record) is None]
        if len(missing) > (_MOST_READ if read else 0):
            logger.info(
                "%d embeddings of %s are read when they are first asked for",
                len(missing),
                self._family,
            )
            return False
        for batch in read([record.id for record in missing]) if missing and read else ():
            self.add(*batch)
        return not self.failure and all(self._source(record) for record in missing)

    def _file(self, ordered: Sequence[ImageRecord]) -> Path:
        mark = fingerprint(ordered, self._encoder)
        return matrix_file(self._folder, family=self._family, fingerprint=mark)

    def _source(self, record: ImageRecord) -> tuple[_Rows, int] | None:
        """Return where the embedding of a picture lies; what a run has written comes first."""
        for rows in (self._written, self._before):
            place = rows.place_of(record) if rows else None
            if rows and place is not None:
                return rows, place
        return None

    def _begun(self) -> _Rows:
        self._folder.mkdir(parents=True, exist_ok=True)
        return _Rows(tempfile.TemporaryFile(dir=self._folder))

    def _require_room(self, rows: int) -> None:
        """Leave the database as much room as these rows take.

        Raises:
            OSError: The disk has less.
        """
        free = shutil.disk_usage(self._folder).free
        if free < 2 * rows * self._row_bytes:
            raise OSError(f"only {free / 1e6:,.0f} MB are free, which the database may need")

    def _copy(
        self, ordered: Sequence[ImageRecord], out: BinaryIO, *, on_progress: Progress
    ) -> None:
        write_header(out, (len(ordered), self._encoder.dimension))
        for start in range(0, len(ordered), _BLOCK):
            on_progress(Stage.KEEP, start, len(ordered))
            out.write(self._block(ordered[start : start + _BLOCK]).data)

    def _block(self, records: Sequence[ImageRecord]) -> NDArray[np.float32]:
        """Return the embeddings (len(records), D) of rows that are all kept."""
        block = np.empty((len(records), self._encoder.dimension), dtype="<f4")
        sources = [source for record in records if (source := self._source(record))]
        row = 0
        while row < len(sources):
            rows, place = sources[row]
            # Rows side by side in a file are read at once.
            end = row + 1
            while end < len(sources) and sources[end] == (rows, place + end - row):
                end += 1
            rows.file.seek(rows.begin + place * self._row_bytes)
            part = block[row:end]
            if rows.file.readinto(part.data.cast("B")) != part.nbytes:  # type: ignore[attr-defined]
                raise OSError(f"{len(part)} rows were cut off")
            row = end
        return block

    def _give_up(self, reason: str) -> None:
        self.failure = reason
        logger.warning("the embeddings of %s are not kept: %s", self._family, reason)
        self._close()

    def _close(self) -> None:
        for rows in (self._written, self._before):
            if rows:
                rows.file.close()
        self._written = self._before = None
