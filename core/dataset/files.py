"""One file of a dataset: its id, class, digest and bytes; nothing outside the folder is opened."""

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path, PurePath

from core.config import load_settings
from core.dataset import object_store
from core.dataset.classes import label_of
from core.dataset.formats.kinds import FORMAT_NAMES, HEAD_BYTES, Kind, kind_of_named
from core.dataset_root import RemoteFolder, Root
from core.errors import ImageError
from core.records import Further, ImageRecord

# Larger than any photo; more is refused before it is read into memory.
MAX_FILE_BYTES = 500_000_000
# Of a file with more, the first bytes are looked at before the rest is read.
_READ_AT_ONCE = 10_000_000


def read_picture(
    root: Root, path: str, *, label: str | None = None, further: Further = ()
) -> tuple[ImageRecord, bytes]:
    """Read one file once and return its record and its bytes.

    Args:
        root: The dataset folder.
        path: Relative to `root`, as `list_dataset` or a collection gives it.
        label: Its class, as the listing has it; the first folder where nobody knows.
        further: What the listing knows of it besides.

    Raises:
        ImageError: `path` leads out of `root`, or the file is gone, cannot be read or has more
            than `MAX_FILE_BYTES`.
    """
    content = content_inside(root, path)
    known = label_of(path) if label is None else label
    return ImageRecord(image_id(path), path, known, digest_of(content), further), content


def content_inside(root: Root, path: str) -> bytes:
    """Return all bytes of a file of a dataset; raises as `read_picture`."""
    if isinstance(root, RemoteFolder):
        content = object_store.content_of(root, path, limit=MAX_FILE_BYTES)
        if len(content) > MAX_FILE_BYTES:
            raise _too_large(path, "more")
        return content
    file = resolve_inside(root, path)
    try:
        return bytes_of(file, name=path)
    except OSError as error:
        raise ImageError(
            f"cannot read {path!r}: {error.strerror or error}. Check that the file still exists "
            "and may be read, then index again."
        ) from error


def bytes_of(file: Path, *, name: str) -> bytes:
    """Return all bytes of a file that is small enough to be a picture.

    Args:
        name: Of the file, for messages.

    Raises:
        ImageError: It has more than `MAX_FILE_BYTES`, or is large and begins as a video or an
            archive does; it was not read.
        OSError: It cannot be read.
    """
    with file.open("rb") as opened:
        size = os.fstat(opened.fileno()).st_size
        if size > MAX_FILE_BYTES:
            raise _too_large(name, f"{size:,} bytes, more")
        if size > _READ_AT_ONCE:
            kind = kind_of_named(file.name, opened.peek(HEAD_BYTES)[:HEAD_BYTES])
            if kind.is_sure and not kind.is_picture:
                raise not_a_picture(kind, name=name)
        return opened.read()


def not_a_picture(kind: Kind, *, name: str) -> ImageError:
    """Return the error for a file that is something else."""
    return ImageError(
        f"{name!r} is not a picture that can be read ({kind.name}). Use {FORMAT_NAMES}, or remove "
        "the file."
    )


def resolve_inside(root: Path, path: str) -> Path:
    """Return the absolute file for a stored `path`, refusing any that leads out of `root`.

    Raises:
        ImageError: The path, with links followed, lies neither inside `root` nor, by a link, below
            a folder that `ORCHARD_FOLLOW_LINKS` names.
    """
    try:
        file = (root / path).resolve()
        inside = file.is_relative_to(root.resolve()) or (_goes_down(path) and is_followed(file))
    except (OSError, ValueError, RuntimeError) as error:  # their texts name the server's folders
        raise ImageError(
            f"{path!r} is no usable path (links in a loop, or a character that no path has). "
            "Index the dataset again to replace the row."
        ) from error
    if not inside:
        raise ImageError(
            f"{path!r} leads outside the dataset folder and is not opened. Check who wrote the "
            "collection, or index the dataset again. Where it is a link of yours, name the folder "
            "it leads into in ORCHARD_FOLLOW_LINKS."
        )
    return file


def is_followed(target: Path) -> bool:
    """Whether links may lead to a file or folder outside the dataset.

    Args:
        target: With all links resolved.
    """
    folders = _link_folders(os.environ.get("ORCHARD_FOLLOW_LINKS"))
    return any(target.is_relative_to(folder) for folder in folders)


@lru_cache(maxsize=8)
def _link_folders(_variable: str | None) -> tuple[Path, ...]:
    # Asked for every link of a dataset. The argument is there so that a change is noticed.
    return tuple(folder.resolve() for folder in load_settings().link_folders)


def _goes_down(path: str) -> bool:
    return not PurePath(path).is_absolute() and ".." not in PurePath(path).parts


def changed_inside(root: Root, path: str) -> int:
    """Return when the file of a row was changed, in nanoseconds since 1970.

    Raises:
        ImageError: It leads out of `root`, or the file is gone: the row has outlived its picture.
    """
    if isinstance(root, RemoteFolder):
        return object_store.changed_at(root, path)
    file = resolve_inside(root, path)
    try:
        found = file.stat()
    except OSError as error:
        raise object_store.gone() from error
    if not stat.S_ISREG(found.st_mode):
        raise object_store.gone()
    return found.st_mtime_ns


def changes_inside(root: Root, paths: Iterable[str]) -> dict[str, int]:
    """Return when each file was changed, in nanoseconds since 1970; what is gone is left out.

    Raises:
        DatasetError: The object store cannot be asked.
    """
    if isinstance(root, RemoteFolder):
        there = {file.path: file.changed for file in object_store.files_below(root)}
        return {path: there[path] for path in paths if path in there}
    changed = {}
    for path in paths:
        with contextlib.suppress(ImageError):
            changed[path] = changed_inside(root, path)
    return changed


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


def digest_of(content: bytes) -> str:
    """Return BLAKE2b of a file's bytes as 32 hexadecimal digits (128 bits)."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _too_large(name: str, size: str) -> ImageError:
    return ImageError(
        f"{name!r} has {size} than the limit of {MAX_FILE_BYTES:,} for a picture. Make it smaller "
        "first, or remove the file."
    )
