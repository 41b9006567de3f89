"""Indexes that are built beside a collection to be measured, and dropped again.

What is searched is never touched: the candidates stand over a copy of the embeddings, in a
collection of their own that no name leads to.
"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.collection.index_choice import IndexChoice, IndexType
from core.collection.info import CollectionInfo, choice_of, require_ours
from core.collection.rows import BATCH_ROWS, as_row
from core.errors import StoreError
from core.progress import Progress, Stage, silent
from core.records import ImageRecord
from core.store import alias, indexes
from core.store.collections import CollectionReader
from core.store.connection import Connection
from core.store.writer import Writer

_FLUSH_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """An index that was built to be measured.

    Attributes:
        info: To search it with; its name is that of the copy.
        seconds: It took to build and load.
        file_bytes: Size of its files, which Milvus Lite reads into memory as they are; None where
            the database does not tell.
    """

    info: CollectionInfo
    seconds: float
    file_bytes: int | None


class Bench:
    """The copy of one collection, over which one index after the other is built."""

    def __init__(self, connection: Connection, writer: Writer, info: CollectionInfo) -> None:
        self._connection, self._writer, self._info = connection, writer, info
        self.name = alias.candidate_name(info.name)

    def build(self, choice: IndexChoice, *, on_progress: Progress = silent) -> Candidate:
        """Build an index in the place of the one before.

        Args:
            choice: What it leaves open follows the rows.
            on_progress: Stage `INDEX`, in rows.

        Raises:
            StoreError: The database does not have this type, could not build it, or failed.
        """
        self._writer.require_buildable(choice)
        rows, connection = self._info.rows, self._connection
        action = f"build {choice} beside {self._info.name}"
        on_progress(Stage.INDEX, 0, rows)
        with self._writer.lock:
            started = time.perf_counter()
            with connection.load_lock, connection.once(action) as client:
                connection.forget(self.name)
                indexes.replace_index(client, self.name, self._info.metric, choice, rows=rows)
            connection.run(
                action,
                lambda client: indexes.wait_for_index(
                    client,
                    self.name,
                    on_wait=lambda pending: on_progress(Stage.INDEX, max(0, rows - pending), rows),
                ),
            )
            connection.load(self.name)
            seconds = time.perf_counter() - started
            with connection.once(action) as client:
                built = choice_of(indexes.describe_index(client, self.name)) or choice
        return Candidate(_described(self._info, self.name, built), seconds, self._file_bytes())

    def _file_bytes(self) -> int | None:
        if not self._connection.is_lite:
            return None
        root = Path(self._connection.uri).expanduser()
        own = root / "databases" / self._connection.database
        files = (own if own.is_dir() else root).rglob(f"{self.name}/**/*.idx")
        return sum(file.stat().st_size for file in files)


class Candidates:
    """Copies of collections for indexes to be measured over."""

    def __init__(
        self, connection: Connection, collections: CollectionReader, writer: Writer
    ) -> None:
        self._connection, self._collections, self._writer = connection, collections, writer

    @contextlib.contextmanager
    def beside(
        self,
        info: CollectionInfo,
        ids: NDArray[np.int64],
        embeddings: NDArray[np.float32],
        *,
        on_progress: Progress = silent,
    ) -> Iterator[Bench]:
        """Lend a copy of a collection's embeddings; it is dropped in the end, however that comes.

        What the end of a process left of an earlier one is dropped first.

        Args:
            ids: (N,) of the rows.
            embeddings: (N, D) float32, may be memory-mapped.
            on_progress: Stage `COPY`, in rows; if it stops the work, nothing is left behind.

        Raises:
            ReadOnlyError: Nothing may be written.
            StoreError: Others made the collection, or the database failed.
        """
        require_ours(self._collections.describe(info.name), info.name)
        bench = Bench(self._connection, self._writer, replace(info, rows=len(ids)))
        self.drop(info.name)
        try:
            self._fill(bench.name, info, ids, embeddings, on_progress)
            yield bench
        finally:
            # Where that fails, the next one does it.
            with contextlib.suppress(StoreError):
                self.drop(info.name)

    def drop(self, name: str) -> None:
        """Drop the copy beside a collection, if there is one: what a killed process has left."""
        copy = alias.candidate_name(name)
        connection = self._connection
        with (
            self._writer.lock,
            connection.once(f"drop {copy}", seconds=connection.bulk_seconds) as client,
        ):
            connection.forget(copy)
            if client.has_collection(copy):
                client.drop_collection(copy)

    def _fill(
        self,
        copy: str,
        info: CollectionInfo,
        ids: NDArray[np.int64],
        embeddings: NDArray[np.float32],
        on_progress: Progress,
    ) -> None:
        connection, action = self._connection, f"copy {info.name} to measure indexes over it"
        flat = IndexChoice(IndexType.FLAT)
        with self._writer.lock, connection.once(action) as client:
            alias.create_slot(client, copy, dimension=info.dimension, properties={})
            # Milvus Lite would build each further index while it is made, within the time of a
            # short call, if the collection had not been without rows when it got its first.
            indexes.create_index(client, copy, info.metric, flat, rows=len(ids))
        for start in range(0, len(ids), BATCH_ROWS):
            on_progress(Stage.COPY, start, len(ids))
            part = slice(start, start + BATCH_ROWS)
            rows = [
                as_row(ImageRecord(number, "", "", ""), embedding)
                for number, embedding in zip(ids[part].tolist(), embeddings[part], strict=True)
            ]
            with self._writer.lock:
                connection.run(
                    action,
                    lambda client, rows=rows: client.upsert(copy, rows),  # type: ignore[misc]
                    seconds=connection.bulk_seconds,
                )
        on_progress(Stage.COPY, len(ids), len(ids))
        with self._writer.lock:
            connection.at_length(action, lambda client: client.flush(copy), seconds=_FLUSH_SECONDS)


def _described(info: CollectionInfo, name: str, built: IndexChoice) -> CollectionInfo:
    kind = built.kind
    fields = {parameter.field for parameter in kind.build}
    return replace(
        info,
        name=name,
        index_type=kind.type.value,
        pending_rows=0,
        nlist=(built.nlist or 0) if "nlist" in fields else 0,
        m=built.m if "m" in fields else 0,
        ef_construction=built.ef_construction if "ef_construction" in fields else 0,
        subvectors=(built.subvectors or 0) if "subvectors" in fields else 0,
    )
