"""Corrections on the Collection page: what is said of which picture, the way back, CSV."""

import contextlib
from datetime import datetime
from functools import partial

import streamlit as st

from core.collection.info import CollectionInfo
from core.corrections.correction import Correction, Corrections, Edit
from core.corrections.table import export_table, import_table
from core.dataset.listing import list_dataset
from core.errors import OrchardError
from core.records import ImageRecord
from core.ui import resources
from core.ui.choosing import looked_at
from core.ui.correcting import actions
from core.ui.text import plain
from core.ui.tile_actions import icon_row
from core.ui.tiles import draw_tile, tile_line
from core.wording import counted, sentence
from pages.collection import cache
from pages.collection.keys import Key

PAGE_SIZE = 30
_SHOWN_STEPS = 20


def show_corrections() -> None:
    """The corrected pictures, what can be done with all of them, and the steps to undo."""
    infos = cache.find_infos()
    if not infos:
        st.markdown("Nothing is indexed yet, so there is nothing to correct.")
        return
    info, said = next(iter(infos.values())), resources.get_corrections(looked_at.family())
    read_only = resources.get_settings().read_only
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(_summary(said), width="stretch")
        if said.by_path:
            st.download_button(
                "Export",
                lambda: export_table(said),
                file_name="corrections.csv",
                mime="text/csv",
                icon=":material/download:",
                on_click="ignore",
                key="corrections_export",
            )
        if not read_only:
            with st.popover("Import", icon=":material/upload:"):
                _import(info)
    _show_pictures(said, info, read_only=read_only)
    _show_steps(read_only=read_only)


def _summary(said: Corrections) -> str:
    if not said.by_path:
        return (
            "Nothing is corrected. The menu of every picture has :material/sell: Tag, "
            ":material/block: Leave out and :material/drive_file_move: Another class."
        )
    return f"**{said}**"


def _show_pictures(said: Corrections, info: CollectionInfo, *, read_only: bool) -> None:
    paths = sorted(said.by_path)
    pages = -(-len(paths) // PAGE_SIZE)
    page = st.pagination(pages, key="corrections_page") if pages > 1 else 1
    shown = paths[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    wanted = frozenset(shown)
    rows = resources.get_stored(looked_at.family())
    stored = {record.path: record for record in rows if record.path in wanted}
    read = partial(resources.get_thumbnail, info=info)
    with st.container(horizontal=True, gap="small", key="corrected_pictures"):
        for path in shown:
            record = stored.get(path)
            if record is None:
                continue
            key, one = f"corrected_{record.id}", said.of(path)
            alt = f"{record.label or 'no class'}, {path}"
            with draw_tile(record, read, alt=alt, key=key, chip=_chip(one)).below:
                tile_line(_line(record, one), help=plain(f"{path}; {one.said}"))
                if not read_only:
                    _icons(record, one, key=key, name=plain(alt))
    if lost := [path for path in paths if path not in stored]:
        some = ", ".join(lost[:_SHOWN_STEPS]) + (", ..." if len(lost) > _SHOWN_STEPS else "")
        st.caption(plain(f"Without a row: {counted(len(lost), 'picture')} ({some})"))


def _chip(one: Correction) -> str:
    icons = {
        "block": one.excluded,
        "drive_file_move": one.label is not None,
        "sell": bool(one.tags),
    }
    return " ".join(f":material/{icon}:" for icon, is_so in icons.items() if is_so)


def _line(record: ImageRecord, one: Correction) -> str:
    if one.label is not None:
        return f"{one.label} (was {record.label or 'no class'})"
    return ", ".join(one.tags) or record.label or "no class"


def _icons(record: ImageRecord, one: Correction, *, key: str, name: str) -> None:
    with icon_row(key):
        back = Edit(label="", excluded=False, untagged=one.tags)
        st.button(
            f"Take back what is said of {name}",
            icon=":material/undo:",
            key=f"back_{key}",
            type="tertiary",
            help="Take back all of it",
            on_click=actions.change,
            args=([record.path], back),
        )
        actions.ways_menu(
            [record],
            key=f"ways_{key}",
            label=f"What else can be said of {name}",
            icon="more_vert",
            quiet=True,
            without=[actions.Way.EXCLUDE] if one.excluded else [],
        )


def _show_steps(*, read_only: bool) -> None:
    book = resources.get_store().book
    steps = book.steps(looked_at.family()) if book else ()
    if not steps:
        return
    st.markdown("**Changes**")
    for number, step in enumerate(steps[:_SHOWN_STEPS]):
        with st.container(horizontal=True, vertical_alignment="center", wrap=False):
            moment = datetime.fromisoformat(step.at)
            names = ", ".join(list(step.after)[:3]) + (", ..." if len(step.after) > 3 else "")
            st.markdown(
                f"{plain(sentence(step.said))}  \n"
                f":small[{moment:%Y-%m-%d %H:%M} UTC: {plain(names)}]",
                width="stretch",
            )
            if not read_only:
                st.button(
                    "Undo",
                    icon=":material/undo:",
                    type="secondary" if number == 0 else "tertiary",
                    key=f"undo_{step.number}",
                    on_click=actions.undo,
                    args=(step.number, looked_at.family()),
                )
    if len(steps) > _SHOWN_STEPS:
        st.caption(f"and {len(steps) - _SHOWN_STEPS:,} earlier changes.")


def _import(info: CollectionInfo) -> None:
    file = st.file_uploader(
        "A table (CSV)",
        type=["csv"],
        key=Key.IMPORT,
        help="path, and class, excluded (yes or empty) or tags, as an exported table has them. "
        "An empty cell takes back what was said; pictures that it does not name stay as they are.",
    )
    if file is None:
        return
    try:
        before = resources.get_corrections(looked_at.family())
        read = import_table(file.getvalue(), known=_known(info), before=before)
    except OrchardError as error:
        st.error(plain(sentence(str(error))), icon=":material/error:")
        return
    for notice in read.notices:
        st.warning(plain(notice), icon=":material/warning:")
    st.button(
        f"Take over {counted(len(read.corrections), 'row')}",
        type="primary",
        disabled=not read.corrections,
        key="corrections_import",
        on_click=actions.put,
        args=(read.corrections,),
        kwargs={"said": lambda n: f"{counted(n, 'picture')} as in a table", "before": before},
    )


def _known(info: CollectionInfo) -> set[str]:
    """Return the paths that may be corrected: of rows, and of files that have none."""
    known = {record.path for record in resources.get_stored(looked_at.family())}
    known.update(resources.get_corrections(looked_at.family()).by_path)
    # Where the folder is away its rows are known all the same.
    with contextlib.suppress(OrchardError):
        known.update(list_dataset(resources.dataset_folder(info)).paths)
    return known
