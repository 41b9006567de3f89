"""Measure exact search and all measures against a bare matrix product and the database.

python -m scripts.benchmark evaluation --rows 10000
"""

import argparse
import platform
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from core.collection.index_choice import IndexChoice
from core.embeddings.neighbours import exact_neighbours
from core.measures.judgement import judge, make_rows
from core.measures.retrieval import query_measures
from core.measures.summary import summarise
from core.metric import Metric
from core.records import EncoderIdentity, ImageRecord
from core.store.vector_store import VectorStore
from scripts.benchmark.measuring import median_seconds, peak_bytes, print_figures, seconds
from scripts.shared.terminal import guarded

_CLASSES = 50
_K = 100
_BLOCK = 512


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.benchmark evaluation",
        description="Measure exact search and all measures, on rows that are made up.",
    )
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--dimension", type=int, default=2_048)
    parser.add_argument("--rounds", type=int, default=3, help="times everything is timed")
    parser.add_argument("--searches", type=int, default=50, help="single searches to time")
    parser.add_argument("--no-database", action="store_true", help="leave the database out")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args(argv)
    return guarded(lambda: _evaluation(arguments), None, on_interrupt="stopped")


def _evaluation(arguments: argparse.Namespace) -> int:
    """Compare exact search with all measures to the bare matrix product and to the database."""
    rows, labels = _made_up(arguments.rows, arguments.dimension)
    before = peak_bytes()
    _everything(rows, labels)
    memory = peak_bytes() - before
    taken = median_seconds(
        {"product": lambda: _product(rows), "all": lambda: _everything(rows, labels)},
        rounds=arguments.rounds,
        warm_up=False,
    )
    figures: dict[str, Any] = {
        "rows": arguments.rows,
        "dimension": arguments.dimension,
        "k": _K,
        "python": platform.python_version(),
        "product_seconds": taken["product"],
        "all_seconds": taken["all"],
        "times_the_product": taken["all"] / taken["product"],
        "memory_beyond_embeddings_mb": memory / 1e6,
    }
    if not arguments.no_database:
        single = _search_seconds(rows, labels, arguments.searches)
        figures["seconds_per_database_search"] = single
        figures["times_faster_than_database"] = single * len(rows) / figures["all_seconds"]
    print_figures(figures, as_json=arguments.json)
    return 0


def _made_up(size: int, dimension: int) -> tuple[NDArray[np.float32], list[str]]:
    """Return rows (N, D) in 50 overlapping clouds, with their classes."""
    random = np.random.default_rng(0)
    centres = random.random((_CLASSES, dimension), dtype=np.float32)
    rows = random.random((size, dimension), dtype=np.float32)
    for start in range(0, size, _BLOCK):
        block = np.arange(start, min(start + _BLOCK, size))
        rows[block] += 0.3 * centres[block % _CLASSES]
    return rows, [f"class {number % _CLASSES}" for number in range(size)]


def _everything(rows: NDArray[np.float32], labels: list[str]) -> None:
    """Exact neighbours of every row, all measures per query, per class and overall, intervals."""
    everyone = np.arange(len(rows))
    lists = exact_neighbours(rows, queries=everyone, metric=Metric.COSINE, k=_K + 1)
    known = make_rows(labels, [str(number) for number in everyone])
    judged = judge(lists, known, everyone)
    query_measures(judged.right, judged.relevant, ks=[1, 10, _K])
    summarise(judged, known, ks=[1, 10, _K], seed=0)


def _product(rows: NDArray[np.float32]) -> None:
    out = np.empty((_BLOCK, len(rows)), dtype=np.float32)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        np.matmul(block, rows.T, out=out[: len(block)])


def _search_seconds(rows: NDArray[np.float32], labels: list[str], searches: int) -> float:
    """Return the mean time of one search for k + 1 rows, as a loop over the queries would do."""
    encoder = EncoderIdentity("made-up", "00000000", "none", rows.shape[1])
    records = [
        ImageRecord(number, f"{label}/{number}.jpg", label, f"{number}")
        for number, label in enumerate(labels)
    ]
    with tempfile.TemporaryDirectory() as folder:
        store = VectorStore(str(Path(folder) / "benchmark.db"), database="benchmark")
        store.create(
            "made_up",
            Metric.COSINE,
            encoder=encoder,
            dataset="made up",
            index=IndexChoice(),
            expected_rows=len(rows),
        )
        for start in tqdm(range(0, len(rows), _BLOCK), desc="fill", unit="batch"):
            end = start + _BLOCK
            store.upsert("made_up", Metric.COSINE, records[start:end], rows[start:end])
        store.finish("made_up", Metric.COSINE)
        info = store.info("made_up", Metric.COSINE)
        store.search(info, rows[0], k=_K + 1, nprobe=min(16, info.nlist))
        taken = seconds(
            lambda: [
                store.search(info, rows[number], k=_K + 1, nprobe=min(16, info.nlist))
                for number in range(searches)
            ]
        )
        store.close()
    return taken / searches


if __name__ == "__main__":
    raise SystemExit(main())
