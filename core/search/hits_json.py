"""An answer as plain data for JSON, the same from the script and the HTTP API."""

from collections.abc import Sequence
from typing import Any

from core.collection.index_types.parameters import Effort
from core.collection.info import CollectionInfo
from core.search.hits import Hit


def hits_json(
    hits: Sequence[Hit],
    info: CollectionInfo,
    *,
    k: int,
    effort: Effort,
    milliseconds: dict[str, float],
) -> dict[str, Any]:
    """Return hits, best first, with what they were found by.

    Args:
        effort: How thoroughly the index was searched; empty where it was not asked.
        milliseconds: By what took them.
    """
    return {
        "hits": [
            {
                "rank": hit.rank,
                "id": hit.record.id,
                "path": hit.record.path,
                "label": hit.record.label,
                "digest": hit.record.digest,
                "further": dict(hit.record.further),
                "score": hit.score,
            }
            for hit in hits
        ],
        "metric": info.metric,
        "nprobe": effort.get("nprobe") or 0,
        "ef": effort.get("ef") or 0,
        "effort": dict(effort),
        "k": k,
        "rows": info.rows,
        "nlist": info.nlist,
        "encoder": str(info.encoder),
        "milliseconds": {name: round(value, 2) for name, value in milliseconds.items()},
    }
