"""Measure how often the hits are right, without a browser.

    python -m scripts.evaluate --k 1 5 10 --metric COSINE --require 'macro precision@10 >= 0.8'

The report is saved and can be opened on the Evaluation page.
"""

import argparse
import contextlib
import sys

from core.collection.columns import Column
from core.collection.info import CollectionInfo
from core.config import Settings
from core.dataset.classes import usual_paths
from core.embeddings.matrix import Matrix, load_matrix
from core.errors import QueryError
from core.evaluation.figures import MOST_VALUES, index_summary, slices_of, summary_of
from core.evaluation.files import load_report, read_json_text, save_report
from core.evaluation.notes import notes, says_nothing, training_note
from core.evaluation.queries import usual_nprobe
from core.evaluation.report import QuerySet, Report, Request
from core.evaluation.requirement import Requirement, parse_requirement
from core.evaluation.run import evaluate
from core.measures.retrieval import measure_names
from core.measures.summary import Summary
from core.metric import Metric
from core.store.vector_store import VectorStore, open_store
from core.wording import visible
from scripts.shared.beside import Dashboard, find_dashboard
from scripts.shared.terminal import ProgressBar, add_collection, configured, parse_metric, tell


def main(argv: list[str] | None = None) -> int:
    """Run the command line; 0, 1 when a requirement does not hold, 2 for errors."""
    arguments = _parser().parse_args(argv)
    return configured(
        lambda settings: _run(arguments, settings),
        on_interrupt="stopped; no report was saved",
        collection=arguments.collection,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.evaluate",
        description="Measure per class how often the hits of a collection are right.",
    )
    parser.add_argument(
        "--k", nargs="+", type=int, default=[1, 5, 10], help="cut-offs (default 1 5 10)"
    )
    parser.add_argument(
        "--metric", type=parse_metric, default=Metric.COSINE, help="COSINE (default), L2 or IP"
    )
    parser.add_argument(
        "--nprobe",
        default="",
        help="lists the index searches, 1 to nlist (default 16, or exact where the gallery is "
        "limited), or exact to leave the index out",
    )
    parser.add_argument("--sample", type=int, help="about so many queries (default: every picture)")
    parser.add_argument("--seed", type=int, default=0, help="of sample and intervals (default 0)")
    parser.add_argument(
        "--queries",
        type=QuerySet,
        choices=list(QuerySet),
        default=QuerySet.ALL,
        help="held-out: only pictures the offline encoder was not trained on",
    )
    parser.add_argument(
        "--query-paths",
        help="ask only with paths such as '*/test_*' (default: ORCHARD_QUERY_PATHS, else the test "
        "folder of a dataset that is split into train and test; '' asks with all)",
    )
    parser.add_argument(
        "--gallery-paths",
        help="find only paths such as '*/train_*' (default: ORCHARD_GALLERY_PATHS, else the train "
        "folder; '' finds all)",
    )
    parser.add_argument(
        "--by",
        metavar="COLUMN",
        help="also say how the hits are right by the values of a further column of the labels file",
    )
    add_collection(parser)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument(
        "--require",
        action="append",
        default=[],
        metavar="CONDITION",
        help="such as 'macro precision@10 >= 0.8'; exit status 1 when it does not hold",
    )
    return parser


def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    requirements = [parse_requirement(text) for text in arguments.require]
    if dashboard := find_dashboard(settings):
        folder = dashboard.data.reports
        report = _evaluated_beside(dashboard, arguments, requirements)
    else:
        folder = settings.data.reports
        with contextlib.closing(open_store(settings)) as store:
            report = _evaluated(store, arguments, settings, requirements)
    # Before it is saved: what the report does not have is a mistake.
    if arguments.by and arguments.by not in report.columns:
        has = ", ".join(map(visible, report.columns)) or "none"
        raise QueryError(f"the rows have no column {arguments.by!r} (--by); they have: {has}.")
    summary = summary_of(report)
    results = [(requirement, requirement.value(summary)) for requirement in requirements]
    report = report if report.name else save_report(report, folder)
    try:
        if arguments.json:
            print(read_json_text(report.name, folder))
        else:
            print(_as_text(report, summary))
            if arguments.by:
                print(_by_column(report, report.columns[arguments.by], k=max(summary.ks)))
    except KeyboardInterrupt:
        tell(f"stopped; report {report.name} is saved")
        return 130
    nothing = says_nothing(report)
    failed = 0
    for requirement, value in results:
        holds = not nothing and requirement.holds(value)
        failed += not holds
        verdict = "holds" if holds else "does not hold"
        why = f". {nothing}" if nothing else ""
        print(f"requirement {requirement.text!r} {verdict}: {value:.3g}{why}", file=sys.stderr)
    return int(failed > 0)


def _evaluated_beside(
    dashboard: Dashboard, arguments: argparse.Namespace, requirements: list[Requirement]
) -> Report:
    for requirement in requirements:
        requirement.name_among(measure_names(tuple(arguments.k)))
    nprobe = arguments.nprobe or None
    name = dashboard.evaluate(
        {
            "metric": arguments.metric,
            "ks": arguments.k,
            "nprobe": nprobe if nprobe in (None, "exact") else _number(nprobe),
            "sample": arguments.sample,
            "seed": arguments.seed,
            "queries": arguments.queries,
            "query_paths": arguments.query_paths,
            "gallery_paths": arguments.gallery_paths,
        }
    )
    return load_report(name, dashboard.data.reports)


def _evaluated(
    store: VectorStore,
    arguments: argparse.Namespace,
    settings: Settings,
    requirements: list[Requirement],
) -> Report:
    info = store.info(settings.collection, arguments.metric)
    with ProgressBar() as bar:
        matrix = load_matrix(
            store, settings.collection, arguments.metric, settings.data.embeddings, bar
        )
    request = _request(arguments, settings, info, matrix)
    for requirement in requirements:
        # A measure that no report has is a mistake to hear of before the queries are asked.
        requirement.name_among(measure_names(request.ks))
    with ProgressBar() as bar:
        return evaluate(
            matrix,
            store=store,
            info=info,
            collection=settings.collection,
            request=request,
            on_progress=bar,
        )


def _request(
    arguments: argparse.Namespace, settings: Settings, info: CollectionInfo, matrix: Matrix
) -> Request:
    usual = usual_paths(
        matrix.paths, query_paths=settings.query_paths, gallery_paths=settings.gallery_paths
    )
    queries, gallery = (
        default if given is None else given
        for given, default in zip(
            (arguments.query_paths, arguments.gallery_paths), usual, strict=True
        )
    )
    return Request(
        ks=tuple(arguments.k),
        nprobe=_nprobe(arguments.nprobe, info.nlist, gallery),
        sample=arguments.sample,
        seed=arguments.seed,
        queries=arguments.queries,
        query_paths=queries,
        gallery_paths=gallery,
    )


def _nprobe(text: str, nlist: int, gallery: str) -> int | None:
    if text == "exact":
        return None
    if not text:
        return usual_nprobe(nlist, gallery)
    return _number(text)


def _number(text: str) -> int:
    if not text.isdecimal():
        raise QueryError(f"--nprobe {text!r} is not allowed; write a number or exact.")
    return int(text)


def _as_text(report: Report, summary: Summary) -> str:
    configuration = report.configuration
    k = max(summary.ks)
    lines = [
        f"{configuration.collection}, {configuration.metric}, {configuration.rows:,} pictures, "
        f"{summary.queries:,} queries, {configuration.seconds:.1f} s",
        f"encoder {configuration.encoder}",
        *filter(None, [training_note(report)]),
        *notes(report, summary),
        "",
        f"{'class':<20} {'n':>5}  {f'precision@{k} (95 % interval)':<26} {'ceiling':>7} "
        f"{'MAP@R':>6} {'chance':>7}  most confused with",
    ]
    lines += [
        f"{c.label[:20]:<20} {c.queries:>5}{'*' if c.few else ' '} "
        f"{c.measures[f'precision@{k}']!s:<26} {c.ceilings[k]:>#7.3g} "
        f"{c.measures['MAP@R'].value:>#6.3g} {c.chance:>#7.3g}  {c.confused_with}"
        for c in summary.worst_first(f"precision@{k}")
    ]
    lines += ["  * fewer than 30 queries: the interval is itself uncertain", ""]
    index = index_summary(report)
    for name in summary.macro:
        line = f"macro {name:<14} {summary.macro[name]!s:<26} micro {summary.micro[name]}"
        if index and name in index.macro and name.startswith("precision"):
            line += f"   index: macro {index.macro[name]}"
        lines.append(line)
    lines.append(f"\nreport {report.name}: open it on the Evaluation page")
    return "\n".join(lines)


def _by_column(report: Report, column: Column, *, k: int) -> str:
    found = slices_of(report, column, judged=report.judged, k=k)
    lines = [
        "",
        f"{visible(column.name)[:20]:<20} {'n':>5}  {f'precision@{k} (95 % interval)':<26} others",
    ]
    lines += [
        f"{visible(one.value)[:20]:<20} {one.queries:>5}{'*' if one.few else ' '} "
        f"{one.measure!s:<26} {one.others} (n = {one.other_queries:,})"
        for one in sorted(found, key=lambda one: one.measure.value)
    ]
    if len(column.rows) > MOST_VALUES:
        lines.append(f"  the {MOST_VALUES} most frequent of {len(column.rows):,} values")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
