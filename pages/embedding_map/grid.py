"""Parts of the map page: progress with cancel, and a grid of pictures, page by page."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import streamlit as st

from core.collection.info import CollectionInfo
from core.progress import progress_text, share_done
from core.projection.jobs import JobState, JobStatus
from core.projection.rows import MapRows
from core.records import ImageRecord
from core.ui import resources
from core.ui.text import plain
from core.ui.tiles import draw_tile

PAGE_SIZE = 50

Pick = Callable[[ImageRecord], None]


def job_text(state: JobState, now: float) -> str:
    """Return one line about a job: stage, count and time left."""
    if state.status is JobStatus.WAITING:
        return "Waiting for another map to be computed"
    return progress_text(state.stage, state.done, state.total, left=state.seconds_left(now))


def show_progress(state: JobState, *, key: str, on_cancel: Callable[[], None]) -> None:
    """Show how far a job is, with a button to stop it; `key` tells jobs apart."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"map_progress_{key}"):
        st.progress(share_done(state.done, state.total), job_text(state, time.monotonic()))
        st.button("Cancel", icon=":material/close:", on_click=on_cancel, key=f"map_cancel_{key}")


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
