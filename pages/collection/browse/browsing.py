"""Browsing: the classes as a filter, the pictures of what is chosen, page by page."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
import streamlit as st

from core.collection.catalogue import Catalogue
from core.collection.info import CollectionInfo
from core.dataset.quality import QUALITY
from core.dataset_root import RemoteFolder
from core.errors import ImageError
from core.records import ImageRecord
from core.ui import resources
from core.ui.choosing import looked_at
from core.ui.controls import where_control
from core.wording import counted
from pages.collection import cache
from pages.collection.browse.class_filter import class_filter
from pages.collection.browse.inspection import show_inspection
from pages.collection.browse.tiles import show_tiles
from pages.collection.keys import Address
from pages.collection.state import current, draw_again

PAGE_SIZE = 30


class Order(StrEnum):
    """In which order pictures are browsed."""

    RANDOM = "Random"
    PATH = "By path"
    CLASS = "By class"
    NEWEST = "Newest first"


def show_browse() -> None:
    """Classes beside their pictures, and what an inspection has found."""
    infos = cache.find_infos()
    if not infos:
        st.markdown("Nothing is indexed yet, so there is nothing to browse.")
        return
    info = next(iter(infos.values()))
    catalogue = resources.get_catalogue(looked_at.family())
    left, right = st.columns([1, 4], gap="medium")
    with left:
        label = class_filter({name: len(found) for name, found in catalogue.by_class.items()})
    with right:
        _show_pictures(catalogue, info, label)
    show_inspection(catalogue, info)


def page_of(
    order: Order, records: Sequence[ImageRecord], *, page: int, seed: int, info: CollectionInfo
) -> list[ImageRecord]:
    """Return one page, from 1, of pictures, which come in order of their paths, in another order.

    At every rerun: what is not on the page is sorted at most, and never copied.
    """
    part = slice((page - 1) * PAGE_SIZE, page * PAGE_SIZE)
    if order is Order.RANDOM:
        places = np.random.default_rng(seed).permutation(len(records))
        return [records[place] for place in places[part].tolist()]
    if order is Order.CLASS:
        return sorted(records, key=lambda record: record.label)[part]
    if order is Order.NEWEST:
        changed = cache.get_changed(info.family, info.name, info.rows)
        return sorted(records, key=lambda record: -changed.get(record.id, 0))[part]
    return [*records[part]]


def unmeasured(catalogue: Catalogue) -> int:
    """Return of how many pictures the quality is not known."""
    quality = catalogue.columns.get(QUALITY)
    return len(catalogue.by_id) - (int(quality.mask(*quality.rows).sum()) if quality else 0)


def _show_pictures(catalogue: Catalogue, info: CollectionInfo, label: str | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="browse_controls"):
        words = st.text_input(
            "Words in the path",
            placeholder="Words in the path",
            label_visibility="collapsed",
            icon=":material/search:",
            key=Address.BROWSE_WORDS,
            bind="query-params",
            width="stretch",
        )
        having = where_control(catalogue.columns, key=Address.BROWSE_WHERE, inline=True)
        order = _order_control(info)
    matching = catalogue.matching(words or "", label=label, having=having)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(counted(len(matching), "picture"), width="content")
        if not info.is_foreign and (missing := unmeasured(catalogue)):
            st.caption(
                f"{missing:,} not measured",
                width="content",
                help="Whether they are dark, blurred or the like is not known: they were indexed "
                "before that was measured. Build again from the same folder; it only decodes them.",
            )
        if order is Order.RANDOM:
            st.button("Shuffle", icon=":material/shuffle:", type="tertiary", on_click=draw_again)
    seed = current().seed
    pages = -(-len(matching) // PAGE_SIZE)
    place = st.container()
    page = 1
    if pages > 1:
        # With every other choice the pages begin anew.
        page = st.pagination(pages, key=f"browse_page_{label}_{words}_{having}_{order}_{seed}")
    with place:
        shown = page_of(order, matching, page=page, seed=seed, info=info)
        show_tiles(shown, info, key="browse_pictures")


def _order_control(info: CollectionInfo) -> Order:
    options = [order for order in Order if order is not Order.NEWEST or _has_files(info)]
    chosen = st.selectbox(
        "Order",
        options,
        label_visibility="collapsed",
        key=Address.BROWSE_ORDER,
        bind="query-params",
        width=160,
    )
    return Order(chosen or Order.RANDOM)


def _has_files(info: CollectionInfo) -> bool:
    try:
        root = resources.dataset_folder(info)
        return isinstance(root, RemoteFolder) or root.is_dir()
    except ImageError:
        return False
