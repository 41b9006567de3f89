"""The hits that were marked, each with a way to unmark it, and how far they move the query."""

import streamlit as st

from core.collection.catalogue import Catalogue
from core.search.feedback import FeedbackWeights
from core.ui.controls import Range
from core.ui.text import plain
from core.ui.tiles import Width, draw_tile
from pages.search import state
from pages.search.cache import Thumbnails
from pages.search.keys import Address, Takes
from pages.search.state import Session

_WEIGHTS = {
    Address.WEIGHT_QUERY: Range(0.1, 2.0),
    Address.WEIGHT_MORE: Range(0.0, 2.0),
    Address.WEIGHT_LESS: Range(0.0, 1.0),
}


def marks_control(
    session: Session, catalogue: Catalogue, thumbnails: Thumbnails
) -> FeedbackWeights:
    """Ask how far marked hits move the query; nothing is asked while none is marked."""
    usual = FeedbackWeights()
    if not (session.more or session.less):
        return usual
    with st.container(key="feedback", gap="small"):
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.markdown("**Your feedback**", width="content")
            st.button("Clear all", type="tertiary", on_click=state.forget_marks)
        with st.container(horizontal=True, gap="small", key="marks"):
            _marked(session.more, catalogue, thumbnails, more=True)
            _marked(session.less, catalogue, thumbnails, more=False)
        with st.expander("Weights", icon=":material/tune:"):
            query = _weight("Query", usual.query, key=Address.WEIGHT_QUERY)
            more, less = usual.more, usual.less
            if session.more:
                more = _weight("More like this", usual.more, key=Address.WEIGHT_MORE)
            if session.less:
                less = _weight("Less like this", usual.less, key=Address.WEIGHT_LESS)
    return FeedbackWeights(query, more, less)


def takes() -> Takes:
    """Return what the weights take from the address."""
    return {key: ends.takes for key, ends in _WEIGHTS.items()}


def _weight(label: str, usual: float, *, key: Address) -> float:
    ends = _WEIGHTS[key]
    return st.slider(label, ends.least, ends.most, usual, 0.05, key=key, bind="query-params")


def _marked(ids: list[int], catalogue: Catalogue, thumbnails: Thumbnails, *, more: bool) -> None:
    kind = "more" if more else "less"
    chip = ":material/thumb_up:" if more else ":material/thumb_down:"
    for number in ids:
        record = catalogue.by_id.get(number)
        # A row that was deleted moves nothing, and its mark can go.
        name = record.path if record else f"a picture that is gone ({number})"
        place = st.container(key=f"icons_mark_{number}", width=Width.LINE, gap=None)
        if record:
            alt = f"marked {kind} like this, {record.label or 'no class'}"
            with place:
                draw_tile(
                    record,
                    thumbnails.get,
                    alt=alt,
                    width=Width.LINE,
                    key=f"mark_{number}",
                    chip=chip,
                )
        place.button(
            f"Remove the mark of {plain(name)}",
            icon=":material/close:",
            key=f"unmark_{number}",
            type="tertiary",
            help=f"No longer {kind} like {plain(name)}",
            on_click=state.mark,
            args=(number,),
            kwargs={"more": more},
        )
