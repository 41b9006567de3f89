"""Which files of a folder tree are candidate pictures, and which cannot be used."""

import os
from dataclasses import dataclass
from pathlib import Path

from core.errors import DatasetError
from core.records import SkippedFile

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})


# The column that holds a path takes this many bytes of UTF-8.
MAX_PATH_BYTES = 1024


@dataclass(frozen=True, slots=True)
class DatasetListing:
    """What lies in a dataset folder.

    Attributes:
        paths: Candidate pictures relative to the folder, forward slashes, sorted.
        skipped: Candidates that cannot be used, and why.
        ignored: How many visible files are not pictures by their name.
    """

    paths: tuple[str, ...]
    skipped: tuple[SkippedFile, ...]
    ignored: int


def list_dataset(root: Path) -> DatasetListing:
    """List every candidate picture below `root` without opening any.

    Names that start with a dot are passed over with their folders. Symbolic links are followed
    only where they stay inside `root`.

    Raises:
        DatasetError: `root` is missing, is no folder, cannot be read, or holds no picture.
    """
    _require_folder(root)
    inside = root.resolve()
    paths: list[str] = []
    skipped: list[SkippedFile] = []
    ignored = 0
    for file in _walk(root, skipped):
        if file.suffix.lower() not in IMAGE_SUFFIXES:
            ignored += 1
            continue
        path = file.relative_to(root).as_posix()
        reason = _unusable(file, path, inside)
        if reason:
            skipped.append(SkippedFile(_printable(path), reason))
        else:
            paths.append(path)
    if not paths:
        raise DatasetError(_no_pictures(root, ignored=ignored, skipped=skipped))
    return DatasetListing(tuple(sorted(paths)), tuple(skipped), ignored)


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


def _walk(root: Path, skipped: list[SkippedFile]) -> list[Path]:
    files: list[Path] = []

    def unreadable(error: OSError) -> None:
        folder = Path(error.filename)
        if folder == root:
            raise DatasetError(
                f"the dataset folder {str(root)!r} cannot be read ({error.strerror}). Check its "
                "permissions."
            ) from error
        skipped.append(
            SkippedFile(
                _printable(folder.relative_to(root).as_posix() + "/"),
                f"folder cannot be read ({error.strerror})",
            )
        )

    for folder, names, file_names in os.walk(root, onerror=unreadable):
        names[:] = sorted(name for name in names if not name.startswith("."))
        skipped.extend(
            SkippedFile(
                _printable((Path(folder) / name).relative_to(root).as_posix() + "/"),
                "a link to a folder; links to folders are not followed",
            )
            for name in names
            if (Path(folder) / name).is_symlink()
        )
        files += [Path(folder) / name for name in sorted(file_names) if not name.startswith(".")]
    return files


def _unusable(file: Path, path: str, inside: Path) -> str | None:
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        return "the file name is not valid UTF-8; rename it"
    if size > MAX_PATH_BYTES:
        return f"the path takes {size} bytes, {MAX_PATH_BYTES} are allowed; shorten it"
    if file.is_symlink() and (reason := _unusable_link(file, inside)):
        return reason
    return None if file.is_file() else "not a regular file"


def _unusable_link(file: Path, inside: Path) -> str | None:
    try:
        target = file.resolve()
    except (OSError, RuntimeError):
        return "a link that leads to itself"
    if not target.is_relative_to(inside):
        return "a link that leads outside the dataset folder"
    return None if target.exists() else "a link to a file that does not exist"


def _printable(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode()


def _no_pictures(root: Path, *, ignored: int, skipped: list[SkippedFile]) -> str:
    found = f"it holds {ignored} other files" if ignored else "it is empty"
    if skipped:
        found = f"{len(skipped)} were found but cannot be used, the first is {skipped[0].path!r}: "
        found += skipped[0].reason
    return (
        f"the dataset folder {str(root)!r} holds no pictures ({found}). Put one folder per class "
        f"in it, with pictures ending in {', '.join(sorted(IMAGE_SUFFIXES))}."
    )
