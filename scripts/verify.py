"""Compare the collections with the dataset folder and with each other.

    python -m scripts.verify
    python -m scripts.verify --repair

Exit status: 0 all is well, 3 something is wrong, 2 it could not be found out. Files that cannot be
read are named and no fault once corrections leave them out, as
`python -m scripts.build_index DATASET --remove-unreadable` has it.
"""

import argparse
import contextlib
import json
from dataclasses import asdict

from core.config import Settings
from core.health.verify import Verification, repair, verify
from core.runs.reports import Repaired
from core.runs.task import Repair, Verify
from core.store.connection import PATIENCE, RUN_PATIENCE
from core.store.vector_store import open_store
from core.wording import counted, some, visible
from scripts.shared.beside import Dashboard, find_dashboard, refuse_beside
from scripts.shared.terminal import add_collection, configured, parse_dataset, tell

WRONG = 3
_SHOWN = 20


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    arguments = _parser().parse_args(argv)
    return configured(
        lambda settings: _run(arguments, settings),
        on_interrupt="stopped",
        collection=arguments.collection,
        dataset=arguments.dataset,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.verify",
        description="Compare the collections with the dataset folder and with each other.",
        epilog="Exit status: 0 all is well, 3 something is wrong, 2 it could not be found out.",
    )
    parser.add_argument(
        "--dataset", type=parse_dataset, help="where the pictures lie, if they have moved"
    )
    add_collection(parser)
    parser.add_argument(
        "--repair", action="store_true", help="copy rows that one metric has and another lacks"
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    return parser


def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    if dashboard := find_dashboard(settings):
        outcome = _verified_beside(dashboard, arguments, settings.collection)
    else:
        outcome = _verified(arguments, settings)
    if arguments.json:
        print(json.dumps(asdict(outcome), indent=2, ensure_ascii=False))
    else:
        options = f" --collection {arguments.collection}" if arguments.collection else ""
        print(_described(outcome, options))
    return WRONG if outcome.findings else 0


def _verified_beside(
    dashboard: Dashboard, arguments: argparse.Namespace, family: str
) -> Verification:
    refuse_beside(dashboard, dataset=arguments.dataset is not None)
    if arguments.repair:
        repaired = dashboard.run(Repair(family)).report
        if isinstance(repaired, Repaired):
            _tell_repaired(repaired.written)
            return repaired.verification
    outcome = dashboard.run(Verify(family)).report
    assert isinstance(outcome, Verification)
    return outcome


def _verified(arguments: argparse.Namespace, settings: Settings) -> Verification:
    # What is read only can be asked for again; a repair that breaks off leaves half of it undone.
    patience = RUN_PATIENCE if arguments.repair else PATIENCE
    with contextlib.closing(open_store(settings, patience=patience, on_retry=tell)) as store:
        if arguments.repair:
            written = repair(
                store, family=settings.collection, dataset=settings.of(settings.collection).dataset
            )
            _tell_repaired(written)
        return verify(
            store, family=settings.collection, dataset=settings.of(settings.collection).dataset
        )


def _tell_repaired(written: int) -> None:
    tell(f"repaired: {counted(written, 'row')} copied")


def _described(outcome: Verification, options: str) -> str:
    lines = [f"{name}: {rows:,} rows" for name, rows in outcome.rows.items()]
    lines += [f"  {visible(found.said)}" for found in outcome.findings]
    if outcome.accepted:
        total = len(outcome.accepted)
        named = some(outcome.accepted[:_SHOWN], total=total)
        lines.append(visible(f"left out, so no fault: {counted(total, 'file')} ({named})"))
    if not outcome.findings:
        lines.append(f"complete and equal, as the files below {outcome.dataset}")
        return "\n".join(lines)
    for problem in dict.fromkeys(found.problem for found in outcome.findings):
        if remedy := problem.remedy(outcome.dataset, options=options):
            lines.append(visible(f"{problem}: {remedy}"))
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
