"""What searching more thoroughly costs and gives: precision, ANN recall and time, step by step."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.collection.index_types.parameters import Effort, SearchParameter
from core.collection.info import CollectionInfo
from core.dataset.sampling import stratified_sample
from core.embeddings.against_exact import index_neighbours, pace_of
from core.embeddings.matrix import Matrix
from core.embeddings.neighbours import Neighbours
from core.errors import ReportError
from core.evaluation.report import Report
from core.measures.setting import against_exact
from core.progress import Progress, Stage, silent
from core.store.vector_store import VectorStore

# Queries for the measures, and those of them that are timed one by one, as the Search page asks.
_QUERIES = 200
_TIMED = 30


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """One setting.

    Attributes:
        value: Of the number that the index is searched by, such as nprobe.
        precision: Macro mean of precision@k, as the headline of a report: over classes, each
            counting the same.
        recall: Mean ANN recall@k.
        p50: Median milliseconds of a single search.
        p95: 95th percentile of them.
    """

    value: int
    precision: float
    recall: float
    p50: float
    p95: float


def sweep(
    report: Report,
    matrix: Matrix,
    *,
    store: VectorStore,
    info: CollectionInfo,
    k: int,
    on_progress: Progress = silent,
) -> list[SweepPoint]:
    """Measure every step of `swept(info)` with about 200 queries of a report, drawn by its seed.

    Args:
        matrix: Of the same rows as the report.
        on_progress: Stage `SWEEP`, in steps.

    Raises:
        ReportError: The collection has changed since the report, the report's gallery is a part
            of it, or none of its queries has anything to find.
        StoreError: The database failed.
    """
    _require_same(report, matrix)
    places = _drawn(report)
    queries = report.queries[places]
    exact = Neighbours(report.exact.positions[places], report.exact.scores[places])
    parameter, points = swept(info), list[SweepPoint]()
    steps = [
        step for step in parameter.offered(nlist=info.nlist) if not _is_too_few(parameter, step, k)
    ]
    for done, value in enumerate(steps, 1):
        effort: Effort = {}
        effort[parameter.name] = value
        index = index_neighbours(
            matrix, store=store, info=info, queries=queries, k=k, exact=exact, **effort
        )
        pace = pace_of(matrix, store=store, info=info, queries=queries[:_TIMED], k=k, **effort)
        seed = report.configuration.request.seed
        judged = against_exact(index, exact, rows=report.rows, queries=queries, k=k, seed=seed)
        points.append(SweepPoint(value, judged.precision, judged.recall, pace.p50, pace.p95))
        on_progress(Stage.SWEEP, done, len(steps))
    return points


def swept(info: CollectionInfo) -> SearchParameter:
    """Return the number that is measured step by step.

    Raises:
        ReportError: The index searches every row whatever it is told.
    """
    if not info.searched_by or info.nlist == 1:
        lists = "a single list" if info.nlist else "no lists"
        raise ReportError(
            f"the index is {info.index_text}, which has {lists}: nothing changes what it searches. "
            "To have a choice, build another on the Collection page."
        )
    return info.searched_by[0]


def _is_too_few(parameter: SearchParameter, value: int, k: int) -> bool:
    # One hit more is asked for, since the query itself is among them.
    return parameter.holds_k and value <= k


def _drawn(report: Report) -> NDArray[np.int64]:
    """Return the places of about 200 queries that have something to find, ascending.

    Every class keeps its share and at least two of its queries, so that the macro mean has all.
    """
    usable = np.flatnonzero(report.judged.relevant > 0)
    if not len(usable):
        raise ReportError(
            f"none of the {len(report.queries):,} queries of this report has a second picture of "
            "its class to find, so no setting is better than another. Run a report with more "
            "queries, then measure again."
        )
    labels = [report.labels[query] for query in report.queries[usable]]
    seed = report.configuration.request.seed
    return usable[stratified_sample(labels, limit=_QUERIES, seed=seed, at_least=2)]


def _require_same(report: Report, matrix: Matrix) -> None:
    if matrix.fingerprint != report.configuration.fingerprint:
        raise ReportError(
            "the collection has changed since this report was made, so its exact neighbours are "
            "no longer those of the collection. Run a new report, then measure again."
        )
    if not report.gallery.all():
        raise ReportError(
            "this report searched in a part of the collection only, the index searches all of it. "
            "Run a report without a limited gallery, then measure again."
        )


def recommended(points: list[SweepPoint], *, recall: float) -> SweepPoint:
    """Return the smallest value that reaches an ANN recall, or the largest."""
    return next((point for point in points if point.recall >= recall), points[-1])
