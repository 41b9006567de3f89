"""Which files of a folder tree are pictures, which of them cannot be used, what the others are."""

import os
import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from core.config import load_settings
from core.dataset import object_store
from core.dataset.classes import Classes, classes_by_folder
from core.dataset.files import is_followed
from core.dataset.formats.kinds import (
    FORMAT_NAMES,
    HEAD_BYTES,
    PICTURE_SUFFIXES,
    Kind,
    kind_of_named,
)
from core.dataset.labels_file import (
    NoneNamedError,
    classes_by_file,
    classes_by_own,
    labels_file_among,
    read_labels,
)
from core.dataset_root import RemoteFolder, Root
from core.errors import DatasetError, ImageError
from core.records import LeftOut, SkippedFile, left_out

# The column that holds a path takes this many bytes of UTF-8.
MAX_PATH_BYTES = 1024
# Beginnings of files that an object store is asked for at a time.
_HEADS = 256
# A labels file of an object store may have so many; one of a folder any.
_MOST_LABEL_BYTES = 4_000_000_000

# Folders that programs keep beside pictures, in lower case: copies that would count as pictures of
# the class, and what was deleted. Named by the programs' own documents and, as the first two, by
# the bug reports of photo programs that took their content for photos.
_FOLDERS_OF_PROGRAMS = {
    "@eadir": "thumbnails of a Synology drive",  # also SYNOPHOTO_THUMB_XL.jpg and the like
    "__macosx": "what macOS adds to a ZIP",
    "#recycle": "recycle bin of a Synology drive",
    "#snapshot": "snapshots of a Synology drive",
    "@recycle": "recycle bin of a QNAP drive",
    "@recently-snapshot": "snapshots of a QNAP drive",
    ".@__thumb": "thumbnails of a QNAP drive",
    "$recycle.bin": "recycle bin of Windows",
    "recycler": "recycle bin of Windows",
    "system volume information": "records of Windows",
    ".thumbnails": "thumbnails of Android and Linux desktops",
    ".sh_thumbnails": "thumbnails of Linux desktops",
    ".trash": "recycle bin of a desktop",
    ".trashes": "recycle bin of macOS",
    ".picasaoriginals": "originals that Picasa keeps of edited photos",
    ".dtrash": "recycle bin of digiKam",
    ".comments": "thumbnails of gThumb",
    "lost+found": "what a file system has rescued",
    "network trash folder": "recycle bin of an AFP share",
    "temporary items": "temporary files of macOS",
    "ipod photo cache": "thumbnails of iTunes",
    "captureone": "settings and thumbnails of Capture One",
    "[originals]": "originals that ACDSee keeps of edited photos",
}
# Previews that Lightroom keeps beside its catalogue.
_FOLDER_SUFFIXES = {".lrdata": "previews of Lightroom"}


@dataclass(frozen=True, slots=True)
class DatasetListing:
    """What lies in a dataset folder.

    Attributes:
        paths: Candidate pictures relative to the folder, forward slashes, sorted.
        skipped: Candidates that cannot be used, and why.
        left_out: Files that are no pictures, and folders of other programs.
        classes: Of the pictures, which follow from their paths or from a labels file.
    """

    paths: tuple[str, ...]
    skipped: tuple[SkippedFile, ...] = ()
    left_out: LeftOut = field(default_factory=LeftOut)
    classes: Classes = field(default_factory=Classes, compare=False)


@dataclass
class _Found:
    """What the walk has met so far."""

    paths: list[str] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    others: list[SkippedFile] = field(default_factory=list)

    def take_picture(self, path: str, reason: str | None) -> None:
        """Note what is called as pictures are, and why it cannot be used, if so."""
        if reason:
            self.skipped.append(SkippedFile(_printable(path), reason))
        else:
            self.paths.append(path)

    def take_other(self, path: str, kind: Kind) -> None:
        """Note what is called otherwise."""
        if kind.is_picture:
            self.paths.append(path)
        else:
            self.others.append(SkippedFile(_printable(path), kind.name))


def list_dataset(root: Root) -> DatasetListing:
    """List every candidate picture below `root`.

    A file that is called as pictures are is not opened; of any other the first bytes are read,
    and it is a candidate if they are those of a picture. Names that start with a dot are passed
    over with their folders. Symbolic links are followed only where they stay inside `root` or
    lead below a folder that `ORCHARD_FOLLOW_LINKS` names; an object store has none.

    The classes are those of the file that the settings name (`ORCHARD_LABELS`, `--labels`), if it
    is about these pictures, else of `labels.csv` or `labels.parquet` in the folder (or in the only
    folder in it), else of the folders.

    Raises:
        DatasetError: `root` is missing, is no folder, cannot be read, or holds no picture, or its
            labels file cannot be used, or that of the settings cannot be read.
    """
    found = _in_store(root) if isinstance(root, RemoteFolder) else _in_folder(root)
    paths = tuple(sorted(found.paths))
    if not paths:
        raise DatasetError(_no_pictures(root, left_out(found.others), found.skipped))
    classes, used = _classes(root, found.others, paths)
    others = left_out(one for one in found.others if one.path != used)
    return DatasetListing(paths, tuple(found.skipped), others, classes)


def _in_folder(root: Path) -> _Found:
    _require_folder(root)
    inside = root.resolve()
    if (shown := _printable(str(inside))) != str(inside):
        raise DatasetError(
            f"the path of the dataset folder '{shown}' is not valid UTF-8, so no collection can "
            "say where its pictures lie. Rename the folder."
        )
    found = _Found()
    for file in _walk(root, inside, found):
        path = file.relative_to(root).as_posix()
        reason = _unusable(file, path, inside)
        if file.suffix.lower() in PICTURE_SUFFIXES:
            found.take_picture(path, reason)
        else:
            found.take_other(path, Kind(reason) if reason else _kind_of_file(file))
    return found


def _in_store(root: RemoteFolder) -> _Found:
    found = _Found()
    unknown: list[str] = []
    programs: dict[str, str] = {}
    for file in object_store.files_below(root):
        path = file.path
        folders = path.split("/")[:-1]
        kept = [n for n, name in enumerate(folders) if _kept_by_program(name) or name[0] == "."]
        if kept:
            if reason := _kept_by_program(folders[kept[0]]):
                folder = "/".join(folders[: kept[0] + 1])
                programs.setdefault(f"{folder}/", reason)
        elif PurePosixPath(path).name.startswith("."):
            continue
        elif PurePosixPath(path).suffix.lower() in PICTURE_SUFFIXES:
            found.take_picture(path, _unusable_path(path))
        elif unusable := _unusable_path(path):
            found.take_other(path, Kind(unusable))
        else:
            unknown.append(path)
    found.others += [SkippedFile(folder, reason) for folder, reason in programs.items()]
    for start in range(0, len(unknown), _HEADS):
        some = unknown[start : start + _HEADS]
        for path, head in zip(
            some, object_store.heads_of(root, some, size=HEAD_BYTES), strict=True
        ):
            name = PurePosixPath(path).name
            unread = Kind("file that cannot be read")
            found.take_other(path, unread if head is None else kind_of_named(name, head))
    return found


def _classes(
    root: Root, others: Sequence[SkippedFile], paths: tuple[str, ...]
) -> tuple[Classes, str]:
    """Return the class of every picture, and which file of the folder has said so, if one has."""
    own = _labels_file(root, others, paths)
    doubts: list[str] = []
    if named := load_settings().labels_of(root):
        within = _within(root, named)
        try:
            said = classes_by_file(named, paths, folder=posixpath.dirname(within))
        except NoneNamedError:
            # The setting holds for one dataset, and others may be indexed beside it.
            doubts.append(
                f"The labels file {named.name} is not used: it names none of these pictures."
            )
        else:
            if own not in (None, within):
                doubts.append(f"{own} of the folder is not used: the settings name {named.name}.")
            return _doubted(said, doubts), within
    if own is not None:
        its, doubt = classes_by_own(own, _own_labels(root, own), paths, name=f"{root}/{own}")
        if its is not None:
            return _doubted(its, doubts), own
        doubts.append(doubt)
    return _doubted(classes_by_folder(paths, name=root.resolve().name), doubts), ""


def _within(root: Root, file: Path) -> str:
    """Return a file relative to a dataset folder; empty if it lies elsewhere."""
    if isinstance(root, RemoteFolder) or not file.resolve().is_relative_to(root.resolve()):
        return ""
    return file.resolve().relative_to(root.resolve()).as_posix()


def _doubted(classes: Classes, doubts: Sequence[str]) -> Classes:
    return replace(classes, doubts=(*doubts, *classes.doubts))


def _labels_file(root: Root, others: Iterable[SkippedFile], paths: Sequence[str]) -> str | None:
    """Return the labels file in a dataset folder, if it has one; a link out of it is none."""
    own = labels_file_among((one.path for one in others), paths)
    if own is None or isinstance(root, RemoteFolder):
        return own
    return own if (root / own).resolve().is_relative_to(root.resolve()) else None


def _own_labels(root: Root, own: str) -> bytes:
    if isinstance(root, Path):
        return read_labels(root / own)
    try:
        return object_store.content_of(root, own, limit=_MOST_LABEL_BYTES)
    except ImageError as error:
        raise DatasetError(f"the labels file cannot be used: {error}") from error


def program_folder(path: str) -> str:
    """Return what the folders of a path say that other programs keep there; empty if nothing.

    Args:
        path: Of a file relative to the dataset folder, forward slashes.
    """
    said = map(_kept_by_program, path.split("/")[:-1])
    return next(filter(None, said), "")


def _require_folder(root: Path) -> None:
    try:
        exists = root.exists()
    except OSError as error:  # a name that is too long, a folder above that may not be entered
        raise DatasetError(
            f"the dataset folder {str(root)!r} cannot be opened ({error.strerror}). Check the "
            "spelling and the permissions."
        ) from error
    if not exists:
        raise DatasetError(
            f"the dataset folder {str(root)!r} does not exist. Check the spelling, or take the "
            "sample (under Build on the Collection page, or with python -m scripts.make_sample "
            "data/sample)."
        )
    if not root.is_dir():
        raise DatasetError(
            f"{str(root)!r} is a file, not a dataset folder. Give the folder that holds one "
            "folder per class."
        )


def _kept_by_program(folder: str) -> str:
    name = folder.lower()
    return _FOLDERS_OF_PROGRAMS.get(name) or _FOLDER_SUFFIXES.get(PurePosixPath(name).suffix, "")


def _walk(root: Path, inside: Path, found: _Found) -> list[Path]:
    """Return the visible files; what is passed over as a whole is put into `found`."""
    files: list[Path] = []
    pending, reached = [root], {inside}

    def unreadable(error: OSError) -> None:
        folder = Path(error.filename)
        if folder == root:
            raise DatasetError(
                f"the dataset folder {str(root)!r} cannot be read ({error.strerror}). Check its "
                "permissions."
            ) from error
        found.skipped.append(
            SkippedFile(_folder(folder, root), f"folder cannot be read ({error.strerror})")
        )

    while pending:
        for place, names, file_names in os.walk(pending.pop(), onerror=unreadable):
            folder = Path(place)
            entered = [name for name in sorted(names) if _is_entered(folder / name, root, found)]
            for name in entered:
                if not (folder / name).is_symlink():
                    continue
                reason = _unusable_folder(folder / name, inside, reached)
                if reason:
                    found.skipped.append(SkippedFile(_folder(folder / name, root), reason))
                else:
                    pending.append(folder / name)
            names[:] = entered
            files += [folder / name for name in sorted(file_names) if not name.startswith(".")]
    return files


def _is_entered(folder: Path, root: Path, found: _Found) -> bool:
    if kept := _kept_by_program(folder.name):
        found.others.append(SkippedFile(_folder(folder, root), kept))
        return False
    return not folder.name.startswith(".")


def _folder(folder: Path, root: Path) -> str:
    return _printable(folder.relative_to(root).as_posix() + "/")


def _unusable_folder(link: Path, inside: Path, reached: set[Path]) -> str | None:
    """Say why a link to a folder is not followed; None where it is, which `reached` then knows.

    Every folder is entered by one link at most, so that loops end.
    """
    target = link.resolve()
    if target.is_relative_to(inside):
        return "a link to a folder of this dataset; its pictures count once, where they lie"
    if not is_followed(target):
        return (
            "a link to a folder outside the dataset; links are followed into folders that "
            "ORCHARD_FOLLOW_LINKS names"
        )
    if inside.is_relative_to(target):
        return "a link that leads back to a folder above"
    if not reached.isdisjoint((target, *target.parents)):
        return "a link to a folder that another link has led to already"
    reached.add(target)
    return None


def _kind_of_file(file: Path) -> Kind:
    try:
        with file.open("rb", buffering=0) as opened:
            return kind_of_named(file.name, opened.read(HEAD_BYTES))
    except OSError as error:
        return Kind(f"file that cannot be read ({error.strerror})")


def _unusable(file: Path, path: str, inside: Path) -> str | None:
    if reason := _unusable_path(path):
        return reason
    if file.is_symlink() and (reason := _unusable_link(file, inside)):
        return reason
    return None if file.is_file() else "not a regular file"


def _unusable_path(path: str) -> str | None:
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        return "the file name is not valid UTF-8; rename it"
    if size > MAX_PATH_BYTES:
        return f"the path takes {size} bytes, {MAX_PATH_BYTES} are allowed; shorten it"
    return None


def _unusable_link(file: Path, inside: Path) -> str | None:
    try:
        target = file.resolve()
    except (OSError, RuntimeError):
        return "a link that leads to itself"
    if not target.is_relative_to(inside) and not is_followed(target):
        return (
            "a link that leads outside the dataset folder; links are followed into folders that "
            "ORCHARD_FOLLOW_LINKS names"
        )
    return None if target.exists() else "a link to a file that does not exist"


def _printable(path: str) -> str:
    # A byte that is no UTF-8 is shown as it is on the disk.
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _no_pictures(root: Root, others: LeftOut, skipped: list[SkippedFile]) -> str:
    found = "it is empty"
    if others.count:
        found = f"it holds {others.count} other files: {others.said()}"
    if skipped:
        found = f"{len(skipped)} were found but cannot be used, the first is {skipped[0].path!r}: "
        found += skipped[0].reason
    return (
        f"the dataset folder {str(root)!r} holds no pictures ({found}). Put one folder per class "
        f"in it, with pictures as {FORMAT_NAMES}."
    )
