"""What the answer to one query is worth: votes, precision, recall, who is to blame for a miss."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.embeddings.index_errors import ann_recall, exact_too
from core.embeddings.neighbours import Neighbours
from core.metric import Metric
from core.search.hits import Hit


class Cause(StrEnum):
    """Who brought a wrong hit in."""

    ENCODER = "encoder"
    INDEX = "index"


@dataclass(frozen=True, slots=True)
class Vote:
    """One class among the hits; `share` is `count` over all hits."""

    label: str
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The index's answer beside that of exact search.

    Attributes:
        recall: Share of the exact hits that the index returned, in [0, 1]; 1 where there are none.
        missed: Exact hits that the index did not return, with their exact ranks.
        causes: Who is to blame for each wrong hit, by id; empty if the query's class is unknown.
            Hits behind all that could be right are no wrong ones, see `beyond`.
    """

    recall: float
    missed: tuple[Hit, ...]
    causes: Mapping[int, Cause]


def class_votes(hits: Sequence[Hit]) -> list[Vote]:
    """Return the classes of the hits, most frequent first; of equals the one of better rank."""
    counts = Counter(hit.record.label for hit in hits)
    return [Vote(label, count, count / len(hits)) for label, count in counts.most_common()]


def precision(hits: Sequence[Hit], *, expected: str, k: int) -> float:
    """Return precision@k: hits of the query's class over k, so a hit that is missing is not right.

    Args:
        hits: At most k.
    """
    return sum(hit.record.label == expected for hit in hits) / k


def beyond(hits: Sequence[Hit], *, expected: str, others: int) -> frozenset[int]:
    """Return the ids of the hits behind all that could be right: they are nobody's fault.

    Args:
        hits: Best first.
        others: Pictures of the class that can be found, of any rank.
    """
    found, late = 0, set()
    for hit in hits:
        if found >= others:
            late.add(hit.record.id)
        found += hit.record.label == expected
    return frozenset(late)


def compare_with_exact(
    hits: Sequence[Hit], exact: Sequence[Hit], *, expected: str | None, others: int
) -> Verdict:
    """Compare the index's hits with those of exact search under the same conditions.

    A hit as good as the last of the exact ones counts as one of them, see
    `core.embeddings.index_errors.exact_too`.

    Args:
        expected: The class of the query; None if it is not known.
        others: Pictures of it that can be found.
    """
    numbers = {hit.record.id: number for number, hit in enumerate([*exact, *hits])}
    depth = max(len(hits), len(exact))
    index, best = (_as_neighbours(listed, numbers, depth) for listed in (hits, exact))
    recall = float(ann_recall(index, best, k=depth)[0])
    returned = {hit.record.id for hit in hits}
    missed = [hit for hit in exact if hit.record.id not in returned]
    shared = exact_too(index, best, k=depth)[0]
    causes = {}
    if expected is not None:
        late = beyond(hits, expected=expected, others=others)
        causes = {
            hit.record.id: Cause.ENCODER if known else Cause.INDEX
            for hit, known in zip(hits, shared, strict=False)
            if hit.record.label != expected and hit.record.id not in late
        }
    return Verdict(recall, tuple(missed[: round((1 - recall) * len(exact))]), causes)


def is_unusual(score: float, *, farthest: float, metric: Metric) -> bool:
    """Whether a nearest hit is farther than 99 % of the collection's own nearest neighbours.

    Args:
        farthest: As `core.embeddings.one_query.farthest_usual` gives it; NaN makes nothing unusual.
    """
    return score < farthest if metric.higher_is_better else score > farthest


def rank_changes(hits: Sequence[Hit], before: Sequence[Hit]) -> list[int | None]:
    """Return for each hit how many ranks better it is than before; None if it was not there."""
    ranks = {hit.record.id: hit.rank for hit in before}
    return [None if (old := ranks.get(hit.record.id)) is None else old - hit.rank for hit in hits]


def overlap(hits: Sequence[Hit], others: Sequence[Hit]) -> float:
    """Return overlap@k: the pictures that both lists have, over the longer list, in [0, 1].

    Lists that are shorter than k because there is no more to find agree in full if they hold the
    same pictures. NaN if both are empty.
    """
    common = {hit.record.id for hit in hits} & {hit.record.id for hit in others}
    longer = max(len(hits), len(others))
    return len(common) / longer if longer else float("nan")


def in_both(hits: Sequence[Hit], others: Sequence[Hit]) -> dict[int, int]:
    """Return the hits that are among those of another collection, by id, with their rank there.

    The same picture is a file with the same bytes, whatever it is called; where nobody knows the
    bytes, as of what other programs indexed, it is one of the same path.
    """
    # The better rank of two files with the same bytes.
    best_last = others[::-1]
    by_digest = {hit.record.digest: hit.rank for hit in best_last if hit.record.digest}
    by_path = {hit.record.path: hit.rank for hit in best_last}
    undigested = {hit.record.path: hit.rank for hit in best_last if not hit.record.digest}
    found: dict[int, int] = {}
    for hit in hits:
        digest, path = hit.record.digest, hit.record.path
        rank = by_digest.get(digest) or undigested.get(path) if digest else by_path.get(path)
        if rank:
            found[hit.record.id] = rank
    return found


def _as_neighbours(hits: Sequence[Hit], numbers: Mapping[int, int], depth: int) -> Neighbours:
    listed = [(numbers[hit.record.id], hit.score) for hit in hits]
    return Neighbours.from_hits([listed], depth=depth)
