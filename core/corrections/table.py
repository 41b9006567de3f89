"""Corrections as a CSV table, to be edited in a spreadsheet, and read back."""

import codecs
import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.corrections.correction import (
    NOTHING,
    Correction,
    Corrections,
    as_label,
    as_tags,
)
from core.csv_table import csv_text, unguarded
from core.dataset.names import by_name, find_named, folded
from core.errors import CorrectionError
from core.wording import counted, listed

COLUMNS = ("path", "class", "excluded", "tags")
_SEPARATORS = ",;\t"
# How spreadsheets on Windows write what is not Unicode, the more frequent first.
_CODE_PAGES = {
    "cp1252": "western European, Windows",
    "cp1250": "central European, Windows",
    "cp1251": "Cyrillic, Windows",
    "cp932": "Shift-JIS, Japanese",
    "gb18030": "GB 18030, Chinese",
    "big5": "Big5, Chinese",
    "cp949": "EUC-KR, Korean",
}
_YES = {"yes", "y", "true", "1", "x"}
_NO = {"", "no", "n", "false", "0"}
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Imported:
    """What a table says.

    Attributes:
        corrections: By path, also `NOTHING`, which takes back what was said.
        notices: Sentences about rows that are not used, and about how the file was read.
    """

    corrections: Mapping[str, Correction]
    notices: tuple[str, ...]


def export_table(corrections: Corrections) -> str:
    """Return all corrections as CSV: path, class, excluded (yes or empty), tags."""
    return csv_text(
        COLUMNS,
        (
            (path, one.label or "", "yes" if one.excluded else "", "; ".join(one.tags))
            for path, one in sorted(corrections.by_path.items())
        ),
    )


def import_table(content: bytes, *, known: Collection[str], before: Corrections) -> Imported:
    """Read a table of corrections.

    It has a column `path` and one at least of `class`, `excluded` and `tags`, in any order; others
    are not used. An empty cell takes back what was said, a column that is not there leaves it.

    Args:
        content: Of the file, UTF-8 or as a spreadsheet of any country writes it.
        known: Paths of the pictures there are.
        before: What is said of them now.

    Raises:
        CorrectionError: It is no table, or lacks a column.
    """
    text, encoding = _decoded(content)
    rows = _rows(text)
    header = [folded(name.strip()) for name in next(rows, [])]
    places = {name: header.index(name) for name in COLUMNS if name in header}
    if "path" not in places or len(places) < 2:
        has = ", ".join(filter(None, header)) or "nothing"
        raise CorrectionError(
            f"the table has the columns {has}; needed are path and one at least of class, excluded "
            "and tags. Name them in the first line, as an exported table does."
        )
    reading = _Reading(by_name((path, path) for path in known), before)
    for number, cells in enumerate(rows, 2):
        if any(map(str.strip, cells)):
            row = {name: unguarded(cells[p]) for name, p in places.items() if p < len(cells)}
            reading.take(number, row)
    unused = [name for name in header if name and name not in COLUMNS]
    read_as = [f"Read as {encoding}."] if encoding != "UTF-8" else []
    not_used = [f"Not used: the columns {listed(unused)}."] if unused else []
    return Imported(reading.corrections, (*read_as, *not_used, *reading.notices()))


class _Reading:
    """The rows of a table, taken one after the other."""

    def __init__(self, paths: Mapping[str, str], before: Corrections) -> None:
        self._paths, self._before = paths, before
        self.corrections: dict[str, Correction] = {}
        self._unknown: list[str] = []
        self._wrong: list[str] = []
        self._twice: list[str] = []

    def take(self, number: int, row: Mapping[str, str]) -> None:
        """Take a row, by the names of its columns; `number` is its line as a spreadsheet counts."""
        named = row.get("path", "")
        path = find_named(self._paths, named)
        if path is None:
            self._unknown.append(named.strip() or f"line {number} without a path")
            return
        try:
            correction = _correction(row, self._before.of(path))
        except CorrectionError as error:
            self._wrong.append(f"line {number}, {error}")
            return
        if self.corrections.setdefault(path, correction) != correction:
            self._twice.append(f"line {number}, {path}")

    def notices(self) -> list[str]:
        """Return a sentence for each kind of row that was not used."""
        found = (
            (self._unknown, "about pictures that are not there"),
            (self._wrong, "cannot be understood"),
            (self._twice, "about a picture that an earlier row says something else of"),
        )
        return [
            f"Left out: {counted(len(rows), 'row')} {what} ({_some(rows)})."
            for rows, what in found
            if rows
        ]


def _correction(row: Mapping[str, str], known: Correction) -> Correction:
    label = as_label(row["class"]) or None if "class" in row else known.label
    tags = as_tags([row["tags"]]) if "tags" in row else known.tags
    excluded = known.excluded
    if "excluded" in row:
        said = folded(row["excluded"].strip())
        if said not in _YES | _NO:
            raise CorrectionError(f"excluded is {row['excluded']!r}: write yes or nothing")
        excluded = said in _YES
    correction = Correction(label, excluded, tags)
    return NOTHING if correction.is_nothing else correction


def _decoded(content: bytes) -> tuple[str, str]:
    """Return a text and, in words, how it was read."""
    for mark, name in ((codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16")):
        if content.startswith(mark):
            try:
                return content.decode("utf-16"), name
            except UnicodeDecodeError as error:
                raise CorrectionError(_no_table("broken UTF-16")) from error
    content = content.removeprefix(codecs.BOM_UTF8)
    if b"\0" in content:
        raise CorrectionError(_no_table("it holds bytes that no text has"))
    try:
        return content.decode(), "UTF-8"
    except UnicodeDecodeError:
        page = _best_code_page(content)
    return content.decode(page, "replace"), _CODE_PAGES[page]


def _best_code_page(content: bytes) -> str:
    from charset_normalizer import from_bytes

    pages = list(_CODE_PAGES)
    fits = from_bytes(content, cp_isolation=pages, threshold=0.6)
    # A small `chaos` means few odd neighbours; of equals the more frequent one is meant.
    ranked = sorted(
        (round(fit.chaos, 2), pages.index(fit.encoding)) for fit in fits if fit.encoding in pages
    )
    best = pages[ranked[0][1]] if ranked else pages[0]
    text = content.decode(best, "replace")
    # Of those that read it alike only one is told.
    return next(page for page in pages if content.decode(page, "replace") == text)


def _rows(text: str) -> Iterator[list[str]]:
    head = text.splitlines()[0] if text.strip() else ""
    # Spreadsheets write what their country separates by.
    separator = max(_SEPARATORS, key=head.count)
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    except csv.Error as error:
        raise CorrectionError(_no_table(str(error))) from error


def _no_table(reason: str) -> str:
    return f"the file cannot be read as a table ({reason}). Save it as CSV in UTF-8."


def _some(rows: Sequence[str]) -> str:
    return "; ".join(rows[:_NAMED]) + ("; ..." if len(rows) > _NAMED else "")
