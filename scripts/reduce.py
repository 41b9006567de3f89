"""Build a collection of its own from the embeddings of another, made smaller.

    python -m scripts.reduce pca256 fruit_small
    python -m scripts.reduce normalised+pca128+int8 fruit_bytes --metrics L2

Nothing is encoded. What was done is part of the new collection's encoder, so pictures that are
searched with or added later are made smaller in the same way. Running it again brings it up to
date. `python -m scripts.tune` measures beforehand what each way costs.
"""

import argparse
import contextlib
import json

from core.collection.index_choice import IndexChoice, IndexType
from core.config import Settings
from core.errors import SettingsError
from core.indexing.reduced import build_reduced
from core.indexing.report import IndexReport, save_index_report
from core.records import Reduction
from core.runs.task import Reduce
from core.store.connection import RUN_PATIENCE
from core.store.vector_store import open_store
from core.wording import counted
from scripts.shared.beside import Dashboard, find_dashboard
from scripts.shared.terminal import ProgressBar, configured, parse_metric, tell


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    arguments = _parser().parse_args(argv)
    return configured(
        lambda settings: _run(arguments, settings),
        on_interrupt="stopped; what was written is kept, the same command continues from there",
        collection=arguments.collection,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.reduce",
        description="Build a collection from the embeddings of another, made smaller.",
    )
    parser.add_argument(
        "reduction",
        help="what to do: pca256 (or any other number), float16, int8, normalised, or several "
        "in the order normalised+pca256+int8",
    )
    parser.add_argument("name", help="of the collection to build, or to bring up to date")
    parser.add_argument(
        "--metrics",
        nargs="+",
        type=parse_metric,
        default=[],
        metavar="METRIC",
        help="one collection each (default: those there are). With L2 alone PCA is about the mean",
    )
    parser.add_argument(
        "--index-type",
        choices=[kind.value for kind in IndexType],
        default=IndexType.IVF_FLAT.value,
        help="default IVF_FLAT",
    )
    parser.add_argument(
        "--collection",
        help="with the embeddings to take (default: ORCHARD_COLLECTION); stays as it is",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    return parser


def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    task = Reduce(
        settings.collection,
        arguments.name,
        tuple(arguments.metrics),
        _reduction(arguments.reduction),
        IndexChoice(IndexType(arguments.index_type)),
    )
    dashboard = find_dashboard(settings)
    report = _built_beside(dashboard, task) if dashboard else _built_here(task, settings)
    if arguments.json:
        print(json.dumps(report.to_dict(), indent=2, ensure_ascii=False))
    else:
        print(_described(report))
    if task.reduction.rounding:
        tell(
            f"The numbers are rounded to {task.reduction.rounding} and stored as float32 all the "
            "same: the collection shows what rounding costs, and takes no less room."
        )
    return 0


def _reduction(text: str) -> Reduction:
    try:
        asked = Reduction.parse(text)
    except ValueError:
        asked = Reduction()
    if asked.is_nothing or asked.fitted:
        raise SettingsError(
            f"{text!r} is no way to make embeddings smaller. Give pca256 (or another number), "
            "float16, int8, normalised, or several in this order: normalised+pca256+int8."
        )
    return asked


def _built_beside(dashboard: Dashboard, task: Reduce) -> IndexReport:
    state = dashboard.run(task)
    # What this kind of task reports.
    assert isinstance(state.report, IndexReport)
    return state.report


def _built_here(task: Reduce, settings: Settings) -> IndexReport:
    opened = open_store(settings, patience=RUN_PATIENCE, on_retry=tell)
    with contextlib.closing(opened) as store, ProgressBar() as bar:
        store.require_buildable(task.index)
        report = build_reduced(
            store,
            source=task.family,
            family=task.name,
            metrics=task.metrics,
            reduction=task.reduction,
            index=task.index,
            dataset=settings.of(task.family).dataset,
            cache_dir=settings.data.embeddings,
            on_progress=bar,
        )
    save_index_report(report, folder=settings.data.index_reports)
    return report


def _described(report: IndexReport) -> str:
    lines = [
        f"{report.reduced_from}: {counted(report.copied, 'row')} copied, "
        f"{report.unchanged:,} unchanged, {report.seconds:.1f} s",
        f"  encoder {report.encoder}",
        *(f"  {info.name}: {info.rows:,} rows, {info.index_text}" for info in report.collections),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
