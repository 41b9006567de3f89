"""What an evaluation report is: its configuration, the rows, and the neighbours of every query."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.collection.columns import Column, columns_of
from core.corrections.correction import Applied
from core.embeddings.neighbours import Neighbours
from core.measures.judgement import (
    Judgement,
    LabelledRows,
    cosine_similarities,
    exact_copies,
    judge,
    make_rows,
)
from core.metric import Metric
from core.records import Further, ImageRecord, record_at


class QuerySet(StrEnum):
    """Which pictures are asked."""

    ALL = "all"
    HELD_OUT = "held-out"


@dataclass(frozen=True, slots=True)
class Request:
    """What to evaluate.

    Attributes:
        ks: Cut-offs, each 1 to 1,000.
        nprobe: Lists the index searches, 1 to nlist; None leaves the index out: exact search only.
        sample: About how many queries, spread over the classes by their size with at least two of
            each; None asks with every picture.
        seed: Of the sample and of the bootstrap.
        queries: All pictures, or only those the offline encoder was not trained on.
        query_paths: Pattern such as `*/test_*` that the path of a query must match; empty for all.
        gallery_paths: Pattern for the rows that may be found; empty for all.
    """

    ks: tuple[int, ...] = (1, 5, 10)
    nprobe: int | None = 16
    sample: int | None = None
    seed: int = 0
    queries: QuerySet = QuerySet.ALL
    query_paths: str = ""
    gallery_paths: str = ""


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that must be known to repeat a report, or to compare it with another.

    Attributes:
        created: UTC, ISO 8601, to the second.
        collection: Name of the family.
        dataset: Folder that was indexed.
        encoder: Identity as text, see `core.records.EncoderIdentity`.
        fingerprint: Of rows and encoder, see `core.embeddings.matrix`.
        rows: Of the collection.
        nlist: 0 for an index without lists.
        request: What was asked for; nprobe as it was used.
        trained_queries: Queries the encoder was trained on; None when no list of them is known.
        versions: Program or library to version.
        seconds: The run took.
        corrections: Which were taken into account.
        stored: Fingerprint of the rows as they are stored, before corrections; empty in reports of
            before there were any.
    """

    created: str
    collection: str
    dataset: str
    encoder: str
    metric: Metric
    index_type: str
    nlist: int
    fingerprint: str
    rows: int
    request: Request
    trained_queries: int | None
    versions: Mapping[str, str]
    seconds: float
    corrections: Applied = Applied()  # noqa: RUF009 - frozen
    stored: str = ""


@dataclass(frozen=True, slots=True)
class Variant:
    """Which neighbours are left out before measuring.

    Attributes:
        without_copies: Those whose file has the same bytes as the query's.
        from_similarity: Those with at least this cosine similarity to the query, as for
            near-duplicates everywhere; None leaves none out.
    """

    without_copies: bool = False
    from_similarity: float | None = None


@dataclass(frozen=True, slots=True)
class Hits:
    """The hits of every query, and which of them are right."""

    lists: Neighbours
    judged: Judgement


@dataclass(frozen=True)
class Report:
    """One evaluation: N rows, Q queries and their neighbours. Measures are computed from it.

    Attributes:
        ids: (N,) int64, ascending.
        norms: (N,) float32, lengths of the embeddings.
        gallery: (N,) bool, rows that may be found.
        queries: (Q,) int64, positions among the rows.
        exact: Under exact search.
        index: Under the index, as deep as the largest k; None when it was left out.
        further: (N,) what else was known of the rows; empty as a whole where nothing was, or in a
            report of before that was kept.
    """

    configuration: Configuration
    ids: NDArray[np.int64]
    paths: tuple[str, ...]
    labels: tuple[str, ...]
    digests: tuple[str, ...]
    norms: NDArray[np.float32]
    gallery: NDArray[np.bool_]
    queries: NDArray[np.int64]
    exact: Neighbours
    index: Neighbours | None
    name: str = field(default="")
    further: tuple[Further, ...] = ()

    @cached_property
    def rows(self) -> LabelledRows:
        """The rows by class and copy."""
        return make_rows(self.labels, self.digests, gallery=self.gallery)

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        """Further columns of the rows, by name."""
        return columns_of(self.further)

    @cached_property
    def similarities(self) -> NDArray[np.float32]:
        """Cosine similarity (Q, D) of the exact neighbours to their queries."""
        return cosine_similarities(self.exact, self.configuration.metric, self.norms, self.queries)

    @cached_property
    def judged(self) -> Judgement:
        """The exact hits, as they are."""
        return judge(self.exact, self.rows, self.queries)

    @cached_property
    def judged_index(self) -> Judgement | None:
        """The index's hits, as they are."""
        return judge(self.index, self.rows, self.queries) if self.index else None

    def variant(self, variant: Variant) -> Judgement:
        """Judge the exact hits without those a variant leaves out."""
        return judge(self.exact, self.rows, self.queries, dropped=self.dropped(variant))

    def index_hits(self, variant: Variant, *, k: int) -> Hits | None:
        """Return the index's hits without those a variant leaves out, judged as `variant` does.

        How many right pictures could be found is what exact search says: the index's lists are too
        short to tell.

        Returns:
            None when the report left the index out, or kept so few of its hits that the first `k`
            of some query are unknown.
        """
        if self.index is None or self.judged_index is None or k > self.index.depth:
            return None
        if variant == Variant():
            return Hits(self.index, self.judged_index)
        similarities = cosine_similarities(
            self.index, self.configuration.metric, self.norms, self.queries
        )
        dropped = self._left_out(self.index, similarities, variant)
        exact = self.variant(variant)
        judged = replace(
            judge(self.index, self.rows, self.queries, dropped=dropped),
            relevant=exact.relevant,
            reachable=exact.reachable,
        )
        if judged.known is not None and (judged.known[judged.relevant > 0] < k).any():
            return None
        return Hits(self.index.without(dropped), judged)

    def dropped(self, variant: Variant) -> NDArray[np.bool_]:
        """Mark the exact neighbours (Q, D) that a variant leaves out."""
        return self._left_out(self.exact, self.similarities, variant)

    def record(self, position: int) -> ImageRecord:
        """Return one of the rows as a record."""
        return record_at(self, position)

    def _left_out(
        self, lists: Neighbours, similarities: NDArray[np.float32], variant: Variant
    ) -> NDArray[np.bool_]:
        dropped = np.zeros(lists.positions.shape, dtype=bool)
        if variant.without_copies:
            dropped |= exact_copies(lists, self.rows, self.queries)
        if variant.from_similarity is not None:
            dropped |= similarities >= variant.from_similarity
        return dropped
