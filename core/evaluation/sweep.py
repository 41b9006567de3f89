"""What nprobe costs and gives: precision, ANN recall and time for 1, 2, 4 ... nlist."""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.collection.index_choice import nprobe_steps
from core.collection.info import CollectionInfo
from core.dataset.sampling import stratified_sample
from core.embeddings.index_errors import ann_recall
from core.embeddings.matrix import Matrix
from core.embeddings.neighbours import Neighbours
from core.errors import ReportError
from core.evaluation.report import Report
from core.evaluation.run import index_neighbours
from core.measures.judgement import judge
from core.measures.retrieval import precision_at
from core.progress import Progress, Stage, silent
from core.store.vector_store import VectorStore

# Queries for the measures, and those of them that are timed one by one, as the Search page asks.
_QUERIES = 200
_TIMED = 30


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """One setting of nprobe.

    Attributes:
        precision: Macro mean of precision@k, as the headline of a report: over classes, each
            counting the same.
        recall: Mean ANN recall@k.
        p50: Median milliseconds of a single search.
        p95: 95th percentile of them.
    """

    nprobe: int
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
    """Measure every step of nprobe with about 200 queries of a report, drawn by its seed.

    Args:
        matrix: Of the same rows as the report.
        on_progress: Stage `SWEEP`, in steps of nprobe.

    Raises:
        ReportError: The collection has changed since the report, the report's gallery is a part
            of it, or none of its queries has anything to find.
        StoreError: The database failed.
    """
    _require_same(report, matrix)
    places = _drawn(report)
    queries = report.queries[places]
    exact = Neighbours(report.exact.positions[places], report.exact.scores[places])
    points: list[SweepPoint] = []
    steps = nprobe_steps(info.nlist)
    for done, nprobe in enumerate(steps, 1):
        index = index_neighbours(
            matrix, store=store, info=info, queries=queries, k=k, nprobe=nprobe, exact=exact
        )
        times = []
        # The first search after a change of nprobe is slower than those a person would see.
        store.search_ids(info, matrix.embeddings[queries[:1]], k=k, nprobe=nprobe)
        for query in queries[:_TIMED]:
            started = time.perf_counter()
            store.search_ids(info, matrix.embeddings[[query]], k=k, nprobe=nprobe)
            times.append(1000 * (time.perf_counter() - started))
        judged = judge(index, report.rows, queries)
        points.append(
            SweepPoint(
                nprobe=nprobe,
                precision=_macro(precision_at(judged.right, k), judged.classes),
                recall=float(ann_recall(index, exact, k=k).mean()),
                p50=float(np.percentile(times, 50)),
                p95=float(np.percentile(times, 95)),
            )
        )
        on_progress(Stage.SWEEP, done, len(steps))
    return points


def _drawn(report: Report) -> NDArray[np.int64]:
    """Return the places of about 200 queries that have something to find, ascending.

    Every class keeps its share and at least two of its queries, so that the macro mean has all.
    """
    usable = np.flatnonzero(report.judged.relevant > 0)
    if not len(usable):
        raise ReportError(
            f"none of the {len(report.queries):,} queries of this report has a second picture of "
            "its class to find, so no setting is better than another. Run a report with more "
            "queries, then measure nprobe."
        )
    labels = [report.labels[query] for query in report.queries[usable]]
    seed = report.configuration.request.seed
    return usable[stratified_sample(labels, limit=_QUERIES, seed=seed, at_least=2)]


def _macro(values: NDArray[np.float64], classes: NDArray[np.int32]) -> float:
    """Return the mean of the classes' means: (Q,) values by (Q,) classes."""
    return float(np.mean([values[classes == code].mean() for code in np.unique(classes)]))


def _require_same(report: Report, matrix: Matrix) -> None:
    if matrix.fingerprint != report.configuration.fingerprint:
        raise ReportError(
            "the collection has changed since this report was made, so its exact neighbours are "
            "no longer those of the collection. Run a new report, then measure nprobe."
        )
    if not report.gallery.all():
        raise ReportError(
            "this report searched in a part of the collection only, the index searches all of it. "
            "Run a report without a limited gallery, then measure nprobe."
        )


def recommended(points: list[SweepPoint], *, recall: float) -> SweepPoint:
    """Return the smallest nprobe that reaches an ANN recall; nlist always does, nearly."""
    return next((point for point in points if point.recall >= recall), points[-1])
