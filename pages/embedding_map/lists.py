"""The pictures behind the map: what is picked, what is selected, what stands out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from core.csv_table import csv_text
from core.dataset.archives.pictures_zip import MAX_ZIP_BYTES, pictures_as_zip
from core.embeddings.near_duplicates import NEAR_DUPLICATE
from core.embeddings.neighbour_table import Neighbourhoods, outliers
from core.embeddings.suspects import LEAST_SHARE
from core.metric import Metric
from core.projection.colours import Colouring
from core.ui import links, resources
from core.ui.correcting import actions
from core.ui.text import plain
from core.wording import counted
from pages.embedding_map import cache, grid, state
from pages.embedding_map.keys import Address
from pages.embedding_map.state import SELECTION
from pages.embedding_map.view import View, groups_of, survival_of, suspects_of

OUTLIERS, DUPLICATES, SUSPECTS = "Outliers", "Near-duplicates", "Suspected labels"
SHOWN_OUTLIERS = 50
SHOWN_GROUPS = 20


@dataclass(frozen=True, slots=True)
class Listed:
    """Which pictures are listed.

    Attributes:
        similarity: Cosine similarity from which on two are near-duplicates, here and on the map.
    """

    name: str
    similarity: float


def show_picked(view: View, picked: int | None) -> None:
    """Show the picked picture beside its true nearest neighbours, in the full space."""
    if picked is None:
        return
    record = view.rows.record(picked)
    with st.container(border=True):
        st.markdown(f"**{plain(record.path)}** and its true nearest neighbours")
        if view.neighbours is None:
            st.caption("They appear as soon as the pictures have been compared.")
            return
        near = view.neighbours.indices[picked].tolist()
        kept = survival_of(view, view.neighbours)[picked]
        metric = view.projection.settings.metric
        if near:
            st.caption(f"The map keeps {kept:.0%} of these {len(near)} among its nearest points.")
        scores = view.neighbours.scores[picked]
        captions = {
            row: _scored(metric, float(score), chip=f"**{rank}**")
            for rank, (row, score) in enumerate(zip(near, scores, strict=True), 1)
        }
        own = ""
        if view.purity is not None and near:
            own = f"{view.purity[picked]:.0%} of its neighbours are of its class"
        captions[picked] = grid.Caption("", own, chip=":material/my_location:")
        grid.picture_grid(view, [picked, *near], key="near", captions=captions)
        links.link_search([record.id], metric=metric)


def list_control(colouring: Colouring) -> Listed:
    """Ask which pictures are listed; before the map is drawn, which may be coloured by it."""
    chosen = (
        # Pills, which may stand in two rows: beside the map there is no room for one.
        st.pills(
            "Show pictures",
            [SELECTION, OUTLIERS, DUPLICATES, SUSPECTS],
            default=SELECTION,
            required=True,
            key=Address.LIST,
            bind="query-params",
            label_visibility="collapsed",
            wrap=True,
        )
        or SELECTION
    )
    similarity = NEAR_DUPLICATE
    if chosen == DUPLICATES or colouring is Colouring.DUPLICATES:
        similarity = st.slider(
            "Near-duplicates from a cosine similarity of",
            0.5,
            1.0,
            similarity,
            0.005,
            format="%.3f",
            key=Address.SIMILARITY,
            bind="query-params",
        )
    return Listed(chosen, similarity)


def show_list(view: View, listed: Listed) -> None:
    """Show the pictures that are selected on the map, or that stand out in some way."""
    chosen = listed.name
    if chosen == SELECTION:
        _show_selection(view)
    elif view.neighbours is None:
        st.caption("This list is there as soon as the pictures have been compared.")
    elif chosen == OUTLIERS:
        _show_outliers(view, view.neighbours)
    elif chosen == DUPLICATES:
        _show_duplicates(view, view.neighbours, listed.similarity)
    else:
        _show_suspects(view, view.neighbours)


def _show_selection(view: View) -> None:
    ids = state.current().selected
    places = cache.get_places(view.rows)
    selected = [places[number] for number in ids if number in places]
    if len(selected) < len(ids):
        gone = len(ids) - len(selected)
        st.warning(
            f"No longer on the map: {counted(gone, 'picture')} of the selection.",
            icon=":material/warning:",
        )
    if not selected:
        st.info(
            "Click a point, or take the lasso or the box from the toolbar of the map and drag it "
            "around some: their pictures appear here."
            if view.projection.settings.dimensions == 2
            else "Areas are selected in two dimensions. Switch Dimensions to 2.",
            icon=":material/lasso_select:",
        )
        return
    counts = Counter(view.rows.labels[row] for row in selected).most_common()
    st.markdown(f"**{counted(len(selected), 'picture')} selected**")
    st.caption(", ".join(f"{plain(label or 'no class')} {count:,}" for label, count in counts))
    with st.container(horizontal=True, key="selection_actions"):
        _lead_on(view, selected, [label for label, _ in counts if label])
        _take_away(view, selected)
        actions.ways_menu([view.rows.record(row) for row in selected], key="correct_selected")
        st.button("Clear", icon=":material/close:", on_click=state.forget_selection)
    grid.picture_grid(view, selected, key="selected")


def _lead_on(view: View, selected: Sequence[int], labels: Sequence[str]) -> None:
    """Lead from a selection to Search and to the confusions of its most frequent class.

    Args:
        labels: Classes of the selection, the most frequent one first.
    """
    first = [int(view.rows.ids[row]) for row in selected[: links.MAX_LINKED]]
    named = "these" if len(first) == len(selected) else f"the first {len(first)}"
    st.button(
        f"Search with {named}",
        icon=":material/image_search:",
        key="search_selected",
        on_click=links.leave,
        args=(links.to_search(first, metric=view.projection.settings.metric),),
    )
    if labels:
        st.button(
            "Confusions of these",
            icon=":material/grid_on:",
            key="confusions_selected",
            help=f"What is confused with {plain(labels[0])}, the most frequent class of them.",
            on_click=links.leave,
            args=(links.to_confusions(labels[0]),),
        )


def _take_away(view: View, selected: Sequence[int]) -> None:
    with st.popover("Export", icon=":material/download:"):
        st.download_button(
            "CSV",
            lambda: csv_of(view, selected),
            file_name="selection.csv",
            mime="text/csv",
            on_click="ignore",
            help="Id, path, class, purity and position",
            width="stretch",
        )
        st.download_button(
            "ZIP",
            lambda: _zip(view, selected),
            file_name="selection.zip",
            mime="application/zip",
            on_click="ignore",
            help=f"The pictures, up to {MAX_ZIP_BYTES // 1_000_000} MB; what does not fit is named "
            "inside",
            width="stretch",
        )


def _show_outliers(view: View, table: Neighbourhoods) -> None:
    metric = view.projection.settings.metric
    isolated = outliers(table, metric=metric, count=SHOWN_OUTLIERS).tolist()
    st.caption(
        f"{counted(len(isolated), 'picture')}, least like the {table.k}th nearest neighbour, the "
        "most isolated first."
    )
    captions = {row: _scored(metric, float(table.scores[row, -1])) for row in isolated}
    grid.picture_grid(view, isolated, key="outliers", captions=captions)


def _show_duplicates(view: View, table: Neighbourhoods, similarity: float) -> None:
    groups = groups_of(view, table, similarity)
    st.caption(
        f"{counted(len(groups), 'group')} with {counted(sum(map(len, groups)), 'picture')}, the "
        "largest first. "
        "Pictures are linked over steps: the ends of a chain may be less alike."
    )
    for number, group in enumerate(groups[:SHOWN_GROUPS], 1):
        ids = view.rows.ids[group].tolist()
        st.button(
            f"Ring group {number}: {len(group)} pictures",
            icon=":material/my_location:",
            key=f"group_{ids[0]}",
            on_click=state.ring,
            args=(ids,),
        )
        grid.picture_grid(view, group.tolist(), key=f"g{ids[0]}")
    if len(groups) > SHOWN_GROUPS:
        st.caption(f"{len(groups) - SHOWN_GROUPS:,} more; raise the similarity to see fewer.")


def _show_suspects(view: View, table: Neighbourhoods) -> None:
    suspects = suspects_of(view, table)
    st.caption(
        f"{counted(len(suspects), 'picture')} of which at least {LEAST_SHARE:.0%} of the {table.k} "
        "nearest neighbours have one other class, the most suspect first. The Evaluation page "
        "lists the pictures it asks with by the same rule."
    )
    captions = {
        suspect.row: grid.Caption(
            "",
            f"{suspect.share:.0%} of its neighbours are {plain(suspect.suggested)}",
            chip=f"{suspect.share:.0%} {plain(suspect.suggested)}",
        )
        for suspect in suspects
    }
    grid.picture_grid(view, [s.row for s in suspects], key="suspects", captions=captions)


def _scored(metric: Metric, score: float, *, chip: str = "") -> grid.Caption:
    number = metric.formatted(score)
    return grid.Caption(number, f"{metric.noun} {number}", chip)


def _zip(view: View, chosen: Sequence[int]) -> bytes:
    paths = (view.rows.paths[row] for row in chosen)
    return pictures_as_zip(paths, root=resources.dataset_folder(view.info))


def csv_of(view: View, chosen: Sequence[int]) -> str:
    """Return rows of the map as CSV: id, path, class, purity and position."""
    axes = ["x", "y", "z"][: view.projection.settings.dimensions]
    own = view.purity if view.purity is not None else np.full(len(view.rows), np.nan)
    lines = (
        (
            int(view.rows.ids[row]),
            view.rows.paths[row],
            view.rows.labels[row],
            float(own[row]),
            *view.projection.coordinates[row].tolist(),
        )
        for row in chosen
    )
    return csv_text(["id", "path", "class", "purity", *axes], lines)
