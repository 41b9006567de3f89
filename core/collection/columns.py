"""Further columns of rows: which there are, which values they have, which rows have which.

What a labels file says besides the class, such as a variety or a date, is kept with the rows as
text under the names of its columns; what was measured of a picture is one column more.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.dataset.names import composed
from core.dataset.quality import PIXELS, QUALITY, Fault, faults_of, texts_with
from core.errors import QueryError
from core.records import Further
from core.wording import some

# Columns with the values that rows may have there, one of each.
Having = tuple[tuple[str, tuple[str, ...]], ...]
_TITLES = {QUALITY: "picture quality", PIXELS: "pixels"}
# Values that a message names.
_NAMED = 20


@dataclass(frozen=True, slots=True)
class Column:
    """One column of N rows.

    Attributes:
        rows: Value to the positions (n,) int64 of the rows that have it, ascending; the most
            frequent value first, equal ones by name. Rows without a value are in none; of a
            picture several things may be wrong.
        size: N.
    """

    name: str
    rows: Mapping[str, NDArray[np.int64]]
    size: int

    @property
    def title(self) -> str:
        """The name as it is shown."""
        return title_of(self.name)

    @property
    def none(self) -> str:
        """What rows without a value are called."""
        return "not measured" if self.name == QUALITY else f"no {self.title}"

    @property
    def counts(self) -> dict[str, int]:
        """Rows of every value."""
        return {value: len(rows) for value, rows in self.rows.items()}

    @property
    def values(self) -> tuple[str, ...]:
        """The value of every row (N,), the rarest of several; empty for a row without one."""
        values = [""] * self.size
        for value, rows in self.rows.items():
            for row in rows.tolist():
                values[row] = value
        return tuple(values)

    def of_rows(self, chosen: NDArray[np.int64]) -> "Column":
        """Return the column of some rows in another order.

        Args:
            chosen: (M,) positions; -1 for a row that is not there.
        """
        target = np.full(self.size, -1, dtype=np.int64)
        there = np.flatnonzero(chosen >= 0)
        target[chosen[there]] = there
        moved = {value: target[rows] for value, rows in self.rows.items()}
        found = {value: np.sort(rows[rows >= 0]) for value, rows in moved.items()}
        return Column(self.name, {v: rows for v, rows in found.items() if rows.size}, len(chosen))

    def mask(self, *values: str) -> NDArray[np.bool_]:
        """Mark the rows (N,) that have one of the values."""
        mask = np.zeros(self.size, dtype=bool)
        for value in values:
            if value in self.rows:
                mask[self.rows[value]] = True
        return mask


def title_of(name: str) -> str:
    """Return the name of a column as it is shown."""
    return _TITLES.get(name, name)


def columns_of(further: Sequence[Further]) -> dict[str, Column]:
    """Return the columns of rows, by name, in order of the names.

    Args:
        further: (N,) what is known of each row; empty as a whole where nothing is of any.
    """
    found: dict[str, dict[str, list[int]]] = {}
    # Rows of which the same is known have the same values; whether a size is odd follows from it.
    alike: dict[Further, list[int]] = {}
    for row, told in enumerate(further):
        alike.setdefault(told, []).append(row)
    faults = faults_of(further)
    for told, rows in alike.items():
        pairs = [pair for pair in told if pair[0] not in (QUALITY, PIXELS)]
        for name, value in (*pairs, *((QUALITY, fault) for fault in faults[rows[0]])):
            found.setdefault(name, {}).setdefault(value, []).extend(rows)
    return {name: _column(name, found[name], size=len(further)) for name in sorted(found)}


def parse_having(texts: Iterable[str]) -> Having:
    """Read `COLUMN=VALUE` texts; of several values of a column one is enough.

    Raises:
        QueryError: A text has another form.
    """
    having: dict[str, tuple[str, ...]] = {}
    for text in texts:
        name, separator, value = (part.strip() for part in composed(text).partition("="))
        if not (name and separator and value):
            raise QueryError(f"{text!r} names no value of a column. Write such as variety=Gala.")
        having[name] = (*having.get(name, ()), value)
    return tuple(having.items())


def require_known(having: Having, columns: Mapping[str, Column]) -> None:
    """Refuse a column, or a value, that no row has: a misspelt one must not go unseen.

    Raises:
        QueryError: The message says which there are.
    """
    for name, values in having:
        if name not in columns:
            has = f"they have {', '.join(columns)}" if columns else "they have none"
            raise QueryError(f"the rows have no column {name!r}; {has}.")
        there = list(columns[name].rows)
        if missing := [value for value in values if value not in there]:
            raise QueryError(f"no row has the {name} {_missing(missing, there)}")


def no_such_class(missing: Sequence[str], there: Iterable[str]) -> QueryError:
    """Return the error that names classes which no row has, and those that there are.

    Args:
        there: All classes; the empty one of pictures without a class is none to choose.
    """
    return QueryError(f"no row has the class {_missing(missing, sorted({*there} - {''}))}")


def _missing(missing: Sequence[str], there: Sequence[str]) -> str:
    among = f" Choose among {some(there[:_NAMED], total=len(there))}." if there else ""
    return f"{', '.join(map(repr, missing))}.{among}"


def searchable(columns: Mapping[str, Column]) -> dict[str, Column]:
    """Return the columns with those values alone that a search can ask for."""
    found = dict(columns)
    if quality := found.get(QUALITY):
        kept = {value: rows for value, rows in quality.rows.items() if value != Fault.SIZE}
        found[QUALITY] = replace(quality, rows=kept)
    return found


def has_all(further: Further, having: Having) -> bool:
    """Whether a row has one of the values in every column that is asked for, as stored."""
    known = dict(further)
    return all(known.get(name) in stored_texts(name, values) for name, values in having)


def stored_texts(name: str, values: Iterable[str]) -> tuple[str, ...]:
    """Return the texts that rows with one of the values have in a column.

    Of a picture several things may be wrong; that its size is odd is not stored.

    Raises:
        QueryError: No text stands for any of the values.
    """
    if name != QUALITY:
        return tuple(values)
    texts = tuple(dict.fromkeys(text for value in values for text in texts_with(value)))
    if not texts:
        raise QueryError(
            f"a search cannot ask for {' or '.join(values)}, which is not kept with the rows. "
            "Browse the collection for it."
        )
    return texts


def _column(name: str, rows: Mapping[str, Sequence[int]], *, size: int) -> Column:
    ordered = sorted(rows, key=lambda value: (-len(rows[value]), value))
    return Column(name, {v: np.sort(np.array(rows[v], dtype=np.int64)) for v in ordered}, size)
