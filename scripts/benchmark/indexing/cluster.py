"""Measure indexing on Ray against the same run without it, on the processors of this machine.

    python -m scripts.benchmark cluster PHOTOS

Both encode with the same ResNet-50 of random weights and write one metric to Milvus Lite. Starting
Ray and loading the encoders takes the same time for a few pictures as for a million, so both are
timed with few photos and with many, and what the further ones took tells the rate.
"""

import argparse
import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from core.config import ARCHITECTURES, DEFAULT_ARCHITECTURE, Precision
from core.encoder.encoder import Encoder
from core.encoder.weights import Checkpoint
from core.errors import SettingsError
from core.indexing.build import build_index
from core.indexing.cluster.connection import LOCAL, connected
from core.indexing.cluster.encoding import EncodingOnCluster, sent
from core.indexing.encoding import Encoding, EncodingHere
from core.metric import Metric
from core.store.vector_store import VectorStore
from scripts.benchmark.indexing.plain_encoder import random_weights, sample
from scripts.benchmark.measuring import median_seconds, print_figures, seconds
from scripts.shared.terminal import guarded


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.benchmark cluster",
        description="Measure indexing on Ray against the same run without it.",
    )
    parser.add_argument("photos", type=Path, help="folder that holds one folder per class")
    parser.add_argument(
        "--rows", type=int, nargs=2, default=(100, 600), help="photos: few, many (100 600)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="times each side is timed")
    parser.add_argument("--architecture", choices=ARCHITECTURES, default=DEFAULT_ARCHITECTURE)
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args(argv)
    return guarded(lambda: _run(arguments), None, on_interrupt="stopped")


def _run(arguments: argparse.Namespace) -> int:
    few, many = arguments.rows
    if not 0 < few < many:
        raise SettingsError(f"--rows {few} {many} is not allowed: give few, then more.")
    files = sample(arguments.photos, many)
    with tempfile.TemporaryDirectory() as folder:
        datasets = {rows: _copied(files[:rows], Path(folder) / f"{rows}") for rows in (few, many)}
        checkpoint = Checkpoint(
            random_weights(Path(folder), arguments.architecture), arguments.architecture
        )
        encoder = Encoder(checkpoint)
        started = _starting()
        with connected(LOCAL) as cluster:
            make = sent(checkpoint, precision=Precision.AUTO)
            ray = EncodingOnCluster(encoder.identity, make, cluster)
            sides: dict[str, Encoding] = {"plain": EncodingHere(encoder), "ray": ray}
            taken = median_seconds(
                {
                    f"{name} {rows}": _indexed(dataset, encoding)
                    for rows, dataset in datasets.items()
                    for name, encoding in sides.items()
                },
                rounds=arguments.rounds,
                warm_up=False,
            )
    rates = {
        name: (many - few) / (taken[f"{name} {many}"] - taken[f"{name} {few}"]) for name in sides
    }
    figures = {
        "rows": many,
        "architecture": arguments.architecture,
        "precision": encoder.precision,
        "encoders": ray.workers.count,
        "processors_of_each": ray.workers.processors,
        "pictures_per_second": rates["ray"],
        "plain_pictures_per_second": rates["plain"],
        "times_the_plain_run": rates["ray"] / rates["plain"],
        "start_seconds": started,
        "load_seconds": taken[f"ray {few}"] - few / rates["ray"],
        "whole_run_seconds": taken[f"ray {many}"],
        "plain_whole_run_seconds": taken[f"plain {many}"],
    }
    print_figures(figures, as_json=arguments.json)
    return 0


def _starting() -> float:
    """Return how long it takes until Ray is there."""

    def start() -> None:
        with connected(LOCAL):
            pass

    return seconds(start)


def _indexed(dataset: Path, encoding: Encoding) -> Callable[[], None]:
    def index() -> None:
        with _new_store() as store:
            build_index(dataset, store=store, encoder=encoding, family="f", metrics=[Metric.L2])

    return index


@contextlib.contextmanager
def _new_store() -> Iterator[VectorStore]:
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.closing(VectorStore(f"{folder}/cluster.db", timeout=60.0)) as store,
    ):
        yield store


def _copied(files: list[Path], root: Path) -> Path:
    """Return a dataset of just these files."""
    root.mkdir()
    for number, file in enumerate(files):
        shutil.copyfile(file, root / f"{number:06}{file.suffix}")
    return root


if __name__ == "__main__":
    raise SystemExit(main())
