"""Measure how fast the parts are, on this machine.

python -m scripts.benchmark evaluation
"""

import argparse
import json
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from core.evaluation import query_measures
from core.index import IndexChoice
from core.judgement import judge, make_rows
from core.metric import Metric
from core.neighbours import exact_neighbours
from core.records import EncoderIdentity, ImageRecord
from core.store import VectorStore
from core.summary import summarise
from scripts.terminal import guarded

_CLASSES = 50
_K = 100
_BLOCK = 512


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.benchmark", description=__doc__)
    parts = parser.add_subparsers(dest="part", required=True)
    evaluation = parts.add_parser("evaluation", help="exact search and measures")
    evaluation.add_argument("--rows", type=int, default=10_000)
    evaluation.add_argument("--dimension", type=int, default=2_048)
    evaluation.add_argument("--searches", type=int, default=50, help="single searches to time")
    evaluation.add_argument("--no-database", action="store_true", help="leave the database out")
    evaluation.add_argument("--json", action="store_true")
    arguments = parser.parse_args(argv)
    return guarded(lambda: _PARTS[arguments.part](arguments), None, on_interrupt="stopped")


def _evaluation(arguments: argparse.Namespace) -> int:
    """Compare exact search with all measures to the bare matrix product and to the database."""
    rows, labels = _made_up(arguments.rows, arguments.dimension)
    _product(rows[: 2 * _BLOCK])
    before = _peak_bytes()
    product = _seconds(lambda: _product(rows))
    after_product = _peak_bytes()
    figures: dict[str, Any] = {
        "rows": arguments.rows,
        "dimension": arguments.dimension,
        "k": _K,
        "python": platform.python_version(),
        "product_seconds": product,
    }
    started = time.perf_counter()
    lists = exact_neighbours(rows, queries=np.arange(len(rows)), metric=Metric.COSINE, k=_K + 1)
    figures["neighbours_seconds"] = time.perf_counter() - started
    known = make_rows(labels, [str(number) for number in range(len(rows))])
    judged = judge(lists, known, np.arange(len(rows)))
    query_measures(judged.right, judged.relevant, ks=[1, 10, _K])
    summarise(judged, known, ks=[1, 10, _K], seed=0)
    figures["all_seconds"] = time.perf_counter() - started
    figures["times_the_product"] = figures["all_seconds"] / product
    figures["memory_beyond_embeddings_mb"] = (_peak_bytes() - min(before, after_product)) / 1e6
    if not arguments.no_database:
        single = _search_seconds(rows, labels, arguments.searches)
        figures["seconds_per_database_search"] = single
        figures["times_faster_than_database"] = single * len(rows) / figures["all_seconds"]
    _print(figures, as_json=arguments.json)
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
        seconds = _seconds(
            lambda: [
                store.search(info, rows[number], k=_K + 1, nprobe=min(16, info.nlist))
                for number in range(searches)
            ]
        )
        store.close()
    return seconds / searches


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Kilobytes on Linux, bytes on macOS.
    return peak if sys.platform == "darwin" else peak * 1024


def _print(figures: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        shown = f"{value:.4g}" if isinstance(value, float) else f"{value}"
        print(f"{name.replace('_', ' '):<32} {shown}")


_PARTS: dict[str, Callable[[argparse.Namespace], int]] = {"evaluation": _evaluation}


if __name__ == "__main__":
    raise SystemExit(main())
