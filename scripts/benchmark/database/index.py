"""Measure the tuner: its figures against the same index built by hand, its time, memory saved.

python -m scripts.benchmark index --rows 10000
python -m scripts.benchmark index --data data          # a collection of one's own, by ORCHARD_*
python -m scripts.benchmark index --uri http://localhost:19530
"""

import argparse
import contextlib
import ctypes
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from core.collection.index_choice import IndexChoice, IndexType
from core.collection.index_types.parameters import Effort
from core.collection.info import CollectionInfo
from core.collection.rows import BATCH_ROWS, as_row
from core.config import load_settings
from core.dataset.sampling import stratified_sample
from core.embeddings.against_exact import index_neighbours, pace_of
from core.embeddings.index_errors import ann_recall
from core.embeddings.matrix import Matrix, load_matrix
from core.embeddings.neighbours import exact_neighbours
from core.errors import OrchardError
from core.metric import Metric
from core.records import EncoderIdentity, ImageRecord
from core.store import alias, indexes
from core.store.vector_store import VectorStore, open_store
from core.tuning.grid import default_grid
from core.tuning.run import tune
from core.tuning.tuning import Measured, Tuning
from scripts.benchmark.measuring import print_figures, resident_bytes, seconds
from scripts.shared.terminal import guarded, tell

_FAMILY, _BARE = "index_benchmark", "index_benchmark_bare"
_METRIC, _K, _SAMPLE = Metric.COSINE, 10, 200
# Of the tuner's searches a setting: one by one, and of eight clients together.
_ALONE, _TOGETHER = 41, 64
# Those whose memory is compared, the whole numbers first.
_PAIRS = ((IndexType.IVF_FLAT, IndexType.IVF_SQ8), (IndexType.HNSW, IndexType.HNSW_SQ))


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.benchmark index",
        description="Measure the tuner against the bare builds and searches it consists of.",
    )
    parser.add_argument("--rows", type=int, default=10_000, help="made up, in 50 clusters")
    parser.add_argument("--dimension", type=int, default=2_048)
    parser.add_argument("--data", type=Path, help="a data folder: its embeddings, not made-up ones")
    parser.add_argument("--uri", help="a Milvus server; default: Milvus Lite in a temporary folder")
    parser.add_argument("--no-memory", action="store_true", help="leave out what is held by whom")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--memory-of", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    work = _memory_once if arguments.memory_of else _all
    return guarded(lambda: work(arguments), None, on_interrupt="stopped")


def _all(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        uri = arguments.uri or str(folder / "index.db")
        labels, embeddings = _rows(arguments, folder)
        with _opened(uri) as store:
            try:
                _write(store, labels, embeddings)
                figures = _compared(store, folder)
            finally:
                if _METRIC in store.metrics(_FAMILY):
                    store.drop(_FAMILY, _METRIC)
        if not arguments.uri and not arguments.no_memory:
            figures |= _memory(folder, labels, embeddings)
    print_figures(figures, as_json=arguments.json)
    return 0


def _rows(arguments: argparse.Namespace, folder: Path) -> tuple[list[str], NDArray[np.float32]]:
    """Return the classes and embeddings (N, D) to measure with."""
    if arguments.data:
        settings = load_settings(data_dir=arguments.data)
        with contextlib.closing(open_store(settings)) as store:
            matrix = load_matrix(store, settings.collection, _METRIC, folder)
            return list(matrix.labels), np.array(matrix.embeddings)
    random = np.random.default_rng(0)
    centres = random.normal(size=(50, arguments.dimension))
    codes = random.integers(50, size=arguments.rows)
    noise = random.normal(size=(arguments.rows, arguments.dimension)).astype(np.float32)
    return [f"c{code}" for code in codes], (centres[codes] + 2 * noise).astype(np.float32)


def _opened(uri: str) -> contextlib.closing[VectorStore]:
    return contextlib.closing(VectorStore(uri, database="default", timeout=60.0))


def _write(store: VectorStore, labels: list[str], embeddings: NDArray[np.float32]) -> None:
    records = [ImageRecord(n, f"{c}/{n}.jpg", c, f"{n:032x}") for n, c in enumerate(labels)]
    identity = EncoderIdentity("made-up", "00000000", "none", embeddings.shape[1])
    store.create(
        _FAMILY,
        _METRIC,
        encoder=identity,
        dataset="made up",
        index=IndexChoice(),
        expected_rows=len(records),
    )
    store.upsert(_FAMILY, _METRIC, records, embeddings)
    store.finish(_FAMILY, _METRIC)


def _compared(store: VectorStore, folder: Path) -> dict[str, object]:
    tell("the tuner, the default grid")
    matrix = load_matrix(store, _FAMILY, _METRIC, folder)
    started = time.perf_counter()
    tuning = tune(store, family=_FAMILY, metric=_METRIC, folder=folder, cache_dir=folder)
    taken = time.perf_counter() - started
    tell("the bare builds and searches")
    bare = _bare_seconds(store, matrix)
    figures: dict[str, object] = {
        "rows": tuning.rows,
        "dimension": tuning.dimension,
        "settings": len(tuning.measured),
        "tuner_seconds": taken,
        "bare_seconds": bare,
        "times_the_bare": taken / bare,
    }
    for one in _compared_settings(tuning):
        tell(f"by hand: {one.name}")
        figures |= _by_hand(store, matrix, one)
    return figures


def _compared_settings(tuning: Tuning) -> Iterator[Measured]:
    """Yield a setting of middling effort of each type that rounds the numbers."""
    for kind in (IndexType.IVF_SQ8, IndexType.HNSW_SQ):
        found = [one for one in tuning.measured if one.index.index_type is kind]
        if found:
            yield found[len(found) // 2]


def _by_hand(store: VectorStore, matrix: Matrix, one: Measured) -> dict[str, object]:
    """Build exactly this index over the collection itself, and search it."""
    rows, effort = len(matrix.ids), cast("Effort", one.effort)
    store.fit_index(_FAMILY, _METRIC, index=one.index, expected_rows=rows)
    store.finish(_FAMILY, _METRIC)
    info = store.info(_FAMILY, _METRIC)
    _take_up(store, info.name)
    queries = stratified_sample(matrix.labels, limit=_SAMPLE, seed=0, at_least=2)
    exact = exact_neighbours(matrix.embeddings, queries=queries, metric=_METRIC, k=_K + 50)
    found = index_neighbours(
        matrix,
        store=store,
        info=info,
        queries=queries,
        k=_K,
        exact=exact,
        **effort,
    )
    pace = pace_of(
        matrix,
        store=store,
        info=info,
        queries=queries[:_ALONE],
        k=_K,
        **effort,
    )
    name = one.index.index_type.lower()
    return {
        f"{name}_recall_tuner": one.recall,
        f"{name}_recall_by_hand": float(ann_recall(found, exact, k=_K).mean()),
        f"{name}_p50_ms_tuner": one.p50,
        f"{name}_p50_ms_by_hand": pace.p50,
    }


def _take_up(store: VectorStore, name: str) -> None:
    """Wait until Milvus Lite searches with the index: till then it compares every row."""
    store.connection.bare_client.release_collection(name)
    store.connection.load(name)


def _bare_seconds(store: VectorStore, matrix: Matrix) -> float:
    """Write the rows once, then build and search every setting with nothing but the client."""
    client = store.connection.bare_client
    rows = len(matrix.ids)
    queries = stratified_sample(matrix.labels, limit=_SAMPLE, seed=0, at_least=2)
    grid = default_grid(store.index_types(), rows=rows, k=_K)

    def write() -> None:
        alias.create_slot(client, _BARE, dimension=matrix.embeddings.shape[1], properties={})
        flat = IndexChoice(IndexType.FLAT)
        indexes.create_index(client, _BARE, _METRIC, flat, rows=rows)
        for start in range(0, rows, BATCH_ROWS):
            part = slice(start, start + BATCH_ROWS)
            pairs = zip(matrix.ids[part].tolist(), matrix.embeddings[part], strict=True)
            client.upsert(_BARE, [as_row(ImageRecord(n, "", "", ""), e) for n, e in pairs])
        client.flush(_BARE)

    def search(asked: NDArray[np.float32], limit: int, effort: dict[str, int]) -> None:
        client.search(
            _BARE,
            list(asked),
            anns_field="embedding",
            limit=limit,
            search_params={"metric_type": _METRIC.value, "params": effort},
        )

    def build(index: IndexChoice) -> None:
        indexes.replace_index(client, _BARE, _METRIC, index, rows=rows)
        indexes.wait_for_index(client, _BARE)
        client.load_collection(_BARE)

    def searches(effort: dict[str, int]) -> None:
        for start in range(0, len(queries), 50):
            search(matrix.embeddings[queries[start : start + 50]], _K + 1, effort)
        for query in itertools.islice(itertools.cycle(queries), _ALONE + _TOGETHER):
            search(matrix.embeddings[[query]], _K, effort)

    try:
        taken = seconds(write)
        for trial in grid:
            taken += seconds(lambda index=trial.index: build(index))  # type: ignore[misc]
            for effort in trial.efforts:
                taken += seconds(lambda effort=effort: searches(effort))  # type: ignore[misc]
    finally:
        client.drop_collection(_BARE)
    return taken


def _memory(folder: Path, labels: list[str], embeddings: NDArray[np.float32]) -> dict[str, object]:
    """Return what a process holds that has searched a collection with an index of each type."""
    held: dict[IndexType, float] = {}
    uri = folder / "memory.db"
    with _opened(str(uri)) as store:
        _write(store, labels, embeddings)
        # So that each of those measured is a copy, which lies in the database as the others do.
        flat = IndexChoice(IndexType.FLAT)
        store.fit_index(_FAMILY, _METRIC, index=flat, expected_rows=len(labels))
        store.finish(_FAMILY, _METRIC)
    for kind in itertools.chain.from_iterable(_PAIRS):
        tell(f"memory: {kind}")
        with _opened(str(uri)) as store:
            choice = IndexChoice(kind).explicit(len(labels))
            store.fit_index(_FAMILY, _METRIC, index=choice, expected_rows=len(labels))
            store.finish(_FAMILY, _METRIC)
            # Else the process that is measured would have to build it.
            _take_up(store, store.info(_FAMILY, _METRIC).name)
        command = [sys.executable, "-m", "scripts.benchmark", "index", "--memory-of", str(uri)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False)  # noqa: S603 - our own
        if done.returncode:
            raise OrchardError(f"the memory of {kind} could not be measured; see above.")
        held[kind] = int(done.stdout) / 1e6
    figures: dict[str, object] = {f"{kind.lower()}_memory_mb": mb for kind, mb in held.items()}
    for whole, rounded in _PAIRS:
        figures[f"{rounded.lower()}_saves_mb"] = held[whole] - held[rounded]
    return figures


def _memory_once(arguments: argparse.Namespace) -> int:
    with _opened(str(arguments.memory_of)) as store:
        info: CollectionInfo = store.info(_FAMILY, _METRIC)
        store.search_ids(info, np.ones((1, info.dimension), np.float32), k=_K)
        _give_back()
        print(resident_bytes())
    return 0


def _give_back() -> None:
    """Return to the system what loading took for a moment, as far as the system takes it back."""
    import pyarrow

    pyarrow.default_memory_pool().release_unused()
    # Of glibc alone.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
