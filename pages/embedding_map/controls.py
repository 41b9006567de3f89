"""The controls of the map page: how to project, what to colour, which picture to find."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from core.collection.columns import Column
from core.embeddings.neighbour_table import NEIGHBOURS
from core.metric import Metric
from core.projection.colours import MAX_COLOURED, Colouring, default_highlight
from core.projection.projection import DEFAULT_SEED, Method, ProjectionSettings
from core.projection.rows import MapRows
from core.ui import controls, links
from pages.embedding_map import state
from pages.embedding_map.keys import Address, Key

# Hits that precision@k looks at until somebody chooses.
DEFAULT_K = 10


@dataclass(frozen=True, slots=True)
class Colours:
    """What the colours tell.

    Attributes:
        highlighted: Classes, or values, that are coloured where there are too many to colour all.
        k: Hits that precision@k looks at.
        size: Of the points, 1 for the usual one.
        repeated: Whether what another seed does not repeat is pale.
        column: The further column that is coloured instead of the class; None for none.
    """

    colouring: Colouring
    highlighted: list[str]
    k: int
    size: float = 1
    repeated: bool = False
    column: Column | None = None


def settings_control() -> ProjectionSettings:
    """Ask how the map is to be drawn."""
    method = controls.segmented(
        "Projection",
        list(Method),
        default=Method.UMAP,
        key=Address.METHOD,
        help="UMAP keeps neighbours together. PCA shows the two or three directions in which the "
        "embeddings differ most; it is there at once.",
    )
    dimensions = controls.segmented(
        "Dimensions",
        [2, 3],
        key=Address.DIMENSIONS,
        help="Areas are selected in two dimensions; in three the map is turned.",
    )
    metric = controls.segmented(
        "Metric of the map",
        [Metric.COSINE, Metric.L2],
        key=Address.METRIC,
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


def colour_control(
    rows: MapRows, settings: ProjectionSettings, columns: Mapping[str, Column]
) -> Colours:
    """Ask what the colours tell, with many classes which are coloured, and what is pale.

    Args:
        columns: Further columns of the rows, by name.
    """
    # Of a column that is called like a colouring the latter is meant.
    others = {one.title: one for one in columns.values() if one.title not in list(Colouring)}
    chosen = st.selectbox(
        "Colour by", [*Colouring, *others], key=Address.COLOUR, bind="query-params"
    )
    column = others.get(chosen or "")
    colouring = Colouring.CLASS if column else Colouring(chosen or Colouring.CLASS)
    highlighted: list[str] = []
    if column:
        highlighted = _highlight_control(
            column.values, "values", none=column.none, key=f"{Key.HIGHLIGHT} {column.name}"
        )
    elif colouring is Colouring.CLASS:
        highlighted = _highlight_control(rows.labels, "classes", none="no class", key=Key.HIGHLIGHT)
    k = DEFAULT_K
    if colouring is Colouring.PRECISION:
        k = st.slider("k", 1, NEIGHBOURS, k, key=Address.PRECISION_K, bind="query-params")
    st.caption("What is known of a picture besides its class." if column else colouring.explanation)
    size = st.slider("Point size", 0.5, 3.0, 1.0, 0.25, key=Address.POINT_SIZE, bind="query-params")
    # PCA has no seed.
    repeated = settings.method is Method.UMAP and st.toggle(
        "Fade what is chance",
        key=Address.REPEATED,
        bind="query-params",
        help="Draws a second map with another seed, in the background. Points that have other "
        "neighbours there turn pale: where they lie is chance. As a whole, maps are compared after "
        "the best turn, mirroring and scale (Procrustes): 100% are alike.",
    )
    return Colours(colouring, highlighted, k, size, repeated, column)


def _highlight_control(texts: Sequence[str], what: str, *, none: str, key: str) -> list[str]:
    every = sorted(set(texts))
    if len(every) <= MAX_COLOURED:
        return []
    return st.multiselect(
        f"Highlight (up to {MAX_COLOURED} of {len(every):,} {what})",
        every,
        default=default_highlight(texts),
        max_selections=MAX_COLOURED,
        format_func=lambda name: name or none,
        key=key,
    )


def picture_control(rows: MapRows) -> int | None:
    """Return the row of the picture that was picked, here or anywhere on the page."""
    label = st.selectbox(
        "Find a picture of class",
        sorted(set(rows.labels)),
        index=None,
        format_func=lambda name: name or "no class",
        key=Address.CLASS,
        bind="query-params",
    )
    names = {
        links.name_in_class(path, own): row
        for row, (path, own) in enumerate(zip(rows.paths, rows.labels, strict=True))
        if own == label
    }
    # Drawn without a class too: a control that is not there tells the address nothing, so that a
    # picture picked elsewhere on the page would be missing from a link.
    name = st.selectbox(
        "Picture on the map",
        list(names),
        index=None,
        key=Address.PICTURE,
        bind="query-params",
        disabled=label is None,
        # The greyed label of a disabled control is too pale to be read.
        label_visibility="collapsed" if label is None else "visible",
        placeholder="Choose a picture" if names else "Choose a class first",
    )
    if name is None:
        return None
    st.button("Clear the selection", icon=":material/close:", on_click=state.forget_pick)
    return names.get(name)


def _umap_control() -> tuple[int, float, int]:
    # A form, so that every step of a slider does not start a computation.
    with st.expander("UMAP settings"), st.form("umap", border=False):
        n_neighbors = st.slider(
            "n_neighbors",
            2,
            200,
            15,
            key=Address.N_NEIGHBORS,
            bind="query-params",
            help="Pictures in a neighbourhood: few show detail, many the whole.",
        )
        min_dist = st.slider(
            "min_dist",
            0.0,
            0.99,
            0.1,
            key=Address.MIN_DIST,
            bind="query-params",
            help="How close points may lie: small values pack clusters tightly.",
        )
        seed = st.number_input(
            "Seed",
            0,
            2**32 - 1,
            DEFAULT_SEED,
            key=Address.SEED,
            bind="query-params",
            help="The same seed draws the same map on the same machine.",
        )
        st.form_submit_button("Apply", width="stretch")
    return int(n_neighbors), float(min_dist), int(seed)
