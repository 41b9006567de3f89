"""An embedding -> hits of the index, with the time it took; more lists for a filter."""

import time
from collections.abc import Collection, Sequence
from functools import partial
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from core.collection.columns import Having
from core.collection.index_types.kinds import NPROBE
from core.collection.index_types.parameters import Effort
from core.collection.info import CollectionInfo
from core.collection.query import MAX_LIMIT, search_parameters
from core.errors import QueryError
from core.search.hits import Hit, SearchResult
from core.store.vector_store import VectorStore

DEFAULT_K = 16
MAX_K = 100
DEFAULT_NPROBE = NPROBE.usual


def search(
    embedding: NDArray[np.float32],
    *,
    store: VectorStore,
    info: CollectionInfo,
    k: int = DEFAULT_K,
    labels: Sequence[str] = (),
    having: Having = (),
    exclude: Collection[int] = (),
    **effort: Unpack[Effort],
) -> SearchResult:
    """Return the `k` rows most like an embedding.

    With a filter the lists that are probed may hold too few rows that pass it, so nprobe is doubled
    until there are `k` hits or every list was searched; the result says how far it went.

    Args:
        embedding: (D,) float32, made by the collection's encoder.
        k: 1 to 16,384, less as many as are excluded; the page and the script offer up to `MAX_K`.
        labels: Only rows of these classes; empty means all.
        having: Only rows with one of the values in each of these further columns.
        exclude: Ids of rows to leave out: the query itself, when it is in the collection.
        effort: How thoroughly to search; candidates fewer than `k` are as many as `k`.

    Raises:
        QueryError: A value is outside its range.
        StoreError: The database failed.
    """
    depth = k + len(exclude)
    if not 1 <= k <= depth <= MAX_LIMIT:
        raise QueryError(f"k is {k}, allowed are 1 to {MAX_LIMIT - (depth - k):,}.")
    told = _told(info, depth, effort)
    started = time.perf_counter()
    ask = partial(store.search, info, embedding, k=depth, labels=labels, having=having)
    rows = ask(**told)
    filtered = labels or having
    while filtered and len(rows) < depth and (nprobe := told.get("nprobe") or 0) < info.nlist:
        told["nprobe"] = min(2 * nprobe, info.nlist)
        rows = ask(**told)
    milliseconds = 1000 * (time.perf_counter() - started)
    kept = [(record, score) for record, score in rows if record.id not in exclude][:k]
    return SearchResult(
        hits=tuple(Hit(rank, record, score) for rank, (record, score) in enumerate(kept, 1)),
        metric=info.metric,
        k=k,
        effort=told,
        search_ms=milliseconds,
    )


def _told(info: CollectionInfo, k: int, effort: Effort) -> Effort:
    raised: Effort = {**effort}
    for parameter in info.searched_by:
        value = raised.get(parameter.name)
        if parameter.holds_k and value is not None:
            raised[parameter.name] = max(k, value)
    return search_parameters(info, k=k, effort=raised)
