"""The same query in two collections side by side: who found what, and which is right more often."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from core.collection.info import CollectionInfo
from core.errors import OrchardError
from core.search.answer import Question, ask
from core.search.feedback import mean_embedding
from core.search.hits import Hit
from core.search.verdict import beyond, in_both, precision
from core.ui import links, resources
from core.ui.choosing import looked_at
from core.ui.text import plain
from core.ui.tiles import Width, press, tile_line
from core.wording import counted, sentence
from pages.search import cache, state
from pages.search.answer import grid
from pages.search.answer.duel import winner
from pages.search.cache import Thumbnails
from pages.search.elsewhere import picture_there
from pages.search.keys import Address, Takes
from pages.search.view import View

logger = logging.getLogger(__name__)

_SHOWN = 20
_LEAST_COLUMN = 150
# On a phone one tile a row of each, rank beside rank, wide enough for its line.
_STYLE = """
.stHorizontalBlock[class*="st-key-beside_"] {
  grid-template-columns: repeat(auto-fill, minmax(min(120px, 100%), 1fr)) !important;
}
"""


@dataclass(frozen=True, slots=True)
class Side:
    """What one of two collections has found.

    Attributes:
        hits: Best first.
        judged: The class whose hits are right; None where it is not known, or has no other picture.
        late: Hits behind all that could be right, by id.
        note: What to know of the answer; empty for nothing.
    """

    family: str
    info: CollectionInfo
    hits: Sequence[Hit]
    judged: str | None
    late: frozenset[int]
    note: str = ""


def beside(view: View, hits: Sequence[Hit], thumbnails: Thumbnails) -> None:
    """Show the hits of the collection that is looked at beside those of another one.

    Args:
        hits: Of the collection that is looked at.
    """
    st.html(f"<style>{_STYLE}</style>")
    with st.container(horizontal=True, vertical_alignment="center", key="verdict"):
        other, said = _other_control(), st.container(width="stretch")
    here = Side(looked_at.family(), view.info, hits, view.judged, view.beyond(hits))
    try:
        there = _answer_of(other, view)
    except OrchardError as error:
        logger.info("no answer of %s: %s", other, error)
        st.warning(plain(f"{other}: {sentence(str(error))}"), icon=":material/error:")
        return
    said.markdown(_said(here, there, k=view.question.k))
    # Side by side on a phone, too.
    with st.grid(
        2, min_column_width=_LEAST_COLUMN, wrap=False, gap="medium", key="collections_duel"
    ):
        left, right = st.container(), st.container()
    with left:
        _show(here, there, thumbnails, k=view.question.k, is_here=True)
    with right:
        _show(there, here, Thumbnails(there.info), k=view.question.k, is_here=False)
    if max(len(here.hits), len(there.hits)) > _SHOWN:
        st.caption(f"The first {_SHOWN} ranks are shown.")


def _other_control() -> str:
    names = others()
    state.open_beside(names)
    name = st.selectbox(
        "Collection to compare with", names, key=Address.BESIDE, label_visibility="collapsed",
        width=280,
    )  # fmt: skip
    state.write_beside(name)
    return name


def others() -> list[str]:
    """Return the collections that the one looked at can be compared with; none if nobody knows."""
    try:
        listed = looked_at.offered()
    except OrchardError:
        return []
    return [one.name for one in listed if one.rows and one.name != looked_at.family()]


def takes() -> Takes:
    """Return what the choice of a collection to compare with takes from the address."""
    return {Address.BESIDE: others().__contains__}


def _answer_of(family: str, view: View) -> Side:
    """Ask another collection with the same pictures, each encoded as that collection's are.

    Raises:
        OrchardError: It is gone, its encoder is not at hand, or a picture cannot be read.
    """
    infos = resources.get_collections(family)
    info = infos.get(view.info.metric, next(iter(infos.values())))
    catalogue = resources.get_catalogue(family)
    pictures = [
        picture_there(picture, here=looked_at.family(), there=catalogue)
        for picture in view.session.pictures
    ]
    parts = [part for picture in pictures if (part := cache.embed(picture, info))]
    own = {row for picture in pictures for row in catalogue.by_digest.get(picture.digest, ())}
    own.update(picture.record.id for picture in pictures if picture.record)
    labels = tuple(label for label in view.question.labels if label in catalogue.by_class)
    # As here, where that can be told: an upload may be a row of one collection alone.
    keeps_query = bool(view.own) and not view.question.exclude
    question = Question(
        k=view.question.k,
        labels=labels,
        exclude=frozenset() if keeps_query else frozenset(own),
    )
    embedding = mean_embedding(np.stack([part.embedding for part in parts]))
    found = ask(embedding, question, store=resources.get_store(), info=info, reference=None)
    expected = view.expected
    right = sum(
        record.id not in question.exclude for record in catalogue.by_class.get(expected or "", ())
    )
    judged = expected if right and (not labels or expected in labels) else None
    late = frozenset[int]()
    if judged is not None:
        late = beyond(found.hits, expected=judged, others=right)
    return Side(family, info, found.hits, judged, late, _note(view, labels))


def _note(view: View, labels: Sequence[str]) -> str:
    """Say what of the question is not asked of the other collection."""
    question, session = view.question, view.session
    left_out = {
        "marks": bool(session.more or session.less),
        "classes it does not have": len(labels) < len(question.labels),
        "further columns": bool(question.having),
        "the limit of the score": question.limit is not None,
        "near-duplicates": question.similarity is not None,
        "exact search": question.exact,
    }
    told = [name for name, is_so in left_out.items() if is_so]
    return f"Not applied here: {', '.join(told)}." if told else ""


def _said(here: Side, there: Side, *, k: int) -> str:
    """Return in a sentence or two how many pictures both have found, and which is right more."""
    shared = len(in_both(here.hits, there.hits))
    said = f"**{counted(shared, 'picture')} of {k} in both.**"
    sides = {side.family: side for side in (here, there)}
    if any(side.judged is None for side in sides.values()):
        return said
    found = {
        plain(name): precision(side.hits, expected=side.judged or "", k=k)
        for name, side in sides.items()
    }
    return f"{said} {winner(found, k=k, noun='collection')}"


def _show(side: Side, other: Side, thumbnails: Thumbnails, *, k: int, is_here: bool) -> None:
    info, metric = side.info, side.info.metric
    encoder = plain(info.encoder.short_title)
    st.markdown(
        f"**{plain(side.family)}**  \n:small[{encoder}, {metric}, {counted(info.rows, 'picture')}]",
        help=metric.direction,
    )
    if side.note:
        st.caption(side.note)
    if not side.hits:
        st.caption("Nothing was found.")
        return
    both = in_both(side.hits, other.hits)
    where = "here" if is_here else "there"
    with st.container(horizontal=True, gap="small", key=f"beside_{where}"):
        for hit in side.hits[:_SHOWN]:
            _tile(side, hit, thumbnails, both.get(hit.record.id), is_here=is_here)


def _tile(side: Side, hit: Hit, thumbnails: Thumbnails, rank: int | None, *, is_here: bool) -> None:
    metric, key = side.info.metric, "here" if is_here else "there"
    frame = grid.frame_of(hit, side.judged, None, late=side.late)
    tile = grid.tile(hit, metric, thumbnails, width=Width.MEDIUM, key=key, frame=frame)
    label, path = hit.record.label or "no class", plain(hit.record.path)
    also = "" if rank is None else f"; rank {rank} in the other collection"
    with tile.below:
        shared = "" if rank is None else f":material/compare_arrows: {rank}"
        score = plain(metric.formatted(hit.score))
        tile_line(label, " ".join(filter(None, (score, shared))), help=f"{path}{also}")
    there = links.to_search_in(side.family, hit.record.id)
    press(
        tile,
        f"Search with rank {hit.rank} of {plain(side.family)}",
        key=f"{key}_{hit.record.id}",
        help=f"Search with it{'' if is_here else f' in {plain(side.family)}'}: {path}{also}",
        on_click=state.search_with if is_here else links.leave,
        args=(hit.record if is_here else there,),
    )
