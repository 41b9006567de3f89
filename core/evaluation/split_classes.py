"""The classes of rows whose dataset is split by folders above the classes."""

from collections.abc import Mapping, Sequence

from core.dataset.classes import find_split


def split_classes(
    paths: Sequence[str], labels: Sequence[str], *, given: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the classes below folders that split the rows, where nobody has decided them before.

    Rows that others made may have no class but the beginning of their path.

    Args:
        paths: (N,) of the rows.
        labels: (N,) their classes.
        given: Classes by path that corrections give, which stay.
    """
    split = find_split(paths)
    rows = zip(paths, labels, strict=True)
    if not split or not split.labels or not all(_begins(p, c) for p, c in rows if p not in given):
        return tuple(labels)
    return tuple(given.get(path, c) for path, c in zip(paths, split.labels, strict=True))


def _begins(path: str, label: str) -> bool:
    return path.startswith(f"{label}/") if label else "/" not in path
