"""A table as CSV that spreadsheets open as it is meant: UTF-8, and no text taken for a formula."""

import csv
import io
import math
from collections.abc import Iterable, Sequence

# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


# Tells a spreadsheet that the text is UTF-8.
_MARK = "\ufeff"


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as CSV with a header line, as spreadsheets expect it.

    Text that a spreadsheet would run as a formula gets an apostrophe in front. Floating-point
    numbers have up to nine significant digits, which tell float32 apart; NaN is an empty cell.
    """
    text = io.StringIO()
    text.write(_MARK)
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def unguarded(text: str) -> str:
    """Return the text of a cell as it was before `csv_text` put an apostrophe in front."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text


def _cell(value: object) -> object:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.9g}"
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
