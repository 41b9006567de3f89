"""A part of a picture to search with: dragged on the picture, or set by two sliders."""

import base64
import io

import plotly.graph_objects as go
import streamlit as st
from PIL import Image

from core.crop import SCALE, WHOLE, Crop, cut
from core.errors import OrchardError
from core.query_picture import QueryPicture
from core.records import CollectionInfo
from core.ui import charts, resources_search, search_state
from core.ui.components import plain

_HEIGHT = 420


@st.dialog("Search with a part of the picture", width="large", icon=":material/crop:")
def crop_dialog(picture: QueryPicture, info: CollectionInfo) -> None:
    """Ask which part of a picture to search with."""
    try:
        content = resources_search.get_stage(picture, info)
    except OrchardError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    image = Image.open(io.BytesIO(content))
    key = f"part_{picture.key}"
    across, down = f"{key}_across", f"{key}_down"
    if across not in st.session_state:
        st.session_state[across] = (picture.crop.left, picture.crop.right)
        st.session_state[down] = (picture.crop.top, picture.crop.bottom)
    crop = Crop.between(st.session_state[across], st.session_state[down])
    st.caption("Drag a box on the picture, or move the sliders below.")
    st.plotly_chart(
        crop_figure(content, image.size, crop, dark=st.context.theme.type == "dark"),
        key=f"{key}_chart",
        on_select=lambda: _take_box(f"{key}_chart", across, down),
        selection_mode="box",
        config={"displayModeBar": False, "scrollZoom": False},
        alt=f"{picture.name}, with the part that is searched with",
    )
    st.slider("From left to right (thousandths)", 0, SCALE, key=across)
    st.slider("From top to bottom (thousandths)", 0, SCALE, key=down)
    st.image(cut(image, crop), width=160, alt="the part that will be searched with")
    with st.container(horizontal=True):
        chosen = st.button(
            "Search with this part",
            icon=":material/check:",
            type="primary",
            on_click=_use,
            args=(picture, crop, across, down),
        )
        whole = st.button(
            "Whole picture",
            icon=":material/undo:",
            disabled=crop.is_whole and picture.crop.is_whole,
            on_click=_use,
            args=(picture, WHOLE, across, down),
        )
        if chosen or whole:
            st.rerun()


def crop_figure(content: bytes, size: tuple[int, int], crop: Crop, *, dark: bool) -> go.Figure:
    """Return a picture on which a box can be drawn, what the crop leaves out being shaded.

    Args:
        content: JPEG.
        size: Width and height, which give the figure its shape.
    """
    source = "data:image/jpeg;base64," + base64.b64encode(content).decode()
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
        figure.add_shape(
            type="rect",
            **{"x0": crop.left, "x1": crop.right, "y0": crop.top, "y1": crop.bottom},
            line={"color": charts.accent(dark=dark), "width": 3},
        )
    charts.framed(figure, height=_HEIGHT, legend=False)
    width, height = size
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


def _take_box(chart: str, across: str, down: str) -> None:
    boxes = st.session_state[chart]["selection"]["box"]
    if boxes:
        crop = Crop.between(_ends(boxes[-1]["x"]), _ends(boxes[-1]["y"]))
        st.session_state[across] = (crop.left, crop.right)
        st.session_state[down] = (crop.top, crop.bottom)


def _ends(values: list[float]) -> tuple[float, float]:
    return min(values), max(values)


def _use(picture: QueryPicture, crop: Crop, *keys: str) -> None:
    search_state.set_crop(picture.key, crop)
    for key in keys:
        del st.session_state[key]
