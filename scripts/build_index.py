"""Make a folder of pictures searchable.

    python -m scripts.build_index DATASET

Running it again encodes only what is new or changed.
"""

import argparse
import contextlib
import json
import sys
from pathlib import Path

from core.config import ARCHITECTURES, Settings, load_settings
from core.errors import OrchardError, SettingsError
from core.index import IndexChoice, IndexType
from core.indexing import IndexReport, build_index
from core.metric import Metric
from core.store import open_store
from core.weights import find_checkpoint
from scripts.terminal import ProgressBar, guarded, parse_metric

_SHOWN_SKIPS = 20


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        settings = load_settings(
            collection=arguments.collection,
            architecture=arguments.architecture,
            weights=arguments.weights,
        )
        index = IndexChoice(IndexType(arguments.index_type), _parse_nlist(arguments.nlist))
    except OrchardError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return guarded(
        lambda: _run(arguments, settings, index),
        settings,
        on_interrupt="stopped; what was encoded is kept, the same command continues from there",
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.build_index",
        description="Encode every picture of a folder and store it for search.",
    )
    parser.add_argument("dataset", type=Path, help="folder that holds one folder per class")
    parser.add_argument(
        "--metrics",
        nargs="+",
        type=parse_metric,
        default=list(Metric),
        metavar="METRIC",
        help="one collection each: L2, IP, COSINE (default: all three)",
    )
    parser.add_argument(
        "--index-type",
        choices=[kind.value for kind in IndexType],
        default=IndexType.IVF_FLAT.value,
        help="default IVF_FLAT",
    )
    parser.add_argument(
        "--nlist", default="auto", help="lists of an IVF index, 1 to 65536 (default: auto)"
    )
    parser.add_argument("--architecture", choices=ARCHITECTURES, help="default resnet50")
    parser.add_argument("--weights", type=Path, help="checkpoint file of that architecture")
    parser.add_argument("--collection", help="name of the collection (default: fruit_vector)")
    parser.add_argument(
        "--recreate", action="store_true", help="replace the collection, all its metrics"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    return parser


def _run(arguments: argparse.Namespace, settings: Settings, index: IndexChoice) -> int:
    from core.dataset import list_dataset
    from core.encoder import Encoder

    # A wrong folder should not cost a download and the loading of a model first.
    list_dataset(arguments.dataset)
    with contextlib.closing(open_store(settings)) as store:
        with ProgressBar("weights", unit="B", is_bytes=True) as fetched:
            checkpoint = find_checkpoint(settings, on_progress=fetched)
        if checkpoint.notice:
            print(f"\n*** {checkpoint.notice}\n", file=sys.stderr)
        encoder = Encoder(checkpoint)
        with ProgressBar("pictures", unit="picture") as pictures:
            report = build_index(
                arguments.dataset,
                store=store,
                encoder=encoder,
                family=settings.collection,
                metrics=tuple(arguments.metrics),
                index=index,
                recreate=arguments.recreate,
                on_progress=pictures.stage("encode"),
            )
    if arguments.json:
        print(json.dumps(report.to_dict(), indent=2, ensure_ascii=False))
    else:
        print(_described(report))
    return 0


def _described(report: IndexReport) -> str:
    lines = [
        f"{report.dataset}",
        f"  {report.added:,} added, {report.updated:,} updated, {report.unchanged:,} unchanged, "
        f"{len(report.skipped):,} skipped, {report.ignored:,} other files",
        f"  {report.seconds:.1f} s, {report.images_per_second:.1f} pictures a second",
        f"  encoder {report.encoder}",
    ]
    if report.without_file:
        lines.append(f"  {report.without_file:,} rows belong to files that are gone (kept)")
    for info in report.collections:
        nlist = f", nlist {info.nlist}" if info.nlist else ""
        lines.append(f"  {info.name}: {info.rows:,} rows, {info.index_type}{nlist}")
    for skipped in report.skipped[:_SHOWN_SKIPS]:
        lines.append(f"  skipped {skipped.path}: {skipped.reason}")
    if len(report.skipped) > _SHOWN_SKIPS:
        lines.append(f"  ... and {len(report.skipped) - _SHOWN_SKIPS} more; --json lists all")
    return "\n".join(lines)


def _parse_nlist(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal() or not 1 <= int(text) <= 65_536:
        raise SettingsError(f"--nlist {text!r} is not allowed; write auto or 1 to 65536.")
    return int(text)


if __name__ == "__main__":
    raise SystemExit(main())
