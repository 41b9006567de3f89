"""Measure a whole indexing run against a loop as a first attempt would write it.

    python -m scripts.benchmark indexing PHOTOS

The loop opens a picture, makes it 224 x 224, runs the network on it alone, inserts every 50 rows
and then builds the same index. Both write one metric to Milvus Lite. The network is ResNet-50 with
random weights: what it finds is worthless, what it costs is real.
"""

import argparse
import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.collection.index_choice import IndexChoice
from core.collection.rows import as_row
from core.config import ARCHITECTURES, DEFAULT_ARCHITECTURE
from core.encoder.weights import Checkpoint
from core.indexing.build import build_index
from core.metric import Metric
from core.records import ImageRecord
from core.store import alias, indexes
from core.store.vector_store import VectorStore
from scripts.benchmark.indexing.plain_encoder import (
    plain_loop,
    plain_network,
    random_weights,
    sample,
)
from scripts.benchmark.measuring import median_seconds, print_figures
from scripts.shared.terminal import guarded

if TYPE_CHECKING:
    from torch import nn

    from core.encoder.encoder import Encoder

_METRIC = Metric.L2
_INSERTED_ROWS = 50


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.benchmark indexing",
        description="Measure a whole indexing run.",
    )
    parser.add_argument("photos", type=Path, help="folder that holds one folder per class")
    parser.add_argument("--rows", type=int, default=200, help="photos to index (default 200)")
    parser.add_argument("--rounds", type=int, default=2, help="times each side is timed")
    parser.add_argument("--architecture", choices=ARCHITECTURES, default=DEFAULT_ARCHITECTURE)
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args(argv)
    return guarded(lambda: _run(arguments), None, on_interrupt="stopped")


def _run(arguments: argparse.Namespace) -> int:
    from core.encoder.encoder import Encoder

    files = sample(arguments.photos, arguments.rows)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Checkpoint(
            random_weights(Path(folder), arguments.architecture), arguments.architecture
        )
        dataset = _copied(files, arguments.photos, Path(folder) / "photos")
        encoder, plain = Encoder(checkpoint), plain_network(checkpoint)
        taken = median_seconds(
            {
                "ours": lambda: _ours(dataset, encoder),
                "plain": lambda: _plain(files, plain, encoder.identity.dimension),
            },
            rounds=arguments.rounds,
            warm_up=False,
        )
    figures = {
        "rows": len(files),
        "architecture": arguments.architecture,
        "precision": encoder.precision,
        "pictures_per_second": len(files) / taken["ours"],
        "plain_pictures_per_second": len(files) / taken["plain"],
        "times_the_plain_loop": taken["plain"] / taken["ours"],
    }
    print_figures(figures, as_json=arguments.json)
    return 0


def _ours(dataset: Path, encoder: "Encoder") -> None:
    with _new_store() as store:
        build_index(dataset, store=store, encoder=encoder, family="ours", metrics=[_METRIC])


def _plain(files: list[Path], model: "nn.Module", dimension: int) -> None:
    with _new_store() as store:
        client = store.connection.bare_client
        alias.create_slot(client, "plain", dimension=dimension, properties={})
        rows: list[dict[str, Any]] = []
        for number, (file, embedding) in enumerate(
            zip(files, plain_loop(files, model), strict=True), start=1
        ):
            record = ImageRecord(number, str(file), file.parent.name, "")
            rows.append(as_row(record, embedding[0]))
            if len(rows) == _INSERTED_ROWS or number == len(files):
                client.insert("plain", rows)
                rows = []
        client.flush("plain")
        indexes.create_index(client, "plain", _METRIC, IndexChoice(), rows=len(files))
        indexes.wait_for_index(client, "plain")
        client.load_collection("plain")


@contextlib.contextmanager
def _new_store() -> Iterator[VectorStore]:
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.closing(VectorStore(f"{folder}/indexing.db", timeout=60.0)) as store,
    ):
        yield store


def _copied(files: list[Path], source: Path, root: Path) -> Path:
    """Return a dataset of just these files."""
    for file in files:
        place = root / file.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)
    return root


if __name__ == "__main__":
    raise SystemExit(main())
