"""What sessions share for the Collection page: the one runner, and what is slow to find out."""

from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.collection.index_choice import IndexType
from core.collection.info import CollectionInfo
from core.dataset.allowed_folders import allowed_roots, suggested_folders
from core.dataset.archives.archive import ArchivePlan, inspect_archive, read_member
from core.dataset.archives.uploads import discard_archive, upload_folder
from core.dataset.files import changes_inside, read_picture
from core.dataset.listing import DatasetListing, list_dataset
from core.dataset.thumbnails import thumbnail
from core.dataset_root import Root, parse_root
from core.errors import CollectionNotFoundError, OrchardError
from core.health.status import (
    CollectionHealth,
    DatabaseHealth,
    FilesHealth,
    collections_health,
    database_health,
    disk_usage,
    files_health,
    free_bytes,
)
from core.indexing.missing_files import GoneRows, find_gone
from core.metric import Metric
from core.read_only import require_writable
from core.runs.history import History, PastRun, load_history
from core.runs.run_record import RunState
from core.runs.task import Build, Task
from core.tuning.tuning import Tuning, load_tuning
from core.ui import resources
from core.ui.choosing import looked_at
from pages.collection.state import current, refuse


def forget() -> None:
    """Drop whatever a run may have changed."""
    resources.forget_collections()
    for cached in (
        get_database,
        get_collections_health,
        get_files,
        get_disk,
        get_free,
        get_history,
    ):
        cached.clear()
    get_gone.clear()
    get_changed.clear()


resources.call_when_a_run_has_ended(forget)


def start(task: Task) -> None:
    """Start a run, and look at its collection; what stands in its way is shown by the page.

    An archive that no run needs any more is deleted: of a task that is refused, or of a stopped run
    that this one takes the place of.
    """
    try:
        runner = resources.get_runner()
        before = runner.unfinished(task.family)
        if task.kind.changes:
            require_writable(read_only=resources.get_settings().read_only)
        runner.start(task)
        state = runner.state()
        current().watched = state.name if state else ""
    except OrchardError as error:
        refuse(error)
        _discard_archive(task)
        return
    if before:
        _discard_archive(before.task)
    if task.family != looked_at.family():
        looked_at.choose(task.family)


def dismiss(state: RunState) -> None:
    """Offer a stopped run no longer, and delete the archive it was to unpack."""
    try:
        resources.get_runner().dismiss(state)
    except OrchardError as error:
        refuse(error)
        return
    _discard_archive(state.task)


def _discard_archive(task: Task) -> None:
    archive = _archive_of(task)
    if not archive:
        return
    try:
        runner = resources.get_runner()
        state = runner.state()
        needing = [runner.unfinished(task.family), state if state and state.is_open else None]
        if archive not in (_archive_of(one.task) for one in needing if one):
            discard_archive(Path(archive), settings=resources.get_settings())
    except OrchardError as error:
        refuse(error)


def _archive_of(task: Task) -> str:
    return task.archive if isinstance(task, Build) else ""


def find_infos(family: str = "") -> dict[Metric, CollectionInfo]:
    """Describe the collections of a family; empty when there are none.

    Args:
        family: That which is looked at if not given.

    Raises:
        StoreError: The database failed.
    """
    try:
        return resources.get_collections(family or looked_at.family())
    except CollectionNotFoundError:
        return {}


@st.cache_data(show_spinner=False, ttl=5)
def get_database() -> DatabaseHealth:
    """Ask the database whether it is there."""
    return database_health(resources.get_store(), resources.get_settings())


@st.cache_data(show_spinner=False, ttl=5)
def get_collections_health(family: str) -> list[CollectionHealth]:
    """Describe every collection of a family, empty ones as well."""
    return collections_health(resources.get_store(), family)


@st.cache_data(show_spinner="Counting files", ttl=120)
def get_files(folder: str, unreadable: frozenset[str], accepted: frozenset[str]) -> FilesHealth:
    """Count the files of a dataset folder that a collection was built from, see `files_health`."""
    return files_health(parse_root(folder), unreadable=unreadable, accepted=accepted)


@st.cache_data(show_spinner="Looking for the files", ttl=30)
def get_gone(family: str, folder: str) -> GoneRows:
    """Look for the file of every row.

    Raises:
        DatasetError: The dataset folder is not there, or holds none of the pictures.
    """
    return find_gone(resources.get_store(), family=family, root=parse_root(folder))


@st.cache_resource(show_spinner="Looking at the files", ttl=600, max_entries=2)
def get_changed(family: str, name: str, rows: int) -> dict[int, int]:
    """Return when every picture was changed, in nanoseconds since 1970, by id; shared.

    What is gone is left out.

    Args:
        name: Of the family's collection; with `rows` it decides whether what is cached still holds.
    """
    info = next(one for one in resources.get_collections(family).values() if one.name == name)
    root = resources.dataset_folder(info)
    by_id = resources.get_catalogue(family).by_id
    changed = changes_inside(root, (record.path for record in by_id.values()))
    return {
        number: changed[record.path] for number, record in by_id.items() if record.path in changed
    }


@st.cache_data(show_spinner="Measuring the disk", ttl=120)
def get_disk() -> dict[str, int]:
    """Return bytes by what they are used for."""
    return disk_usage(resources.get_settings())


@st.cache_data(show_spinner=False, ttl=120)
def get_free() -> int:
    """Return the bytes that are free where the data folder lies."""
    return free_bytes(resources.get_settings().data_dir)


@st.cache_data(show_spinner=False, ttl=30)
def get_history() -> History:
    """Return every run that has ended."""
    return load_history(resources.get_settings().data)


def get_own_runs() -> tuple[PastRun, ...]:
    """Return the runs of the collection that is looked at, newest first."""
    family = looked_at.family()
    return tuple(run for run in get_history().runs if run.family == family)


@st.cache_resource(show_spinner="Asking the database which indexes it has")
def get_index_types() -> tuple[IndexType, ...]:
    """Return the types of index that the database can build.

    Raises:
        StoreError: The database failed.
    """
    return resources.get_store().index_types()


def get_tuning(collection: str) -> Tuning | None:
    """Return what was measured of a collection last; None where nothing was.

    Raises:
        ReportError: It cannot be read.
    """
    return load_tuning(resources.get_settings().data.tunings, collection)


def get_roots() -> tuple[Root, ...]:
    """Return the folders below which a visitor may choose."""
    indexed = next((info.dataset for info in find_infos().values()), "")
    return allowed_roots(resources.get_settings(), indexed=indexed)


@st.cache_data(show_spinner=False, ttl=30)
def get_suggestions(roots: tuple[Root, ...]) -> list[str]:
    """Return folders to choose among."""
    return [str(folder) for folder in suggested_folders(roots)]


@st.cache_resource(show_spinner="Counting files", ttl=60, max_entries=4)
def get_folder(folder: str) -> DatasetListing:
    """Return what lies in a folder; shared and not copied.

    Raises:
        DatasetError: It holds none, or cannot be read.
    """
    return list_dataset(parse_root(folder))


@st.cache_data(show_spinner=False, ttl=600, max_entries=64)
def get_preview(folder: str, path: str) -> bytes:
    """Return the thumbnail of a picture that is not indexed; nothing of it is kept on disk.

    Raises:
        ImageError: The file is gone, lies outside the folder, or is no picture.
    """
    return thumbnail(read_picture(parse_root(folder), path)[1], name=path)


@st.cache_data(show_spinner=False, ttl=600, max_entries=64)
def get_archive_preview(upload: str, name: str, *, _file: UploadedFile) -> bytes:
    """Return the thumbnail of a picture of an uploaded archive, which is not unpacked.

    Args:
        upload: Names the upload.
        name: Of the picture in the archive.

    Raises:
        ArchiveError: It is no ZIP.
        ImageError: It is damaged or no picture.
    """
    return thumbnail(read_member(_file, name), name=name)


def get_archive_plan(file: UploadedFile) -> tuple[ArchivePlan, Path]:
    """Judge an upload once, and name the folder it belongs into; both stay in this session.

    Raises:
        ArchiveError: It must not be unpacked.
    """
    plans = current().plans
    if file.file_id not in plans:
        plans.clear()
        plan, settings = inspect_archive(file), resources.get_settings()
        # Takes its digest, a second for a gigabyte.
        folder = upload_folder(file.getbuffer(), name=file.name, settings=settings)
        plans[file.file_id] = plan, folder
    return plans[file.file_id]
