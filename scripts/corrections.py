"""Give single pictures another class, leave them out, tag them; nothing is encoded.

    python -m scripts.corrections                                   # what is said, and the changes
    python -m scripts.corrections --exclude Lemon/blurred.jpg
    python -m scripts.corrections --relabel Lime Lemon/green.jpg Lemon/17.jpg
    python -m scripts.corrections --export corrections.csv          # --import brings it back
    python -m scripts.corrections --undo                            # the newest change, or --undo 3

Files and stored rows stay as they are. Search, evaluation, map and scripts take it into account.
"""

import argparse
import contextlib
import json
from collections.abc import Collection, Sequence
from pathlib import Path

from core.config import Settings
from core.corrections.book import Book, Step
from core.corrections.correction import Corrections, Edit
from core.corrections.table import export_table, import_table
from core.dataset.listing import list_dataset
from core.dataset.names import by_name, find_named
from core.dataset_root import parse_root
from core.errors import CorrectionError, OrchardError
from core.files import write_whole
from core.metric import Metric
from core.store.vector_store import open_store
from core.wording import counted, sentence, visible
from scripts.shared.beside import Dashboard, find_dashboard
from scripts.shared.terminal import add_collection, configured, parse_dataset, tell

_SHOWN = 20


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    arguments = _parser().parse_args(argv)
    return configured(
        lambda settings: _run(arguments, settings),
        on_interrupt="stopped; what was changed stays",
        collection=arguments.collection,
        dataset=arguments.dataset,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.corrections",
        description="Correct single pictures without encoding anything. Without an option: list.",
    )
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="pictures, relative to the dataset folder"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--exclude", action="store_true", help="leave the pictures out everywhere")
    what.add_argument("--include", action="store_true", help="take that back")
    what.add_argument("--relabel", metavar="CLASS", help="give them this class; '' takes it back")
    what.add_argument("--tag", metavar="WORDS", help="tag them; commas separate tags")
    what.add_argument("--untag", metavar="WORDS", help="take tags away")
    what.add_argument("--export", type=Path, metavar="FILE", help="write all as CSV; - for stdout")
    what.add_argument(
        "--import",
        type=Path,
        metavar="FILE",
        dest="table",
        help="take over a CSV with the columns path and class, excluded or tags",
    )
    what.add_argument(
        "--undo",
        type=int,
        nargs="?",
        const=0,
        metavar="NUMBER",
        help="take back a change, the newest without a number",
    )
    parser.add_argument(
        "--dataset", type=parse_dataset, help="where the pictures lie, if they have moved"
    )
    add_collection(parser)
    parser.add_argument("--json", action="store_true", help="list as JSON")
    return parser


def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    family = settings.collection
    edit = _edit(arguments)
    if edit is None and arguments.paths:
        raise CorrectionError(
            "say what to do with these pictures: --exclude, --include, --relabel, --tag or --untag."
        )
    if edit is not None and not arguments.paths:
        raise CorrectionError("name the pictures, such as Lemon/17.jpg.")
    dashboard = find_dashboard(settings)
    data = dashboard.data if dashboard else settings.data
    book = Book(data.corrections, read_only=settings.read_only)
    if arguments.undo is not None:
        print(f"undone: {visible(book.undo(family, arguments.undo or None).said)}")
    elif arguments.export:
        _export(arguments.export, book.of(family))
    elif edit is not None:
        paths = _named(arguments.paths, _known(dashboard, family, settings, book.of(family)))
        _tell(book.change(family, paths, edit))
    elif arguments.table:
        _import(arguments.table, book, _known(dashboard, family, settings, book.of(family)), family)
    else:
        print(_as_json(book, family) if arguments.json else _as_text(book, family))
    return 0


def _edit(arguments: argparse.Namespace) -> Edit | None:
    if arguments.exclude or arguments.include:
        return Edit(excluded=arguments.exclude)
    if arguments.relabel is not None:
        return Edit(label=arguments.relabel)
    if arguments.tag:
        return Edit(tagged=(arguments.tag,))
    if arguments.untag:
        return Edit(untagged=(arguments.untag,))
    return None


def _known(
    dashboard: Dashboard | None, family: str, settings: Settings, before: Corrections
) -> set[str]:
    """Return the paths that may be corrected.

    Those of rows, of what is corrected, and of files that have no row, such as unreadable ones.
    """
    folder = settings.of(family).dataset
    if dashboard:
        known = dashboard.paths()
    else:
        with contextlib.closing(open_store(settings)) as store:
            metrics = store.metrics(family)
            info = store.info(family, metrics[0] if metrics else Metric.COSINE)
            known = {record.path for record in store.stored.records(family, info.metric)}
        folder = folder or (parse_root(info.dataset) if info.dataset else None)
    if folder is not None:
        # Where it is away, its rows are known all the same.
        with contextlib.suppress(OrchardError):
            known.update(list_dataset(folder).paths)
    return known.union(before.by_path)


def _named(paths: Sequence[str], known: Collection[str]) -> list[str]:
    places = by_name((path, path) for path in known)
    found = [find_named(places, path) for path in paths]
    if unknown := [path for path, there in zip(paths, found, strict=True) if there is None]:
        named = ", ".join(map(repr, unknown[:_SHOWN]))
        raise CorrectionError(
            f"there is no picture {named}; nothing was changed. Give paths relative to the dataset "
            "folder, as verify and search show them."
        )
    return [path for path in found if path is not None]


def _tell(step: Step | None) -> None:
    print(visible(f"{step.number}: {step.said}") if step else "it was so already")


def _export(file: Path, said: Corrections) -> None:
    table = export_table(said)
    if str(file) == "-":
        # The end of a line is that of the terminal, which is shown no other control character.
        print(table.replace("\r\n", "\n"), end="")
    else:
        write_whole(file, table.encode())
        print(f"{counted(len(said.by_path), 'picture')} in {file}")


def _import(file: Path, book: Book, known: Collection[str], family: str) -> None:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise CorrectionError(
            f"{str(file)!r} cannot be read ({error.strerror}). Check the path."
        ) from error
    before = book.of(family)
    read = import_table(content, known=known, before=before)
    for notice in read.notices:
        tell(visible(notice))
    step = book.put(
        family,
        read.corrections,
        said=lambda n: f"{counted(n, 'picture')} as in {file.name}",
        before=before,
    )
    _tell(step)


def _as_json(book: Book, family: str) -> str:
    said = book.of(family)
    return json.dumps(
        {
            "collection": family,
            "fingerprint": said.fingerprint,
            "pictures": {
                path: {"class": one.label, "excluded": one.excluded, "tags": one.tags}
                for path, one in sorted(said.by_path.items())
            },
            "changes": [
                {"number": step.number, "at": step.at, "said": step.said}
                for step in book.steps(family)
            ],
        },
        indent=2,
        ensure_ascii=False,
    )


def _as_text(book: Book, family: str) -> str:
    said, steps = book.of(family), book.steps(family)
    if not said.by_path and not steps:
        return f"nothing is corrected in {family}"
    lines = [f"{family}: {counted(len(said.by_path), 'picture')} corrected"]
    lines += [f"  {path}: {one.said}" for path, one in sorted(said.by_path.items())[:_SHOWN]]
    lines += _more(said.by_path, "--export lists all")
    lines += ["changes, the newest first:"] if steps else []
    lines += [
        f"  {step.number:>4}  {step.at[:16]}  {sentence(step.said)}" for step in steps[:_SHOWN]
    ]
    lines += _more(steps, "--json lists all")
    return visible("\n".join(lines), keep="\n")


def _more(found: Collection[object], where: str) -> list[str]:
    return [f"  ... and {len(found) - _SHOWN:,} more; {where}"] if len(found) > _SHOWN else []


if __name__ == "__main__":
    raise SystemExit(main())
