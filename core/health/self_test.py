"""Whether a collection answers as it should: known pictures, nprobe, exact against approximate."""

import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.collection.info import CollectionInfo
from core.collection.query import MAX_LIMIT
from core.embeddings.index_errors import ann_recall
from core.embeddings.matrix import Matrix, load_matrix
from core.embeddings.neighbours import Neighbours, exact_neighbours
from core.embeddings.one_query import exact_scores
from core.metric import Metric
from core.progress import Progress, Stage, silent
from core.store.vector_store import VectorStore
from core.wording import queries as counted_queries

QUERIES = 20
DEPTH = 10
_SEED = 0
# Milvus Lite goes on searching every row for a moment after an index has been built.
_PATIENCE = 3.0
# The database sums in another order than NumPy.
_TOLERANCE = 1e-4


class Outcome(StrEnum):
    """What came of a check."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Check:
    """One check of one collection."""

    metric: Metric
    name: str
    verdict: Outcome
    detail: str


@dataclass(frozen=True, slots=True)
class SelfTest:
    """All checks of a family.

    Attributes:
        queries: Pictures that were searched for, a collection.
        rows: Of the largest collection.
    """

    checks: tuple[Check, ...]
    queries: int
    rows: int

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(check.verdict is not Outcome.FAILED for check in self.checks)


def run_self_test(
    store: VectorStore, *, family: str, cache_dir: Path, on_progress: Progress = silent
) -> SelfTest:
    """Search every collection of a family for up to 20 of its own pictures.

    Args:
        cache_dir: Where copies of the embeddings are kept, see `core.embeddings.matrix`.
        on_progress: Stages `READ`, in rows, and `CHECK`, in collections.

    Raises:
        CollectionNotFoundError: The family has no collection, or it is empty.
        StoreError: The database failed.
    """
    metrics = store.metrics(family)
    if not metrics:
        store.info(family, Metric.COSINE)  # says what to build
    checks: list[Check] = []
    asked, rows = 0, 0
    for number, metric in enumerate(metrics):
        on_progress(Stage.CHECK, number, len(metrics))
        info = store.info(family, metric)
        matrix = load_matrix(store, family, metric, cache_dir, on_progress)
        count = min(QUERIES, len(matrix.ids))
        queries = np.sort(
            np.random.default_rng(_SEED).choice(len(matrix.ids), size=count, replace=False)
        )
        asked, rows = max(asked, count), max(rows, len(matrix.ids))
        checks += [
            _finds_itself(store, info, matrix, queries),
            _nprobe_matters(store, info, matrix, queries),
            _agrees_with_exact(store, info, matrix, queries),
        ]
    on_progress(Stage.CHECK, len(metrics), len(metrics))
    return SelfTest(tuple(checks), asked, rows)


def _finds_itself(
    store: VectorStore, info: CollectionInfo, matrix: Matrix, queries: NDArray[np.int64]
) -> Check:
    """Nothing that is worse than the picture itself may stand before it.

    Under IP a longer embedding may rightly do so, under every metric an equal one: their scores
    are worked out anew from the embeddings.
    """
    answers = _search(store, info, matrix, queries, k=DEPTH, nprobe=max(1, info.nlist))
    first, beaten, close, wrong = 0, 0, 0, []
    rounds = info.kind is not None and info.kind.rounds
    for query, hits in zip(queries.tolist(), answers, strict=True):
        rows = [row for row, _ in _known_rows(matrix, hits)]
        before = rows[: rows.index(query)] if query in rows else rows
        if query in rows and not before:
            first += 1
        elif before and _all_as_good(matrix, query, before, info.metric):
            beaten += 1
        elif query in rows and rounds:
            close += 1
        else:
            wrong.append(matrix.paths[query])
    if wrong:
        detail = f"{len(wrong)} of {len(queries)} do not find themselves, such as {wrong[0]}"
        return Check(info.metric, "Pictures find themselves", Outcome.FAILED, detail)
    detail = f"{first} of {len(queries)} at rank 1"
    if beaten:
        why = "longer or equal ones, as IP ranks" if info.metric is Metric.IP else "equal ones"
        detail += f", {beaten} rightly behind {why}"
    if close:
        detail += f", {close} among the first {DEPTH}: {info.index_type} rounds the numbers"
    return Check(info.metric, "Pictures find themselves", Outcome.PASSED, detail)


def _all_as_good(matrix: Matrix, query: int, others: list[int], metric: Metric) -> bool:
    embedding = np.asarray(matrix.embeddings[query])
    own, *scores = exact_scores(matrix.embeddings[[query, *others]], embedding, metric=metric)
    slack = _TOLERANCE * max(1.0, float(embedding @ embedding))
    lead = np.array(scores) - own if metric.higher_is_better else own - np.array(scores)
    return bool((lead >= -slack).all())


def _nprobe_matters(
    store: VectorStore, info: CollectionInfo, matrix: Matrix, queries: NDArray[np.int64]
) -> Check:
    name = "nprobe has an effect"
    if reason := _why_nprobe_cannot_matter(info):
        return Check(info.metric, name, Outcome.NOT_APPLICABLE, reason)
    # More than a list of four times the usual size holds, so that nprobe 1 answers with less.
    rows = len(matrix.ids)
    beyond = min(rows, 4 * rows // info.nlist + 1)
    k = min(beyond, MAX_LIMIT)
    deadline = time.monotonic() + _PATIENCE
    while True:
        few = _search(store, info, matrix, queries, k=k, nprobe=1)
        many = _search(store, info, matrix, queries, k=k, nprobe=info.nlist)
        differ = sum({i for i, _ in a} != {i for i, _ in b} for a, b in zip(few, many, strict=True))
        if differ or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    if differ:
        detail = (
            f"nprobe 1 gives other hits than nprobe {info.nlist:,} for {differ} of "
            f"{counted_queries(len(queries))}"
        )
        return Check(info.metric, name, Outcome.PASSED, detail)
    if rows < 2 * 1_024:
        # A server builds no index for a segment of fewer than 1,024 rows; there are two shards.
        detail = f"{rows:,} rows may be too few: a server then searches one by one"
        return Check(info.metric, name, Outcome.NOT_APPLICABLE, detail)
    if k < beyond:
        detail = f"a list holds more rows than the {k:,} that can be asked for"
        return Check(info.metric, name, Outcome.NOT_APPLICABLE, detail)
    detail = f"nprobe 1 and {info.nlist} give the same {k:,} hits for {len(queries)} queries"
    return Check(info.metric, name, Outcome.FAILED, detail)


def _why_nprobe_cannot_matter(info: CollectionInfo) -> str:
    if not info.nlist:
        kind = info.index_type or "no index"
        others = [parameter.name for parameter in info.searched_by]
        return f"{kind} has no lists" + (f"; {others[0]} is its setting" if others else "")
    if info.nlist == 1:
        return "the index has a single list"
    if info.pending_rows >= info.rows:
        return "no row is covered by the index yet"
    return ""


def _agrees_with_exact(
    store: VectorStore, info: CollectionInfo, matrix: Matrix, queries: NDArray[np.int64]
) -> Check:
    name = "Approximate search at nprobe = nlist agrees with exact search"
    promises = info.kind is None or info.kind.is_whole
    if not promises:
        name = "Approximate search agrees with exact search"
    if len(matrix.ids) < 2:
        detail = "a single row has no neighbours"
        return Check(info.metric, name, Outcome.NOT_APPLICABLE, detail)
    exact = exact_neighbours(matrix.embeddings, queries=queries, metric=info.metric, k=DEPTH)
    depth = exact.depth
    answers = _search(store, info, matrix, queries, k=depth + 1, nprobe=max(1, info.nlist))
    known = [_known_rows(matrix, hits) for hits in answers]
    if sum(map(len, known)) < sum(map(len, answers)):
        detail = "pictures were added meanwhile; run the test again when indexing has finished"
        return Check(info.metric, name, Outcome.NOT_APPLICABLE, detail)
    others = [
        [hit for hit in hits if hit[0] != query] for query, hits in zip(queries, known, strict=True)
    ]
    index = Neighbours.from_hits(others, depth=depth)
    recall = float(ann_recall(index, exact, k=depth).mean())
    detail = f"recall@{depth} is {recall:.3f} over {counted_queries(len(queries))}"
    if not promises:
        # Links and rounded numbers promise nothing; the figure is for the reader.
        detail += f"; {info.index_type} may miss some"
        return Check(info.metric, name, Outcome.NOT_APPLICABLE, detail)
    verdict = Outcome.PASSED if recall == 1 else Outcome.FAILED
    return Check(info.metric, name, verdict, detail)


def _known_rows(matrix: Matrix, hits: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return (row, score) of the hits, without pictures added since the matrix was read."""
    rows = matrix.places([number for number, _ in hits]).tolist()
    scores = (score for _, score in hits)
    return [hit for hit in zip(rows, scores, strict=True) if hit[0] >= 0]


def _search(
    store: VectorStore,
    info: CollectionInfo,
    matrix: Matrix,
    queries: NDArray[np.int64],
    *,
    k: int,
    nprobe: int,
) -> list[list[tuple[int, float]]]:
    embeddings = np.asarray(matrix.embeddings[queries])
    return store.search_ids(info, embeddings, k=min(k, len(matrix.ids)), nprobe=nprobe)
