"""The five steps of an image search one at a time, as a tutorial has them, each to be looked at.

    python -m scripts.steps create-database
    python -m scripts.steps create-collection
    python -m scripts.steps create-index --index-type IVF_FLAT --nlist 1024
    python -m scripts.steps load data/sample
    python -m scripts.steps search data/sample/apple/apple-000.jpg

They end in the same collection as `python -m scripts.build_index DATASET --metrics L2` does, which
takes the first four in one and is what to use from then on.
"""

import argparse
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from core.collection.index_choice import IndexChoice, IndexType, auto_nlist
from core.collection.info import CollectionInfo
from core.config import Settings
from core.dataset_root import Root
from core.encoder.weights import find_checkpoint
from core.errors import SettingsError
from core.indexing.build import build_index
from core.metric import Metric
from core.progress import Stage
from core.store.connection import RUN_PATIENCE
from core.store.vector_store import VectorStore, open_store
from scripts import search
from scripts.shared.terminal import (
    ProgressBar,
    add_collection,
    configured,
    parse_dataset,
    parse_metric,
    tell,
)

if TYPE_CHECKING:
    from core.encoder.encoder import Encoder


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    arguments = _parser().parse_args(argv)
    if arguments.step == "search":
        named = ["--collection", arguments.collection] if arguments.collection else []
        return search.main([str(arguments.image), "--metric", arguments.metric.value, *named])
    return configured(
        lambda settings: _run(arguments, settings),
        on_interrupt="stopped; what was done stays, the same step continues",
        collection=arguments.collection,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.steps", description="Build and search a collection step by step."
    )
    parser.add_argument(
        "--metric", type=parse_metric, default=Metric.L2, help="COSINE, L2 (default) or IP"
    )
    add_collection(parser)
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    steps.add_parser("create-database", help="make the database that ORCHARD_MILVUS_DATABASE names")
    steps.add_parser(
        "create-collection", help="make an empty collection with a vector of the encoder's size"
    )
    index = steps.add_parser("create-index", help="choose how the collection is searched")
    index.add_argument(
        "--index-type", choices=[kind.value for kind in IndexType], default="IVF_FLAT"
    )
    index.add_argument("--nlist", type=int, help="lists of an IVF index (default: from the rows)")
    load = steps.add_parser("load", help="encode every picture of a folder and write it in batches")
    load.add_argument("dataset", type=parse_dataset, help="folder that holds one folder per class")
    find = steps.add_parser("search", help="find the pictures most like a picture")
    find.add_argument("image", type=Path)
    return parser


def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    # Opening is the first step: a database that is not there is made.
    with contextlib.closing(open_store(settings, patience=RUN_PATIENCE, on_retry=tell)) as store:
        if arguments.step == "create-database":
            print(f"database {store.database} at {settings.uri} (Milvus {store.version})")
        elif arguments.step == "create-collection":
            _create_collection(store, settings, arguments.metric)
        elif arguments.step == "create-index":
            index = IndexChoice(IndexType(arguments.index_type), arguments.nlist)
            _create_index(store, settings, arguments.metric, index)
        else:
            _load(store, settings, arguments.metric, arguments.dataset)
    return 0


def _create_collection(store: VectorStore, settings: Settings, metric: Metric) -> None:
    family = settings.collection
    if metric in store.metrics(family):
        raise SettingsError(
            f"{family} has a collection for {metric} already, with "
            f"{store.count(family, metric):,} rows. Give another name by --collection."
        )
    identity = _encoder(settings).identity
    # Nothing can be read without an index, so it gets one at once; the next step may replace it.
    store.create(family, metric, encoder=identity, dataset="", index=IndexChoice(), expected_rows=0)
    schema = store.info(family, metric).schema
    print(
        f"collection {store.info(family, metric).name}: {schema.key} INT64 primary key, "
        f"{schema.vector} FLOAT_VECTOR of {identity.dimension}, {schema.path} VARCHAR, dynamic "
        "fields, two shards"
    )


def _create_index(
    store: VectorStore, settings: Settings, metric: Metric, index: IndexChoice
) -> None:
    family = settings.collection
    info = store.info(family, metric)
    if index == IndexChoice() and info.index_type != index.index_type:
        # Without a word about nlist, an index that is there would be left alone.
        index = IndexChoice(nlist=auto_nlist(info.rows))
    store.fit_index(family, metric, index=index, expected_rows=info.rows)
    _finish(store, family, metric)
    print(_described(store.info(family, metric)))


def _load(store: VectorStore, settings: Settings, metric: Metric, dataset: Root) -> None:
    family = settings.collection
    store.info(family, metric)  # says what to do if the collection is not there
    with ProgressBar() as bar:
        report = build_index(
            dataset,
            store=store,
            encoder=_encoder(settings),
            family=family,
            metrics=[metric],
            on_progress=bar,
        )
    _finish(store, family, metric)
    print(
        f"{report.added:,} added, {report.updated:,} updated, {report.unchanged:,} unchanged, "
        f"{len(report.skipped):,} skipped, {report.ignored:,} left out"
        + (f" ({report.left_out.said()})" if report.ignored else "")
    )
    print(_described(store.info(family, metric)))


def _finish(store: VectorStore, family: str, metric: Metric) -> None:
    """Wait for the index, with the rows it covers already."""
    total = store.count(family, metric)
    with ProgressBar() as bar:
        store.finish(family, metric, rows=total, on_progress=bar)
        bar(Stage.INDEX, total, total)


def _described(info: CollectionInfo) -> str:
    return f"{info.name}: {info.rows:,} rows, {info.metric}, {info.index_text}"


def _encoder(settings: Settings) -> "Encoder":
    from core.encoder.encoder import Encoder

    checkpoint = find_checkpoint(settings)
    if checkpoint.notice:
        print(f"\n*** {checkpoint.notice}\n", file=sys.stderr)
    return Encoder(checkpoint, precision=settings.precision)


if __name__ == "__main__":
    raise SystemExit(main())
