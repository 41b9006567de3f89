"""Milvus behind one class, whose parts read collections and rows, search, and write."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from core.collection.columns import Having
from core.collection.index_choice import IndexChoice, IndexType
from core.collection.index_types.parameters import Effort
from core.collection.info import CollectionInfo
from core.collection.listed import Listed
from core.collection.rows import BATCH_ROWS
from core.config import CollectionSettings, Settings
from core.corrections.book import Book
from core.corrections.correction import NONE, Corrections
from core.data_folder import DataFolder
from core.metric import Metric
from core.progress import Progress, silent
from core.records import EncoderIdentity, ImageRecord
from core.store.collections import CollectionReader, collection_name, nothing_said
from core.store.connection import PATIENCE, Connection, Options
from core.store.row_reader import RowBatch, RowReader
from core.store.searcher import Searcher
from core.store.trials.candidates import Candidates
from core.store.writer import Writer

__all__ = ["BATCH_ROWS", "VectorStore", "collection_name", "open_store"]


def open_store(
    settings: Settings,
    *,
    patience: float = PATIENCE,
    on_retry: Callable[[str], None] | None = None,
) -> "VectorStore":
    """Connect to the database that the settings name; raises as `VectorStore`."""
    return VectorStore(
        settings.uri,
        token=settings.milvus_token.get_secret_value(),
        database=settings.milvus_database,
        timeout=settings.milvus_timeout,
        patience=patience,
        on_retry=on_retry,
        read_only=settings.read_only,
        said=settings.of,
        book=Book(settings.data.corrections, read_only=settings.read_only),
        reductions=settings.reductions,
    )


class VectorStore:
    """A database of collections, safe to share between threads.

    Each method is that of a part under the same name, where arguments and errors are described.

    Attributes:
        connection: To the database.
        collections: Which collections there are, and how they are made.
        rows: Their rows, corrected.
        stored: The same as they are stored, for whatever writes them or compares them with files.
        searcher: The rows nearest to a query, corrected.
        writer: Whatever changes them.
        book: What people have said of single pictures; None corrects nothing.
        candidates: Indexes built beside them to be measured.
        reductions: Folder with what embeddings were made smaller with; where it is not named, it is
            beside a Milvus Lite file, and with a server in the usual data folder.
    """

    def __init__(
        self,
        uri: str,
        *,
        said: Callable[[str], CollectionSettings] = nothing_said,
        book: Book | None = None,
        reductions: Path | None = None,
        **options: Unpack[Options],
    ) -> None:
        """Connect as `Connection`, which takes the options, and read as `CollectionReader`.

        Raises:
            StoreUnavailableError: The server does not answer, or another process holds the file.
            StoreError: The file cannot be used, or the server refused.
        """
        self.connection = Connection(uri, **options)
        self.collections = CollectionReader(self.connection, said=said)
        self.book = book
        beside = Path(uri).parent if self.connection.is_lite else Path("data")
        self.reductions = reductions or DataFolder(beside).reductions
        self.rows = RowReader(self.connection, self.collections, self.corrections)
        self.stored = RowReader(self.connection, self.collections)
        self.searcher = Searcher(self.connection, self.corrections)
        self.writer = Writer(self.connection, self.collections)
        self.candidates = Candidates(self.connection, self.collections, self.writer)

    @property
    def uri(self) -> str:
        """The file or the address of the database."""
        return self.connection.uri

    @property
    def database(self) -> str:
        """The name of the database."""
        return self.connection.database

    @property
    def version(self) -> str:
        """The version of Milvus."""
        return self.connection.version

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def ping(self) -> float:
        """Return how many milliseconds the database took to answer."""
        return self.connection.ping()

    def metrics(self, family: str) -> list[Metric]:
        """Return the metrics for which the family has a collection."""
        return self.collections.metrics(family)

    def families(self) -> list[Listed]:
        """List what can be searched, in order of the names; nothing is loaded for it."""
        return self.collections.families()

    def info(self, family: str, metric: Metric) -> CollectionInfo:
        """Describe one collection of a family."""
        return self.collections.info(family, metric)

    def corrections(self, family: str) -> Corrections:
        """Return what people have said of the pictures of a family; raises as `Book.of`."""
        return self.book.of(family) if self.book else NONE

    def count(self, family: str, metric: Metric) -> int:
        """Return the number of live rows, also of those that are left out."""
        return self.collections.count(family, metric)

    def state(self, name: str) -> str:
        """Return what changes with every row of a collection; empty where nothing tells that."""
        return self.collections.state(name)

    def is_loaded(self, family: str, metric: Metric) -> bool:
        """Whether a collection is in memory, ready to be searched."""
        return self.collections.is_loaded(family, metric)

    def records(self, family: str, metric: Metric) -> Iterator[ImageRecord]:
        """Yield every row without its embedding, in the order of the ids."""
        return self.rows.records(family, metric)

    def rows_with_embeddings(
        self, family: str, metric: Metric, *, ids: Sequence[int] | None = None
    ) -> Iterator[RowBatch]:
        """Yield every row, or those of the ids, with its embedding: records and (B, D) float32."""
        return self.rows.rows_with_embeddings(family, metric, ids=ids)

    def embeddings(
        self, family: str, metric: Metric, ids: Sequence[int]
    ) -> dict[int, NDArray[np.float32]]:
        """Return the embeddings (D,) of the given ids; ids that do not exist are left out."""
        return self.rows.embeddings(family, metric, ids)

    def missing_labels(self, info: CollectionInfo, labels: Sequence[str]) -> list[str]:
        """Return those of the given classes that no row has."""
        return self.rows.missing_labels(info, labels)

    def index_types(self) -> tuple[IndexType, ...]:
        """Return the types of index that the database can build, in their usual order."""
        return self.writer.index_types()

    def require_buildable(self, index: IndexChoice) -> None:
        """Refuse a type of index that the database does not have."""
        self.writer.require_buildable(index)

    def search(
        self,
        info: CollectionInfo,
        embedding: NDArray[np.float32],
        *,
        k: int,
        labels: Sequence[str] = (),
        having: Having = (),
        **effort: Unpack[Effort],
    ) -> list[tuple[ImageRecord, float]]:
        """Return up to `k` rows with their scores, best first.

        Args:
            embedding: (D,) float32, as the encoder made it.

        Raises:
            QueryError: A value is outside its range.
            StoreError: The database failed.
        """
        return self.searcher.search(info, embedding, k=k, labels=labels, having=having, **effort)

    def search_ids(
        self,
        info: CollectionInfo,
        embeddings: NDArray[np.float32],
        *,
        k: int,
        **effort: Unpack[Effort],
    ) -> list[list[tuple[int, float]]]:
        """Return for each of many queries (Q, D) up to `k` ids with their scores, best first."""
        return self.searcher.search_ids(info, embeddings, k=k, **effort)

    def create(
        self,
        family: str,
        metric: Metric,
        *,
        encoder: EncoderIdentity,
        dataset: str,
        index: IndexChoice,
        expected_rows: int,
        begun_by: str = "",
    ) -> None:
        """Create an empty collection with its index, marked as incomplete."""
        self.writer.create(
            family,
            metric,
            encoder=encoder,
            dataset=dataset,
            index=index,
            expected_rows=expected_rows,
            begun_by=begun_by,
        )

    def fit_index(
        self,
        family: str,
        metric: Metric,
        *,
        index: IndexChoice,
        expected_rows: int,
        on_progress: Progress = silent,
    ) -> None:
        """Replace the index where it is missing, not the one asked for, or has been outgrown."""
        self.writer.fit_index(
            family, metric, index=index, expected_rows=expected_rows, on_progress=on_progress
        )

    def set_complete(
        self, family: str, metric: Metric, *, complete: bool, dataset: str | None = None
    ) -> None:
        """Record whether the rows of the dataset are all there, and where it lies if it moved."""
        self.writer.set_complete(family, metric, complete=complete, dataset=dataset)

    def upsert(
        self,
        family: str,
        metric: Metric,
        records: Sequence[ImageRecord],
        embeddings: NDArray[np.float32],
    ) -> None:
        """Write rows with their embeddings (len(records), D), replacing those of the same id."""
        self.writer.upsert(family, metric, records, embeddings)

    def delete(self, family: str, metric: Metric, ids: Sequence[int]) -> None:
        """Delete the rows of the given ids; ids that do not exist are passed over."""
        self.writer.delete(family, metric, ids)

    def flush(self, family: str, metric: Metric) -> None:
        """Have what was written put on disk; a server then begins to index it."""
        self.writer.flush(family, metric)

    def finish(
        self, family: str, metric: Metric, *, rows: int = 0, on_progress: Progress = silent
    ) -> None:
        """Flush, wait until the index covers every row, load; `rows` is for `on_progress` alone."""
        self.writer.finish(family, metric, rows=rows, on_progress=on_progress)

    def rename(self, family: str, name: str) -> None:
        """Give a family another name, and what was said of its pictures with it."""
        if self.book is None:
            self.writer.rename(family, name)
            return
        with self.book.moved(family, name):
            self.writer.rename(family, name)

    def drop(self, family: str, metric: Metric) -> None:
        """Delete a collection with all its rows."""
        self.writer.drop(family, metric)
        self.candidates.drop(collection_name(family, metric))
