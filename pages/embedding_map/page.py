"""Embedding map: the collection as points, any region of it as pictures, and how true it is."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from core.collection.info import CollectionInfo
from core.projection.colours import Colouring, by_class
from core.projection.placement import Placed
from core.projection.projection import Method, ProjectionSettings
from core.projection.rows import MapRows
from core.projection.stability import Repeated
from core.ui import resources
from core.ui.choosing import looked_at
from core.ui.controls import is_dark
from core.ui.errors import page_errors
from core.ui.text import plain
from pages.embedding_map import cache, chart, state
from pages.embedding_map.cache import Paint
from pages.embedding_map.component.cards import Cards, PlacedCard
from pages.embedding_map.component.message import message_of
from pages.embedding_map.component.mount import mount_map
from pages.embedding_map.controls import (
    Colours,
    colour_control,
    picture_control,
    settings_control,
)
from pages.embedding_map.keys import Key
from pages.embedding_map.lists import csv_of, list_control, show_list, show_picked
from pages.embedding_map.painting import paint_of, repeated_of
from pages.embedding_map.progress import follow
from pages.embedding_map.uploaded_picture import card_of, own_control, place, show_placed
from pages.embedding_map.view import View, about, density_of, table_key

_FORMATS = ("PNG", "SVG")


def main() -> None:
    """Inputs, the map as far as it is computed, the pictures behind it."""
    infos = resources.get_collections(looked_at.family())
    info = next(iter(infos.values()))
    st.subheader("Embedding map")
    # What comes and goes has a place of its own: in a shifted one the browser would draw the map
    # anew, and its view would be lost.
    notices, results = st.container(), st.container()
    with notices:
        rows = cache.get_rows(info)
    state.follow_address(rows, cache.get_places(rows))
    with st.sidebar:
        settings = settings_control()
        colours = colour_control(rows, settings, cache.get_columns(rows))
        picked = picture_control(rows)
        own = own_control(rows, settings)
    with results:
        shown, inspector = st.columns([4, 3], gap="medium")
    with inspector:
        about_one, listing = st.container(), st.container()
    with listing:
        listed = list_control(colours.colouring)
    with notices:
        view = _compute(rows, info, settings)
        placed = place(view, own) if own else None
        paint = paint_of(view, colours, listed.similarity)
        if paint is None:
            st.caption("This colour is there as soon as the pictures have been compared.")
            paint = by_class(rows.labels, colours.highlighted)
        repeated = repeated_of(view) if colours.repeated else None
    with shown:
        marks = _marks(view, picked, placed)
        card = card_of(placed, own) if own and placed and marks.query else None
        _show_map(view, colours, paint, marks=marks, placed=card, repeated=repeated)
    with about_one:
        show_picked(view, picked)
        if own and placed:
            show_placed(view, placed, own)
    with listing:
        show_list(view, listed)


def _compute(rows: MapRows, info: CollectionInfo, settings: ProjectionSettings) -> View:
    first = replace(settings, method=Method.PCA)
    found = cache.find_projection(rows, settings)
    table = cache.find_neighbours(rows, settings.metric)
    session = state.current()
    session.note((found.notice, table.notice))
    for notice in session.notices:
        st.info(plain(notice), icon=":material/autorenew:")
    for notice in session.lost:
        st.warning(plain(notice), icon=":material/link_off:")
    projection, not_kept = found.value, ""
    if projection is None:
        projection, not_kept = cache.first_view(rows, first)
    if not_kept:
        st.warning(plain(not_kept), icon=":material/warning:")
    if table.value is None or (settings.method is Method.UMAP and found.value is None):
        wanted = settings if settings.method is Method.UMAP else None
        follow(cache.job_for(rows, settings.metric, wanted), or_else="this is what there is")
    own = None
    if table.value:
        key = table_key(rows, settings.metric)
        own = cache.get_purity(key, _neighbours=table.value, _rows=rows)
    return View(rows, info, projection, table.value, own)


def _show_map(
    view: View,
    colours: Colours,
    paint: Paint,
    *,
    marks: chart.Marks,
    placed: PlacedCard | None,
    repeated: Repeated | None,
) -> None:
    session, dark = state.current(), is_dark()
    by = colours.column.title if colours.column else colours.colouring.value.lower()
    alt = f"Map of {len(view.rows):,} pictures, coloured by {by}"
    pale = None if repeated is None else repeated.pale
    density = density_of(view)
    figure = partial(
        _figure, view, colours, paint, marks=marks, pale=pale, density=density, dark=dark
    )
    # The map stands above the choice of the format it is saved in.
    place = st.container()
    with st.container(horizontal=True, vertical_alignment="center", key="exports"):
        st.caption(about(view, repeated), width="stretch")
        image_format = _take_away(view, figure).lower()
    if view.projection.settings.dimensions == 3:
        place.plotly_chart(figure(), key=Key.CHART, config=_config(image_format), alt=alt)
        return
    cards = Cards(view.rows, view.purity, partial(resources.get_thumbnail, info=view.info))
    session.drawn, session.drawn_as = view.rows, cards.name
    message = message_of(
        view.projection.coordinates,
        paint,
        marks=marks,
        dark=dark,
        scale=colours.size,
        named=colours.colouring is Colouring.CLASS,
        pale=pale,
        density=density,
    )
    with place:
        mount_map(
            message,
            cards,
            key=Key.MAP,
            token=session.token,
            image_format=image_format,
            alt=alt,
            cleared=session.cleared,
            on_select=state.take_selection,
            placed=placed,
        )


def _figure(
    view: View,
    colours: Colours,
    paint: Paint,
    *,
    marks: chart.Marks,
    pale: NDArray[np.bool_] | None,
    density: NDArray[np.float32] | None,
    dark: bool,
) -> go.Figure:
    texts = cache.get_tooltips(
        f"{table_key(view.rows, view.projection.settings.metric)} {view.purity is not None}",
        _rows=view.rows,
        _purity=view.purity,
    )
    coordinates = view.projection.coordinates
    return chart.map_figure(
        coordinates,
        paint,
        texts,
        marks=marks,
        pale=pale,
        density=density,
        dark=dark,
        scale=colours.size,
    )


def _config(image_format: str) -> dict[str, object]:
    return {
        "displaylogo": False,
        "scrollZoom": True,
        "displayModeBar": True,
        "toImageButtonOptions": {"format": image_format, "filename": "map", "scale": 2},
    }


def _take_away(view: View, figure: Callable[[], go.Figure]) -> str:
    """Offer map and positions as files; return the format that the map's camera button saves."""
    with st.popover("Export", icon=":material/download:"):
        st.download_button(
            "Map as HTML",
            # Made when it is asked for: Plotly itself is in the file, which then needs no network.
            lambda: figure().to_html(include_plotlyjs=True),
            file_name="map.html",
            mime="text/html",
            on_click="ignore",
            help="The interactive map as one file that opens without Orchard.",
            width="stretch",
        )
        st.download_button(
            "Positions as CSV",
            lambda: csv_of(view, range(len(view.rows))),
            file_name="map.csv",
            mime="text/csv",
            on_click="ignore",
            width="stretch",
        )
        chosen = st.segmented_control(
            "The map's camera saves",
            _FORMATS,
            default=_FORMATS[0],
            required=True,
            key=Key.IMAGE_FORMAT,
            help="The view as it is: zoomed, turned, filtered. In an SVG the points are one "
            "picture, the texts are texts.",
        )
    return chosen or _FORMATS[0]


def _marks(view: View, picked: int | None, placed: Placed | None) -> chart.Marks:
    """Return what is ringed: one picture with its neighbours at a time, the picked one first."""
    ids = cache.get_places(view.rows)
    ringed = tuple(ids[n] for n in state.current().ringed if n in ids)
    if picked is not None:
        ends = () if view.neighbours is None else view.neighbours.indices[picked].tolist()
        return chart.Marks(ringed=ringed, centre=picked, ends=tuple(ends))
    if placed is not None:
        return chart.Marks(ringed=ringed, ends=placed.rows, query=placed.position)
    return chart.Marks(ringed=ringed)


with page_errors():
    main()
