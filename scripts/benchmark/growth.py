"""Measure how writing, indexing, searching, memory and disk grow with the rows.

python -m scripts.benchmark growth --rows 1000 10000 100000
python -m scripts.benchmark growth --uri http://localhost:19530
"""

import argparse
import contextlib
import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.collection.index_choice import IndexChoice
from core.errors import OrchardError
from core.metric import Metric
from core.records import EncoderIdentity, ImageRecord
from core.store.vector_store import BATCH_ROWS, VectorStore
from scripts.benchmark.measuring import peak_bytes, seconds
from scripts.terminal import guarded

_FAMILY = "growth_benchmark"
_CENTRES = 50
_K = 16


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.benchmark growth",
        description="Measure how a collection's cost grows, on clustered rows that are made up.",
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--dimension", type=int, default=2_048)
    parser.add_argument("--searches", type=int, default=50, help="searches to time, one at a time")
    parser.add_argument("--uri", help="a Milvus server; default: Milvus Lite in a temporary folder")
    parser.add_argument("--server-process", type=int, help="of a server on this machine: its id")
    parser.add_argument("--server-data", type=Path, help="of a server on this machine: its folder")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    work = _one if arguments.one else _all
    return guarded(lambda: work(arguments), None, on_interrupt="stopped")


def _all(arguments: argparse.Namespace) -> int:
    """Measure every size in a process of its own, so that memory is that size's alone."""
    found = []
    for rows in arguments.rows:
        command = [sys.executable, "-m", "scripts.benchmark", "growth", "--one"]
        command += ["--rows", str(rows), "--dimension", str(arguments.dimension)]
        command += ["--searches", str(arguments.searches)]
        for option in ("uri", "server_process", "server_data"):
            if value := getattr(arguments, option):
                command += [f"--{option.replace('_', '-')}", str(value)]
        print(f"{rows:,} rows", file=sys.stderr, flush=True)
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False)  # noqa: S603 - our own
        if done.returncode:
            raise OrchardError(
                f"the measurement with {rows:,} rows ended with status {done.returncode}; its "
                "message stands above. Try fewer rows or a smaller --dimension."
            )
        found.append(json.loads(done.stdout))
    print(json.dumps(found, indent=2) if arguments.json else _table(found))
    return 0


def _one(arguments: argparse.Namespace) -> int:
    rows, dimension = arguments.rows[0], arguments.dimension
    with tempfile.TemporaryDirectory() as folder:
        uri = arguments.uri or str(Path(folder) / "growth.db")
        files = arguments.server_data or Path(folder)
        size_before = _size_of(files)
        try:
            with _opened(uri) as store:
                figures = _measured(store, rows, dimension, arguments.searches)
            figures["peak_memory_mb"] = peak_bytes() / 1e6
            figures |= _pages(uri, Path(folder) / "data")
            figures["peak_memory_with_page_mb"] = peak_bytes() / 1e6
            if arguments.server_process:
                figures["server_peak_memory_mb"] = peak_bytes(arguments.server_process) / 1e6
            if not arguments.uri or arguments.server_data:
                figures["disk_mb"] = (_size_of(files) - size_before) / 1e6
        finally:
            with _opened(uri) as store:
                if Metric.COSINE in store.metrics(_FAMILY):
                    store.drop(_FAMILY, Metric.COSINE)
    print(json.dumps(figures))
    return 0


def _opened(uri: str) -> contextlib.closing[VectorStore]:
    return contextlib.closing(VectorStore(uri, database="default", timeout=60.0))


def _pages(uri: str, data: Path) -> dict[str, float]:
    """Time the Search page with one stored picture as the query; the files have no thumbnails."""
    os.environ |= {
        "ORCHARD_MILVUS_URI": uri,
        "ORCHARD_MILVUS_DATABASE": "default",
        "ORCHARD_COLLECTION": _FAMILY,
        "ORCHARD_DATA_DIR": str(data),
        "ORCHARD_MILVUS_TIMEOUT": "60",
    }
    # After the settings, which the page's parts read when they are first used.
    from scripts.benchmark.search import time_visits

    return time_visits(0)


def _measured(store: VectorStore, rows: int, dimension: int, searches: int) -> dict[str, float]:
    store.create(
        _FAMILY,
        Metric.COSINE,
        encoder=EncoderIdentity("made-up", "00000000", "none", dimension),
        dataset="made up",
        index=IndexChoice(),
        expected_rows=rows,
    )
    writing = 0.0
    for records, embeddings in _batches(rows, dimension):
        writing += seconds(
            functools.partial(store.upsert, _FAMILY, Metric.COSINE, records, embeddings)
        )
    indexing = seconds(lambda: store.finish(_FAMILY, Metric.COSINE))
    info = store.info(_FAMILY, Metric.COSINE)
    query = embeddings[0]
    nprobe = min(16, info.nlist) or 1
    first = seconds(lambda: store.search(info, query, k=_K, nprobe=nprobe))
    taken = sorted(
        seconds(lambda: store.search(info, query, k=_K, nprobe=nprobe)) for _ in range(searches)
    )
    return {
        "rows": rows,
        "dimension": dimension,
        "nlist": info.nlist,
        "write_rows_per_second": rows / writing,
        "index_seconds": indexing,
        "first_search_ms": 1000 * first,
        "search_p50_ms": 1000 * taken[len(taken) // 2],
        "search_p95_ms": 1000 * taken[int(0.95 * (len(taken) - 1))],
    }


def _batches(rows: int, dimension: int) -> Iterator[tuple[list[ImageRecord], NDArray[np.float32]]]:
    """Yield clustered rows in batches, so that all of them are never in memory at once."""
    random = np.random.default_rng(0)
    centres = random.random((_CENTRES, dimension), dtype=np.float32)
    for start in range(0, rows, BATCH_ROWS):
        numbers = range(start, min(start + BATCH_ROWS, rows))
        noise = random.random((len(numbers), dimension), dtype=np.float32)
        labels = [f"class {number % _CENTRES}" for number in numbers]
        records = [
            ImageRecord(number, f"{label}/{number}.jpg", label, f"{number}")
            for number, label in zip(numbers, labels, strict=True)
        ]
        yield records, noise + 0.5 * centres[np.array(numbers) % _CENTRES]


def _size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _table(found: list[dict[str, float]]) -> str:
    """One line a figure, one column a size."""
    return "\n".join(
        f"{name.replace('_', ' '):<24}" + "".join(f"{_short(one[name]):>12}" for one in found)
        for name in found[0]
    )


def _short(value: float) -> str:
    return f"{value:,.0f}" if isinstance(value, int) or value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    raise SystemExit(main())
