"""An index under one setting: what it finds of what exact search finds, and how fast it answers.

Whoever judges a setting (a report, the sweep, the tuner) asks here, so that all mean the same.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from core.collection.index_types.parameters import Effort
from core.collection.info import CollectionInfo
from core.embeddings.index_errors import with_ties_of
from core.embeddings.matrix import Matrix
from core.embeddings.neighbours import Neighbours
from core.errors import StoreError
from core.progress import Progress, Stage, silent
from core.store.vector_store import VectorStore

# Queries in one call to the database.
QUERY_BATCH = 50


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast single searches are answered, each asked for once the one before is answered.

    Attributes:
        p50: Median milliseconds.
        p95: 95th percentile of them.
    """

    p50: float
    p95: float

    @property
    def per_second(self) -> float:
        """Searches a second of one client, at the median pace."""
        return 1000 / self.p50


def index_neighbours(
    matrix: Matrix,
    *,
    store: VectorStore,
    info: CollectionInfo,
    queries: NDArray[np.int64],
    k: int,
    exact: Neighbours,
    on_progress: Progress = silent,
    **effort: Unpack[Effort],
) -> Neighbours:
    """Return what the index finds: one hit more than `k` is asked for, then the query is removed.

    The query is known by its id, so a copy of it that stands before it does no harm. Equals are in
    the order of exact search, see `core.embeddings.index_errors.with_ties_of`.

    Args:
        exact: What exact search finds for the same queries.
        on_progress: Stage `SEARCH`, in queries.

    Raises:
        StoreError: The database failed, or returned a row that the matrix does not have.
    """
    parts: list[Neighbours] = []
    for start in range(0, len(queries), QUERY_BATCH):
        block = queries[start : start + QUERY_BATCH]
        answers = store.search_ids(info, matrix.embeddings[block], k=k + 1, **effort)
        lists = [
            _others(matrix, hits, query=int(query))
            for query, hits in zip(block, answers, strict=True)
        ]
        parts.append(Neighbours.from_hits(lists, depth=k))
        on_progress(Stage.SEARCH, start + len(block), len(queries))
    found = Neighbours(
        np.concatenate([part.positions for part in parts]),
        np.concatenate([part.scores for part in parts]),
    )
    return with_ties_of(exact, found)


def pace_of(
    matrix: Matrix,
    *,
    store: VectorStore,
    info: CollectionInfo,
    queries: NDArray[np.int64],
    k: int,
    **effort: Unpack[Effort],
) -> Pace:
    """Time one search for each of the queries, as the Search page asks.

    Raises:
        StoreError: The database failed.
    """
    ask = _asking(matrix, store=store, info=info, k=k, effort=effort)
    # The first search under a setting is slower than those a person would see.
    ask(int(queries[0]))
    times = []
    for query in queries.tolist():
        started = time.perf_counter()
        ask(query)
        times.append(1000 * (time.perf_counter() - started))
    return Pace(float(np.percentile(times, 50)), float(np.percentile(times, 95)))


def throughput(
    matrix: Matrix,
    *,
    store: VectorStore,
    info: CollectionInfo,
    queries: NDArray[np.int64],
    k: int,
    clients: int,
    searches: int,
    **effort: Unpack[Effort],
) -> float:
    """Return how many searches a second are answered while so many clients ask at once.

    Raises:
        StoreError: The database failed.
    """
    ask = _asking(matrix, store=store, info=info, k=k, effort=effort)
    asked = list(islice(cycle(queries.tolist()), searches))
    with ThreadPoolExecutor(clients, thread_name_prefix="client") as pool:
        started = time.perf_counter()
        for _ in pool.map(ask, asked):
            pass
        return searches / (time.perf_counter() - started)


def _asking(
    matrix: Matrix, *, store: VectorStore, info: CollectionInfo, k: int, effort: Effort
) -> Callable[[int], None]:
    def ask(query: int) -> None:
        store.search_ids(info, matrix.embeddings[[query]], k=k, **effort)

    return ask


def _others(
    matrix: Matrix, hits: list[tuple[int, float]], *, query: int
) -> list[tuple[int, float]]:
    """Return (position, score) of the hits, without the query itself."""
    positions = matrix.places([number for number, _ in hits])
    if (positions < 0).any():
        raise StoreError(
            "the collection changed while it was evaluated: the index returned a picture that was "
            "not there before. Wait until indexing has finished, then run the report again."
        )
    scores = (score for _, score in hits)
    return [hit for hit in zip(positions.tolist(), scores, strict=True) if hit[0] != query]
