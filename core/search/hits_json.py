"""An answer as plain data for JSON, the same from the script and the HTTP API."""

from collections.abc import Sequence
from typing import Any

from core.collection.info import CollectionInfo
from core.search.hits import Hit


def hits_json(
    hits: Sequence[Hit],
    info: CollectionInfo,
    *,
    k: int,
    nprobe: int,
    ef: int = 0,
    milliseconds: dict[str, float],
) -> dict[str, Any]:
    """Return hits, best first, with what they were found by.

    Args:
        nprobe: Lists that were searched; 0 where the index has none or was not asked.
        ef: Candidates an HNSW index looked at; 0 for other indexes.
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
                "score": hit.score,
            }
            for hit in hits
        ],
        "metric": info.metric,
        "nprobe": nprobe,
        "ef": ef,
        "k": k,
        "rows": info.rows,
        "nlist": info.nlist,
        "encoder": str(info.encoder),
        "milliseconds": {name: round(value, 2) for name, value in milliseconds.items()},
    }
