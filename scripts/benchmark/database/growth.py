"""Measure how writing, indexing, searching, memory and disk grow with the rows.

Each size is written in a process of its own. In two more, what a visitor waits for when the Search
page is opened first is measured beside what it takes to open the bare database and ask it once.

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
from core.data_folder import DataFolder
from core.embeddings.kept_rows import KeptRows
from core.embeddings.listing import keep_listing
from core.embeddings.one_query import farthest_usual
from core.errors import OrchardError
from core.metric import Metric
from core.records import EncoderIdentity, ImageRecord
from core.store import lite
from core.store.connection import MilvusClient
from core.store.vector_store import BATCH_ROWS, VectorStore, collection_name
from scripts.benchmark.measuring import peak_bytes, seconds
from scripts.shared.terminal import guarded

_FAMILY = "growth_benchmark"
_CENTRES = 50
_K = 16
_MOST_OPENINGS = 4


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
    parser.add_argument("--step", choices=_STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    work = _STEPS[arguments.step] if arguments.step else _all
    return guarded(lambda: work(arguments), None, on_interrupt="stopped")


def _all(arguments: argparse.Namespace) -> int:
    """Measure every size and step in a process of its own, so that memory is that step's alone."""
    found = []
    for rows in arguments.rows:
        print(f"{rows:,} rows", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            figures: dict[str, float] = {}
            try:
                for step in _STEPS:
                    figures |= _figures_of(step, rows, Path(folder), arguments)
            finally:
                if arguments.uri:
                    _drop(arguments.uri)
        found.append(_compared(figures))
    print(json.dumps(found, indent=2) if arguments.json else _table(found))
    return 0


def _figures_of(
    step: str, rows: int, folder: Path, arguments: argparse.Namespace
) -> dict[str, float]:
    command = [sys.executable, "-m", "scripts.benchmark", "growth", "--step", step]
    command += ["--folder", str(folder), "--rows", str(rows)]
    command += ["--dimension", str(arguments.dimension), "--searches", str(arguments.searches)]
    for option in ("uri", "server_process", "server_data"):
        if value := getattr(arguments, option):
            command += [f"--{option.replace('_', '-')}", str(value)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)  # noqa: S603 - our own
    if done.returncode:
        raise OrchardError(
            f"the measurement with {rows:,} rows ended with status {done.returncode}; its "
            "message stands above. Try fewer rows or a smaller --dimension."
        )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _compared(figures: dict[str, float]) -> dict[str, float]:
    """Add what the page takes to what the bare database does."""
    pairs = {
        "first_page_times_the_bare": ("open_page_first_seconds", "open_bare_seconds"),
        "page_memory_times_the_bare": ("peak_memory_with_page_mb", "bare_peak_memory_mb"),
    }
    ratios = {
        name: figures[ours] / figures[bare]
        for name, (ours, bare) in pairs.items()
        if bare in figures
    }
    return figures | ratios


def _write(arguments: argparse.Namespace) -> int:
    """Write and index the rows, and keep what is written as a run does."""
    rows, dimension = arguments.rows[0], arguments.dimension
    files = arguments.server_data or arguments.folder
    size_before = _size_of(files)
    with _opened(_uri_of(arguments)) as store:
        figures = _measured(store, rows, dimension, arguments.searches, _data_of(arguments))
    figures["peak_memory_mb"] = peak_bytes() / 1e6
    if arguments.server_process:
        figures["server_peak_memory_mb"] = peak_bytes(arguments.server_process) / 1e6
    if not arguments.uri or arguments.server_data:
        figures["disk_mb"] = (_size_of(files) - size_before) / 1e6
    print(json.dumps(figures))
    return 0


def _settle(arguments: argparse.Namespace) -> int:
    """Open and close until Milvus Lite has merged its files and indexed what it merged.

    It does so when it is opened again; whoever came first would be charged with it.
    """
    before: set[str] | None = None
    uri, name = _uri_of(arguments), collection_name(_FAMILY, Metric.COSINE)
    for _ in range(_MOST_OPENINGS if not arguments.uri else 0):
        with _opened(uri) as store:
            store.connection.load(name)
        files = {file.name for file in Path(uri).rglob("*.parquet")}
        if files == before:
            break
        before = files
    print(json.dumps({}))
    return 0


def _open_bare(arguments: argparse.Namespace) -> int:
    """Open the database with nothing but the client, load the collection, count, search once."""
    uri, name = _uri_of(arguments), collection_name(_FAMILY, Metric.COSINE)
    query = next(_batches(1, arguments.dimension))[1][0]

    def open_and_ask() -> None:
        client = MilvusClient(uri)
        client.load_collection(name)
        client.query(name, filter="", output_fields=["count(*)"])
        client.search(name, [query], anns_field="embedding", limit=_K, output_fields=["path"])

    with contextlib.ExitStack() as opened:
        if not arguments.uri:
            lite.acquire(Path(uri))
            opened.callback(lite.release, Path(uri))
        taken = seconds(open_and_ask)
    print(json.dumps({"open_bare_seconds": taken, "bare_peak_memory_mb": peak_bytes() / 1e6}))
    return 0


def _open_page(arguments: argparse.Namespace) -> int:
    """Time the Search page with one stored picture as the query; the files have no thumbnails."""
    os.environ |= {
        "ORCHARD_MILVUS_URI": _uri_of(arguments),
        "ORCHARD_MILVUS_DATABASE": "default",
        "ORCHARD_COLLECTION": _FAMILY,
        "ORCHARD_DATA_DIR": str(_data_of(arguments)),
        "ORCHARD_MILVUS_TIMEOUT": "60",
    }
    # After the settings, which the page's parts read when they are first used.
    from scripts.benchmark.serving.search import time_visits

    figures = time_visits(0)
    print(json.dumps(figures | {"peak_memory_with_page_mb": peak_bytes() / 1e6}))
    return 0


_STEPS = {"write": _write, "settle": _settle, "bare": _open_bare, "page": _open_page}


def _uri_of(arguments: argparse.Namespace) -> str:
    return arguments.uri or str(arguments.folder / "growth.db")


def _data_of(arguments: argparse.Namespace) -> Path:
    folder: Path = arguments.folder / "data"
    return folder


def _drop(uri: str) -> None:
    with _opened(uri) as store:
        if Metric.COSINE in store.metrics(_FAMILY):
            store.drop(_FAMILY, Metric.COSINE)


def _opened(uri: str) -> contextlib.closing[VectorStore]:
    return contextlib.closing(VectorStore(uri, database="default", timeout=60.0))


def _measured(
    store: VectorStore, rows: int, dimension: int, searches: int, data: Path
) -> dict[str, float]:
    encoder = EncoderIdentity("made-up", "00000000", "none", dimension)
    store.create(
        _FAMILY,
        Metric.COSINE,
        encoder=encoder,
        dataset="made up",
        index=IndexChoice(),
        expected_rows=rows,
    )
    writing, folder = 0.0, DataFolder(data).embeddings
    written: list[ImageRecord] = []
    with KeptRows(folder, family=_FAMILY, encoder=encoder) as kept:
        for records, embeddings in _batches(rows, dimension):
            writing += seconds(
                functools.partial(store.upsert, _FAMILY, Metric.COSINE, records, embeddings)
            )
            kept.add(records, embeddings)
            written += records
        keeping = seconds(lambda: _keep(kept, written))
    indexing = seconds(lambda: store.finish(_FAMILY, Metric.COSINE))
    info = store.info(_FAMILY, Metric.COSINE)
    keeping += seconds(lambda: keep_listing(store, info, written, folder=folder))
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
        "keep_seconds": keeping,
        "first_search_ms": 1000 * first,
        "search_p50_ms": 1000 * taken[len(taken) // 2],
        "search_p95_ms": 1000 * taken[int(0.95 * (len(taken) - 1))],
    }


def _keep(kept: KeptRows, records: list[ImageRecord]) -> None:
    matrix = kept.make_matrix(records)
    if matrix is None:
        raise OrchardError(f"the embeddings cannot be kept: {kept.failure}")
    farthest_usual(matrix, metrics=[Metric.COSINE])


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
