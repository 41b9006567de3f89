"""An uploaded ZIP of class folders: judged before anything is written, then unpacked.

A file that breaks a rule has its archive refused as a whole: who sent it should know.
"""

import os
import shutil
import stat
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from core.dataset.files import MAX_FILE_BYTES
from core.dataset.listing import IMAGE_SUFFIXES, MAX_PATH_BYTES
from core.errors import ArchiveError, ImageError
from core.progress import Progress, Stage, silent

MAX_FILES = 100_000
MAX_BYTES = 4_000_000_000
# Photos hardly shrink, plain bitmaps of drawings to a hundredth; a bomb to a thousandth and less.
MAX_RATIO = 200
# Below this many bytes an archive may hold whatever it likes.
_RATIO_FROM = 10_000_000
_MAX_NAME_BYTES = 255
_PIECE = 1 << 20
# A picture of an archive is read into memory to be shown.
_MAX_LOOK = 50_000_000

Source = Path | IO[bytes]


@dataclass(frozen=True, slots=True)
class ArchivePlan:
    """What an archive that may be unpacked holds.

    Attributes:
        pictures: Name in the archive -> path to write, relative and with forward slashes.
        classes: Pictures a class.
        other: Files that are no pictures by their names; they are not unpacked.
        size: Bytes of the pictures once unpacked.
    """

    pictures: dict[str, str]
    classes: dict[str, int]
    other: int
    size: int


def inspect_archive(source: Source) -> ArchivePlan:
    """Judge an archive by its table of contents; nothing is unpacked.

    A single folder around the class folders is left out.

    Raises:
        ArchiveError: It is no ZIP, cut off, encrypted, too large, holds a link, a special file or
            a name that leads outside, or no picture.
    """
    with _opened(source) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    _refuse_size(entries)
    found: dict[str, tuple[str, ...]] = {}
    for entry in entries:
        parts = _safe_parts(entry)
        if _is_picture(parts):
            found[entry.filename] = parts
    if not found:
        raise ArchiveError(
            f"the archive holds no pictures ({len(entries):,} other files). Put one folder per "
            f"class in it, with pictures ending in {', '.join(sorted(IMAGE_SUFFIXES))}."
        )
    pictures = {name: "/".join(parts) for name, parts in _without_wrapper(found).items()}
    _refuse_doubles(pictures)
    sizes = {entry.filename: entry.file_size for entry in entries}
    labels = (path.partition("/")[0] if "/" in path else "" for path in pictures.values())
    return ArchivePlan(
        pictures,
        dict(sorted(Counter(labels).items())),
        len(entries) - len(found),
        sum(sizes[name] for name in pictures),
    )


def unpack(source: Source, target: Path, *, on_progress: Progress = silent) -> int:
    """Unpack the pictures into the new folder `target`, which appears only when it is whole.

    Args:
        on_progress: Stage `UNPACK`, in pictures; if it stops the work, nothing is left behind.

    Returns:
        How many pictures there are.

    Raises:
        ArchiveError: As `inspect_archive`, or an entry is damaged or larger than it says, or
            the folder cannot be written.
    """
    plan = inspect_archive(source)
    part = target.with_name(f".{target.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        _refuse_full_disk(part, plan.size)
        with _opened(source) as archive:
            for done, (name, path) in enumerate(plan.pictures.items(), start=1):
                _write(archive, name, part / path)
                on_progress(Stage.UNPACK, done, len(plan.pictures))
        part.replace(target)
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError) as error:
        raise ArchiveError(
            f"the archive is damaged ({error}); nothing was kept. Make it again, then upload it."
        ) from error
    except OSError as error:
        raise ArchiveError(
            f"the archive cannot be unpacked to {str(target.parent)!r} ({error.strerror}). Make "
            "room or correct the permissions, then upload it again."
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return len(plan.pictures)


def read_member(source: Source, name: str) -> bytes:
    """Return one file of an archive that `inspect_archive` has let pass, to be looked at.

    Raises:
        ArchiveError: It is no ZIP any more.
        ImageError: The file is damaged, or too large to be looked at before it is unpacked.
    """
    with _opened(source) as archive:
        try:
            with archive.open(name) as packed:
                content = packed.read(_MAX_LOOK + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError) as error:
            raise ImageError(f"{name!r} is damaged in the archive.") from error
    if len(content) > _MAX_LOOK:
        raise ImageError(f"{name!r} is too large to be shown before it is unpacked.")
    return content


def _opened(source: Source) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(source)
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError) as error:
        raise ArchiveError(
            "the file is no ZIP archive, or the upload was cut off. Upload it again, or make the "
            "archive anew."
        ) from error
    except OSError as error:
        raise ArchiveError(
            f"the uploaded file cannot be read ({error.strerror}). Upload it again."
        ) from error


def _refuse_size(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MAX_FILES:
        raise ArchiveError(
            f"the archive holds {len(entries):,} files, {MAX_FILES:,} are allowed. Split it, or "
            "index a folder of this machine instead."
        )
    for entry in entries:
        if entry.file_size > MAX_FILE_BYTES:
            raise ArchiveError(
                f"{entry.filename!r} unpacks to {entry.file_size:,} bytes, {MAX_FILE_BYTES:,} are "
                "allowed for a file. Leave it out or make it smaller."
            )
    size, packed = sum(e.file_size for e in entries), sum(e.compress_size for e in entries)
    if size > MAX_BYTES:
        raise ArchiveError(
            f"the archive unpacks to {size:,} bytes, {MAX_BYTES:,} are allowed. Split it, or "
            "index a folder of this machine instead."
        )
    if size > _RATIO_FROM and size > MAX_RATIO * packed:
        raise ArchiveError(
            f"the archive unpacks from {packed:,} to {size:,} bytes, more than {MAX_RATIO} times "
            "its size, as no collection of pictures does. Make it again from the pictures."
        )


def _safe_parts(entry: zipfile.ZipInfo) -> tuple[str, ...]:
    # Some programs on Windows write backslashes.
    name = entry.filename.replace("\\", "/")
    parts = PurePosixPath(name).parts
    outside = name.startswith("/") or ".." in parts or ":" in parts[0] if parts else True
    if outside or "\0" in entry.orig_filename:
        raise ArchiveError(
            f"the archive holds {entry.filename!r}, a name that leads outside its folder; nothing "
            "was unpacked. Make the archive again with relative names."
        )
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        what = "a link" if kind == stat.S_IFLNK else "a special file"
        raise ArchiveError(
            f"the archive holds {entry.filename!r}, which is {what}; nothing was unpacked. Put "
            "the files themselves into it."
        )
    if entry.flag_bits & 0x1:
        raise ArchiveError(
            f"{entry.filename!r} in the archive is encrypted. Make the archive without a password."
        )
    if len(name.encode()) > MAX_PATH_BYTES or any(len(p.encode()) > _MAX_NAME_BYTES for p in parts):
        raise ArchiveError(
            f"the archive holds a name of {len(name.encode())} bytes, {name[:40]!r}...; allowed "
            f"are {MAX_PATH_BYTES}, and {_MAX_NAME_BYTES} for each part of it. Shorten it."
        )
    return parts


def _is_picture(parts: tuple[str, ...]) -> bool:
    # Folders such as __MACOSX hold a small file beside each picture, under its name.
    hidden = any(part.startswith(".") for part in parts) or parts[0] == "__MACOSX"
    return not hidden and PurePosixPath(parts[-1]).suffix.lower() in IMAGE_SUFFIXES


def _without_wrapper(found: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    tops = {parts[0] for parts in found.values()}
    if len(tops) == 1 and all(len(parts) > 2 for parts in found.values()):
        return {name: parts[1:] for name, parts in found.items()}
    return found


def _refuse_doubles(pictures: dict[str, str]) -> None:
    for path, count in Counter(path.lower() for path in pictures.values()).items():
        if count > 1:
            raise ArchiveError(
                f"the archive holds {path!r} {count} times. Give the pictures names that differ in "
                "more than case."
            )


def _refuse_full_disk(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    # The database needs room as well.
    if size * 2 > free:
        raise ArchiveError(
            f"the archive unpacks to {size:,} bytes, and {free:,} are free below {str(folder)!r}. "
            "Make room for twice as much, then upload it again."
        )


def _write(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    declared = archive.getinfo(name).file_size
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with archive.open(name) as packed, path.open("xb") as file:
        while piece := packed.read(_PIECE):
            written += len(piece)
            if written > declared:
                raise zipfile.BadZipFile(f"{name!r} is larger than it says")
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
