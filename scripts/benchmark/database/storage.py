"""Measure the store against the bare client, and indexing against the size of the dataset.

python -m scripts.benchmark storage --rows 10000
python -m scripts.benchmark storage --uri http://localhost:19530
"""

import argparse
import contextlib
import io
import itertools
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.collection.index_choice import IndexChoice
from core.collection.info import CollectionInfo
from core.collection.rows import BATCH_ROWS, as_row
from core.errors import OrchardError
from core.indexing.build import build_index
from core.metric import Metric
from core.records import EncoderIdentity, ImageRecord
from core.store import alias, indexes
from core.store.vector_store import VectorStore
from scripts.benchmark.measuring import peak_bytes, print_figures, seconds
from scripts.shared.terminal import guarded

_OURS, _BARE = "storage_benchmark", "storage_benchmark_bare"
_K, _NPROBE = 16, 16
_METRIC = Metric.L2

_Batch = tuple[Sequence[ImageRecord], NDArray[np.float32]]
_Batches = Iterable[_Batch]


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.benchmark storage",
        description="Measure the store against the bare client, on random rows.",
    )
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--dimension", type=int, default=2_048)
    parser.add_argument("--rounds", type=int, default=3, help="writings of each side")
    parser.add_argument("--searches", type=int, default=200, help="searches of each side")
    parser.add_argument("--files", type=int, default=2_000, help="pictures to index")
    parser.add_argument("--uri", help="a Milvus server; default: Milvus Lite in a temporary folder")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--index", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    work = _index_once if arguments.index else _bare_once if arguments.bare else _all
    return guarded(lambda: work(arguments), None, on_interrupt="stopped")


def _all(arguments: argparse.Namespace) -> int:
    with _a_store(arguments.uri) as store:
        figures = _written(store, arguments) | _searched(store, arguments)
    with tempfile.TemporaryDirectory() as folder:
        figures |= _recognised(Path(folder), arguments) | _memory(Path(folder), arguments)
    print_figures(figures, as_json=arguments.json)
    return 0


def _written(store: VectorStore, arguments: argparse.Namespace) -> dict[str, object]:
    """Create, write, index and load, in turns; the collections of the last round stay."""
    batches = list(_random_batches(arguments.rows, arguments.dimension))
    taken: dict[str, list[float]] = {_OURS: [], _BARE: []}
    for turn in range(arguments.rounds):
        _drop(store)
        works = {
            _OURS: lambda: _write(store, arguments.rows, batches),
            _BARE: lambda: _write_bare(store, arguments.rows, batches),
        }
        # The one that begins finds the engine as the other left it; so they take turns in that.
        for name in list(works)[:: 1 if turn % 2 else -1]:
            taken[name].append(seconds(works[name]))
    ours, bare = (arguments.rows / statistics.median(taken[name]) for name in (_OURS, _BARE))
    return {
        "rows": arguments.rows,
        "written_rows_per_second": ours,
        "bare_client_rows_per_second": bare,
        "written_times_the_bare_client": ours / bare,
    }


def _write(store: VectorStore, rows: int, batches: _Batches) -> None:
    for number, (records, embeddings) in enumerate(batches):
        if not number:
            store.create(
                _OURS,
                _METRIC,
                encoder=EncoderIdentity("made-up", "00000000", "none", embeddings.shape[1]),
                dataset="made up",
                index=IndexChoice(),
                expected_rows=rows,
            )
        store.upsert(_OURS, _METRIC, records, embeddings)
    store.finish(_OURS, _METRIC)


def _write_bare(store: VectorStore, rows: int, batches: _Batches) -> None:
    """Do what `_write` does with nothing but the client: the same schema, batches and index."""
    client = store.connection.bare_client
    for number, (records, embeddings) in enumerate(batches):
        if not number:
            alias.create_slot(client, _BARE, dimension=embeddings.shape[1], properties={})
            indexes.create_index(client, _BARE, _METRIC, IndexChoice(), rows=rows)
        pairs = zip(records, embeddings, strict=True)
        client.upsert(_BARE, [as_row(*pair) for pair in pairs])
    client.flush(_BARE)
    indexes.wait_for_index(client, _BARE)
    client.load_collection(_BARE)


def _random_batches(rows: int, dimension: int) -> Iterator[_Batch]:
    chance = np.random.default_rng(0)
    for start in range(0, rows, BATCH_ROWS):
        numbers = range(start, min(start + BATCH_ROWS, rows))
        records = [ImageRecord(n, f"c{n % 50}/{n}.jpg", f"c{n % 50}", f"{n:032x}") for n in numbers]
        yield records, chance.random((len(records), dimension), dtype=np.float32)


def _searched(store: VectorStore, arguments: argparse.Namespace) -> dict[str, object]:
    """Search one collection with both, query by query in turns."""
    info = store.info(_OURS, _METRIC)
    queries = np.random.default_rng(1).random(
        (arguments.searches + 5, arguments.dimension), dtype=np.float32
    )
    nprobe = min(_NPROBE, info.nlist) or 1
    ours, bare = [], []
    for query in queries:
        ours.append(seconds(lambda q=query: store.search(info, q, k=_K, nprobe=nprobe)))  # type: ignore[misc]
        bare.append(seconds(lambda q=query: _search_bare(store, info, q, nprobe)))  # type: ignore[misc]
    # The first ones warm up.
    p50, bare_p50 = statistics.median(ours[5:]), statistics.median(bare[5:])
    return {
        "search_p50_ms": 1000 * p50,
        "bare_client_search_p50_ms": 1000 * bare_p50,
        "search_times_the_bare_client": p50 / bare_p50,
    }


def _search_bare(
    store: VectorStore, info: CollectionInfo, query: NDArray[np.float32], nprobe: int
) -> None:
    client = store.connection.bare_client
    client.search(
        info.name,
        [query],
        anns_field=info.schema.vector,
        limit=_K,
        output_fields=info.schema.record_fields,
        search_params={"metric_type": info.metric.value, "params": {"nprobe": nprobe}},
    )


def _drop(store: VectorStore) -> None:
    if store.metrics(_OURS):
        store.drop(_OURS, _METRIC)
    client = store.connection.bare_client
    if client.has_collection(_BARE):
        client.drop_collection(_BARE)


class _Instant:
    """Takes no time to encode, so that what is left is the work of indexing."""

    short_side, batch_size = 64, 16

    def __init__(self, dimension: int) -> None:
        self.identity = EncoderIdentity("made-up", "00000000", "none", dimension)

    def prepare(self, image: Image.Image) -> NDArray[np.uint8]:
        return np.asarray(image.resize((8, 8)))

    def encode(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        flat = np.stack([image.reshape(-1) for image in images]).astype(np.float32)
        return np.resize(flat, (len(images), self.identity.dimension))


def _recognised(folder: Path, arguments: argparse.Namespace) -> dict[str, object]:
    """Index pictures, then the same again: nothing is decoded or encoded the second time."""
    photos = _draw(folder / "pictures", arguments.files)
    store = VectorStore(str(folder / "again.db"))
    encoder: Any = _Instant(16)
    try:
        for _ in range(2):
            report = build_index(
                photos, store=store, encoder=encoder, family=_OURS, metrics=[_METRIC]
            )
        taken = seconds(
            lambda: build_index(
                photos, store=store, encoder=encoder, family=_OURS, metrics=[_METRIC]
            )
        )
    finally:
        store.close()
    if report.unchanged != arguments.files:
        raise OrchardError(f"{report.unchanged} of {arguments.files} pictures were recognised.")
    return {"unchanged_files_per_second": arguments.files / taken}


def _memory(folder: Path, arguments: argparse.Namespace) -> dict[str, object]:
    """Index a dataset and one four times as large, each in a process of its own.

    Milvus Lite runs in that process and keeps what it is given, so there the peak of the bare
    client, which holds nothing but one batch, is measured for the same rows.
    """
    figures: dict[str, object] = {}
    for count, size in (
        (arguments.files, ""),
        (4 * arguments.files, "_four_times_the_files"),
    ):
        photos = _draw(folder / f"part{count}", count)
        figures[f"peak_memory_mb{size}"] = _peak(arguments, ["--index", str(photos)])
        if not arguments.uri:
            bare = ["--bare", "--rows", str(count)]
            figures[f"bare_client_peak_memory_mb{size}"] = _peak(arguments, bare)
    return figures


def _peak(arguments: argparse.Namespace, work: list[str]) -> float:
    """The peak memory of a process of its own that does the work, in MB."""
    command = [sys.executable, "-m", "scripts.benchmark", "storage", *work]
    command += ["--dimension", str(arguments.dimension)]
    command += ["--uri", arguments.uri] if arguments.uri else []
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)  # noqa: S603 - our own
    if done.returncode:
        raise OrchardError(f"{' '.join(work)} ended with status {done.returncode}.")
    return int(done.stdout) / 1e6


def _index_once(arguments: argparse.Namespace) -> int:
    encoder: Any = _Instant(arguments.dimension)
    with _a_store(arguments.uri) as store:
        build_index(
            arguments.index,
            store=store,
            encoder=encoder,
            family=_OURS,
            metrics=[_METRIC],
            recreate=True,
        )
        print(peak_bytes())
    return 0


def _bare_once(arguments: argparse.Namespace) -> int:
    with _a_store(arguments.uri) as store:
        _write_bare(store, arguments.rows, _random_batches(arguments.rows, arguments.dimension))
        print(peak_bytes())
    return 0


@contextlib.contextmanager
def _a_store(uri: str | None) -> Iterator[VectorStore]:
    """A store of the server or of a new Milvus Lite file, without the collections afterwards."""
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.closing(VectorStore(uri or f"{folder}/storage.db", timeout=60.0)) as store,
    ):
        try:
            yield store
        finally:
            _drop(store)


def _draw(root: Path, count: int) -> Path:
    """Write pictures of noise, about 40 KB each; many names share one of 50 files."""
    chance = np.random.default_rng(0)
    originals = []
    for _ in range(50):
        out = io.BytesIO()
        pixels = chance.integers(0, 256, (200, 200, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(out, "JPEG", quality=90)
        originals.append(out.getvalue())
    for number, content in zip(range(count), itertools.cycle(originals), strict=False):
        file = root / f"c{number % 20}" / f"{number}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return root


if __name__ == "__main__":
    raise SystemExit(main())
