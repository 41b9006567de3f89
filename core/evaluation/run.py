"""Run an evaluation of a collection: exact search, and the index beside it."""

import platform
import time
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from core.collection.info import CollectionInfo
from core.dataset.classes import split_classes
from core.embeddings.against_exact import index_neighbours
from core.embeddings.matrix import Matrix
from core.embeddings.neighbours import exact_neighbours
from core.encoder.training_list import TrainingList, training_list
from core.errors import QueryError
from core.evaluation.queries import choose_queries, matching
from core.evaluation.report import Configuration, Report, Request
from core.measures.retrieval import check_ks
from core.progress import Progress, silent
from core.store.vector_store import VectorStore

# Neighbours kept at most: 8 bytes each, so 160 MB. Classes larger than what this leaves a query
# have no R-precision and no MAP@R, unless fewer queries are asked.
_KEPT = 20_000_000
# Neighbours beyond the largest k, so that near-duplicates can be taken out.
_SPARE = 50


def evaluate(
    matrix: Matrix,
    *,
    store: VectorStore,
    info: CollectionInfo,
    collection: str,
    request: Request,
    on_progress: Progress = silent,
) -> Report:
    """Find the neighbours of every query, exactly and with the index.

    Args:
        matrix: All rows of the collection that `info` describes. Where folders called `train` and
            `test` stand above the classes, the folders below them are the classes.
        collection: Name of the family, for the report.
        on_progress: Stages `EXACT` and `SEARCH`, in queries.

    Raises:
        QueryError: A value of the request is outside its range, or leaves no query.
        StoreError: The database failed, or holds other rows than the matrix.
    """
    started = time.monotonic()
    request = _checked(request, info)
    given = store.corrections(collection).labels
    matrix = replace(matrix, labels=split_classes(matrix.paths, matrix.labels, given=given))
    known = training_list(info.encoder)
    gallery = matching(matrix, request.gallery_paths)
    queries = choose_queries(matrix, request, known)
    exact = exact_neighbours(
        matrix.embeddings,
        queries=queries,
        metric=info.metric,
        k=_depth(matrix, request, len(queries)),
        gallery=gallery,
        on_progress=on_progress,
    )
    index = None
    if request.nprobe is not None:
        index = index_neighbours(
            matrix,
            store=store,
            info=info,
            queries=queries,
            k=max(request.ks),
            exact=exact,
            on_progress=on_progress,
            nprobe=request.nprobe,
        )
    return Report(
        configuration=_configuration(
            matrix,
            store,
            info,
            request=request,
            collection=collection,
            trained_queries=_trained(matrix, queries, known),
            seconds=round(time.monotonic() - started, 2),
        ),
        ids=matrix.ids,
        paths=matrix.paths,
        labels=matrix.labels,
        digests=matrix.digests,
        norms=_norms(matrix.embeddings),
        gallery=gallery,
        queries=queries,
        exact=exact,
        index=index,
        further=matrix.further,
    )


def _configuration(
    matrix: Matrix,
    store: VectorStore,
    info: CollectionInfo,
    *,
    request: Request,
    collection: str,
    trained_queries: int | None,
    seconds: float,
) -> Configuration:
    return Configuration(
        created=datetime.now(UTC).isoformat(timespec="microseconds"),
        collection=collection,
        dataset=info.dataset,
        encoder=str(info.encoder),
        metric=info.metric,
        index_type=info.index_type,
        nlist=info.nlist,
        fingerprint=matrix.fingerprint,
        rows=len(matrix.ids),
        request=request,
        trained_queries=trained_queries,
        versions=_versions(store),
        seconds=seconds,
        corrections=matrix.applied,
        stored=matrix.stored,
    )


def _trained(matrix: Matrix, queries: NDArray[np.int64], known: TrainingList | None) -> int | None:
    """Return how many queries the encoder was trained on; None where no list says so."""
    if known is None:
        return None
    return sum(matrix.digests[query] in known.trained_on for query in queries)


def _checked(request: Request, info: CollectionInfo) -> Request:
    check_ks(request.ks)
    if request.sample is not None and request.sample < 1:
        raise QueryError(f"the sample is {request.sample}, allowed are 1 and more.")
    if request.seed < 0:
        raise QueryError(f"the seed is {request.seed}, allowed are 0 and more.")
    if request.nprobe is not None:
        if request.gallery_paths:
            raise QueryError(
                f"the gallery is limited to {request.gallery_paths!r}, which only exact search "
                "can do here. Leave the index out: nprobe exact."
            )
        if info.nlist and not 1 <= request.nprobe <= info.nlist:
            raise QueryError(
                f"nprobe is {request.nprobe}, allowed are 1 to {info.nlist} (nlist), or exact."
            )
    return replace(request, ks=tuple(sorted(set(request.ks))))


def _depth(matrix: Matrix, request: Request, queries: int) -> int:
    largest = int(np.unique(np.array(matrix.labels), return_counts=True)[1].max())
    least = max(request.ks) + _SPARE
    return max(least, min(max(least, largest), _KEPT // queries))


def _norms(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", embeddings, embeddings)))


def _versions(store: VectorStore) -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "pymilvus": version("pymilvus"),
        "milvus": store.version,
    }
