"""Make a folder of pictures searchable.

    python -m scripts.build_index DATASET
    python -m scripts.build_index --add-metric IP

Running it again encodes only what is new or changed. The second form encodes nothing at all.
"""

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from core.collection.index_choice import IndexChoice, IndexType
from core.config import ARCHITECTURES, Precision, Settings
from core.corrections.book import Book
from core.dataset.listing import list_dataset
from core.encoder.weights import Checkpoint, find_checkpoint
from core.errors import SettingsError
from core.indexing.build import add_metric, build_index
from core.indexing.cluster.connection import LOCAL, connected
from core.indexing.cluster.encoding import EncodingOnCluster, sent
from core.indexing.encoding import Encoding, EncodingHere
from core.indexing.report import IndexReport, save_index_report
from core.metric import Metric
from core.records import LeftOut
from core.runs.build_encoder import as_small_as_stored
from core.runs.task import AddMetric, Build, Task
from core.store.connection import RUN_PATIENCE
from core.store.vector_store import VectorStore, open_store
from core.upkeep.cleaning import clean_up
from core.wording import counted, visible
from scripts.shared.beside import Dashboard, find_dashboard, refuse_beside
from scripts.shared.terminal import (
    ProgressBar,
    add_collection,
    configured,
    parse_dataset,
    parse_metric,
    tell,
)

_SHOWN_SKIPS = 20


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    arguments = _parser().parse_args(argv)
    if arguments.labels:
        os.environ["ORCHARD_LABELS"] = str(arguments.labels)
    return configured(
        lambda settings: _run(arguments, settings),
        on_interrupt=_stopped(arguments),
        collection=arguments.collection,
        architecture=arguments.architecture,
        weights=arguments.weights,
        weight_set=arguments.weight_set,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.build_index",
        description="Encode every picture of a folder and store it for search.",
    )
    parser.add_argument(
        "dataset",
        type=parse_dataset,
        nargs="?",
        help="folder that holds one folder per class, or its address, such as s3://photos/fruit",
    )
    parser.add_argument(
        "--add-metric",
        type=parse_metric,
        metavar="METRIC",
        help="instead of a folder: copy the stored embeddings into a collection for this metric",
    )
    parser.add_argument(
        "--metrics",
        nargs="+",
        type=parse_metric,
        default=list(Metric),
        metavar="METRIC",
        help="one collection each: COSINE, L2, IP (default: all three)",
    )
    parser.add_argument(
        "--index-type",
        choices=[kind.value for kind in IndexType],
        default=IndexType.IVF_FLAT.value,
        help="default IVF_FLAT; a server has more types than Milvus Lite",
    )
    parser.add_argument(
        "--nlist", default="auto", help="lists of an IVF index, 1 to 65536 (default: auto)"
    )
    parser.add_argument(
        "--m", type=int, default=16, help="links a row of an HNSW index has, 2 to 2048 (default 16)"
    )
    parser.add_argument(
        "--ef-construction",
        type=int,
        default=200,
        help="candidates while an HNSW index is built, 8 to 32768 (default 200)",
    )
    parser.add_argument(
        "--subvectors",
        type=int,
        help="bytes IVF_PQ keeps of an embedding, a divisor of its numbers (default: an eighth)",
    )
    parser.add_argument("--architecture", choices=ARCHITECTURES, help="default resnet50")
    parser.add_argument("--weights", type=Path, help="checkpoint file of that architecture")
    parser.add_argument(
        "--weight-set", help="instead of a file: torchvision's enum name, such as IMAGENET1K_V2"
    )
    add_collection(parser)
    parser.add_argument(
        "--recreate", action="store_true", help="replace the collection, all its metrics"
    )
    parser.add_argument("--prune", action="store_true", help="delete the rows whose files are gone")
    parser.add_argument(
        "--remove-unreadable",
        action="store_true",
        help="delete the rows of files that can no longer be read, and have verify accept such "
        "files, until a later run can read them",
    )
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="a table (CSV, Parquet) with the columns path, class and any others, which are kept; "
        "it goes before labels.csv or labels.parquet in the folder; without any the folders say "
        "the class. To have the dashboard and other commands agree, set ORCHARD_LABELS",
    )
    parser.add_argument(
        "--ray",
        nargs="?",
        const=LOCAL,
        metavar="ADDRESS",
        help="encode on the Ray cluster at this address, such as 10.0.0.1:6379 (auto: one that "
        "runs here); without an address on the processors of this machine, see docs/deployment.md",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    return parser


def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    index = IndexChoice(
        IndexType(arguments.index_type),
        _parse_nlist(arguments.nlist),
        m=arguments.m,
        ef_construction=arguments.ef_construction,
        subvectors=arguments.subvectors,
    )
    _refuse_what_excludes(arguments)
    if arguments.add_metric is None:
        # A wrong folder should not cost a download and the loading of a model first.
        classes = list_dataset(arguments.dataset).classes
        tell(visible(classes.described()))
        for doubt in classes.doubts:
            tell(f"*** {visible(doubt)}")
        if said := str(Book(settings.data.corrections).of(settings.collection)):
            tell(f"corrections: {said}")
    if dashboard := find_dashboard(settings):
        report, path = _built_beside(dashboard, arguments, settings.collection, index)
    else:
        report = _done_here(arguments, settings, index)
        path = save_index_report(report, folder=settings.data.index_reports)
    if arguments.json:
        print(json.dumps(report.to_dict(), indent=2, ensure_ascii=False))
        print(f"report: {path}", file=sys.stderr)
    else:
        print(_described(report))
        print(f"  report: {path}")
    return 0


def _built_beside(
    dashboard: Dashboard, arguments: argparse.Namespace, family: str, index: IndexChoice
) -> tuple[IndexReport, Path]:
    refuse_beside(
        dashboard,
        weights=arguments.weights is not None,
        weight_set=arguments.weight_set is not None,
        labels=arguments.labels is not None,
        prune=arguments.prune,
        ray=arguments.ray is not None,
    )
    task: Task = (
        AddMetric(family, arguments.add_metric, index)
        if arguments.add_metric
        else Build(
            family,
            str(arguments.dataset.absolute()),
            tuple(arguments.metrics),
            architecture=arguments.architecture or "",
            index=index,
            recreate=arguments.recreate,
            remove_unreadable=arguments.remove_unreadable,
        )
    )
    state = dashboard.run(task)
    # What both kinds of task report.
    assert isinstance(state.report, IndexReport)
    return state.report, dashboard.data.runs / f"{state.name}.json"


def _done_here(
    arguments: argparse.Namespace, settings: Settings, index: IndexChoice
) -> IndexReport:
    with contextlib.closing(open_store(settings, patience=RUN_PATIENCE, on_retry=tell)) as store:
        # A type that the database does not have should not cost the loading of a model first.
        store.require_buildable(index)
        if arguments.add_metric is None:
            report = _built(arguments, settings, index, store)
        else:
            report = add_metric(
                arguments.add_metric,
                store=store,
                family=settings.collection,
                index=index,
                cache_dir=settings.data.embeddings,
            )
        clean_up(settings.data, store)
        return report


def _built(
    arguments: argparse.Namespace, settings: Settings, index: IndexChoice, store: VectorStore
) -> IndexReport:
    started = time.monotonic()
    with ProgressBar() as bar:
        checkpoint = find_checkpoint(settings, on_progress=bar)
    if checkpoint.notice:
        print(f"\n*** {checkpoint.notice}\n", file=sys.stderr)
    if not arguments.recreate:
        checkpoint = as_small_as_stored(checkpoint, store, settings.collection, settings)
    with _encoding(arguments.ray, checkpoint, settings.precision) as encoding, ProgressBar() as bar:
        load_seconds = round(time.monotonic() - started, 2)
        report = build_index(
            arguments.dataset,
            store=store,
            encoder=encoding,
            family=settings.collection,
            metrics=tuple(arguments.metrics),
            index=index,
            recreate=arguments.recreate,
            prune=arguments.prune,
            remove_unreadable=arguments.remove_unreadable,
            cache_dir=settings.data.embeddings,
            on_progress=bar,
        )
    cluster = str(encoding.workers) if isinstance(encoding, EncodingOnCluster) else ""
    return replace(report, load_seconds=load_seconds, cluster=cluster)


@contextlib.contextmanager
def _encoding(ray: str | None, checkpoint: Checkpoint, precision: Precision) -> Iterator[Encoding]:
    """Load the encoder, here or on the workers of a Ray cluster."""
    from core.encoder.encoder import Encoder

    # Also before it is sent anywhere: a file that is damaged is told of here.
    here = EncodingHere(Encoder(checkpoint, precision=precision))
    if ray is None:
        yield here
        return
    identity = here.identity
    del here
    with connected(ray) as cluster:
        tell(f"encoding on Ray: {cluster.workers}")
        yield EncodingOnCluster(identity, sent(checkpoint, precision=precision), cluster)


def _refuse_what_excludes(arguments: argparse.Namespace) -> None:
    removes = arguments.prune or arguments.remove_unreadable
    if (arguments.dataset is None) == (arguments.add_metric is None):
        raise SettingsError(
            "give either the dataset folder or --add-metric, such as: "
            "python -m scripts.build_index data/sample"
        )
    if arguments.add_metric and arguments.ray:
        raise SettingsError("--add-metric encodes nothing; leave out --ray.")
    if arguments.add_metric and (arguments.recreate or removes):
        raise SettingsError(
            "--add-metric copies what is stored; leave out --recreate, --prune and "
            "--remove-unreadable."
        )


def _stopped(arguments: argparse.Namespace) -> str:
    if arguments.recreate:
        return (
            "stopped; what was encoded is kept. If the old rows are dropped already, the same "
            "command without --recreate continues from there; with it, it begins again"
        )
    return "stopped; what was encoded is kept, the same command continues from there"


def _described(report: IndexReport) -> str:
    lines = [
        f"{report.dataset}",
        f"  {report.added:,} added, {report.updated:,} updated, "
        + (f"{report.relabelled:,} relabelled, " if report.relabelled else "")
        + f"{report.unchanged:,} unchanged, {len(report.skipped):,} skipped, "
        f"{report.ignored:,} left out",
        f"  {report.seconds:.1f} s, {report.images_per_second:.1f} pictures a second",
        f"  encoder {report.encoder}" + (f", {report.cluster}" if report.cluster else ""),
    ]
    if report.removed:
        lines.append(f"  {report.removed:,} removed, since their files are gone")
    if report.removed_unreadable:
        removed = counted(report.removed_unreadable, "picture")
        lines.append(f"  {removed} removed, since their files can no longer be read")
    if report.kept_unreadable:
        lines.append(
            f"  {counted(report.kept_unreadable, 'row')} of files that can no longer be read "
            "(kept, and still found; --remove-unreadable removes)"
        )
    if report.copied:
        lines.append(f"  {counted(report.copied, 'row')} copied from one metric to another")
    if report.without_file:
        lines.append(
            f"  {counted(report.without_file, 'row')} of files that are gone "
            "(kept; --prune removes)"
        )
    if report.unkept:
        lines.append(f"  embeddings not kept for exact search, which reads them: {report.unkept}")
    for info in report.collections:
        lines.append(f"  {info.name}: {info.rows:,} rows, {info.index_text}")
    for skipped in report.skipped[:_SHOWN_SKIPS]:
        lines.append(f"  skipped {visible(skipped.path)}: {skipped.reason}")
    if len(report.skipped) > _SHOWN_SKIPS:
        lines.append(f"  ... and {len(report.skipped) - _SHOWN_SKIPS} more; the report lists all")
    return "\n".join([*lines, *_left_out(report.left_out)])


def _left_out(left: LeftOut) -> list[str]:
    if not left.count:
        return []
    lines = [f"  left out, not pictures: {left.said()}"]
    lines += [f"    {visible(one.path)}: {one.reason}" for one in left.named[:_SHOWN_SKIPS]]
    if left.count > _SHOWN_SKIPS:
        lines.append(f"    ... and {left.count - _SHOWN_SKIPS:,} more; {_where(left)}")
    return lines


def _where(left: LeftOut) -> str:
    if left.count == len(left.named):
        return "the report lists all"
    return f"the report names the first {len(left.named):,} and counts all"


def _parse_nlist(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal() or not 1 <= int(text) <= 65_536:
        raise SettingsError(f"--nlist {text!r} is not allowed; write auto or 1 to 65536.")
    return int(text)


if __name__ == "__main__":
    raise SystemExit(main())
