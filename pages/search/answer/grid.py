"""The hits as a grid of thumbnails, page by page, each with what can be done with it."""

from collections.abc import Collection, Sequence

import streamlit as st

from core.metric import Metric
from core.search.hits import Hit
from core.search.link import is_whole_number
from core.search.verdict import Cause, Verdict
from core.ui.text import plain
from core.ui.tile_actions import ICONS, Lead, choices, icon_row, take_choice
from core.ui.tiles import Frame, Tile, Width, draw_tile, rank_chip, tile_line
from pages.search import state
from pages.search.cache import Thumbnails
from pages.search.keys import Address, Takes, menu_of
from pages.search.state import Session
from pages.search.view import View

PAGE_SIZE = 20

ADD = "Add to the query"
MORE, LESS = "More like this", "Less like this"
_ICONS = {ADD: "add_photo_alternate", **ICONS}


def hit_grid(
    view: View, hits: Sequence[Hit], verdict: Verdict | None, thumbnails: Thumbnails
) -> None:
    """Show up to 20 hits, and page numbers where there are more."""
    metric, causes = view.info.metric, verdict.causes if verdict else {}
    late = view.beyond(hits)
    page = _page(-(-len(hits) // PAGE_SIZE))
    with st.container(horizontal=True, gap="small", key="hits"):
        for hit in hits[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]:
            frame = frame_of(hit, view.judged, causes.get(hit.record.id), late=late)
            with tile(hit, metric, thumbnails, width=Width.LARGE, key="hit", frame=frame).below:
                score = plain(metric.formatted(hit.score))
                tile_line(hit.record.label or "no class", score, help=_help(hit, metric, frame))
                _actions(hit, view.session, metric)


def _page(pages: int) -> int:
    # Fewer hits than there were: the address must not keep a page that is gone.
    state.keep_page_within(max(pages, 1))
    return st.pagination(pages, key=Address.PAGE, bind="query-params") if pages > 1 else 1


def takes(k: int) -> Takes:
    """Return what the page numbers of k hits take from the address."""
    return {Address.PAGE: lambda value: is_whole_number(value, 1, -(-k // PAGE_SIZE))}


def tile(
    hit: Hit,
    metric: Metric,
    thumbnails: Thumbnails,
    *,
    width: Width = Width.MEDIUM,
    key: str = "",
    frame: Frame = Frame.NONE,
) -> Tile:
    """Draw the picture of a hit; what a picture cannot say is in its alternative text.

    Args:
        key: Of the grid it stands in; one without has neither rank nor frame.
    """
    words = [f"rank {hit.rank}", hit.record.label or "no class", score_of(hit, metric), frame.words]
    return draw_tile(
        hit.record,
        thumbnails.get,
        alt=", ".join(filter(None, words)),
        width=width,
        key=f"{key}_{hit.record.id}" if key else "",
        frame=frame,
        chip=rank_chip(hit.rank, frame),
    )


def score_of(hit: Hit, metric: Metric) -> str:
    """Return a hit's score as shown, such as `similarity 0.871`."""
    return f"{metric.noun} {metric.formatted(hit.score)}"


def tick(*, right: bool) -> str:
    """Return the sign of a right or a wrong hit: its shape says it, and its colour too."""
    return ":green[:material/check:]" if right else ":red[:material/close:]"


def frame_of(
    hit: Hit, expected: str | None, cause: Cause | None, *, late: Collection[int]
) -> Frame:
    """Return what the frame of a hit says.

    Args:
        expected: The class whose hits are right; None where there is none.
        cause: Who brought a wrong hit in; None while that is not known.
        late: Hits behind all that could be right.
    """
    if expected is None:
        return Frame.NONE
    if hit.record.label == expected:
        return Frame.RIGHT
    if hit.record.id in late:
        return Frame.BEYOND
    return Frame.WRONG if cause is None else Frame(cause)


def _help(hit: Hit, metric: Metric, frame: Frame) -> str:
    said = f"; {frame.words}" if frame.words else ""
    return f"{plain(hit.record.path)}  \n{plain(score_of(hit, metric))}, {metric.direction}{said}"


def _actions(hit: Hit, session: Session, metric: Metric) -> None:
    number = hit.record.id
    more, less = number in session.more, number in session.less
    details, *others = choices(hit.record)
    with icon_row(str(number)):
        st.button(
            f"Search with rank {hit.rank}",
            icon=":material/image_search:",
            key=f"search_{number}",
            type="tertiary",
            help="Search with this picture",
            on_click=state.search_with,
            args=(hit.record,),
        )
        for name, icon, is_set, positive in (
            (MORE, "thumb_up", more, True),
            (LESS, "thumb_down", less, False),
        ):
            st.button(
                f"{name}, rank {hit.rank}" + (", chosen" if is_set else ""),
                icon=f":material/{icon}:",
                key=f"{icon}_{number}",
                type="secondary" if is_set else "tertiary",
                help=f"No longer {name.lower()}" if is_set else name,
                on_click=state.mark,
                args=(number,),
                kwargs={"more": positive},
            )
        st.menu_button(
            f"What else can be done with rank {hit.rank}",
            [details, ADD, *others],
            icon=":material/more_vert:",
            key=menu_of(number),
            type="tertiary",
            format_func=lambda option: f":material/{_ICONS[option]}: {option}",
            on_click=_act,
            args=(hit, metric),
        )


def _act(hit: Hit, metric: Metric) -> None:
    choice = state.menu_choice(hit.record.id)
    # Of a hit there is more to tell than of any picture: it stands beside the query.
    if choice == Lead.DETAILS:
        state.open_details(hit.record.id)
    elif choice == ADD:
        state.add(hit.record)
    else:
        take_choice(choice, hit.record, metric=metric)
