"""Which pictures of a collection an evaluation asks with."""

import numpy as np
from numpy.typing import NDArray

from core.dataset.names import fits
from core.dataset.sampling import stratified_sample
from core.embeddings.matrix import Matrix
from core.encoder.training_list import TrainingList
from core.errors import QueryError
from core.evaluation.report import QuerySet, Request


def usual_nprobe(nlist: int, gallery: str) -> int | None:
    """Return how many lists an evaluation searches unless told otherwise; None for exact search.

    Args:
        nlist: Of the index; 0 for none.
        gallery: Pattern of the pictures that may be found; empty for all. An index searches the
            whole collection, so it is left out where only a part of it may be found.
    """
    return None if gallery else max(1, min(Request().nprobe or 1, nlist))


def choose_queries(
    matrix: Matrix, request: Request, known: TrainingList | None
) -> NDArray[np.int64]:
    """Return the positions of the pictures to ask with, ascending.

    Raises:
        QueryError: None is left, or held-out pictures are wanted and no list of them is known.
    """
    usable = matching(matrix, request.query_paths)
    if request.queries is QuerySet.HELD_OUT:
        if known is None:
            raise QueryError(
                "held-out queries were asked for, but no list says which pictures the encoder of "
                "this collection was trained on. Ask with all queries."
            )
        usable &= np.array([digest in known.held_out for digest in matrix.digests])
    queries = np.flatnonzero(usable)
    if request.sample is not None:
        labels = [matrix.labels[query] for query in queries]
        # So that small classes have their figures as well.
        queries = queries[
            stratified_sample(labels, limit=request.sample, seed=request.seed, at_least=2)
        ]
    if not len(queries):
        raise QueryError(
            "no picture is left to ask with"
            + (f": none matches {request.query_paths!r}" if request.query_paths else "")
            + (
                "; only pictures the encoder was not trained on were wanted"
                if request.queries is QuerySet.HELD_OUT
                else ""
            )
            + ". Choose other queries."
        )
    return queries


def matching(matrix: Matrix, pattern: str) -> NDArray[np.bool_]:
    """Mark the rows (N,) whose path matches a pattern such as `*/test_*`; empty matches all."""
    if not pattern:
        return np.ones(len(matrix.ids), dtype=bool)
    return np.array([fits(path, pattern) for path in matrix.paths], dtype=bool)
