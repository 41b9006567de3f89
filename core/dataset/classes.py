"""The class of every picture of a dataset, decided once for all; and folders that split one.

A labels file decides where there is one, else the folders: those at the top, or, where folders such
as `train` and `test` or a mere wrapper stand there, those below them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from core.dataset.names import composed, folded
from core.records import Further
from core.wording import counted

_GALLERY = ("train", "training")
# Best first: where there are several, queries come from the first; the others are not used.
_QUERIES = ("test", "testing", "val", "valid", "validation")
_SPLIT = {*_GALLERY, *_QUERIES}
# Folders that people and programs put around class folders, singular or plural.
_WRAPPERS = {
    *("all", "archive", "asset", "catalog", "catalogue", "content", "data", "dataset", "download"),
    *("export", "file", "image", "img", "input", "item", "jpeg", "jpg", "media", "original"),
    *("photo", "pic", "picture", "png", "product", "public", "raw", "root", "sample", "shop"),
    *("static", "store", "upload"),
}
_YEAR_OR_DATE = re.compile(r"(19|20)\d\d([-_. ]?\d\d){0,2}")
# What the folder of an unpacked upload bears behind the archive's name.
_OF_UPLOAD = re.compile(r"-[0-9a-f]{8}$")
# Classes that a sentence names.
_NAMED = 10


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


@dataclass(frozen=True, slots=True)
class Classes:
    """The class of every picture.

    Attributes:
        by_path: Path to class; empty for a picture without one.
        found_by: What said so, such as `the folders`.
        doubts: Sentences about what may not be meant.
        further: Path to what a labels file says besides; pictures of which it says nothing are
            left out.
    """

    by_path: Mapping[str, str] = field(default_factory=dict)
    found_by: str = "the folders"
    doubts: tuple[str, ...] = ()
    further: Mapping[str, Further] = field(default_factory=dict)

    def of(self, path: str) -> str:
        """Return the class of a picture, empty without one; a path that is new has that of its
        folder.
        """
        known = self.by_path.get(path)
        return label_of(path) if known is None else known

    def further_of(self, path: str) -> Further:
        """Return what is said of a picture besides its class."""
        return self.further.get(path, ())

    @property
    def columns(self) -> list[str]:
        """Names of the further columns, in order."""
        return sorted({name for told in self.further.values() for name, _ in told})

    @property
    def counts(self) -> dict[str, int]:
        """Pictures a class, in order of the classes; those without one under an empty name."""
        return dict(sorted(Counter(self.by_path.values()).items()))

    def described(self) -> str:
        """Return in a line which classes there are, how large, and what said so."""
        counts = self.counts
        without = counts.pop("", 0)
        names = sorted(counts, key=lambda label: (-counts[label], label))
        listed = ", ".join(f"{label} {counts[label]:,}" for label in names[:_NAMED])
        more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
        said = [
            f"{counted(len(counts), 'class', 'classes')}" + (f": {listed}{more}" if names else "")
        ]
        if without:
            said.append(f"{counted(without, 'picture')} without a class")
        said.append(f"by {self.found_by}")
        if self.columns:
            said.append(f"further columns: {', '.join(self.columns)}")
        return "; ".join(said)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the classes stand in a tree of folders.

    Attributes:
        level: How many folders stand above that of the class.
        above: Folders that split the dataset, right above the classes, as they are written.
        below: The same, right below the classes.
        wrapper: Folders around all of it, as they are written.
    """

    level: int
    above: frozenset[str] = frozenset()
    below: frozenset[str] = frozenset()
    wrapper: tuple[str, ...] = ()

    def label(self, folders: Sequence[str]) -> str:
        return composed(folders[self.level]) if len(folders) > self.level else ""

    def words(self) -> str:
        if self.above:
            return f"the folders below {' and '.join(sorted(self.above, key=_split_order))}"
        return f"the folders below {'/'.join(self.wrapper)}" if self.wrapper else "the folders"


def classes_by_folder(paths: Sequence[str], *, name: str = "") -> Classes:
    """Decide the class of every picture by the folders it lies in.

    Args:
        paths: Relative to the dataset folder, forward slashes.
        name: Of the dataset folder, or of the archive without its suffix; a single folder that is
            called alike stands around the classes.
    """
    folders = [path.split("/")[:-1] for path in paths]
    layout = _layout(folders, name)
    labels = {path: layout.label(f) for path, f in zip(paths, folders, strict=True)}
    return Classes(labels, layout.words(), tuple(_doubts(folders, labels, layout)))


def find_split(paths: Sequence[str]) -> Split | None:
    """Find `train/CLASS/...` or `CLASS/train/...`, also below a wrapper; None without either.

    A class that happens to be called `test`, among others, is no split.

    Args:
        paths: (N,) relative to the dataset folder, forward slashes.
    """
    folders = [path.split("/")[:-1] for path in paths]
    layout = _layout(folders, "")
    around = "".join(f"{one}/" for one in layout.wrapper)
    if pair := _pair(layout.above):
        labels = tuple(map(layout.label, folders))
        return Split(f"{around}{pair[0]}/*", f"{around}{pair[1]}/*", labels)
    if pair := _pair(layout.below):
        return Split(f"{around}*/{pair[0]}/*", f"{around}*/{pair[1]}/*", None)
    return None


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


def label_of(path: str) -> str:
    """Return the first folder of a relative path, or an empty string: a class where nothing else is
    known of the dataset.

    Folders whose names look the same, in one form of Unicode or the other, are one class.
    """
    folder, separator, _ = path.partition("/")
    return composed(folder) if separator else ""


def _begins(path: str, label: str) -> bool:
    return path.startswith(f"{label}/") if label else "/" not in path


def _layout(folders: Sequence[Sequence[str]], name: str) -> _Layout:
    wrapper: list[str] = []
    while True:
        level = len(wrapper)
        here, below = _names(folders, level), _names(folders, level + 1)
        if _is_split(here) and (below or len(here) > 1):
            return _Layout(level + 1, above=here, wrapper=tuple(wrapper))
        only = next(iter(here)) if len(here) == 1 and below else ""
        if not only or not _is_around(only, folders, level=level, name=name):
            break
        wrapper.append(only)
    every = all(len(parts) > level + 1 for parts in folders if len(parts) > level)
    is_split_below = every and _is_split(below) and _pair(below)
    return _Layout(level, below=below if is_split_below else frozenset(), wrapper=tuple(wrapper))


def _is_around(only: str, folders: Sequence[Sequence[str]], *, level: int, name: str) -> bool:
    """Whether the only folder of a level is no class but stands around the classes."""
    if folded(only).removesuffix("s") in _WRAPPERS or _word(only) == _word(name):
        return True
    return _is_split(_names(folders, level + 1)) and bool(_names(folders, level + 2))


def _word(name: str) -> str:
    """Return a name as it is compared: a folder called like what it lies in stands around."""
    return re.sub(r"[\W_]+", "_", _OF_UPLOAD.sub("", folded(name)))


def _names(folders: Iterable[Sequence[str]], level: int) -> frozenset[str]:
    return frozenset(parts[level] for parts in folders if len(parts) > level)


def _is_split(names: frozenset[str]) -> bool:
    return bool(names) and {folded(name) for name in names} <= _SPLIT


def _pair(names: frozenset[str]) -> tuple[str, str] | None:
    """Return the folders of queries and gallery, as they are written."""
    by_name = {folded(name): name for name in sorted(names)}
    queries = [by_name[name] for name in _QUERIES if name in by_name]
    gallery = [by_name[name] for name in _GALLERY if name in by_name]
    return (queries[0], gallery[0]) if queries and gallery else None


def _split_order(name: str) -> tuple[int, str]:
    return [*_GALLERY, *_QUERIES].index(folded(name)), name


def _doubts(
    folders: Sequence[Sequence[str]], labels: Mapping[str, str], layout: _Layout
) -> Iterable[str]:
    names = set(labels.values()) - {""}
    remedy = "Sort the pictures into a folder a class, or name the classes in a labels file."
    if not names:
        yield f"No picture lies in a folder of a class, so none has one. {remedy}"
    elif all(map(_YEAR_OR_DATE.fullmatch, names)):
        some = ", ".join(sorted(names)[:3])
        yield f"The folders look like dates ({some}), not like classes. {remedy}"
    elif len(names) == 1:
        below = sorted(_names(folders, layout.level + 1))
        [only] = names
        if len(below) > 1:
            some = ", ".join(below[:3]) + (", ..." if len(below) > 3 else "")
            yield (
                f"Every picture lies below {only}, which is the only class. If its folders are the "
                f"classes ({some}), give the folder {only} itself."
            )
        else:
            yield f"{only} is the only class, so every hit is right whatever the search is worth."
