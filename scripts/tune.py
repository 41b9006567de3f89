"""Measure which index answers how fast, and what precision it costs, on one's own pictures.

    python -m scripts.tune --limit-ms 20 --require 'precision loss <= 0.005'

What is measured can be seen, and the recommended index built, on the Collection page.
"""

import argparse
import contextlib

from core.collection.index_choice import IndexType
from core.config import Settings
from core.metric import Metric
from core.runs.task import Tune
from core.store.connection import RUN_PATIENCE
from core.store.vector_store import open_store
from core.tuning.limits import Limits, advice, front, recommended, signed
from core.tuning.run import tune
from core.tuning.tuning import Tuning
from scripts.shared.beside import Dashboard, find_dashboard
from scripts.shared.terminal import ProgressBar, add_collection, configured, parse_metric, tell

_USUAL = "p95 <= 20 and precision loss <= 0.005"


def main(argv: list[str] | None = None) -> int:
    """Run the command line; 0, 1 when no setting meets the limits, 2 for errors."""
    arguments = _parser().parse_args(argv)
    return configured(
        lambda settings: _run(arguments, settings),
        on_interrupt="stopped; what was measured is kept, the same command continues from there",
        collection=arguments.collection,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.tune",
        description="Measure types of index over a copy of a collection, against exact search.",
    )
    parser.add_argument(
        "--metric", type=parse_metric, default=Metric.COSINE, help="COSINE (default), L2 or IP"
    )
    parser.add_argument(
        "--types",
        nargs="+",
        type=str.upper,
        choices=[kind.value for kind in IndexType],
        default=[],
        metavar="TYPE",
        help=f"such as {IndexType.IVF_SQ8} {IndexType.HNSW_SQ} (default: all the database offers, "
        f"{IndexType.DISKANN} left out)",
    )
    parser.add_argument("-k", type=int, default=10, help="hits, 1 to 100 (default 10)")
    parser.add_argument(
        "--sample", type=int, default=200, help="about so many queries, of all classes (200)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of sample and intervals (default 0)")
    parser.add_argument(
        "--limit-ms", type=float, help="milliseconds within which 95 %% of the searches answer"
    )
    parser.add_argument(
        "--require",
        action="append",
        default=[],
        metavar="CONDITION",
        help="such as 'precision loss <= 0.005', 'recall >= 0.95', 'megabytes <= 50'; with the "
        f"limit in ms it decides the exit status (default: {_USUAL})",
    )
    add_collection(parser)
    parser.add_argument("--json", action="store_true", help="print what was measured as JSON")
    return parser


def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    # A condition that is none should not cost the measuring first.
    limits = _limits(arguments)
    task = Tune(
        settings.collection,
        arguments.metric,
        tuple(map(IndexType, arguments.types)),
        k=arguments.k,
        sample=arguments.sample,
        seed=arguments.seed,
    )
    dashboard = find_dashboard(settings)
    tuning = _measured_beside(dashboard, task) if dashboard else _measured_here(task, settings)
    print(tuning.to_json() if arguments.json else _as_text(tuning, limits))
    if arguments.json:
        tell(advice(tuning, limits))
    return int(recommended(tuning, limits) is None)


def _measured_beside(dashboard: Dashboard, task: Tune) -> Tuning:
    state = dashboard.run(task)
    # What this kind of task reports.
    assert isinstance(state.report, Tuning)
    return state.report


def _measured_here(task: Tune, settings: Settings) -> Tuning:
    opened = open_store(settings, patience=RUN_PATIENCE, on_retry=tell)
    with contextlib.closing(opened) as store, ProgressBar() as bar:
        return tune(
            store,
            family=task.family,
            metric=task.metric,
            folder=settings.data.tunings,
            cache_dir=settings.data.embeddings,
            types=task.types,
            k=task.k,
            sample=task.sample,
            seed=task.seed,
            on_progress=bar,
        )


def _limits(arguments: argparse.Namespace) -> Limits:
    texts = [*arguments.require]
    if arguments.limit_ms is not None:
        texts.append(f"p95 <= {arguments.limit_ms}")
    return Limits.parse(texts or _USUAL.split(" and "))


def _as_text(tuning: Tuning, limits: Limits) -> str:
    k, asked = tuning.asked.k, tuning.asked
    best = front(tuning.measured, by_recall=False)
    lines = [
        f"{asked.collection}, {asked.engine}: {tuning.rows:,} rows of {tuning.dimension:,} "
        f"numbers, {tuning.asked_queries:,} queries of {tuning.classes:,} classes, "
        f"{tuning.seconds:.0f} s",
        f"exact search has precision@{k} {tuning.exact_precision:.3f}",
        "",
        f"{'':2}{'setting':<34} {'recall':>7} {'precision lost or won (95 %)':>30} {'p50':>7} "
        f"{'p95':>7} {'1/s':>6} {'8: 1/s':>7} {'build':>7} {'MB':>9}",
    ]
    for one in tuning.measured:
        lines.append(
            f"{'* ' if one in best else '  '}{one.name:<34} {one.recall:>7.3f} "
            f"{signed(one.difference):>30} {one.p50:>7.1f} {one.p95:>7.1f} {one.per_second:>6.0f} "
            f"{one.per_second_of_8:>7.0f} {one.build_seconds:>6.1f}s {one.memory_bytes / 1e6:>8.1f}"
            f"{'c' if one.is_computed else ' '}"
        )
    for less in tuning.rounded:
        lines.append(
            f"  {less.name + ', exact':<34} {less.recall:>7.3f} {signed(less.difference):>30} "
            f"{'':>7} {'':>7} {'':>6} {'':>7} {'':>7} {less.bytes / 1e6:>8.1f}c"
        )
    lines += [f"  {no.index}: refused: {no.reason}" for no in tuning.refused]
    lines += [
        "",
        "* no other setting is faster and loses less; c: computed",
        advice(tuning, limits),
    ]
    if tuning.classes == 1:
        lines.append("There is one class only, so every hit is right: look at recall instead.")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
