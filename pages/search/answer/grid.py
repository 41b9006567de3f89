"""The hits as a grid of thumbnails, page by page, each with what can be done with it."""

from collections.abc import Sequence

import streamlit as st

from core.metric import Metric
from core.search.hits import Hit
from core.search.link import is_whole_number
from core.search.verdict import Cause, Verdict
from core.ui.text import plain
from core.ui.tiles import Tile, Width, draw_tile
from pages.search import state
from pages.search.cache import Thumbnails
from pages.search.keys import Address, Takes, menu_of
from pages.search.state import Session
from pages.search.view import View

PAGE_SIZE = 20

DETAILS = "Details"
ADD = "Add to the query"
MORE, LESS = "More like this", "Less like this"
NOT_MORE, NOT_LESS = "No longer more like this", "No longer less like this"
ON_MAP = "Show on the map"
_ICONS = {
    DETAILS: "info",
    ADD: "add_photo_alternate",
    MORE: "thumb_up",
    LESS: "thumb_down",
    NOT_MORE: "undo",
    NOT_LESS: "undo",
    ON_MAP: "scatter_plot",
}


def hit_grid(
    view: View, hits: Sequence[Hit], verdict: Verdict | None, thumbnails: Thumbnails
) -> None:
    """Show up to 20 hits, and page numbers where there are more."""
    metric, causes = view.info.metric, verdict.causes if verdict else {}
    page = _page(-(-len(hits) // PAGE_SIZE))
    with st.container(horizontal=True, gap="small", key="hits"):
        for hit in hits[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]:
            with tile(hit, metric, thumbnails, width=Width.LARGE).below:
                st.markdown(_line(hit, view.expected, causes.get(hit.record.id)))
                st.caption(plain(score_of(hit, metric)) + _mark(hit, view.session))
                _actions(hit, view.session)


def _page(pages: int) -> int:
    # Fewer hits than there were: the address must not keep a page that is gone.
    state.keep_page_within(max(pages, 1))
    return st.pagination(pages, key=Address.PAGE, bind="query-params") if pages > 1 else 1


def takes(k: int) -> Takes:
    """Return what the page numbers of k hits take from the address."""
    return {Address.PAGE: lambda value: is_whole_number(value, 1, -(-k // PAGE_SIZE))}


def tile(hit: Hit, metric: Metric, thumbnails: Thumbnails, *, width: Width = Width.MEDIUM) -> Tile:
    """Draw the picture of a hit; what a picture cannot say is in its alternative text."""
    label = hit.record.label or "no class"
    alt = f"rank {hit.rank}, {label}, {score_of(hit, metric)}"
    return draw_tile(hit.record, thumbnails.get, alt=alt, width=width)


def score_of(hit: Hit, metric: Metric) -> str:
    """Return a hit's score as shown, such as `similarity 0.871`."""
    return f"{metric.noun} {metric.formatted(hit.score)}"


def tick(*, right: bool) -> str:
    """Return the sign of a right or a wrong hit: its shape says it, and its colour too."""
    return ":green[:material/check:]" if right else ":red[:material/close:]"


def _line(hit: Hit, expected: str | None, cause: Cause | None) -> str:
    line = f"**{hit.rank}** {plain(hit.record.label or 'no class')}"
    if expected is None:
        return line
    blame = f" :gray-badge[{cause}]" if cause else ""
    return f"{tick(right=hit.record.label == expected)} {line}{blame}"


def _mark(hit: Hit, session: Session) -> str:
    if hit.record.id in session.more:
        return " :material/thumb_up: more"
    return " :material/thumb_down: less" if hit.record.id in session.less else ""


def _marks(hit: Hit, session: Session) -> list[str]:
    """Return the marks a hit can be given, or the way to take away the one it has."""
    more, less = hit.record.id in session.more, hit.record.id in session.less
    return [NOT_MORE if more else MORE, NOT_LESS if less else LESS]


def _actions(hit: Hit, session: Session) -> None:
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center", wrap=False):
        st.button(
            "Search",
            icon=":material/image_search:",
            key=f"search_{hit.record.id}",
            type="tertiary",
            help=f"Search with rank {hit.rank}, {plain(hit.record.path)}",
            on_click=state.search_with,
            args=(hit.record,),
        )
        st.menu_button(
            "More",
            [DETAILS, ADD, *_marks(hit, session), ON_MAP],
            key=menu_of(hit.record.id),
            type="tertiary",
            help=f"What else can be done with rank {hit.rank}",
            format_func=lambda option: f":material/{_ICONS[option]}: {option}",
            on_click=_act,
            args=(hit,),
        )


def _act(hit: Hit) -> None:
    choice = state.menu_choice(hit.record.id)
    if choice == DETAILS:
        state.open_details(hit.record.id)
    elif choice == ADD:
        state.add(hit.record)
    elif choice == ON_MAP:
        state.open_on_map(hit.record.id)
    else:
        state.mark(hit.record.id, more=choice in (MORE, NOT_MORE))
