"""A report in numbers: what is printed, saved as JSON, and shown first."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.collection.columns import Column
from core.dataset.quality import QUALITY
from core.embeddings.index_errors import ann_recall
from core.embeddings.near_duplicates import NEAR_DUPLICATE
from core.embeddings.neighbour_table import NEIGHBOURS
from core.evaluation.report import Report, Variant
from core.measures.findings import causes, find_hubs, suspects, total
from core.measures.judgement import Judgement, tied_cuts
from core.measures.slices import Slice, slices
from core.measures.summary import Summary, measures_of, summarise

# What a query is called that has another picture which is nearly the same.
NEAR_COPY = "near-copy"
# Values of a column that are told; of a date or a number every row may have another.
MOST_VALUES = 100


def summary_of(
    report: Report,
    variant: Variant = Variant(),  # noqa: B008 - frozen
    *,
    ks: Sequence[int] = (),
) -> Summary:
    """Summarise the exact hits of a report, without those a variant leaves out.

    Args:
        ks: Cut-offs; those of the report when empty.
    """
    request = report.configuration.request
    judged = report.judged if variant == Variant() else report.variant(variant)
    return summarise(judged, report.rows, ks=ks or request.ks, seed=request.seed)


def index_summary(
    report: Report,
    variant: Variant = Variant(),  # noqa: B008 - frozen
    *,
    ks: Sequence[int] = (),
) -> Summary | None:
    """Summarise the index's hits, without those a variant leaves out.

    R-precision and MAP@R are not among them: the index is asked for the largest k only.

    Returns:
        None when the report has no such hits for every query, see `Report.index_hits`.
    """
    request = report.configuration.request
    ks = ks or request.ks
    hits = report.index_hits(variant, k=max(ks))
    if hits is None:
        return None
    return summarise(hits.judged, report.rows, ks=ks, seed=request.seed, r_measures=False)


def report_summary(report: Report) -> dict[str, Any]:
    """Return the figures of a report as plain data for JSON; undefined is null."""
    ks = report.configuration.request.ks
    hubs = find_hubs(report.exact, report.judged, gallery=report.gallery)
    figures = {
        "exact": asdict(summary_of(report)),
        "exact_without_copies": _means(summary_of(report, Variant(without_copies=True))),
        "tied_cuts": {k: tied_cuts(report.exact, k) for k in ks},
        "hubs": {"k": NEIGHBOURS, "skew": hubs.skew, "never_retrieved": hubs.never},
        "suspected_labels": len(suspects(report.judged, report.rows)),
    }
    index = index_summary(report)
    if index is not None and report.index and report.judged_index:
        figures["index"] = asdict(index)
        figures["ann_recall"] = {
            k: float(ann_recall(report.index, report.exact, k=k).mean()) for k in ks
        }
        figures["wrong_hits"] = {
            k: asdict(total(causes(report.index, report.judged_index, report.exact, k=k)))
            for k in ks
        }
    figures["columns"] = {
        name: [asdict(one) for one in slices_of(report, column, judged=report.judged, k=max(ks))]
        for name, column in report.columns.items()
    }
    plain: dict[str, Any] = as_plain(figures)
    return plain


def slices_of(
    report: Report, column: Column, *, judged: Judgement, k: int, most: int = MOST_VALUES
) -> list[Slice]:
    """Return precision@k by the values of a column, of the most frequent `most` values.

    Queries with nothing to find are left out, as everywhere.

    Args:
        judged: The hits, as they are or of a variant.
    """
    precision = measures_of(judged, (k,))[f"precision@{k}"]
    precision = np.where(judged.relevant > 0, precision, np.nan)
    asked = {value: column.mask(value)[report.queries] for value in list(column.rows)[:most]}
    if column.name == QUALITY:
        # What else may be wrong with a picture by itself; here the others are at hand.
        near: NDArray[np.bool_] = report.similarities >= NEAR_DUPLICATE
        asked[NEAR_COPY] = np.asarray(near.any(axis=1))
    return slices(precision, asked, seed=report.configuration.request.seed)


def as_plain(value: Any) -> Any:  # noqa: ANN401
    """Return `value` as JSON can hold it: texts as keys, NaN as None."""
    if isinstance(value, Mapping):
        return {str(key): as_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return as_plain(asdict(value))
    if isinstance(value, float) and math.isnan(value):
        return None
    return value


def _means(summary: Summary) -> dict[str, Any]:
    return {"macro": asdict(summary)["macro"], "micro": asdict(summary)["micro"]}
