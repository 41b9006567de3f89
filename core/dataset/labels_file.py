"""A table beside the pictures, or anywhere, that says which class each of them has."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from core.dataset.classes import Classes
from core.dataset.names import composed, folded
from core.errors import DatasetError
from core.wording import counted

if TYPE_CHECKING:
    import pandas as pd

# Looked for in the dataset folder, in this order.
NAMES = ("labels.csv", "labels.parquet")
_PATH_COLUMNS = ("path", "file", "filename", "file_name", "image", "image_path", "filepath")
_CLASS_COLUMNS = ("class", "label", "category", "class_name")
_SEPARATORS = ",;\t"
_NAMED = 3


class NoneNamedError(DatasetError):
    """A labels file is about other pictures."""


def labels_file_of(root: Path) -> Path | None:
    """Return the labels file in a dataset folder, if it has one; a link out of it is none."""
    inside = root.resolve()
    files = (root / name for name in NAMES)
    return next((f for f in files if f.is_file() and f.resolve().is_relative_to(inside)), None)


def classes_by_file(file: Path, paths: Sequence[str]) -> Classes:
    """Read the class of every picture from a table, as CSV or Parquet.

    It has a column `path` (also `file`, `filename`, `image`), relative to the dataset folder or,
    where only one picture is called so, the file's name alone; and a column `class` (also `label`,
    `category`). Other columns are not used. A picture that it does not name has no class.

    Args:
        paths: Of the pictures, relative to the dataset folder, forward slashes.

    Raises:
        DatasetError: It cannot be read, lacks a column, or names a picture in two classes.
        NoneNamedError: It names none of the pictures.
    """
    table = _read(file)
    path_column = _column(table.columns, _PATH_COLUMNS, file)
    class_column = _column(table.columns, _CLASS_COLUMNS, file)
    places = _places(paths)
    labels: dict[str, str] = {}
    unknown: list[str] = []
    for named, label in zip(table[path_column], table[class_column], strict=True):
        path = places.get(_as_named(str(named)))
        if path is None:
            unknown.append(str(named))
            continue
        text = composed(str(label).strip())
        if labels.setdefault(path, text) != text:
            raise DatasetError(
                f"{str(file)!r} says of {path!r} that it is {labels[path]!r} and that it is "
                f"{text!r}. Leave one of the rows."
            )
    if not labels:
        raise NoneNamedError(
            f"{str(file)!r} names none of the {len(paths):,} pictures; its first row is about "
            f"{(unknown or [''])[0]!r}. Paths are relative to the dataset folder, such as "
            f"{paths[0]!r}."
        )
    by_path = {path: labels.get(path, "") for path in paths}
    return Classes(by_path, file.name, tuple(_doubts(file, unknown, len(table.columns))))


def _read(file: Path) -> "pd.DataFrame":
    import pandas as pd

    try:
        if file.suffix.lower() == ".parquet":
            return pd.read_parquet(file).astype(str)
        with file.open(encoding="utf-8-sig") as opened:
            head = opened.readline()
        # Spreadsheets write what their country separates by.
        separator = max(_SEPARATORS, key=head.count)
        return pd.read_csv(
            file, dtype=str, keep_default_na=False, sep=separator, encoding="utf-8-sig"
        )
    except (OSError, ValueError, UnicodeError, ImportError) as error:
        # pandas and pyarrow raise kinds of ValueError of their own.
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise DatasetError(
            f"the labels file {str(file)!r} cannot be read ({reason}). It is a "
            "table as CSV in UTF-8, or as Parquet, with the columns path and class."
        ) from error


def _column(columns: Iterable[object], known: Sequence[str], file: Path) -> str:
    by_name = {folded(str(name).strip()): str(name) for name in columns}
    found = next((by_name[name] for name in known if name in by_name), None)
    if found is None:
        raise DatasetError(
            f"{str(file)!r} has no column {known[0]!r}; it has {', '.join(by_name.values())}. Call "
            f"a column {known[0]!r}."
        )
    return found


def _places(paths: Sequence[str]) -> Mapping[str, str]:
    """Return the pictures by their paths, and by those of their names that only one has."""
    by_name: dict[str, str] = {}
    twice: set[str] = set()
    for path in paths:
        name = _as_named(PurePosixPath(path).name)
        if name in by_name:
            twice.add(name)
        by_name[name] = path
    for name in twice:
        del by_name[name]
    return by_name | {_as_named(path): path for path in paths}


def _as_named(path: str) -> str:
    return composed(path.strip().replace("\\", "/").removeprefix("./"))


def _doubts(file: Path, unknown: Sequence[str], columns: int) -> Iterable[str]:
    if unknown:
        some = ", ".join(unknown[:_NAMED]) + (", ..." if len(unknown) > _NAMED else "")
        rows = counted(len(unknown), "row")
        yield f"{rows} of {file.name} about pictures that are not there: {some}."
    if more := columns - 2:
        yield f"Not used: {counted(more, 'further column')} of {file.name}."
