"""Which folders of this machine may be indexed from the browser."""

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

from core.config import Settings
from core.dataset.listing import program_folder
from core.dataset_root import RemoteFolder, Root, parse_root
from core.errors import DatasetError

_MOST_SUGGESTIONS = 200


def allowed_roots(settings: Settings, *, indexed: str = "") -> tuple[Root, ...]:
    """Return the folders below which a visitor may choose, links resolved, each once.

    Those of ORCHARD_ROOTS, those of ORCHARD_DATASET and ORCHARD_COLLECTIONS, the folder that is
    indexed already, and the sample and the uploads below the data folder. Not the home folder: who
    can reach the dashboard would see whatever pictures lie there.

    Args:
        indexed: The dataset folder of the collection; empty if there is none.
    """
    named = [*settings.root_folders, *settings.datasets, parse_root(indexed) if indexed else None]
    named += [settings.data.sample, settings.data.uploads]
    return tuple(dict.fromkeys(folder.resolve() for folder in named if folder))


def folder_inside(text: str, roots: Sequence[Root]) -> Root:
    """Return the folder a visitor named, with links resolved.

    Raises:
        DatasetError: It does not lie below any of `roots`, whether it exists or not, or it is
            no folder.
    """
    try:
        named = parse_root(text.strip())
        folder = named.expanduser().resolve() if isinstance(named, Path) else named
        inside = any(_lies_below(folder, root) for root in roots)
    except (OSError, ValueError, RuntimeError):  # NUL bytes, link loops, unknown users
        inside = False
    if not inside or not text.strip():
        raise DatasetError(
            f"the folder {text!r} does not lie below a folder that may be indexed from the "
            f"browser ({', '.join(map(str, roots))}). Choose one of those, upload a ZIP file, or "
            "set ORCHARD_ROOTS to a folder above it and start again."
        )
    if isinstance(folder, Path) and not folder.is_dir():
        raise DatasetError(f"there is no folder {str(folder)!r}. Check the spelling.")
    return folder


def suggested_folders(roots: Sequence[Root]) -> list[Root]:
    """Return the folders that hold class folders: roots and, two levels down, what is in them.

    At most 200; names that start with a dot, and folders of other programs, are passed over. Of an
    object store the address alone, which nobody has to wait for.
    """
    found = (
        folder
        for root in roots
        for folder in ([root] if isinstance(root, RemoteFolder) else _with_classes(root, depth=2))
    )
    return list(itertools.islice(dict.fromkeys(found), _MOST_SUGGESTIONS))


def _lies_below(folder: Root, root: Root) -> bool:
    if isinstance(folder, RemoteFolder):
        return folder.is_relative_to(root)
    return isinstance(root, Path) and folder.is_relative_to(root)


def _with_classes(folder: Path, *, depth: int) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(
                e.name
                for e in itertools.islice(entries, 10_000)
                if e.is_dir(follow_symlinks=False)
                and not e.name.startswith(".")
                and not program_folder(f"{e.name}/")
            )
    except OSError:
        return []
    if not names:
        return []
    if not depth:
        return [folder]
    below = [f for name in names[:1000] for f in _with_classes(folder / name, depth=depth - 1)]
    return [folder, *below]
