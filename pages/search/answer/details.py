"""Everything about one hit, beside the query: the full picture, its own neighbours, its record."""

from collections.abc import Sequence

import streamlit as st

from core.errors import OrchardError
from core.metric import Metric
from core.search.hits import Hit
from core.search.query_picture import full_picture
from core.ui import links, resources
from core.ui.text import plain
from core.ui.tile_actions import facts_of
from core.ui.tiles import data_url, press, with_path
from pages.search import cache, state
from pages.search.answer import grid
from pages.search.cache import Thumbnails
from pages.search.view import View

_NEIGHBOURS = 8


@st.dialog(
    "Details of a hit", width="large", icon=":material/info:", on_dismiss=state.close_details
)
def details_dialog(view: View, hits: Sequence[Hit]) -> None:
    """Show the hit whose details are open, and lead to the one before and after it."""
    number = next((n for n, h in enumerate(hits) if h.record.id == view.session.details), None)
    if number is None:
        return
    hit = hits[number]
    _steps(hits, number)
    query, found = st.columns(2)
    with query:
        _query(view)
    with found:
        _hit(view, hit)
    _neighbours(view, hit)
    _record(view.info.metric, hit)


def _steps(hits: Sequence[Hit], number: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        # The buttons show their arrow keys themselves.
        for name, step, shortcut in (("Previous", -1, "Left"), ("Next", 1, "Right")):
            there = 0 <= number + step < len(hits)
            st.button(
                name,
                shortcut=shortcut,
                disabled=not there,
                on_click=state.open_details,
                args=(hits[number + step].record.id if there else 0,),
            )


def _query(view: View) -> None:
    picture = view.session.pictures[0]
    others = len(view.session.pictures) - 1
    st.markdown("**The query**" + (f" and {others} more" if others else ""))
    try:
        content = cache.get_stage(picture, view.info)
        st.image(data_url(content), alt=f"the query, {picture.name}")
    except OrchardError as error:
        st.warning(with_path(error, picture.name), icon=":material/broken_image:")
    st.caption(plain(picture.name))


def _hit(view: View, hit: Hit) -> None:
    record, metric = hit.record, view.info.metric
    label = plain(record.label or "no class")
    st.markdown(f"**Rank {hit.rank}**, {label}, {plain(grid.score_of(hit, metric))}")
    try:
        st.image(
            data_url(full_picture(record, root=resources.dataset_folder(view.info))),
            alt=f"rank {hit.rank}, {record.label or 'no class'}, in full",
        )
    except OrchardError as error:
        st.warning(with_path(error, record.path), icon=":material/broken_image:")
    st.caption(plain(record.path))
    with st.container(horizontal=True):
        searched = st.button(
            "Search with this",
            icon=":material/image_search:",
            type="primary",
            on_click=state.search_with,
            args=(record,),
        )
        mapped = st.button(
            "Show on the map",
            icon=":material/scatter_plot:",
            on_click=_leave,
            args=(links.to_map(record, metric=metric),),
        )
        if searched or mapped:
            st.rerun()


def _leave(destination: links.Destination) -> None:
    state.close_details()
    links.leave(destination)


def _neighbours(view: View, hit: Hit) -> None:
    st.markdown("**Its own nearest neighbours**, by exact search")
    reference, metric = view.reference, view.info.metric
    embedding = resources.get_stored_embedding(view.info, hit.record.id)
    if reference is None or embedding is None:
        st.caption("They can be shown as soon as the embeddings have been read.")
        return
    scores = cache.get_scores(embedding, metric=metric, reference=reference)
    near = reference.best(scores, metric=metric, k=_NEIGHBOURS, exclude=[hit.record.id])
    thumbnails, pressed = Thumbnails(view.info), False
    with st.container(horizontal=True, gap="small", key="neighbours"):
        for neighbour in near:
            record = neighbour.record
            tile = grid.tile(neighbour, metric, thumbnails, key="near")
            tile.below.caption(
                f"{plain(record.label or 'no class')} {plain(metric.formatted(neighbour.score))}"
            )
            pressed |= press(
                tile,
                f"Search with neighbour {neighbour.rank}",
                key=f"near_{record.id}",
                help=plain(record.path),
                on_click=state.search_with,
                args=(record,),
            )
    if pressed:
        st.rerun()


def _record(metric: Metric, hit: Hit) -> None:
    record = hit.record
    with st.expander("Record", icon=":material/database:"):
        st.table(
            {
                "Rank": str(hit.rank),
                **facts_of(record),
                metric.noun.capitalize(): f"{metric.formatted(hit.score)} ({metric.direction})",
                _raw_name(metric): f"{hit.score:.6g}",
            },
            border="horizontal",
        )


def _raw_name(metric: Metric) -> str:
    return "As Milvus returns it" + (", squared" if metric is Metric.L2 else "")
