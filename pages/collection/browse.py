"""Browsing on the Collection page: classes, pictures of one, and what an inspection has found."""

import random
from collections.abc import Mapping, Sequence
from functools import partial

import plotly.graph_objects as go
import streamlit as st

from core.collection.info import CollectionInfo
from core.health.inspection import Inspection
from core.records import ImageRecord
from core.runs.history import how_long
from core.runs.task import InspectPictures, TaskKind
from core.ui import resources
from core.ui.controls import is_dark
from core.ui.text import plain
from core.ui.tiles import draw_tile
from core.wording import classes, counted
from pages.collection import cache, charts
from pages.collection.keys import Address
from pages.collection.state import current, draw_again

PAGE_SIZE = 24
_SHOWN_GROUPS = 10


def show_browse() -> None:
    """Class counts, a page of a class, the last inspection."""
    infos = cache.find_infos()
    if not infos:
        st.markdown("Nothing is indexed yet, so there is nothing to browse.")
        return
    info = next(iter(infos.values()))
    records = resources.get_catalogue().by_class
    counts = {label: len(found) for label, found in records.items()}
    st.markdown(f"#### {classes(len(counts))}, {counted(sum(counts.values()), 'picture')}")
    _chart(charts.class_bars(counts, dark=is_dark()), key="class_bars")
    _show_class(records, info)
    _show_inspection(records, info)


def _chart(figure: go.Figure, *, key: str) -> None:
    st.plotly_chart(figure, key=key, config={"displayModeBar": False})


def _show_class(records: Mapping[str, Sequence[ImageRecord]], info: CollectionInfo) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        label = st.selectbox(
            "Class",
            list(records),
            format_func=lambda name: name or "no class",
            key=Address.BROWSE_CLASS,
            bind="query-params",
            width=320,
        )
        st.button("Other pictures", icon=":material/casino:", on_click=draw_again)
    found = records[label or ""]
    seed = current().seed
    chosen = random.Random(seed).sample(found, min(PAGE_SIZE, len(found)))  # noqa: S311
    st.caption(f"{len(chosen)} of {counted(len(found), 'picture')}, drawn at random")
    show_tiles(chosen, info, key="browse_pictures")


def show_tiles(records: Sequence[ImageRecord], info: CollectionInfo, *, key: str) -> None:
    """Show pictures as a grid with their names."""
    read = partial(resources.get_thumbnail, info=info)
    with st.container(horizontal=True, gap="small", key=key):
        for record in records:
            tile = draw_tile(record, read, alt=record.path)
            tile.below.caption(plain(record.path.removeprefix(f"{record.label}/")))


def _show_inspection(records: Mapping[str, Sequence[ImageRecord]], info: CollectionInfo) -> None:
    runs = cache.get_history().runs
    state = cache.get_runner().state()
    st.markdown("#### Sizes, damage and duplicates")
    st.caption(
        "Decodes every file and compares every picture with every other. "
        + how_long(runs, TaskKind.INSPECT)
    )
    st.button(
        "Inspect the pictures",
        icon=":material/troubleshoot:",
        on_click=cache.start,
        args=(InspectPictures(resources.get_settings().collection),),
        disabled=bool(state and state.is_open),
        key="inspect",
    )
    for run in runs:
        if isinstance(run.report, Inspection):
            pictures = counted(run.report.pictures, "picture")
            st.caption(f"As of {run.started:%Y-%m-%d %H:%M} UTC, {pictures}")
            _show_report(run.report, records, info)
            return


def _show_report(
    report: Inspection, records: Mapping[str, Sequence[ImageRecord]], info: CollectionInfo
) -> None:
    if report.sizes:
        formats = ", ".join(f"{count:,} {name}" for name, count in report.formats.items())
        st.markdown(f"**Sizes** ({plain(formats)})")
        _chart(charts.size_points(report.sizes, dark=is_dark()), key="sizes")
    st.markdown(f"**Damaged or gone: {counted(len(report.damaged), 'file')}**")
    if report.damaged:
        st.dataframe(
            [{"File": one.path, "Why": one.reason} for one in report.damaged],
            hide_index=True,
            key="damaged",
        )
    by_path = {record.path: record for found in records.values() for record in found}
    exact = f"{counted(report.exact_count, 'exact duplicate')} (same bytes)"
    _show_groups(exact, report.exact, key="exact", by_path=by_path, info=info)
    near = counted(report.near_count, "near-duplicate")
    near += f" (cosine similarity {report.similarity} and more)"
    _show_groups(near, report.near, key="near", by_path=by_path, info=info)


def _show_groups(
    what: str,
    groups: Sequence[Sequence[str]],
    *,
    key: str,
    by_path: dict[str, ImageRecord],
    info: CollectionInfo,
) -> None:
    st.markdown(f"**{what}**")
    if not groups:
        return
    with st.expander(f"The largest: {counted(min(len(groups), _SHOWN_GROUPS), 'group')}"):
        for number, group in enumerate(groups[:_SHOWN_GROUPS], start=1):
            labels = sorted({path.partition("/")[0] for path in group if "/" in path})
            also = " (in more than one class)" if len(labels) > 1 else ""
            st.caption(f"{len(group)} pictures{also}: {plain(', '.join(labels))}")
            here = [by_path[path] for path in group if path in by_path]
            show_tiles(here, info, key=f"group_{key}_{number}")
