"""What a search found: hits, best first, and how they were found."""

from dataclasses import dataclass

from core.collection.index_types.parameters import Effort
from core.metric import Metric
from core.records import ImageRecord


@dataclass(frozen=True, slots=True)
class Hit:
    """One row that a search found.

    Attributes:
        rank: From 1, best first.
        score: As Milvus returns it, see `core.metric`.
    """

    rank: int
    record: ImageRecord
    score: float


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The answer to one query.

    Attributes:
        hits: Best first; fewer than `k` when the index or the filter left no more.
        k: Hits asked for.
        effort: How thoroughly the index was searched for this answer, every number of its type.
        search_ms: Milliseconds the database took, with the way there and back.
    """

    hits: tuple[Hit, ...]
    metric: Metric
    k: int
    effort: Effort
    search_ms: float

    @property
    def nprobe(self) -> int:
        """Lists that were searched; 0 where the index has no lists."""
        return self.effort.get("nprobe") or 0
