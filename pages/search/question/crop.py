"""A part of a picture to search with: dragged on the picture, or set by two sliders."""

import io

import plotly.graph_objects as go
import streamlit as st
from PIL import Image

from core.collection.info import CollectionInfo
from core.dataset.thumbnails import small_jpeg
from core.errors import OrchardError
from core.search.crop import SCALE, WHOLE, Crop, cut
from core.search.query_picture import QueryPicture
from core.ui import charts
from core.ui.controls import is_dark
from core.ui.text import plain
from core.ui.tiles import data_url
from pages.search import cache, state
from pages.search.state import Edges

# Of the figure, for tall pictures and for wide ones: a phone would leave empty what a wide picture
# does not fill.
_HEIGHT, _LEAST_HEIGHT = 420, 200
_PART_PIXELS = 160
# Laid over what is left out.
_SHADE = "rgba(0, 0, 0, 0.55)"


@st.dialog("Search with a part of the picture", width="large", icon=":material/crop:")
def crop_dialog(picture: QueryPicture, info: CollectionInfo) -> None:
    """Ask which part of a picture to search with."""
    try:
        content = cache.get_stage(picture, info)
    except OrchardError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    image = Image.open(io.BytesIO(content))
    edges = Edges(picture)
    crop = edges.crop()
    st.caption("Drag a box on the picture, or set its edges by number.")
    stage, part = st.columns([3, 1])
    with stage:
        st.plotly_chart(
            crop_figure(content, image.size, crop, dark=is_dark()),
            key=edges.chart,
            on_select=edges.take_box,
            selection_mode="box",
            config={"displayModeBar": False, "scrollZoom": False},
            alt=f"{picture.name}, with the part that is searched with",
        )
    with part:
        st.image(
            data_url(small_jpeg(cut(image, crop))),
            width=_PART_PIXELS,
            alt="the part that will be searched with",
        )
        _answers(picture, crop, edges)
    with st.expander("Edges by number", icon=":material/tune:"):
        st.slider("From left to right, in % of the width", 0.0, 100.0, step=0.1, key=edges.across)
        st.slider("From top to bottom, in % of the height", 0.0, 100.0, step=0.1, key=edges.down)


def _answers(picture: QueryPicture, crop: Crop, edges: Edges) -> None:
    chosen = st.button(
        "Search with this part",
        icon=":material/check:",
        type="primary",
        width="stretch",
        on_click=_use,
        args=(picture, crop, edges),
    )
    whole = st.button(
        "Whole picture",
        icon=":material/undo:",
        width="stretch",
        disabled=crop.is_whole and picture.crop.is_whole,
        on_click=_use,
        args=(picture, WHOLE, edges),
    )
    if chosen or whole:
        st.rerun()


def crop_figure(content: bytes, size: tuple[int, int], crop: Crop, *, dark: bool) -> go.Figure:
    """Return a picture on which a box can be drawn, what the crop leaves out being shaded.

    Args:
        content: JPEG.
        size: Width and height, which give the figure its shape.
    """
    source = data_url(content)
    figure = go.Figure()
    # A selection needs points, of which nothing is seen.
    steps = range(0, SCALE + 1, 100)
    figure.add_scatter(
        x=[x for x in steps for _ in steps],
        y=[y for _ in steps for y in steps],
        mode="markers",
        marker={"opacity": 0, "size": 1},
        hoverinfo="skip",
    )
    figure.add_layout_image(
        source=source,
        **{"xref": "x", "yref": "y", "x": 0, "y": 0, "sizex": SCALE, "sizey": SCALE},
        sizing="stretch",
        layer="below",
    )
    if not crop.is_whole:
        for x0, x1, y0, y1 in _outside(crop):
            figure.add_shape(
                type="rect",
                **{"x0": x0, "x1": x1, "y0": y0, "y1": y1},
                line={"width": 0},
                fillcolor=_SHADE,
            )
        figure.add_shape(
            type="rect",
            **{"x0": crop.left, "x1": crop.right, "y0": crop.top, "y1": crop.bottom},
            line={"color": charts.accent(dark=dark), "width": 3},
        )
    width, height = size
    charts.framed(
        figure, height=max(_LEAST_HEIGHT, round(_HEIGHT * min(1, height / width))), legend=False
    )
    figure.update_xaxes(range=[0, SCALE], visible=False, constrain="domain")
    figure.update_yaxes(
        range=[SCALE, 0],
        visible=False,
        scaleanchor="x",
        scaleratio=height / width,
        constrain="domain",
    )
    figure.update_layout(dragmode="select", margin={"l": 0, "r": 0, "t": 0, "b": 0})
    return figure


def _outside(crop: Crop) -> list[tuple[int, int, int, int]]:
    """Return what is left of, right of, above and below a crop: x0, x1, y0, y1 each."""
    return [
        (0, crop.left, 0, SCALE),
        (crop.right, SCALE, 0, SCALE),
        (crop.left, crop.right, 0, crop.top),
        (crop.left, crop.right, crop.bottom, SCALE),
    ]


def _use(picture: QueryPicture, crop: Crop, edges: Edges) -> None:
    state.set_crop(picture.key, crop)
    edges.forget()
