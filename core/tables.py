"""Reports as rows for tables and CSV files."""

import csv
import io
import math
from collections.abc import Iterable, Sequence

import numpy as np

from core.judgement import NO_CLASS, Judgement
from core.report import Report
from core.summary import Summary, measures_of


def class_rows(summary: Summary) -> list[dict[str, object]]:
    """Return one row per class in alphabetical order, with every measure and its interval."""
    rows: list[dict[str, object]] = []
    for c in summary.classes:
        row: dict[str, object] = {
            "class": c.label,
            "queries": c.queries,
            "pictures": c.pictures,
            "chance": c.chance,
            "confused_with": c.confused_with,
            "confused_share": c.confused_share,
        }
        row |= {f"ceiling@{k}": value for k, value in c.ceilings.items()}
        for name, estimate in c.measures.items():
            row |= {
                name: estimate.value,
                f"{name} low": estimate.low,
                f"{name} high": estimate.high,
            }
        rows.append(row)
    return rows


def query_rows(report: Report, judged: Judgement, *, ks: Sequence[int]) -> list[dict[str, object]]:
    """Return one row per query with its measures; undefined is an empty cell in CSV."""
    values = measures_of(judged, ks)
    return [
        {
            "id": int(report.ids[position]),
            "path": report.paths[position],
            "class": report.labels[position],
            "relevant": int(judged.relevant[query]),
            **{name: float(value[query]) for name, value in values.items()},
        }
        for query, position in enumerate(report.queries)
    ]


def as_csv(rows: Iterable[dict[str, object]]) -> bytes:
    """Return rows as CSV (UTF-8 with a mark, as spreadsheets expect).

    Text that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    rows = list(rows)
    buffer = io.StringIO(newline="")
    if rows:
        writer = csv.DictWriter(buffer, list(rows[0]))
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return buffer.getvalue().encode("utf-8-sig")


def worst_queries(report: Report, judged: Judgement, *, k: int, label: str = "") -> list[int]:
    """Return the queries with something to find, fewest right hits in the first `k` first.

    Equal ones in order of their first right hit, late first, then of their ids.

    Args:
        label: Only of this class; empty for all.
    """
    wanted = judged.relevant > 0
    if label:
        wanted &= judged.classes == report.rows.classes.index(label)
    if not wanted.any():
        return []
    right = judged.right[:, :k]
    found = right.sum(axis=1)
    first = np.where(judged.right.any(axis=1), judged.right.argmax(axis=1), judged.right.shape[1])
    order = np.lexsort((np.arange(len(found)), -first, found))
    return [int(query) for query in order if wanted[query]]


def confused_pairs(
    judged: Judgement, rows: tuple[str, ...], *, asked: str, got: str, k: int
) -> list[tuple[int, int]]:
    """Return (query, rank from 0) of the hits of class `got` for queries of class `asked`.

    Best ranks first.
    """
    usable = (judged.relevant > 0) & (judged.classes == rows.index(asked))
    there = (
        usable[:, None] & (judged.hits[:, :k] == rows.index(got)) & (judged.hits[:, :k] != NO_CLASS)
    )
    queries, ranks = np.nonzero(there)
    order = np.lexsort((queries, ranks))
    return [(int(queries[i]), int(ranks[i])) for i in order]


def _cell(value: object) -> object:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        return f"'{value}"
    return value
