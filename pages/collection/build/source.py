"""Step 1 of a build: where its pictures come from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.dataset.allowed_folders import folder_inside
from core.dataset.archives.archive import ArchivePlan
from core.dataset.classes import Classes, classes_by_folder
from core.errors import OrchardError
from core.records import ImageRecord
from core.ui import resources
from core.ui.text import plain
from core.wording import sentence
from pages.collection import cache
from pages.collection.left_out import show_left_out, show_named

FOLDER, ARCHIVE, DRAWN = "Folder", "ZIP upload", "Sample"
# Held in memory until it is kept on disk.
MAX_UPLOAD_MB = 1_000
# Names of an archive that show whether they were read right.
_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Source:
    """Where the pictures of a build come from.

    Attributes:
        folder: Of class folders, absolute; of an upload or the sample, where it will lie.
        paths: Of the pictures, relative to the folder.
        known: Their classes.
        upload: The archive, for a source that is one.
        draw: Pictures a class of the sample; 0 for another source.
        read: Returns the thumbnail of a picture; None where there is none before it is drawn.
    """

    folder: str
    paths: tuple[str, ...]
    known: Classes = field(default_factory=Classes, compare=False)
    upload: UploadedFile | None = None
    draw: int = 0
    read: Callable[[ImageRecord], bytes] | None = field(default=None, compare=False)

    @property
    def pictures(self) -> int:
        """How many there are."""
        return len(self.paths)

    @property
    def classes(self) -> Mapping[str, int]:
        """Pictures a class, in order of the classes."""
        return self.known.counts


def source_control() -> Source | None:
    """Ask where the pictures come from; None until that is known."""
    kind = st.segmented_control(
        "Pictures from",
        [FOLDER, ARCHIVE, DRAWN],
        default=FOLDER,
        required=True,
        key="build_source",
        label_visibility="collapsed",
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

    def read(record: ImageRecord) -> bytes:
        return cache.get_preview(str(folder), record.path)

    listing = cache.get_folder(str(folder))
    show_named("that cannot be used", listing.skipped, len(listing.skipped))
    show_left_out(listing.left_out)
    return Source(str(folder), listing.paths, listing.classes, read=read)


def _archive_control() -> Source | None:
    file = st.file_uploader(
        "ZIP file of class folders", type=["zip"], key="build_archive",
        max_upload_size=MAX_UPLOAD_MB,
    )  # fmt: skip
    if file is None:
        return None
    plan, folder = cache.get_archive_plan(file)
    show_left_out(plan.left_out)
    if plan.names_read_as:
        st.caption(
            "The archive does not say how its names are written. They were read as "
            f"{plan.names_read_as}: {plain(_examples(plan))}."
        )
    names = {path: name for name, path in plan.pictures.items()}

    def read(record: ImageRecord) -> bytes:
        return cache.get_archive_preview(file.file_id, names[record.path], _file=file)

    return Source(str(folder), tuple(plan.pictures.values()), plan.classes, upload=file, read=read)


def _examples(plan: ArchivePlan) -> str:
    odd = [path for path in plan.pictures.values() if not path.isascii()]
    return ", ".join(odd[:_EXAMPLES])


def _sample_control() -> Source:
    from core.sample.drawing import sample_paths

    st.caption("Ten kinds of fruit are drawn; nothing is downloaded.")
    count = st.number_input("Pictures a class", 4, 500, 60, key="build_sample")
    folder = resources.get_settings().data.sample.absolute()
    paths = sample_paths(int(count))
    return Source(str(folder), paths, classes_by_folder(paths), draw=int(count))
