"""The controls of the map page: how to project, what to colour, which picture to find."""

import streamlit as st

from core.embeddings.neighbourhood import NEIGHBOURS
from core.metric import Metric
from core.projection.colours import MAX_COLOURED, Colouring, default_highlight
from core.projection.projection import DEFAULT_SEED, Method, ProjectionSettings
from core.projection.rows import MapRows
from core.records import ImageRecord
from core.ui import controls

# Hits that precision@k looks at until somebody chooses.
DEFAULT_K = 10


def settings_control() -> ProjectionSettings:
    """Ask how the map is to be drawn."""
    method = controls.segmented(
        "Projection",
        list(Method),
        default=Method.UMAP,
        key="method",
        help="UMAP keeps neighbours together. PCA shows the two or three directions in which the "
        "embeddings differ most; it is there at once.",
    )
    dimensions = controls.segmented(
        "Dimensions",
        [2, 3],
        key="dimensions",
        help="Areas are selected in two dimensions; in three the map is turned.",
    )
    metric = controls.segmented(
        "Metric of the map",
        [Metric.COSINE, Metric.L2],
        key="map_metric",
        help="What makes two pictures neighbours. IP is no distance: no map can be drawn by it.",
    )
    n_neighbors, min_dist, seed = 15, 0.1, DEFAULT_SEED
    if method == Method.UMAP:
        n_neighbors, min_dist, seed = _umap_control()
    return ProjectionSettings(
        method=Method(method),
        dimensions=int(dimensions),
        metric=Metric(metric),
        n_neighbors=n_neighbors,
        min_dist=min_dist,
        seed=seed,
    )


def colour_control(rows: MapRows) -> tuple[Colouring, list[str]]:
    """Ask what the colours tell, and with many classes which of them are coloured."""
    chosen = st.selectbox("Colour by", list(Colouring), key="colour", bind="query-params")
    colouring = Colouring(chosen or Colouring.CLASS)
    highlighted: list[str] = []
    classes = sorted(set(rows.labels))
    if colouring is Colouring.CLASS and len(classes) > MAX_COLOURED:
        highlighted = st.multiselect(
            f"Highlight (up to {MAX_COLOURED} of {len(classes)} classes)",
            classes,
            default=default_highlight(rows.labels),
            max_selections=MAX_COLOURED,
            format_func=lambda name: name or "no class",
            key="highlight",
        )
    if colouring is Colouring.PRECISION:
        st.slider("k", 1, NEIGHBOURS, DEFAULT_K, key="precision_k", bind="query-params")
    st.caption(colouring.explanation)
    return colouring, highlighted


def picture_control(rows: MapRows) -> int | None:
    """Return the row of the picture that was picked, here or anywhere on the page."""
    label = st.selectbox(
        "Find a picture of class",
        sorted(set(rows.labels)),
        index=None,
        format_func=lambda name: name or "no class",
        key="map_class",
        bind="query-params",
    )
    if label is None:
        return None
    # A class's folder need not be the first one: a dataset may be split above the classes.
    names = {
        path.removeprefix(f"{label}/"): row
        for row, (path, own) in enumerate(zip(rows.paths, rows.labels, strict=True))
        if own == label
    }
    name = st.selectbox(
        "Picture on the map", list(names), index=None, key="map_picture", bind="query-params"
    )
    if name is None:
        return None
    st.button("Let it go", icon=":material/close:", on_click=forget_pick)
    return names.get(name)


def pick(record: ImageRecord) -> None:
    """Make a picture the picked one; a callback for buttons."""
    st.session_state["map_class"] = record.label
    st.session_state["map_picture"] = record.path.removeprefix(f"{record.label}/")
    st.session_state["map_ringed"] = []


def ring(ids: list[int]) -> None:
    """Ring the pictures with these ids instead of a picked one; a callback for buttons."""
    forget_pick()
    st.session_state["map_ringed"] = ids


def forget_pick() -> None:
    """Pick no picture; a callback for buttons."""
    st.session_state["map_class"] = None
    st.session_state["map_picture"] = None


def _umap_control() -> tuple[int, float, int]:
    # A form, so that every step of a slider does not start a computation.
    with st.expander("UMAP settings"), st.form("umap", border=False):
        n_neighbors = st.slider(
            "n_neighbors",
            2,
            200,
            15,
            key="n_neighbors",
            bind="query-params",
            help="Pictures in a neighbourhood: few show detail, many the whole.",
        )
        min_dist = st.slider(
            "min_dist",
            0.0,
            0.99,
            0.1,
            key="min_dist",
            bind="query-params",
            help="How close points may lie: small values pack clusters tightly.",
        )
        seed = st.number_input(
            "Seed",
            0,
            2**32 - 1,
            DEFAULT_SEED,
            key="seed",
            bind="query-params",
            help="The same seed draws the same map on the same machine.",
        )
        st.form_submit_button("Apply", width="stretch")
    return int(n_neighbors), float(min_dist), int(seed)
