"""The class of a picture, from its folders; and folders that split a dataset, found by name."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.dataset.names import composed

_GALLERY = ("train", "training")
# Best first: where there are several, queries come from the first; the others are not used.
_QUERIES = ("test", "testing", "val", "valid", "validation")


@dataclass(frozen=True, slots=True)
class Split:
    """How folders split a dataset.

    Attributes:
        query_paths: Pattern of the pictures to ask with, such as `test/*`.
        gallery_paths: Pattern of the pictures to find.
        labels: (N,) the class of every picture, where the split's folders stand above the
            classes and would be taken for them; None where the classes stand above.
    """

    query_paths: str
    gallery_paths: str
    labels: tuple[str, ...] | None


def find_split(paths: Sequence[str]) -> Split | None:
    """Find `train/CLASS/...` or `CLASS/train/...`; None unless every path fits, and both are there.

    A class that happens to be called `test`, among others, is no split.

    Args:
        paths: (N,) relative to the dataset folder, forward slashes.
    """
    folders = [path.split("/")[:-1] for path in paths]
    names = _named(folders, 0)
    if names:
        labels = tuple(composed(parts[1]) if len(parts) > 1 else "" for parts in folders)
        return Split(f"{names[0]}/*", f"{names[1]}/*", labels)
    names = _named(folders, 1)
    return Split(f"*/{names[0]}/*", f"*/{names[1]}/*", None) if names else None


def usual_paths(
    paths: Sequence[str], *, query_paths: str = "", gallery_paths: str = ""
) -> tuple[str, str]:
    """Return the patterns of queries and gallery to start with; empty texts for all pictures.

    Args:
        paths: Of the collection.
        query_paths: As the settings have it; where one of the two is set, nothing is looked for.
        gallery_paths: The same.
    """
    if query_paths or gallery_paths:
        return query_paths, gallery_paths
    split = find_split(paths)
    return (split.query_paths, split.gallery_paths) if split else ("", "")


def _named(folders: list[list[str]], level: int) -> tuple[str, str] | None:
    """Return the folders of queries and gallery at a level, as they are written there."""
    if not folders or any(len(parts) <= level for parts in folders):
        return None
    by_name = {name.lower(): name for name in {parts[level] for parts in folders}}
    queries = [by_name[name] for name in _QUERIES if name in by_name]
    gallery = [by_name[name] for name in _GALLERY if name in by_name]
    if not by_name.keys() <= {*_QUERIES, *_GALLERY} or not queries or not gallery:
        return None
    return queries[0], gallery[0]


def label_of(path: str) -> str:
    """Return the class of a picture: the first folder of its relative path, or an empty string.

    Folders whose names look the same, in one form of Unicode or the other, are one class.
    """
    folder, separator, _ = path.partition("/")
    return composed(folder) if separator else ""
