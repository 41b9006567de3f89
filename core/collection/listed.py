"""What a list says of each collection that a database holds, before any of it is loaded."""

from dataclasses import dataclass

from core.metric import Metric
from core.records import EncoderIdentity


@dataclass(frozen=True, slots=True)
class Listed:
    """One family, or a collection that others made.

    Attributes:
        name: Of the family.
        metrics: In their usual order.
        rows: Of its largest collection as the database's statistics have them, which on a server
            may count rows that were replaced or deleted a while ago.
        encoder: What made the embeddings; see `EncoderIdentity.is_known`.
        is_foreign: Whether others made it.
        dataset: Where its pictures lay when they were indexed; empty where others made it.
    """

    name: str
    metrics: tuple[Metric, ...]
    rows: int
    encoder: EncoderIdentity
    is_foreign: bool = False
    dataset: str = ""
