"""A grid of pictures of the collection that lead on."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from core.collection.info import CollectionInfo
from core.records import ImageRecord
from core.ui import resources
from core.ui.text import plain
from core.ui.tile_actions import lead_on
from core.ui.tiles import draw_tile, tile_line


def show_tiles(records: Sequence[ImageRecord], info: CollectionInfo, *, key: str) -> None:
    """Show pictures as a grid of tiles that lead on.

    Args:
        key: Tells the grids of a page apart.
    """
    read = partial(resources.get_thumbnail, info=info)
    with st.container(horizontal=True, gap="small", key=key):
        for record in records:
            label, own = record.label or "no class", f"{key}_{record.id}"
            alt = f"{label}, {record.path}"
            with draw_tile(record, read, alt=alt, key=own).below:
                tile_line(label, help=plain(record.path))
                lead_on(record, key=own, name=plain(alt))
