"""A grid of pictures, page by page."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import streamlit as st

from core.collection.info import CollectionInfo
from core.projection.rows import MapRows
from core.records import ImageRecord
from core.ui import resources
from core.ui.text import plain
from core.ui.tiles import draw_tile

PAGE_SIZE = 50

Pick = Callable[[ImageRecord], None]


def picture_grid(
    rows: MapRows,
    chosen: Sequence[int],
    *,
    info: CollectionInfo,
    key: str,
    on_pick: Pick,
    captions: Mapping[int, str] | None = None,
) -> None:
    """Show pictures as thumbnails, `PAGE_SIZE` a page, each with a button that finds it on the map.

    Args:
        chosen: Rows of the map, in the order they are shown.
        key: Tells grids of one page apart.
        captions: A line under the class, by row; text of our own, not of data.
    """
    pages = max(1, -(-len(chosen) // PAGE_SIZE))
    page = 1
    if pages > 1:
        page = st.pagination(pages, key=f"{key}_page")
    with st.container(horizontal=True, gap="small", key=key):
        for row in chosen[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]:
            _tile(rows.record(row), info, key, on_pick, (captions or {}).get(row, ""))


def _tile(record: ImageRecord, info: CollectionInfo, key: str, on_pick: Pick, caption: str) -> None:
    label = record.label or "no class"
    read = partial(resources.get_thumbnail, info=info)
    below = draw_tile(record, read, alt=f"{label}, {record.path}").below
    below.button(
        plain(label),
        icon=":material/my_location:",
        key=f"{key}_{record.id}",
        help=f"Show on the map: {plain(record.path)}",
        on_click=on_pick,
        args=(record,),
        type="tertiary",
    )
    if caption:
        below.caption(caption)
