"""A question with all its conditions -> hits, from the index and by exact search alike."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.collection.info import CollectionInfo
from core.metric import Metric
from core.search.hits import Hit
from core.search.index_search import search
from core.search.reference import ExactIndex
from core.store.vector_store import VectorStore

# As deep as it is looked for pictures that are no near-duplicates of a better hit.
_DEEPEST = 800


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of one collection, besides the query's embedding.

    Attributes:
        k: Hits wanted, 1 to 100.
        nprobe: Lists to search; None where the index has none, or with `exact`.
        ef: Candidates an HNSW index looks at; None for other indexes.
        exact: Compare with every row instead of asking the index.
        labels: Only these classes; empty means all.
        exclude: Ids that are left out: the query itself.
        limit: The worst score that is shown, as displayed (see `Metric`); None shows all.
        similarity: Of pictures whose cosine similarity is at least this only the best hit is
            shown; None shows all.
    """

    k: int
    nprobe: int | None = None
    ef: int | None = None
    exact: bool = False
    labels: tuple[str, ...] = ()
    exclude: frozenset[int] = frozenset()
    limit: float | None = None
    similarity: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found.

    Attributes:
        hits: Best first, ranked from 1; fewer than `k` if no more is there or meets the conditions.
        nprobe: Lists that were searched, raised where a class filter left too few; 0 without lists.
        search_ms: Milliseconds of all searches it took.
        duplicates: Hits left out as near-duplicates of a better one.
        beyond_limit: Whether hits were left out because their scores are worse than the limit.
        exact: What exact search shows under the same conditions; None where the embeddings are
            not at hand.
    """

    hits: tuple[Hit, ...]
    nprobe: int
    search_ms: float
    duplicates: int
    beyond_limit: bool
    exact: tuple[Hit, ...] | None = None


def ask(
    embedding: NDArray[np.float32],
    question: Question,
    *,
    store: VectorStore,
    info: CollectionInfo,
    reference: ExactIndex | None = None,
    scores: Callable[[], NDArray[np.float32]] | None = None,
) -> Answer:
    """Ask the index, and exact search where the embeddings are at hand.

    Args:
        embedding: (D,) float32.
        reference: Needed by `question.exact` and `question.similarity`.
        scores: Returns the score of every row of the reference with the embedding: (N,), so that
            whoever calls may keep it; needed with `reference`.

    Raises:
        QueryError: A value is outside its range.
        StoreError: The database failed.
    """
    spent, used = 0.0, 0

    def from_index(depth: int) -> Sequence[Hit]:
        nonlocal spent, used
        result = search(
            embedding,
            store=store,
            info=info,
            k=depth,
            nprobe=question.nprobe,
            ef=question.ef,
            labels=question.labels,
            exclude=question.exclude,
        )
        spent, used = spent + result.search_ms, result.nprobe
        return result.hits

    def exactly(depth: int) -> Sequence[Hit]:
        assert reference and scores
        return reference.best(
            scores(),
            metric=info.metric,
            k=depth,
            labels=question.labels,
            exclude=question.exclude,
        )

    answer = None
    if not question.exact:
        answer = _refined(from_index, question, info.metric, reference)
        answer = replace(answer, search_ms=spent, nprobe=used)
    if reference is None and answer:
        return answer
    started = time.perf_counter()
    exact = _refined(exactly, question, info.metric, reference)
    if answer is None:
        answer = replace(exact, search_ms=1000 * (time.perf_counter() - started))
    return replace(answer, exact=exact.hits)


def _refined(
    found: Callable[[int], Sequence[Hit]],
    question: Question,
    metric: Metric,
    reference: ExactIndex | None,
) -> Answer:
    """Keep what meets the conditions, looking deeper while near-duplicates leave too few."""
    depth = question.k
    while True:
        hits = found(depth)
        limit = question.limit
        good = [hit for hit in hits if limit is None or metric.reaches(hit.score, limit)]
        kept = good
        if question.similarity is not None and reference is not None:
            kept = _distinct(good, reference, question.similarity)
        enough = len(kept) >= question.k or len(good) < depth or depth >= _DEEPEST
        if enough or question.similarity is None:
            break
        depth = min(4 * depth, _DEEPEST)
    ranked = tuple(Hit(rank, h.record, h.score) for rank, h in enumerate(kept[: question.k], 1))
    last = ranked[-1].record if len(ranked) == question.k else None
    # Near-duplicates of better hits only, not those behind the last hit that is shown.
    seen = next((n for n, hit in enumerate(good, 1) if hit.record == last), len(good))
    return Answer(
        hits=ranked,
        nprobe=0,
        search_ms=0.0,
        duplicates=seen - len(ranked),
        beyond_limit=len(good) < len(hits),
    )


def _distinct(hits: list[Hit], reference: ExactIndex, similarity: float) -> list[Hit]:
    rows = reference.embeddings([hit.record.id for hit in hits])
    sizes = np.linalg.norm(rows, axis=1, keepdims=True)
    units = np.divide(rows, sizes, out=np.zeros_like(rows), where=sizes > 0)
    # What is not a number (a row that is new) is like nothing.
    alike = np.nan_to_num(units @ units.T) >= similarity
    kept: list[int] = []
    for number in range(len(hits)):
        if not alike[number, kept].any():
            kept.append(number)
    return [hits[number] for number in kept]
