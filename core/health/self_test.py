"""Whether a collection answers as it should: known pictures, nprobe, exact against approximate."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.collection.info import CollectionInfo
from core.collection.query import MAX_LIMIT
from core.embeddings.matrix import Matrix, load_matrix
from core.embeddings.neighbours import Neighbours, exact_neighbours
from core.embeddings.recall import ann_recall
from core.metric import Metric
from core.store.vector_store import VectorStore
from core.wording import queries as counted_queries

QUERIES = 20
DEPTH = 10
_SEED = 0
# Milvus Lite goes on searching every row for a moment after an index has been built.
_PATIENCE = 3.0
# The database sums in another order than NumPy.
_TOLERANCE = 1e-4

Progress = Callable[[str, int, int], None]


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
    """All checks of a family."""

    checks: tuple[Check, ...]
    queries: int

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(check.verdict is not Outcome.FAILED for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as plain data for JSON."""
        return {"passed": self.passed, **asdict(self)}


def run_self_test(
    store: VectorStore, *, family: str, cache_dir: Path, on_progress: Progress | None = None
) -> SelfTest:
    """Search every collection of a family for up to 20 of its own pictures.

    Args:
        cache_dir: Where copies of the embeddings are kept, see `core.embeddings.matrix`.
        on_progress: Called with a stage (`read` or `check`), how many are done, and how many
            there are; whatever it raises stops the test.

    Raises:
        CollectionNotFoundError: The family has no collection, or it is empty.
        StoreError: The database failed.
    """
    tell = on_progress or (lambda stage, done, total: None)
    metrics = store.metrics(family)
    if not metrics:
        store.info(family, Metric.COSINE)  # says what to build
    checks: list[Check] = []
    asked = 0
    for number, metric in enumerate(metrics):
        tell("check", number, len(metrics))
        info = store.info(family, metric)
        matrix = load_matrix(
            store, family, metric, cache_dir, lambda done, total: tell("read", done, total)
        )
        count = min(QUERIES, len(matrix.ids))
        chosen = np.sort(
            np.random.default_rng(_SEED).choice(len(matrix.ids), size=count, replace=False)
        )
        asked = max(asked, count)
        checks += [
            _finds_itself(store, info, matrix, chosen),
            _nprobe_matters(store, info, matrix, chosen),
            _agrees_with_exact(store, info, matrix, chosen),
        ]
    tell("check", len(metrics), len(metrics))
    return SelfTest(tuple(checks), asked)


def _finds_itself(
    store: VectorStore, info: CollectionInfo, matrix: Matrix, chosen: NDArray[np.int64]
) -> Check:
    """Nothing that is worse than the picture itself may stand before it.

    Under IP a longer embedding may rightly do so, under every metric an equal one: their scores
    are worked out anew from the embeddings.
    """
    found = _search(store, info, matrix, chosen, k=DEPTH, nprobe=max(1, info.nlist))
    places = {int(number): place for place, number in enumerate(matrix.ids)}
    first, beaten, wrong = 0, 0, []
    for position, hits in zip(chosen, found, strict=True):
        own = int(matrix.ids[position])
        ids = [number for number, _ in hits]
        before = ids[: ids.index(own)] if own in ids else ids
        if own in ids and not before:
            first += 1
        elif before and _all_as_good(matrix, int(position), [places[i] for i in before], info):
            beaten += 1
        else:
            wrong.append(matrix.paths[position])
    if wrong:
        detail = f"{len(wrong)} of {len(chosen)} do not find themselves, such as {wrong[0]}"
        return Check(info.metric, "Pictures find themselves", Outcome.FAILED, detail)
    detail = f"{first} of {len(chosen)} at rank 1"
    if beaten:
        why = "longer or equal ones, as IP ranks" if info.metric is Metric.IP else "equal ones"
        detail += f", {beaten} rightly behind {why}"
    return Check(info.metric, "Pictures find themselves", Outcome.PASSED, detail)


def _all_as_good(matrix: Matrix, position: int, others: list[int], info: CollectionInfo) -> bool:
    query = matrix.embeddings[position].astype(np.float64)
    scores = _scores(query, matrix.embeddings[[position, *others]].astype(np.float64), info.metric)
    own = scores[0]
    slack = _TOLERANCE * max(1.0, float(np.abs(query @ query)))
    lead = scores[1:] - own if info.metric.higher_is_better else own - scores[1:]
    return bool((lead >= -slack).all())


def _scores(
    query: NDArray[np.float64], rows: NDArray[np.float64], metric: Metric
) -> NDArray[np.float64]:
    if metric is Metric.L2:
        return np.asarray(((rows - query) ** 2).sum(axis=1))
    products = rows @ query
    if metric is Metric.IP:
        return np.asarray(products)
    return np.asarray(products / (np.linalg.norm(rows, axis=1) * np.linalg.norm(query)))


def _nprobe_matters(
    store: VectorStore, info: CollectionInfo, matrix: Matrix, chosen: NDArray[np.int64]
) -> Check:
    name = "nprobe has an effect"
    if reason := _why_nprobe_cannot_matter(info):
        return Check(info.metric, name, Outcome.NOT_APPLICABLE, reason)
    # More than a list of four times the usual size holds, so that nprobe 1 answers with less.
    rows = len(matrix.ids)
    wanted = min(rows, 4 * rows // info.nlist + 1)
    k = min(wanted, MAX_LIMIT)
    deadline = time.monotonic() + _PATIENCE
    while True:
        few = _search(store, info, matrix, chosen, k=k, nprobe=1)
        many = _search(store, info, matrix, chosen, k=k, nprobe=info.nlist)
        differ = sum({i for i, _ in a} != {i for i, _ in b} for a, b in zip(few, many, strict=True))
        if differ or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    if differ:
        detail = (
            f"nprobe 1 gives other hits than nprobe {info.nlist:,} for {differ} of "
            f"{counted_queries(len(chosen))}"
        )
        return Check(info.metric, name, Outcome.PASSED, detail)
    if rows < 2 * 1_024:
        # A server builds no index for a segment of fewer than 1,024 rows; there are two shards.
        detail = f"{rows:,} rows may be too few: a server then searches one by one"
        return Check(info.metric, name, Outcome.NOT_APPLICABLE, detail)
    if k < wanted:
        detail = f"a list holds more rows than the {k:,} that can be asked for"
        return Check(info.metric, name, Outcome.NOT_APPLICABLE, detail)
    detail = f"nprobe 1 and {info.nlist} give the same {k:,} hits for {len(chosen)} queries"
    return Check(info.metric, name, Outcome.FAILED, detail)


def _why_nprobe_cannot_matter(info: CollectionInfo) -> str:
    if not info.nlist:
        kind = info.index_type or "no index"
        return f"{kind} has no lists" + ("; ef is its setting" if info.m else "")
    if info.nlist == 1:
        return "the index has a single list"
    if info.pending_rows >= info.rows:
        return "no row is covered by the index yet"
    return ""


def _agrees_with_exact(
    store: VectorStore, info: CollectionInfo, matrix: Matrix, chosen: NDArray[np.int64]
) -> Check:
    name = "Approximate search at nprobe = nlist agrees with exact search"
    if info.m:
        name = "Approximate search agrees with exact search"
    if len(matrix.ids) < 2:
        detail = "a single row has no neighbours"
        return Check(info.metric, name, Outcome.NOT_APPLICABLE, detail)
    exact = exact_neighbours(matrix.embeddings, queries=chosen, metric=info.metric, k=DEPTH)
    depth = exact.depth
    found = _search(store, info, matrix, chosen, k=depth + 1, nprobe=max(1, info.nlist))
    index = _as_neighbours(found, matrix, chosen, depth)
    recall = float(ann_recall(index, exact, k=depth).mean())
    detail = f"recall@{depth} is {recall:.3f} over {counted_queries(len(chosen))}"
    if info.m:
        # HNSW promises nothing; the figure is for the reader.
        return Check(info.metric, name, Outcome.NOT_APPLICABLE, f"{detail}; HNSW has no nprobe")
    verdict = Outcome.PASSED if recall == 1 else Outcome.FAILED
    return Check(info.metric, name, verdict, detail)


def _as_neighbours(
    found: list[list[tuple[int, float]]], matrix: Matrix, chosen: NDArray[np.int64], depth: int
) -> Neighbours:
    places = {int(number): place for place, number in enumerate(matrix.ids)}
    positions = np.full((len(found), depth), -1, dtype=np.int32)
    scores = np.full((len(found), depth), np.nan, dtype=np.float32)
    for row, (hits, own) in enumerate(zip(found, chosen, strict=True)):
        others = [(places[i], s) for i, s in hits if i in places and places[i] != own][:depth]
        positions[row, : len(others)] = [place for place, _ in others]
        scores[row, : len(others)] = [score for _, score in others]
    return Neighbours(positions, scores)


def _search(
    store: VectorStore,
    info: CollectionInfo,
    matrix: Matrix,
    chosen: NDArray[np.int64],
    *,
    k: int,
    nprobe: int,
) -> list[list[tuple[int, float]]]:
    queries = np.asarray(matrix.embeddings[chosen])
    return store.search_ids(info, queries, k=min(k, len(matrix.ids)), nprobe=nprobe)
