"""Measure a grid of indexes beside a collection; what is measured is kept, and not done again."""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from core.collection.index_choice import IndexChoice, IndexType
from core.collection.index_types.memory import computed_bytes
from core.collection.index_types.parameters import Effort
from core.collection.info import CollectionInfo
from core.dataset.sampling import stratified_sample
from core.embeddings.against_exact import index_neighbours, pace_of, throughput
from core.embeddings.fingerprint import fingerprint
from core.embeddings.matrix import Matrix, load_matrix
from core.embeddings.neighbours import Neighbours, exact_neighbours
from core.errors import (
    CollectionNotFoundError,
    QueryError,
    ReportError,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
)
from core.measures.judgement import LabelledRows, make_rows
from core.measures.setting import AgainstExact, against_exact
from core.metric import Metric
from core.progress import Progress, Stage, silent
from core.store.trials.candidates import Bench, Candidate
from core.store.vector_store import VectorStore
from core.tuning.grid import Trial, default_grid
from core.tuning.rounding import smaller
from core.tuning.tuning import (
    Asked,
    Measured,
    Refused,
    Rounded,
    Tuning,
    load_begun,
    load_tuning,
    save_tuning,
)

# Beyond k, so that it shows what ties with the last hit.
_SPARE = 50
# Of the queries, those that are timed one by one, and searches of eight clients together.
TIMED, TOGETHER, _CLIENTS = 40, 64, 8


@dataclass(frozen=True, slots=True)
class Questions:
    """What every setting is asked, and what exact search answers.

    Attributes:
        queries: (Q,) positions; each has something to find.
    """

    store: VectorStore
    matrix: Matrix
    rows: LabelledRows
    queries: NDArray[np.int64]
    exact: Neighbours
    k: int
    seed: int

    def judge(self, found: Neighbours) -> AgainstExact:
        """Judge the answers (Q, k) or deeper of one setting."""
        return against_exact(
            found,
            self.exact,
            rows=self.rows,
            queries=self.queries,
            k=self.k,
            seed=self.seed,
        )


def tune(
    store: VectorStore,
    *,
    family: str,
    metric: Metric,
    folder: Path,
    cache_dir: Path,
    types: Sequence[IndexType] = (),
    k: int = 10,
    sample: int = 200,
    seed: int = 0,
    on_progress: Progress = silent,
) -> Tuning:
    """Measure types of index over the embeddings of a collection, against exact search.

    The indexes are built over a copy beside it, one after the other. What is measured is saved
    after each; a run of the same collection and questions that was stopped goes on from there.

    Args:
        folder: Where tunings are kept, see `core.tuning.tuning`.
        cache_dir: Where copies of the embeddings are kept.
        types: None given takes what the database offers.
        sample: About how many queries, spread over the classes by their size.
        seed: Of the sample and the intervals.
        on_progress: Stages `READ` and `COPY` in rows, `INDEX` in rows, `TUNE` in settings.

    Raises:
        QueryError: `k` or `sample` is out of range, or nothing can be asked.
        ReadOnlyError: Nothing may be written.
        StoreError: The database failed, or the collection changed meanwhile.
        FileError: What was measured cannot be saved.
    """
    started = time.monotonic()
    info = store.info(family, metric)
    matrix = load_matrix(store, family, metric, cache_dir, on_progress)
    questions = _questions(
        store, matrix, metric, k=k, sample=sample, seed=seed, on_progress=on_progress
    )
    # Milvus Lite calls itself `milvus_lite-3.2.2`.
    version = store.version.removeprefix("milvus_lite-")
    engine = f"Milvus {'Lite ' if store.connection.is_lite else ''}{version}"
    asked = Asked(info.name, metric, matrix.fingerprint, k, sample, seed, engine)
    grid = default_grid(store.index_types(), rows=len(matrix.ids), k=k, wanted=types)
    tuning = _known(folder, asked, grid) or _begun(asked, info, questions)
    before = tuning.seconds
    todo = [trial for trial in grid if not tuning.has(trial.index)]

    def keep(changed: Tuning) -> Tuning:
        spent = round(before + time.monotonic() - started, 2)
        changed = replace(changed, seconds=spent)
        save_tuning(changed, folder)
        return changed

    if todo:
        with store.candidates.beside(
            info, matrix.ids, matrix.embeddings, on_progress=on_progress
        ) as bench:
            total = sum(len(trial.efforts) for trial in todo)
            done = 0
            for trial in todo:
                tell = _from(on_progress, done, total)
                tuning = keep(_tried(tuning, trial, bench, questions, tell))
                done += len(trial.efforts)
                if store.count(family, metric) != info.rows:
                    raise _changed(info)
    if not tuning.rounded:
        tuning = keep(replace(tuning, rounded=_rounded(questions, metric, on_progress)))
    # As they are stored: what people correct meanwhile changes no embedding.
    if fingerprint(store.stored.records(family, metric), info.encoder) != matrix.stored:
        raise _changed(info)
    return keep(replace(tuning, is_complete=True))


def _questions(
    store: VectorStore,
    matrix: Matrix,
    metric: Metric,
    *,
    k: int,
    sample: int,
    seed: int,
    on_progress: Progress,
) -> Questions:
    if not 1 <= k <= 100:
        raise QueryError(f"k is {k}, allowed are 1 to 100.")
    if sample < 1:
        raise QueryError(f"the sample is {sample}, allowed are 1 and more.")
    rows = make_rows(matrix.labels, matrix.digests)
    sizes = np.bincount(rows.codes[rows.codes >= 0], minlength=max(1, len(rows.classes)))
    usable = np.flatnonzero((rows.codes >= 0) & (sizes[rows.codes] > 1))
    if not len(usable):
        raise QueryError(
            f"none of the {len(matrix.ids):,} pictures has another one of its class to find, so no "
            "setting is better than another. Index classes of two pictures or more."
        )
    labels = [matrix.labels[position] for position in usable]
    queries = usable[stratified_sample(labels, limit=sample, seed=seed, at_least=2)]
    exact = exact_neighbours(
        matrix.embeddings,
        queries=queries,
        metric=metric,
        k=k + _SPARE,
        on_progress=on_progress,
    )
    return Questions(store, matrix, rows, queries, exact, k, seed)


def _begun(asked: Asked, info: CollectionInfo, questions: Questions) -> Tuning:
    itself = questions.judge(questions.exact)
    return Tuning(
        asked=asked,
        created=_now(),
        rows=len(questions.matrix.ids),
        dimension=info.dimension,
        current=IndexChoice.of(info),
        asked_queries=len(questions.queries),
        classes=len(np.unique(questions.rows.codes[questions.queries])),
        exact_precision=itself.precision,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _known(folder: Path, asked: Asked, grid: Sequence[Trial]) -> Tuning | None:
    """Return what earlier runs have measured of the same.

    What one that went through to its end has measured is measured again where it is in the grid.
    """
    # One that cannot be read is replaced.
    with contextlib.suppress(ReportError):
        begun = load_begun(folder, asked.collection)
        if begun and begun.asked == asked:
            return begun
    with contextlib.suppress(ReportError):
        whole = load_tuning(folder, asked.collection)
        if whole and whole.asked == asked:
            again = whole.without([trial.index for trial in grid])
            return replace(again, created=_now(), seconds=0.0)
    return None


def _tried(
    tuning: Tuning,
    trial: Trial,
    bench: Bench,
    questions: Questions,
    tell: Callable[[int], None],
) -> Tuning:
    """Return a tuning with one more index, measured or refused."""
    tell(0)
    try:
        candidate = bench.build(trial.index)
        measured = []
        for number, effort in enumerate(trial.efforts):
            tell(number)
            measured.append(_measured(trial.index, effort, candidate, questions))
    except (StoreUnavailableError, StoreFullError, CollectionNotFoundError):
        # Of the database, not of this type.
        raise
    except StoreError as error:
        return replace(tuning, refused=(*tuning.refused, Refused(trial.index, str(error))))
    return replace(tuning, measured=(*tuning.measured, *measured))


def _measured(
    index: IndexChoice,
    effort: dict[str, int],
    candidate: Candidate,
    questions: Questions,
) -> Measured:
    store, matrix, info, k = questions.store, questions.matrix, candidate.info, questions.k
    told = cast("Effort", effort)
    found = index_neighbours(
        matrix,
        store=store,
        info=info,
        queries=questions.queries,
        k=k,
        exact=questions.exact,
        **told,
    )
    judged = questions.judge(found)
    timed = questions.queries[np.linspace(0, len(questions.queries) - 1, TIMED).astype(int)]
    pace = pace_of(matrix, store=store, info=info, queries=timed, k=k, **told)
    together = throughput(
        matrix,
        store=store,
        info=info,
        queries=timed,
        k=k,
        clients=_CLIENTS,
        searches=TOGETHER,
        **told,
    )
    computed = computed_bytes(index, rows=len(matrix.ids), dimension=info.dimension)
    told_bytes = candidate.file_bytes
    return Measured(
        index=index,
        effort=dict(effort),
        recall=judged.recall,
        precision=judged.precision,
        difference=judged.difference,
        p50=pace.p50,
        p95=pace.p95,
        per_second=pace.per_second,
        per_second_of_8=together,
        build_seconds=candidate.seconds,
        memory_bytes=computed.memory if told_bytes is None else told_bytes,
        disk_bytes=computed.disk if told_bytes is None else told_bytes,
        is_computed=told_bytes is None,
    )


def _rounded(questions: Questions, metric: Metric, on_progress: Progress) -> tuple[Rounded, ...]:
    matrix = questions.matrix
    found = []
    for one in smaller(matrix.embeddings, metric):
        exact = exact_neighbours(
            one.embeddings,
            queries=questions.queries,
            metric=metric,
            k=questions.k,
            on_progress=on_progress,
        )
        judged = questions.judge(exact)
        found.append(
            Rounded(
                name=one.reduction.title,
                dimension=one.embeddings.shape[1],
                bytes=one.bytes_a_row * len(matrix.ids),
                recall=judged.recall,
                precision=judged.precision,
                difference=judged.difference,
            )
        )
    return tuple(found)


def _from(on_progress: Progress, before: int, total: int) -> Callable[[int], None]:
    return lambda number: on_progress(Stage.TUNE, before + number, total)


def _changed(info: CollectionInfo) -> StoreError:
    return StoreError(
        f"{info.name} changed while indexes were measured over a copy of it, so the figures are "
        "not those of what it holds now. Wait until nothing is indexed, then measure again."
    )
