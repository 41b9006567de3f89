"""A grid of pictures, page by page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import streamlit as st

from core.ui import resources
from core.ui.text import plain
from core.ui.tile_actions import lead_on
from core.ui.tiles import draw_tile, tile_line
from pages.embedding_map import state
from pages.embedding_map.view import View

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Caption:
    """What is said of a picture beside its class; Markdown of our own.

    Attributes:
        number: Behind the class, in the one line below the picture.
        told: In words, for whoever points at the line.
        chip: In the corner of the picture.
    """

    number: str
    told: str
    chip: str = ""


_NOTHING = Caption("", "")


def picture_grid(
    view: View,
    chosen: Sequence[int],
    *,
    key: str,
    captions: Mapping[int, Caption] | None = None,
) -> None:
    """Show pictures as thumbnails, `PAGE_SIZE` a page, each with a button that finds it on the map.

    Args:
        chosen: Rows of the map, in the order they are shown.
        key: Tells grids of one page apart.
        captions: By row.
    """
    pages = max(1, -(-len(chosen) // PAGE_SIZE))
    page = 1
    if pages > 1:
        page = st.pagination(pages, key=f"{key}_page")
    with st.container(horizontal=True, gap="small", key=key):
        for row in chosen[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]:
            _tile(view, row, key=key, caption=(captions or {}).get(row, _NOTHING))


def _tile(view: View, row: int, *, key: str, caption: Caption) -> None:
    record = view.rows.record(row)
    label = record.label or "no class"
    alt = f"{label}, {record.path}"
    own = f"{key}_{record.id}"
    read = partial(resources.get_thumbnail, info=view.info)
    told = f"  \n{caption.told}" if caption.told else ""
    with draw_tile(record, read, alt=alt, key=own, chip=caption.chip).below:
        tile_line(label, caption.number, help=f"{plain(record.path)}{told}")
        lead_on(
            record,
            key=own,
            name=plain(alt),
            metric=view.projection.settings.metric,
            on_find=state.pick,
        )
