"""The way to the map: the query and its hits there, as they were compared here."""

from collections.abc import Sequence

import streamlit as st

from core.errors import OrchardError
from core.search.hits import Hit
from core.ui import links
from core.ui.links import Carried
from core.wording import counted
from pages.search import cache
from pages.search.view import View


def lead_to_map(view: View, hits: Sequence[Hit]) -> None:
    """Offer the hits ringed on the map, beside the query itself."""
    if not hits:
        return
    carried = _carried(view)
    picked = None if carried.id is None else view.catalogue.by_id.get(carried.id)
    shown = min(len(hits), links.MAX_RINGED)
    named = f"The first {shown} hits" if shown < len(hits) else counted(shown, "hit")
    st.button(
        "On the map",
        icon=":material/scatter_plot:",
        key="hits_on_map",
        type="tertiary",
        help=f"{named} ringed, and the query among them",
        on_click=links.leave,
        args=(
            links.to_ring(
                [hit.record.id for hit in hits],
                metric=view.info.metric,
                picked=picked,
                carried=carried,
            ),
        ),
    )


def _carried(view: View) -> Carried:
    session = view.session
    first, others = session.pictures[0], len(session.pictures) - 1
    is_moved = bool(session.more or session.less)
    name = first.name + (f" and {others} more" if others else "")
    is_row = not (others or is_moved or first.needs_encoder)
    try:
        picture = cache.get_preview(session, first, view.info)
    except OrchardError:
        picture = b""  # the page says so beside the query
    return Carried(
        name=f"{name}, moved by marks" if is_moved else name,
        id=first.record.id if is_row and first.record else None,
        embedding=view.query.embedding,
        picture=picture,
    )
