"""A folder tree of pictures seen as records: class folders, stable ids, digests."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from core.errors import DatasetError, ImageError
from core.records import ImageRecord, SkippedFile
from core.shard import Shard

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


def share_of(listing: DatasetListing, shard: Shard) -> DatasetListing:
    """Return the part of a listing that belongs to a shard; every file is in exactly one."""
    return DatasetListing(
        paths=tuple(path for path in listing.paths if shard.has(image_id(path))),
        skipped=tuple(one for one in listing.skipped if shard.has(image_id(one.path))),
        ignored=listing.ignored if shard.is_first else 0,
    )


def read_picture(root: Path, path: str) -> tuple[ImageRecord, bytes]:
    """Read one file once and return its record and its bytes.

    Args:
        root: The dataset folder.
        path: Relative to `root`, as `list_dataset` or a collection gives it.

    Raises:
        ImageError: `path` leads out of `root`, or the file is gone or cannot be read.
    """
    file = resolve_inside(root, path)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ImageError(
            f"cannot read {path!r}: {error.strerror or error}. Check that the file still exists "
            "and may be read, then index again."
        ) from error
    return ImageRecord(image_id(path), path, label_of(path), digest_of(content)), content


def resolve_inside(root: Path, path: str) -> Path:
    """Return the absolute file for a stored `path`, refusing any that leads out of `root`.

    Raises:
        ImageError: The path, with links followed, does not lie inside `root`.
    """
    try:
        file = (root / path).resolve()
        inside = file.is_relative_to(root.resolve())
    except (OSError, ValueError, RuntimeError) as error:  # their texts name the server's folders
        raise ImageError(
            f"{path!r} is no usable path (links in a loop, or a character that no path has). "
            "Index the dataset again to replace the row."
        ) from error
    if not inside:
        raise ImageError(
            f"{path!r} leads outside the dataset folder and is not opened. Check who wrote the "
            "collection, or index the dataset again."
        )
    return file


def is_gone(root: Path, path: str) -> bool:
    """Whether a file certainly does not exist any more; False if that cannot be found out."""
    try:
        (root / path).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return root.is_dir()
    except OSError:
        return False
    return False


def image_id(path: str) -> int:
    """Return the id of a picture: the first 63 bits of BLAKE2b over its relative path (UTF-8)."""
    return int.from_bytes(hashlib.blake2b(path.encode()).digest()[:8]) >> 1


def label_of(path: str) -> str:
    """Return the class of a picture: the first folder of its relative path, or an empty string."""
    folder, separator, _ = path.partition("/")
    return folder if separator else ""


def digest_of(content: bytes) -> str:
    """Return BLAKE2b of a file's bytes as 32 hexadecimal digits (128 bits)."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


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
