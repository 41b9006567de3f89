"""Move a collection to another database, or to a Parquet file and back, without encoding anything.

    python -m scripts.transfer data/orchard.db http://localhost:19530
    python -m scripts.transfer data/orchard.db rows.parquet
    python -m scripts.transfer rows.parquet http://localhost:19530

The source stays as it is. Stopped in the middle, the same command continues. Where a dashboard has
one of the two open, it does this.
"""

import argparse
import contextlib
from collections.abc import Sequence
from pathlib import Path

from core.config import Settings, load_settings
from core.errors import SettingsError
from core.metric import Metric
from core.runs.reports import Transferred
from core.runs.task import Export, Import, Task
from core.store.connection import RUN_PATIENCE
from core.store.transfer import Moved, export_rows, import_rows, is_parquet, transfer
from core.store.vector_store import VectorStore, open_store
from scripts.shared.beside import find_dashboard, refuse_beside
from scripts.shared.terminal import ProgressBar, add_collection, configured, parse_metric, tell


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    arguments = _parser().parse_args(argv)
    return configured(
        lambda settings: _run(arguments, settings),
        on_interrupt="stopped; what was moved is kept, the same command continues from there",
        collection=arguments.collection,
        milvus_database=arguments.database,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.transfer",
        description="Move a collection without encoding anything; the source stays as it is.",
    )
    parser.add_argument("source", help="a Milvus Lite file, a server's address, or *.parquet")
    parser.add_argument("target", help="the same")
    add_collection(parser)
    parser.add_argument("--database", help="on both sides (default: image_vector_db)")
    parser.add_argument(
        "--metrics",
        nargs="+",
        type=parse_metric,
        default=list(Metric),
        metavar="METRIC",
        help="collections to make from a Parquet file (default: all three)",
    )
    return parser


def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    if arguments.source == arguments.target:
        raise SettingsError(f"source and target are both {arguments.source!r}; give two.")
    if is_parquet(arguments.source) and is_parquet(arguments.target):
        raise SettingsError("source and target are both files; one must be a database.")
    family = settings.collection
    if moved := _moved_beside(arguments, settings):
        print("\n".join(map(_described, moved)))
        return 0
    with contextlib.ExitStack() as stack:
        bar = stack.enter_context(ProgressBar())
        if is_parquet(arguments.target):
            source = _opened(arguments.source, settings, stack, read_only=True)
            moved = [export_rows(source, Path(arguments.target), family=family, on_progress=bar)]
        elif is_parquet(arguments.source):
            target = _opened(arguments.target, settings, stack)
            moved = import_rows(
                Path(arguments.source),
                target,
                family=family,
                metrics=arguments.metrics,
                on_progress=bar,
            )
        else:
            source = _opened(arguments.source, settings, stack, read_only=True)
            target = _opened(arguments.target, settings, stack)
            moved = transfer(source, target, family=family, on_progress=bar)
    print("\n".join(map(_described, moved)))
    return 0


def _moved_beside(arguments: argparse.Namespace, settings: Settings) -> Sequence[Moved]:
    """Have it done by a dashboard that holds one of the two databases; nothing without one."""
    source, target = _whole(arguments.source), _whole(arguments.target)
    sides: dict[str, Task] = {
        arguments.source: Export(settings.collection, target),
        arguments.target: Import(settings.collection, source, tuple(arguments.metrics)),
    }
    for uri, task in sides.items():
        if is_parquet(uri):
            continue
        if dashboard := find_dashboard(load_settings(milvus_uri=uri, collection=task.family)):
            refuse_beside(dashboard, database=arguments.database is not None)
            report = dashboard.run(task).report
            assert isinstance(report, Transferred)  # as the kind of the task
            return report.moved
    return ()


def _whole(place: str) -> str:
    """Return the whole path of a file: the dashboard runs in a folder of its own."""
    return place if "://" in place else str(Path(place).expanduser().absolute())


def _opened(
    uri: str, settings: Settings, stack: contextlib.ExitStack, *, read_only: bool = False
) -> VectorStore:
    there = load_settings(
        milvus_uri=uri,
        milvus_database=settings.milvus_database,
        read_only=read_only or settings.read_only,
    )
    store = open_store(there, patience=RUN_PATIENCE, on_retry=tell)
    return stack.enter_context(contextlib.closing(store))


def _described(moved: Moved) -> str:
    return f"{moved.name}: {moved.written:,} rows written, {moved.rows:,} there"


if __name__ == "__main__":
    raise SystemExit(main())
