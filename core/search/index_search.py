"""An embedding -> hits of the index, with the time it took; more lists for a class filter."""

import time
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from core.collection.index_choice import default_ef
from core.collection.info import CollectionInfo
from core.collection.query import MAX_LIMIT
from core.errors import QueryError
from core.search.hits import Hit, SearchResult
from core.store.vector_store import VectorStore

DEFAULT_K = 16
MAX_K = 100
DEFAULT_NPROBE = 16


def search(
    embedding: NDArray[np.float32],
    *,
    store: VectorStore,
    info: CollectionInfo,
    k: int = DEFAULT_K,
    nprobe: int | None = None,
    ef: int | None = None,
    labels: Sequence[str] = (),
    exclude: Collection[int] = (),
) -> SearchResult:
    """Return the `k` rows most like an embedding.

    With a class filter the lists that are probed may hold too few rows of the class, so nprobe is
    doubled until there are `k` hits or every list was searched; the result says how far it went.

    Args:
        embedding: (D,) float32, made by the collection's encoder.
        k: 1 to 16,384, less as many as are excluded; the page and the script offer up to `MAX_K`.
        nprobe: Lists to search, 1 to nlist; None takes 16, or nlist if that is smaller.
        ef: Candidates an HNSW index looks at; None takes `default_ef`. Other indexes ignore it.
        labels: Only rows of these classes; empty means all.
        exclude: Ids of rows to leave out: the query itself, when it is in the collection.

    Raises:
        QueryError: A value is outside its range.
        StoreError: The database failed.
    """
    if nprobe is None:
        nprobe = min(DEFAULT_NPROBE, info.nlist)
    depth = k + len(exclude)
    if not 1 <= k <= depth <= MAX_LIMIT:
        raise QueryError(f"k is {k}, allowed are 1 to {MAX_LIMIT - (depth - k):,}.")
    ef = max(depth, default_ef(depth) if ef is None else ef)
    started = time.perf_counter()
    rows = store.search(info, embedding, k=depth, nprobe=nprobe, ef=ef, labels=labels)
    while labels and len(rows) < depth and nprobe < info.nlist:
        nprobe = min(2 * nprobe, info.nlist)
        rows = store.search(info, embedding, k=depth, nprobe=nprobe, ef=ef, labels=labels)
    milliseconds = 1000 * (time.perf_counter() - started)
    kept = [(record, score) for record, score in rows if record.id not in exclude][:k]
    return SearchResult(
        hits=tuple(Hit(rank, record, score) for rank, (record, score) in enumerate(kept, 1)),
        metric=info.metric,
        k=k,
        nprobe=nprobe if info.nlist else 0,
        search_ms=milliseconds,
        ef=ef if info.m else 0,
    )
