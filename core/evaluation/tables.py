"""Reports as rows for tables and CSV files."""

from collections.abc import Mapping, Sequence

import numpy as np

from core.csv_table import csv_text
from core.evaluation.figures import slices_of
from core.evaluation.report import Report, Variant
from core.measures.findings import Hubs, causes
from core.measures.judgement import Judgement
from core.measures.summary import Summary, measures_of


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


def slice_rows(report: Report, judged: Judgement, *, k: int) -> list[dict[str, object]]:
    """Return one row per value of every column: queries and precision@k, and those of all others.

    Args:
        judged: The hits, as they are or of a variant.
    """
    name = f"precision@{k}"
    return [
        {
            "column": column.name,
            "value": one.value,
            "queries": one.queries,
            name: one.measure.value,
            f"{name} low": one.measure.low,
            f"{name} high": one.measure.high,
            "other queries": one.other_queries,
            f"others {name}": one.others.value,
            f"others {name} low": one.others.low,
            f"others {name} high": one.others.high,
        }
        for column in report.columns.values()
        for one in slices_of(report, column, judged=judged, k=k)
    ]


def query_rows(
    report: Report,
    variant: Variant = Variant(),  # noqa: B008 - frozen
    *,
    ks: Sequence[int],
) -> list[dict[str, object]]:
    """Return one row per query with its measures; undefined is an empty cell in CSV.

    Where the report has an index, its wrong hits at the largest k are told apart by cause: those
    that exact search has too, its own, and places left empty.

    Args:
        variant: What is left out of the hits of both searches.
    """
    plain = variant == Variant()
    judged = report.judged if plain else report.variant(variant)
    values = measures_of(judged, ks)
    rows: list[dict[str, object]] = [
        {
            "id": int(report.ids[position]),
            "path": report.paths[position],
            "class": report.labels[position],
            "relevant": int(judged.relevant[query]),
            **{name: float(value[query]) for name, value in values.items()},
        }
        for query, position in enumerate(report.queries)
    ]
    k = max(ks)
    index = report.index_hits(variant, k=k)
    if index is not None:
        exact = report.exact if plain else report.exact.without(report.dropped(variant))
        wrong = causes(index.lists, index.judged, exact, k=k)
        for row, cause in zip(rows, wrong, strict=True):
            row |= {
                f"index_wrong_exact_too@{k}": cause.encoder,
                f"index_wrong_own@{k}": cause.index,
                f"index_empty@{k}": cause.missing,
            }
    return rows


def picture_rows(report: Report, hubs: Hubs) -> list[dict[str, object]]:
    """Return one row per picture: how often it was a hit, and for how many of another class."""
    return [
        {
            "id": int(report.ids[position]),
            "path": report.paths[position],
            "class": report.labels[position],
            "in_gallery": int(report.gallery[position]),
            "occurrences": int(hubs.occurrences[position]),
            "bad_occurrences": int(hubs.bad[position]),
        }
        for position in range(len(report.ids))
    ]


def nearest_pairs(report: Report, *, most: int) -> list[tuple[int, int, float]]:
    """Return the most similar pairs of query and exact neighbour, each pair once.

    Returns:
        Up to `most` of (query, rank from 0, cosine similarity), most similar first.
    """
    similar = np.where(np.isnan(report.similarities), -np.inf, report.similarities)
    # Every pair may be there twice, from either side.
    looked_at = min(2 * most, similar.size)
    if not looked_at:
        return []
    flat = similar.ravel()
    best = np.argpartition(flat, flat.size - looked_at)[flat.size - looked_at :]
    best = best[np.lexsort((best, -flat[best]))]
    pairs: dict[tuple[int, int], tuple[int, int, float]] = {}
    for place in best[np.isfinite(flat[best])]:
        query, rank = (int(number) for number in np.unravel_index(place, similar.shape))
        ends = sorted((int(report.queries[query]), int(report.exact.positions[query, rank])))
        pairs.setdefault((ends[0], ends[1]), (query, rank, float(flat[place])))
    return list(pairs.values())[:most]


def as_csv(rows: Sequence[Mapping[str, object]]) -> str:
    """Return rows of the same names as CSV."""
    header = list(rows[0]) if rows else []
    return csv_text(header, ([row[name] for name in header] for row in rows))


def worst_queries(report: Report, judged: Judgement, *, k: int, label: str = "") -> list[int]:
    """Return the queries with something to find, fewest right hits in the first `k` first.

    Equal ones in order of their first right hit, late first, then of their ids.

    Args:
        label: Only of this class; empty for all.
    """
    usable = judged.relevant > 0
    if label:
        usable &= judged.classes == report.rows.classes.index(label)
    if not usable.any():
        return []
    right = judged.right[:, :k]
    counts = right.sum(axis=1)
    first = np.where(judged.right.any(axis=1), judged.right.argmax(axis=1), judged.right.shape[1])
    order = np.lexsort((np.arange(len(counts)), -first, counts))
    return [int(query) for query in order if usable[query]]


def confused_pairs(
    judged: Judgement, rows: tuple[str, ...], *, asked: str, got: str, k: int
) -> list[tuple[int, int]]:
    """Return (query, rank from 0) of the hits of class `got` for queries of class `asked`.

    Best ranks first; those that `core.measures.summary.confusion` counts.
    """
    usable = (judged.relevant > 0) & (judged.classes == rows.index(asked))
    counted = (judged.right | judged.faults)[:, :k]
    confused = usable[:, None] & counted & (judged.hits[:, :k] == rows.index(got))
    queries, ranks = np.nonzero(confused)
    order = np.lexsort((queries, ranks))
    return [(int(queries[i]), int(ranks[i])) for i in order]
