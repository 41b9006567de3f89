"""Search: a picture in, the pictures most like it out, the knobs between, and what it is worth."""

import logging

import streamlit as st

from core.collection.info import CollectionInfo
from core.errors import OrchardError, StoreUnavailableError
from core.search.answer import Answer
from core.search.exact_index import ExactIndex
from core.search.verdict import compare_with_exact
from core.ui import resources
from core.ui.choosing import looked_at
from core.ui.errors import page_errors
from core.ui.resources import Preparation
from core.ui.text import plain
from pages.search import state
from pages.search.answer import (
    beside,
    copies,
    details,
    duel,
    grid,
    measures,
    no_hits,
    on_map,
    takeaway,
)
from pages.search.cache import Thumbnails
from pages.search.query import class_of, own_ids, query_of
from pages.search.question import controls as question_controls
from pages.search.question import crop
from pages.search.question.marks import marks_control
from pages.search.question.pictures import (
    query_list,
    recent_queries,
    source_panel,
    starters,
)
from pages.search.state import Session
from pages.search.view import BESIDE, DUEL, HITS, View, answer_of, answers_by_metric, view_control

logger = logging.getLogger(__name__)


def main() -> None:
    """Inputs, one question, the answer and what it is worth."""
    infos = resources.get_collections(looked_at.family())
    first = next(iter(infos.values()))
    catalogue = resources.get_catalogue(looked_at.family())
    session = state.follow_address(catalogue)
    question_controls.note_bad_values(session, infos, catalogue)
    own = own_ids(session, catalogue)
    # Parts that come and go have a place of their own that stays: a control that changes its place
    # on the page closes, and forgets that the address follows it.
    with st.container(key="head"):
        _notices(session)
        found = _reference()
        reference = found if isinstance(found, ExactIndex) else None
        if not session.pictures:
            _invite(first)
            source_panel(session, catalogue)
            recent_queries(session, first)
            starters(session, catalogue, Thumbnails(first))
    results = st.container()
    with st.sidebar:
        with st.container():
            query_list(session, first)
        with st.container():
            weights = marks_control(session, catalogue, Thumbnails(first))
        with st.container():
            if session.pictures:
                source_panel(session, catalogue)
                recent_queries(session, first)
        info = infos[question_controls.metric_control(infos)]
        question = question_controls.question_control(
            info, catalogue, own, can_compare=reference is not None
        )
    with results:
        query = query_of(session, first, weights)
        if query is not None:
            _show(
                View(
                    query=query,
                    question=question,
                    infos=infos,
                    info=info,
                    catalogue=catalogue,
                    session=session,
                    own=own,
                    expected=class_of(session, catalogue),
                    reference=reference,
                ),
                found if isinstance(found, Preparation) else None,
            )
    _open_crop(session, first)
    if not session.pictures:
        # Last, since it takes the processor; who has a query already may never upload one.
        resources.warm_encoder(first.encoder)


def _notices(session: Session) -> None:
    for notice in session.notices:
        st.warning(plain(notice), icon=":material/warning:")
    if session.notices:
        st.button("Dismiss", icon=":material/close:", on_click=state.dismiss)


def _reference() -> ExactIndex | Preparation | None:
    """Return the embeddings, or how far they are read; None, with a message, where that failed."""
    try:
        return resources.get_reference(looked_at.family())
    except StoreUnavailableError:
        raise
    except OrchardError as error:
        logger.warning("no exact search: %s", error)
        st.warning(plain(f"Exact search is not possible: {error}"))
        return None


def _invite(info: CollectionInfo) -> None:
    st.subheader("What looks like this?")
    st.write(
        f"Upload a picture, or pick one of the {info.rows:,} in the collection: the most similar "
        "ones appear here, best first."
    )


def _show(view: View, under_way: Preparation | None) -> None:
    answer = answer_of(view)
    verdict = None
    if answer.exact is not None:
        verdict = compare_with_exact(
            answer.hits, answer.exact, expected=view.judged, others=view.others
        )
    thumbnails = Thumbnails(view.info)
    with st.container():
        line = st.container(horizontal=True, gap="xsmall", vertical_alignment="center", key="worth")
        votes = st.container()
        with st.container():
            copies.copies(view)
    if under_way:
        measures.preparing(under_way)
    ways = [HITS, *([DUEL] if len(view.infos) > 1 else []), *([BESIDE] if beside.others() else [])]
    with line:
        shown = view_control(ways)
    if shown == DUEL:
        duel.duel(view, answers_by_metric(view, answer), thumbnails)
    elif shown == BESIDE:
        beside.beside(view, answer.hits, thumbnails)
    elif not answer.hits:
        no_hits.no_hits(view, answer)
    else:
        grid.hit_grid(view, answer.hits, verdict, thumbnails)
        measures.missed(
            verdict, metric=view.info.metric, expected=view.judged, thumbnails=thumbnails
        )
        takeaway.take_away(answer.hits, view.info, view.session)
    with line:
        measures.facts(view, answer, verdict, measures.times_line(view, answer, thumbnails))
        on_map.lead_to_map(view, answer.hits)
    with votes:
        measures.votes(answer.hits, sorted(view.catalogue.by_class))
    _open_details(view, answer)


def _open_details(view: View, answer: Answer) -> None:
    if any(hit.record.id == view.session.details for hit in answer.hits):
        details.details_dialog(view, answer.hits)


def _open_crop(session: Session, info: CollectionInfo) -> None:
    wanted, session.cropping = session.cropping, None
    for picture in session.pictures:
        if picture.key == wanted:
            crop.crop_dialog(picture, info)


with page_errors():
    main()
