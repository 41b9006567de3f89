"""What the Search page shows at a moment: the question, the state, and what answers it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from core.collection.catalogue import Catalogue
from core.collection.info import CollectionInfo
from core.metric import Metric
from core.search.answer import Answer, Question, ask
from core.search.exact_index import ExactIndex
from core.search.hits import Hit
from core.search.verdict import beyond, is_unusual
from core.ui import controls, resources
from pages.search import cache, state
from pages.search.keys import Address, Takes
from pages.search.query import Query
from pages.search.state import Session

# Ways to show the hits.
HITS, DUEL, BESIDE = "Hits", "Metric duel", "Two collections"
WAYS = (HITS, DUEL, BESIDE)


@dataclass(frozen=True, slots=True)
class View:
    """One search.

    Attributes:
        infos: The collections of the family.
        info: The one that is asked.
        own: Rows that are the query itself.
        expected: The class of the query; None if it is not known.
        reference: None while the embeddings are read.
    """

    query: Query
    question: Question
    infos: Mapping[Metric, CollectionInfo]
    info: CollectionInfo
    catalogue: Catalogue
    session: Session
    own: frozenset[int]
    expected: str | None
    reference: ExactIndex | None

    @property
    def judged(self) -> str | None:
        """The class whose hits are right; None where it is not known, or none can be found.

        Where nothing right can be found no hit is to blame for being of another class.
        """
        return self.expected if self.others else None

    @property
    def others(self) -> int:
        """Pictures of the query's class that can be found."""
        if self.question.labels and self.expected not in self.question.labels:
            return 0
        question = self.question
        return self.catalogue.count(
            self.expected or "", having=question.having, without=question.exclude
        )

    def beyond(self, hits: Sequence[Hit]) -> frozenset[int]:
        """Hits behind all that could be right, by id."""
        if self.judged is None:
            return frozenset()
        return beyond(hits, expected=self.judged, others=self.others)


def view_control(ways: Sequence[str]) -> str:
    """Ask how the hits are to be shown; there is nothing to ask where there is one way."""
    if len(ways) == 1:
        return ways[0]
    # The usual way for whoever came by a link of before the control was named anew.
    usual = DUEL if DUEL in ways and state.old_view() == DUEL else HITS
    state.offer_ways(ways)
    return controls.segmented("View", ways, key=Address.SHOW, default=usual, inline=True)


def takes() -> Takes:
    """Return what the choice of a way takes from the address."""
    return {Address.SHOW: WAYS.__contains__}


def answer_of(view: View) -> Answer:
    """Ask the index of the chosen metric, and exact search."""
    return _ask(view, view.info, view.question)


def answers_by_metric(view: View, answer: Answer) -> dict[Metric, tuple[Hit, ...]]:
    """Return the hits under every metric; the limit of one means nothing for another."""
    alike = replace(view.question, limit=None)
    return {
        metric: answer.hits
        if metric is view.info.metric and view.question.limit is None
        else _ask(view, info, alike).hits
        for metric, info in view.infos.items()
    }


def unusual(view: View) -> tuple[Hit, float] | None:
    """Return the nearest picture and the usual limit if the query is unlike anything indexed."""
    reference, metric = view.reference, view.info.metric
    if reference is None:
        return None
    scores = cache.get_scores(view.query.embedding, metric=metric, reference=reference)
    nearest = reference.best(scores, metric=metric, k=1, exclude=view.own)
    farthest = reference.farthest_usual[metric]
    if nearest and is_unusual(nearest[0].score, farthest=farthest, metric=metric):
        return nearest[0], farthest
    return None


def _ask(view: View, info: CollectionInfo, question: Question) -> Answer:
    reference, embedding = view.reference, view.query.embedding
    scores = None
    if reference is not None:
        scores = partial(cache.get_scores, embedding, metric=info.metric, reference=reference)
    return ask(
        embedding,
        question,
        store=resources.get_store(),
        info=info,
        reference=reference,
        scores=scores,
    )
