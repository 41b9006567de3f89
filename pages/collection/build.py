"""Building on the Collection page: a folder, an upload or the sample; encoder, metrics, index."""

from dataclasses import dataclass, replace
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.collection.index_choice import IndexChoice
from core.collection.info import CollectionInfo
from core.config import ARCHITECTURES
from core.dataset.allowed_folders import folder_inside
from core.dataset.classes import label_of
from core.dataset.uploads import keep_upload
from core.errors import BusyError, OrchardError
from core.indexing.plan import index_sentences, index_to_build, refuse_to_add
from core.metric import Metric
from core.runs.history import expected_seconds, how_long
from core.runs.task import Build, TaskKind
from core.ui import resources
from core.ui.text import plain
from core.wording import classes, counted, duration, sentence
from pages.collection import cache
from pages.collection.index_controls import index_control, index_or_old
from pages.collection.run import run_panel
from pages.collection.state import refuse

FOLDER, ARCHIVE, DRAWN = "Folder", "ZIP upload", "Sample"
# Held in memory until it is kept on disk.
MAX_UPLOAD_MB = 1_000


@dataclass(frozen=True, slots=True)
class Source:
    """Where the pictures of a build come from.

    Attributes:
        folder: Of class folders, absolute; of an upload or the sample, where it will lie.
        paths: Of the pictures, relative to the folder.
        upload: The archive, for a source that is one.
        draw: Pictures a class of the sample; 0 for another source.
    """

    folder: str
    paths: tuple[str, ...]
    upload: UploadedFile | None = None
    draw: int = 0

    @property
    def pictures(self) -> int:
        """How many there are."""
        return len(self.paths)

    @property
    def classes(self) -> int:
        """How many classes."""
        return len({label_of(path) for path in self.paths})


@dataclass(frozen=True, slots=True)
class Choice:
    """What a visitor asks of a build besides the pictures; as `Build` has it."""

    architecture: str
    metrics: tuple[Metric, ...]
    index: IndexChoice
    recreate: bool


def show_build() -> None:
    """Inputs, what will be done and how long it should take, one button."""
    infos = cache.find_infos()
    run_panel(TaskKind.BUILD, tells_end=True)
    if not infos:
        st.markdown("Nothing is indexed yet. Choose pictures, then build: they become searchable.")
    if any(info.is_foreign for info in infos.values()):
        st.info(
            "Others made this collection, so it is only read. To build one of your own, choose "
            "another name with ORCHARD\\_COLLECTION and start again.",
            icon=":material/info:",
        )
        return
    left, right = st.columns([1, 1], gap="large")
    with left:
        source = _source_control()
    with right:
        choice = _choice_control(infos, source.pictures if source else 0)
    if source is None:
        return
    task = Build(
        resources.get_settings().collection,
        folder=source.folder,
        draw=source.draw,
        architecture=choice.architecture,
        metrics=choice.metrics,
        index=choice.index,
        recreate=choice.recreate,
    )
    kept = {} if task.recreate else infos
    if refusal := _refusal(source, kept):
        st.warning(plain(sentence(refusal)), icon=":material/block:")
    else:
        _announce(task, source, infos)
    state = cache.get_runner().state()
    busy = bool(state and state.is_open)
    st.button(
        "Build",
        icon=":material/construction:",
        type="primary",
        key="build",
        disabled=busy or not task.metrics or bool(refusal),
        help="Another run is going on." if busy else None,
        on_click=_start,
        args=(task, source.upload),
    )


def _refusal(source: Source, kept: dict[Metric, CollectionInfo]) -> str:
    """Return why the pictures cannot be added to the collections; empty if they can."""
    if not kept:
        return ""
    infos = list(kept.values())
    stored = resources.get_catalogue().by_id.keys()
    try:
        refuse_to_add(infos, folder=source.folder, paths=source.paths, stored=stored)
    except OrchardError as error:
        return str(error)
    return ""


def _start(task: Build, upload: UploadedFile | None) -> None:
    state = cache.get_runner().state()
    try:
        if upload is not None:
            if state and state.is_open:
                raise BusyError("another run is going on. Wait until it has ended.")
            kept = keep_upload(
                upload.getbuffer(), name=upload.name, settings=resources.get_settings()
            )
            task = replace(task, archive=str(kept.archive), folder=str(kept.folder))
    except OrchardError as error:
        refuse(error)
        return
    cache.start(task)


def _source_control() -> Source | None:
    kind = st.segmented_control(
        "Pictures from",
        [FOLDER, ARCHIVE, DRAWN],
        default=FOLDER,
        required=True,
        key="build_source",
        width="stretch",
    )
    try:
        if kind == ARCHIVE:
            return _archive_control()
        if kind == DRAWN:
            return _sample_control()
        return _folder_control()
    except OrchardError as error:
        st.error(plain(sentence(str(error))), icon=":material/error:")
        return None


def _folder_control() -> Source | None:
    roots = cache.get_roots()
    suggestions = cache.get_suggestions(roots)
    named = st.selectbox(
        "Folder of class folders",
        suggestions,
        index=None,
        accept_new_options=True,
        placeholder="Choose or type a folder of this machine",
        key="build_folder",
        help="Allowed are folders below "
        + plain(", ".join(map(str, roots)))
        + ". ORCHARD\\_ROOTS adds others.",
    )
    if not named:
        return None
    folder = folder_inside(named, roots)
    return Source(str(folder), cache.get_paths(str(folder)))


def _archive_control() -> Source | None:
    file = st.file_uploader(
        "ZIP file of class folders", type=["zip"], key="build_archive",
        max_upload_size=MAX_UPLOAD_MB,
    )  # fmt: skip
    if file is None:
        return None
    plan, folder = cache.get_archive_plan(file)
    if plan.other:
        st.caption(f"Not pictures, and left out: {counted(plan.other, 'file')} of the archive.")
    return Source(str(folder), tuple(plan.pictures.values()), upload=file)


def _sample_control() -> Source:
    from core.sample.drawing import sample_paths

    st.caption("Ten kinds of fruit are drawn; nothing is downloaded.")
    count = st.number_input("Pictures a class", 4, 500, 60, key="build_sample")
    folder = resources.get_settings().data.sample.absolute()
    return Source(str(folder), sample_paths(int(count)), draw=int(count))


def _choice_control(infos: dict[Metric, CollectionInfo], pictures: int) -> Choice:
    """Ask for encoder, metrics and index."""
    settings = resources.get_settings()
    recreate = False
    if infos:
        recreate = st.toggle(
            "Replace what is indexed",
            key="build_replace",
            help="Off: pictures are added to the collection or brought up to date. On: its rows "
            "are dropped as soon as the first new ones are ready.",
        )
    first = next(iter(infos.values()), None)
    known = first is not None and not recreate
    default = f"As the collection ({first.encoder.architecture})" if first and known else ""
    architecture = st.selectbox(
        "Encoder",
        ["", *ARCHITECTURES],
        format_func=lambda name: name or default or f"As set ({settings.architecture})",
        key="build_architecture",
        disabled=known,
        help="A collection keeps its encoder; replace it to use another. Where the weights of "
        "resnet50 are not at hand and cannot be fetched, another encoder is used, and the run says "
        "so.",
    )
    metrics = st.segmented_control(
        "Metrics",
        list(Metric),
        default=list(Metric),
        selection_mode="multi",
        key="build_metrics",
        help="One collection for each. All hold the same rows and take the same space.",
    )
    kept = [] if recreate else list(infos.values())
    rows = max([pictures, *(info.rows for info in kept)])
    index = index_or_old("build_known", rows=rows) if kept else index_control("build", rows=rows)
    return Choice(
        architecture="" if known else architecture or "",
        metrics=tuple(metrics),
        index=index_to_build(index, kept, metrics=metrics, rows=rows),
        recreate=recreate,
    )


def _announce(task: Build, source: Source, infos: dict[Metric, CollectionInfo]) -> None:
    """Say what the run will do and how long it should take."""
    settings = resources.get_settings()
    first = next(iter(infos.values()), None)
    text = f"{counted(source.pictures, 'picture')} in {classes(source.classes)}."
    if first and task.recreate:
        text += f" {counted(first.rows, 'row')} of {task.family} will be dropped and replaced."
    elif first:
        text += (
            f" They join {counted(first.rows, 'row')} of {task.family}; pictures that are there "
            "already are skipped."
        )
        if Path(first.dataset) != Path(task.folder):
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
    st.info(plain(text), icon=":material/info:")
