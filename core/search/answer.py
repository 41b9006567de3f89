"""A question with all its conditions -> hits, from the index and by exact search alike."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.collection.columns import Having
from core.collection.index_types.parameters import Effort
from core.collection.info import CollectionInfo
from core.embeddings.one_query import exact_scores
from core.errors import QueryError
from core.metric import Metric
from core.search.exact_index import ExactIndex
from core.search.hits import Hit
from core.search.index_search import search
from core.search.instruments import RECALL, SEARCH_SECONDS
from core.search.verdict import compare_with_exact
from core.store.vector_store import VectorStore

# As deep as it is looked for pictures that are no near-duplicates of a better hit.
_DEEPEST = 800


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of one collection, besides the query's embedding.

    Attributes:
        k: Hits wanted, 1 to 100.
        nprobe, ef, reorder_k, search_list, refine_k: How thoroughly to search, see `Effort`; None
            where the index has no use for it, or with `exact`.
        exact: Compare with every row instead of asking the index.
        labels: Only these classes; empty means all.
        having: Only rows with one of the values in each of these further columns.
        exclude: Ids that are left out: the query itself.
        limit: The worst score that is shown, as displayed (see `Metric`); None shows all.
        similarity: Of pictures whose cosine similarity is at least this only the best hit is
            shown; None shows all.
    """

    k: int
    nprobe: int | None = None
    ef: int | None = None
    reorder_k: int | None = None
    search_list: int | None = None
    refine_k: int | None = None
    exact: bool = False
    labels: tuple[str, ...] = ()
    having: Having = ()
    exclude: frozenset[int] = frozenset()
    limit: float | None = None
    similarity: float | None = None

    @property
    def effort(self) -> Effort:
        """How thoroughly to search."""
        return Effort(
            nprobe=self.nprobe,
            ef=self.ef,
            reorder_k=self.reorder_k,
            search_list=self.search_list,
            refine_k=self.refine_k,
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found.

    Attributes:
        hits: Best first, ranked from 1; fewer than `k` if no more is there or meets the conditions.
        effort: How thoroughly the index was searched, more lists where a filter left too few;
            empty for exact search.
        search_ms: Milliseconds of all searches it took.
        duplicates: Hits left out as near-duplicates of a better one.
        beyond_limit: Score of the best hit that is worse than the limit; None where there is none.
        exact: What exact search shows under the same conditions; None where the embeddings are
            not at hand.
    """

    hits: tuple[Hit, ...]
    effort: Effort
    search_ms: float
    duplicates: int
    beyond_limit: float | None
    exact: tuple[Hit, ...] | None = None

    @property
    def nprobe(self) -> int:
        """Lists that were searched; 0 without lists."""
        return self.effort.get("nprobe") or 0


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
        reference: Needed by `question.exact`; without it `question.similarity` hides nothing.
        scores: Returns the score of every row of the reference with the embedding: (N,), so that
            whoever calls may keep it; None works it out.

    Raises:
        QueryError: A value is outside its range, or exact search is asked for without a reference.
        StoreError: The database failed.
    """
    exact = None
    if reference is not None:
        compare = partial(exact_scores, reference.matrix.embeddings, embedding, metric=info.metric)
        look = partial(
            _exactly,
            reference=reference,
            scores=scores or compare,
            question=question,
            metric=info.metric,
        )
        exact = _refined(look, question, info.metric, reference)
    if question.exact:
        if exact is None:
            raise QueryError(
                "exact search was asked for, but the embeddings of the collection are not at hand "
                "(reference is None). Wait until they are read, or ask the index."
            )
        return _measured(replace(exact, exact=exact.hits), info.metric, kind="exact")
    look = partial(_from_index, embedding=embedding, store=store, info=info, question=question)
    answer = _refined(look, question, info.metric, reference)
    if exact is not None:
        answer = replace(answer, exact=exact.hits)
        recall = compare_with_exact(answer.hits, exact.hits, expected=None, others=0).recall
        RECALL.labels(info.metric).observe(recall)
    return _measured(answer, info.metric, kind="index")


def _measured(answer: Answer, metric: Metric, *, kind: str) -> Answer:
    SEARCH_SECONDS.labels(metric, kind).observe(answer.search_ms / 1000)
    return answer


class _Found(NamedTuple):
    """What one search gave: hits, milliseconds, how thorough it was."""

    hits: Sequence[Hit]
    milliseconds: float
    effort: Effort


def _from_index(
    k: int,
    *,
    embedding: NDArray[np.float32],
    store: VectorStore,
    info: CollectionInfo,
    question: Question,
) -> _Found:
    result = search(
        embedding,
        store=store,
        info=info,
        k=k,
        labels=question.labels,
        having=question.having,
        exclude=question.exclude,
        **question.effort,
    )
    return _Found(result.hits, result.search_ms, result.effort)


def _exactly(
    k: int,
    *,
    reference: ExactIndex,
    scores: Callable[[], NDArray[np.float32]],
    question: Question,
    metric: Metric,
) -> _Found:
    started = time.perf_counter()
    hits = reference.best(
        scores(),
        metric=metric,
        k=k,
        labels=question.labels,
        having=question.having,
        exclude=question.exclude,
    )
    return _Found(hits, 1000 * (time.perf_counter() - started), Effort())


def _refined(
    look: Callable[[int], _Found],
    question: Question,
    metric: Metric,
    reference: ExactIndex | None,
) -> Answer:
    """Keep what meets the conditions, looking deeper while near-duplicates leave too few.

    Args:
        look: Searches for that many hits.
    """
    spent, depth = 0.0, question.k
    while True:
        found = look(depth)
        spent += found.milliseconds
        good = _within(question.limit, found.hits, metric)
        kept = _distinct(good, reference, question.similarity)
        if len(kept) >= question.k or len(good) < depth or depth >= _DEEPEST:
            break
        depth = min(4 * depth, _DEEPEST)
    ranked = tuple(Hit(rank, h.record, h.score) for rank, h in enumerate(kept[: question.k], 1))
    return Answer(
        hits=ranked,
        effort=found.effort,
        search_ms=spent,
        duplicates=_passed(good, ranked, question.k) - len(ranked),
        beyond_limit=found.hits[len(good)].score if len(good) < len(found.hits) else None,
    )


def _within(limit: float | None, hits: Sequence[Hit], metric: Metric) -> Sequence[Hit]:
    if limit is None:
        return hits
    return [hit for hit in hits if metric.reaches(hit.score, limit)]


def _distinct(
    hits: Sequence[Hit], reference: ExactIndex | None, similarity: float | None
) -> Sequence[Hit]:
    """Leave out near-duplicates of better hits; all stay without a reference or a similarity."""
    if reference is None or similarity is None:
        return hits
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


def _passed(good: Sequence[Hit], ranked: Sequence[Hit], k: int) -> int:
    """Return how many hits it took to fill the answer: those behind its last one do not count."""
    if len(ranked) < k:
        return len(good)
    return [hit.record for hit in good].index(ranked[-1].record) + 1
