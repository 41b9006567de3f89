"""The hits as a table to take away."""

from collections.abc import Sequence

from core.csv_table import csv_text
from core.metric import Metric
from core.search.hits import Hit


def hits_as_csv(hits: Sequence[Hit], *, metric: Metric) -> str:
    """Return rank, class, path, id, digest, displayed and raw score, one line a hit."""
    return csv_text(
        ["rank", "class", "path", "id", "digest", metric.noun, "raw score"],
        (
            (
                hit.rank,
                hit.record.label,
                hit.record.path,
                hit.record.id,
                hit.record.digest,
                metric.displayed(hit.score),
                hit.score,
            )
            for hit in hits
        ),
    )
