"""Building on the Collection page: three steps, what the run will do, one button."""

from dataclasses import replace

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.dataset.archives.uploads import keep_upload
from core.dataset_root import parse_root
from core.errors import BusyError, OrchardError
from core.indexing.plan import index_sentences, refuse_to_add
from core.runs.history import expected_seconds, how_long
from core.runs.task import Build, TaskKind
from core.ui import resources
from core.ui.text import plain
from core.wording import counted, duration, sentence
from pages.collection import cache
from pages.collection.build.options import (
    Infos,
    name_control,
    options_control,
    replace_control,
)
from pages.collection.build.preview import show_preview
from pages.collection.build.source import Source, source_control
from pages.collection.run import BUSY, is_busy, run_panel
from pages.collection.state import refuse


def show_build() -> None:
    """Which pictures, what is there, options; then what will be done, and the button."""
    family = name_control()
    if family is None:
        return
    infos = cache.find_infos(family)
    if any(info.is_foreign for info in infos.values()):
        st.info(
            f"Others made {plain(family)}, so it is only read. To build one of your own, give it "
            "another name.",
            icon=":material/info:",
        )
        return
    if not infos:
        st.markdown(
            f"Nothing is indexed yet under the name {plain(family)}. Choose pictures, then build: "
            "they become searchable."
        )
    st.markdown("##### :material/looks_one: Which pictures?")
    with st.container(width=640):
        source = source_control()
        recreate = replace_control(infos)
    st.markdown("##### :material/looks_two: What is there")
    if source is None:
        st.caption("Nothing is chosen yet.")
    else:
        show_preview(source)
    with st.expander("Options: encoder, metrics, index", icon=":material/looks_3:"):
        choice = options_control(infos, source.pictures if source else 0, recreate=recreate)
    if source is None:
        _button(None, None, reason="Choose pictures first.")
    else:
        task = Build(
            family,
            folder=source.folder,
            draw=source.draw,
            architecture=choice.architecture,
            metrics=choice.metrics,
            index=choice.index,
            recreate=choice.recreate,
        )
        _offer(task, source, infos)
    run_panel(TaskKind.BUILD, tells_end=True)


def _offer(task: Build, source: Source, infos: Infos) -> None:
    """Say what the run will do, or why it cannot be; then the button."""
    refusal = _refusal(source, task.family, {} if task.recreate else infos)
    reason = ""
    if refusal:
        st.warning(plain(sentence(refusal)), icon=":material/block:")
        reason = "These pictures cannot be added."
    elif not task.metrics:
        reason = "Choose at least one metric."
    elif is_busy():
        reason = BUSY
    if not refusal:
        _announce(task, source, infos)
    _button(task, source.upload, reason=reason)


def _button(task: Build | None, upload: UploadedFile | None, *, reason: str) -> None:
    """The button, always there; while it cannot be pressed, beside it stands why."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Build",
            icon=":material/construction:",
            type="primary",
            key="build",
            disabled=bool(reason),
            on_click=_start,
            args=(task, upload),
        )
        if reason:
            st.caption(reason, width="content")


def _refusal(source: Source, family: str, kept: Infos) -> str:
    """Return why the pictures cannot be added to the collections; empty if they can."""
    if not kept:
        return ""
    infos = list(kept.values())
    stored = resources.get_catalogue(family).by_id.keys()
    try:
        refuse_to_add(infos, folder=source.folder, paths=source.paths, stored=stored)
    except OrchardError as error:
        return str(error)
    return ""


def _start(task: Build | None, upload: UploadedFile | None) -> None:
    if task is None:
        return
    try:
        if upload is not None:
            if is_busy():
                raise BusyError("another run is going on. Wait until it has ended.")
            upload_kept = keep_upload(
                upload.getbuffer(), name=upload.name, settings=resources.get_settings()
            )
            task = replace(task, archive=str(upload_kept.archive), folder=str(upload_kept.folder))
    except OrchardError as error:
        refuse(error)
        return
    cache.start(task)


def _announce(task: Build, source: Source, infos: Infos) -> None:
    """Say what the run will do and how long it should take."""
    settings = resources.get_settings()
    first = next(iter(infos.values()), None)
    text = ""
    if first and task.recreate:
        text = f"{counted(first.rows, 'row')} of {task.family} will be dropped and replaced."
    elif first:
        text = (
            f"They join {counted(first.rows, 'row')} of {task.family}; pictures that are there "
            "already are skipped."
        )
        if parse_root(first.dataset) != parse_root(task.folder):
            text += f" Most of them were indexed from {first.dataset}; this folder takes its place."
    kept = [] if task.recreate else list(infos.values())
    text += f" {index_sentences(task.index, kept, metrics=task.metrics)}"
    runs = cache.get_history().runs
    architecture = task.architecture or settings.architecture
    if first and not task.recreate:
        architecture = first.encoder.architecture
    expected = expected_seconds(runs, source.pictures, architecture=architecture)
    if expected:
        text += f" If all of them are encoded, this takes about {duration(expected)}."
    elif known := how_long(runs, TaskKind.BUILD):
        text += f" {known}"
    st.info(plain(text.strip()), icon=":material/info:")
