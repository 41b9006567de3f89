"""A table beside the pictures, or anywhere, that says which class each of them has, and more."""

import io
import posixpath
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from core.dataset.classes import Classes
from core.dataset.names import by_name, composed, find_named, folded, named
from core.dataset.quality import PIXELS, QUALITY
from core.errors import DatasetError
from core.records import Further
from core.wording import counted, some, visible

if TYPE_CHECKING:
    import pandas as pd

# Looked for in the dataset folder, in this order.
NAMES = ("labels.csv", "labels.parquet")
# What a row of a collection has of its own, or an answer of the database beside it, and what is
# measured of a picture: a column called so would be mistaken for it.
TAKEN = frozenset(
    {"m_id", "embedding", "path", "label", "digest", "id", "distance", QUALITY, PIXELS}
)
# A row of Milvus takes 65,536 bytes of what its schema does not name.
MOST_COLUMNS, MOST_CHARACTERS = 50, 300
_PATH_COLUMNS = ("path", "file", "filename", "file_name", "image", "image_path", "filepath")
_CLASS_COLUMNS = ("class", "label", "category", "class_name")
_SEPARATORS = ",;\t"
_NAMED = 3


class NoneNamedError(DatasetError):
    """A labels file is about other pictures."""


@dataclass
class _Said:
    """What a table says of the pictures, and what it says that cannot be used."""

    labels: dict[str, str] = field(default_factory=dict)
    further: dict[str, Further] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    too_long: int = 0


def labels_file_among(files: Iterable[str], pictures: Sequence[str]) -> str | None:
    """Return the labels file among the files of a dataset, if it has one.

    It lies at the top or, where everything lies in one folder, in that.

    Args:
        files: Paths relative to the dataset folder, forward slashes.
        pictures: The same, of the pictures alone.
    """
    there = {file for file in files if PurePosixPath(file).name in NAMES}
    folder = PurePosixPath()
    while there:
        for name in NAMES:
            if (found := str(folder / name)) in there:
                return found
        below = {PurePosixPath(path).relative_to(folder).parts[0] for path in pictures}
        if len(below) != 1 or str(folder := folder / below.pop()) in pictures:
            return None
    return None


def classes_by_file(file: Path, paths: Sequence[str], *, folder: str = "") -> Classes:
    """Read the class of every picture from a file, see `classes_by_table`.

    Raises:
        DatasetError: It cannot be read, lacks a column, or says two things of a picture.
        NoneNamedError: It names none of the pictures.
    """
    return classes_by_table(read_labels(file), paths, name=str(file), folder=folder)


def read_labels(file: Path) -> bytes:
    """Return the content of a labels file.

    Raises:
        DatasetError: It cannot be read.
    """
    try:
        return file.read_bytes()
    except OSError as error:
        raise _unreadable(str(file), error) from error


def classes_by_own(
    own: str, content: bytes, paths: Sequence[str], *, name: str
) -> tuple[Classes | None, str]:
    """Read the class of every picture from the labels file of the dataset itself.

    Args:
        own: As `labels_file_among` has found it.
        content: Of the file.
        paths: Of the pictures.
        name: Of the file, for messages.

    Returns:
        The classes, or None and why not: beside pictures that are all in one folder, of one class
        perhaps, it may be any file.

    Raises:
        DatasetError: It stands at the top, and as `classes_by_table`.
    """
    try:
        return classes_by_table(content, paths, name=name, folder=posixpath.dirname(own)), ""
    except DatasetError as error:
        if own in NAMES:
            raise
        return None, f"Not used: {error}"


def classes_by_table(
    content: bytes, paths: Sequence[str], *, name: str, folder: str = ""
) -> Classes:
    """Read the class of every picture from a table, as CSV or Parquet.

    It has a column `path` (also `file`, `filename`, `image`), relative to the dataset folder or,
    where only one picture is called so, the file's name alone; and a column `class` (also `label`,
    `category`). What other columns say, is kept as text: numbers and dates as they are written,
    nothing for an empty cell. A picture that it does not name has no class.

    Args:
        paths: Of the pictures, relative to the dataset folder, forward slashes.
        name: Of the file, for messages; its suffix tells CSV and Parquet apart.
        folder: That it lies in: paths may be relative to it as well.

    Raises:
        DatasetError: It cannot be read, lacks a column, or says two things of a picture.
        NoneNamedError: It names none of the pictures.
    """
    table = _read(content, name)
    path_column = _column(table.columns, _PATH_COLUMNS, name)
    class_column = _column(table.columns, _CLASS_COLUMNS, name)
    columns, doubts = _further_columns(table.columns, {path_column, class_column}, name)
    said = _said(
        table, (path_column, class_column), columns, places=_places(paths, folder), name=name
    )
    if not said.labels:
        raise NoneNamedError(
            f"{name!r} names none of the {len(paths):,} pictures; its first row is about "
            f"{(said.unknown or [''])[0]!r}. Paths are relative to the dataset folder, such as "
            f"{paths[0]!r}."
        )
    return Classes(
        {path: said.labels.get(path, "") for path in paths},
        PurePosixPath(name.replace("\\", "/")).name,
        (*_doubts(said, name), *doubts),
        said.further,
    )


def _said(
    table: "pd.DataFrame",
    named: tuple[str, str],
    columns: Mapping[str, str],
    *,
    places: Mapping[str, str],
    name: str,
) -> _Said:
    said = _Said()
    cells = {kept: table[column].tolist() for column, kept in columns.items()}
    for row, (text, label) in enumerate(zip(table[named[0]], table[named[1]], strict=True)):
        path = find_named(places, text)
        if path is None:
            said.unknown.append(text)
            continue
        known = {kept: composed(column[row].strip()) for kept, column in cells.items()}
        said.too_long += sum(len(cell) > MOST_CHARACTERS for cell in known.values())
        further = tuple(
            (kept, cell) for kept, cell in sorted(known.items()) if 0 < len(cell) <= MOST_CHARACTERS
        )
        _keep(said, path, composed(label.strip()), further, name=name)
    return said


def _keep(said: _Said, path: str, label: str, further: Further, *, name: str) -> None:
    before = said.labels.setdefault(path, label)
    if before != label:
        raise DatasetError(
            f"{name!r} says of {path!r} that it is {before!r} and that it is {label!r}. Leave one "
            "of the rows."
        )
    if said.further.setdefault(path, further) != further:
        old, new = dict(said.further[path]), dict(further)
        column = next(one for one in sorted({*old, *new}) if old.get(one) != new.get(one))
        raise DatasetError(
            f"{name!r} says of {path!r} that its {column} is {old.get(column, '')!r} and that it "
            f"is {new.get(column, '')!r}. Leave one of the rows."
        )


def _read(content: bytes, name: str) -> "pd.DataFrame":
    """Return a table of texts; an empty cell is an empty one."""
    import pandas as pd

    try:
        if name.lower().endswith(".parquet"):
            # Its own types, else a whole number beside an empty cell becomes a fraction.
            table = pd.read_parquet(io.BytesIO(content), dtype_backend="pyarrow")
            return pd.DataFrame({str(one): _as_text(table[one]) for one in table.columns})
        head = content.decode("utf-8-sig").partition("\n")[0]
        # Spreadsheets write what their country separates by.
        separator = max(_SEPARATORS, key=head.count)
        return pd.read_csv(
            io.BytesIO(content),
            dtype=str,
            keep_default_na=False,
            sep=separator,
            encoding="utf-8-sig",
        )
    except (OSError, ValueError, UnicodeError, ImportError) as error:
        # pandas and pyarrow raise kinds of ValueError of their own.
        raise _unreadable(name, error) from error


def _as_text(column: "pd.Series") -> list[str]:
    return [
        "" if missing else str(cell) for cell, missing in zip(column, column.isna(), strict=True)
    ]


def _unreadable(name: str, error: Exception) -> DatasetError:
    reason = getattr(error, "strerror", None) or str(error)
    reason = next(iter(reason.splitlines()), type(error).__name__)
    return DatasetError(
        f"the labels file {name!r} cannot be read ({reason}). It is a table as CSV in UTF-8, or as "
        "Parquet, with the columns path and class."
    )


def _column(columns: Iterable[object], known: Sequence[str], name: str) -> str:
    by_name = {folded(str(one).strip()): str(one) for one in columns}
    found = next((by_name[one] for one in known if one in by_name), None)
    if found is None:
        raise DatasetError(
            f"{name!r} has no column {known[0]!r}; it has {', '.join(by_name.values())}. Call "
            f"a column {known[0]!r}."
        )
    return found


def _further_columns(
    columns: Iterable[object], used: set[str], name: str
) -> tuple[dict[str, str], list[str]]:
    """Return the other columns by what they are kept as, and sentences about those that are not."""
    kept: dict[str, str] = {}
    nameless, taken, more = 0, [], 0
    for column in map(str, columns):
        title = composed(column.strip())
        if column in used:
            continue
        if not title or column.startswith("Unnamed: "):  # so pandas calls a column without a name
            nameless += 1
        elif title in TAKEN or title.startswith("$") or title in kept.values() or len(title) > 100:
            taken.append(visible(title[:100]))
        elif len(kept) == MOST_COLUMNS:
            more += 1
        else:
            kept[column] = title
    file = PurePosixPath(name.replace("\\", "/")).name
    doubts = []
    if nameless:
        doubts.append(f"Not kept: {counted(nameless, 'column')} of {file} without a name.")
    if taken:
        doubts.append(
            f"Not kept: {', '.join(taken)} of {file}. A column needs a name that no other has and "
            f"that means nothing else to the database (as {', '.join(sorted(TAKEN))} do), of at "
            "most 100 letters. Rename it."
        )
    if more:
        doubts.append(f"Not kept: {counted(more, 'column')} of {file} beyond {MOST_COLUMNS}.")
    return kept, doubts


def _places(paths: Sequence[str], folder: str) -> Mapping[str, str]:
    """Return the pictures by their paths, and by those of their names that only one has."""
    names = [named(PurePosixPath(path).name) for path in paths]
    count = Counter(names)
    once = {name: path for name, path in zip(names, paths, strict=True) if count[name] == 1}
    within = by_name((path.removeprefix(f"{folder}/"), path) for path in paths) if folder else {}
    return once | within | by_name((path, path) for path in paths)


def _doubts(said: _Said, name: str) -> Iterable[str]:
    file = PurePosixPath(name.replace("\\", "/")).name
    if said.unknown:
        first = some(said.unknown[:_NAMED], total=len(said.unknown))
        rows = counted(len(said.unknown), "row")
        yield f"{rows} of {file} about pictures that are not there: {first}."
    if said.too_long:
        cells = counted(said.too_long, "cell")
        yield f"Not kept: {cells} of {file} with more than {MOST_CHARACTERS} letters."
