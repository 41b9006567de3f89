"""An uploaded ZIP of class folders: judged before anything is written, then unpacked.

A file that breaks a rule has its archive refused as a whole: who sent it should know.
"""

import os
import shutil
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import IO

from core.dataset.classes import Classes, classes_by_folder
from core.dataset.files import MAX_FILE_BYTES
from core.dataset.formats.kinds import (
    FORMAT_NAMES,
    HEAD_BYTES,
    PICTURE_SUFFIXES,
    Kind,
    kind_of_named,
)
from core.dataset.labels_file import classes_by_own, labels_file_among
from core.dataset.listing import MAX_PATH_BYTES, program_folder
from core.dataset.names import composed, guessed
from core.errors import ArchiveError, ImageError
from core.progress import Progress, Stage, silent
from core.records import LeftOut, SkippedFile, left_out

MAX_FILES = 100_000
MAX_BYTES = 4_000_000_000
# Photos hardly shrink, plain bitmaps of drawings to a hundredth; a bomb to a thousandth and less.
MAX_RATIO = 200
# Below this many bytes an archive may hold whatever it likes.
_RATIO_FROM = 10_000_000
_MAX_NAME_BYTES = 255
_PIECE = 1 << 20
# Of the general purpose bit flag, and the extra field "Info-ZIP Unicode Path".
_SAYS_UTF8, _UNICODE_PATH = 0x800, 0x7075
# A picture of an archive is read into memory to be shown.
_MAX_LOOK = 50_000_000

Source = Path | IO[bytes]


@dataclass(frozen=True, slots=True)
class ArchivePlan:
    """What an archive that may be unpacked holds.

    Attributes:
        pictures: Name in the archive -> path to write, relative and with forward slashes.
        classes: Of the pictures, by the paths to write.
        left_out: Files that are no pictures; they are not unpacked.
        size: Bytes of the pictures once unpacked.
        names_read_as: How names were decoded, where the archive does not say; empty where it does.
        labels: The labels file that says the classes: name in the archive -> path to write.
    """

    pictures: dict[str, str]
    classes: Classes
    left_out: LeftOut
    size: int
    names_read_as: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


def inspect_archive(source: Source) -> ArchivePlan:
    """Judge an archive by its table of contents; nothing is unpacked.

    Of files that are not called as pictures are the first bytes are read, and all of a labels file,
    which decides as in a folder.

    Raises:
        ArchiveError: It is no ZIP, cut off, encrypted, too large, holds a link, a special file or
            a name that leads outside, or no picture.
        DatasetError: The labels file at its top cannot be used.
    """
    found: dict[str, tuple[str, ...]] = {}
    others: list[SkippedFile] = []
    by_path: dict[str, str] = {}
    with _opened(source) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        _refuse_size(entries)
        names, names_read_as = _meant_names(entries)
        for entry, name in zip(entries, names, strict=True):
            parts = _safe_parts(entry, name)
            reason = _no_picture(archive, entry, parts)
            if reason:
                others.append(SkippedFile("/".join(parts), reason))
                by_path["/".join(parts)] = entry.filename
            else:
                found[entry.filename] = parts
    if not found:
        held = f": {left_out(others).said()}" if others else ""
        raise ArchiveError(
            f"the archive holds no pictures ({len(entries):,} other files{held}). Put one folder "
            f"per class in it, with pictures as {FORMAT_NAMES}."
        )
    pictures = {name: "/".join(parts) for name, parts in found.items()}
    _refuse_doubles(pictures)
    sizes = {entry.filename: entry.file_size for entry in entries}
    paths = tuple(pictures.values())
    classes = classes_by_folder(paths, name=PurePosixPath(str(getattr(source, "name", ""))).stem)
    labels: dict[str, str] = {}
    if own := labels_file_among(by_path, paths):
        said, doubt = classes_by_own(own, _labels(source, by_path[own]), paths, name=own)
        labels = {by_path[own]: own} if said else {}
        classes = said or replace(classes, doubts=(doubt, *classes.doubts))
    return ArchivePlan(
        pictures,
        classes,
        left_out(one for one in others if one.path not in labels.values()),
        sum(sizes[name] for name in (*pictures, *labels)),
        names_read_as,
        labels,
    )


def unpack(source: Source, target: Path, *, on_progress: Progress = silent) -> int:
    """Unpack the pictures, and their labels file, into the new folder `target`.

    It appears only when it is whole.

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
            for name, path in plan.labels.items():
                _write(archive, name, part / path)
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


def _labels(source: Source, name: str) -> bytes:
    try:
        return read_member(source, name)
    except ImageError as error:
        raise ArchiveError(
            f"the labels file in the archive cannot be used: {error} Make it again or leave it out."
        ) from error


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


def _meant_names(entries: list[zipfile.ZipInfo]) -> tuple[list[str], str]:
    """Return the names as they were meant, in composed form, and how they were read.

    `zipfile` takes names without the flag for UTF-8 for the DOS of 1981. macOS writes UTF-8 without
    the flag, Windows the code page of its country.
    """
    names = {at: _extra_name(entry) or entry.filename for at, entry in enumerate(entries)}
    silent_ones = {
        at: entry.orig_filename.encode("cp437")
        for at, entry in enumerate(entries)
        if not entry.flag_bits & _SAYS_UTF8
        and not entry.orig_filename.isascii()
        and names[at] == entry.filename
    }
    read_as = ""
    if silent_ones:
        guess = guessed([*silent_ones.values()])
        names |= dict(zip(silent_ones, guess.names, strict=True))
        read_as = guess.encoding
    return [composed(name) for name in names.values()], read_as


def _extra_name(entry: zipfile.ZipInfo) -> str:
    """Return the name in UTF-8 that Info-ZIP, WinZip and 7-Zip may put beside the other one."""
    extra = entry.extra
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        data, extra = extra[4 : 4 + length], extra[4 + length :]
        # A version, the CRC of the name that it stands for, the name.
        if kind == _UNICODE_PATH and len(data) > 5 and data[0] == 1:
            try:
                raw = entry.orig_filename.encode("cp437")
                same = zlib.crc32(raw) == int.from_bytes(data[1:5], "little")
                return data[5:].decode() if same else ""
            except UnicodeError:
                return ""
    return ""


def _safe_parts(entry: zipfile.ZipInfo, name: str) -> tuple[str, ...]:
    # Some programs on Windows write backslashes.
    name = name.replace("\\", "/")
    parts = PurePosixPath(name).parts
    outside = name.startswith("/") or ".." in parts or ":" in parts[0] if parts else True
    if outside or "\0" in entry.orig_filename:
        raise ArchiveError(
            f"the archive holds {name!r}, a name that leads outside its folder; nothing "
            "was unpacked. Make the archive again with relative names."
        )
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        what = "a link" if kind == stat.S_IFLNK else "a special file"
        raise ArchiveError(
            f"the archive holds {name!r}, which is {what}; nothing was unpacked. Put "
            "the files themselves into it."
        )
    if entry.flag_bits & 0x1:
        raise ArchiveError(
            f"{name!r} in the archive is encrypted. Make the archive without a password."
        )
    if len(name.encode()) > MAX_PATH_BYTES or any(len(p.encode()) > _MAX_NAME_BYTES for p in parts):
        raise ArchiveError(
            f"the archive holds a name of {len(name.encode())} bytes, {name[:40]!r}...; allowed "
            f"are {MAX_PATH_BYTES}, and {_MAX_NAME_BYTES} for each part of it. Shorten it."
        )
    return parts


def _no_picture(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, parts: tuple[str, ...]) -> str:
    """Say why a file is not unpacked; empty for one that is."""
    if kept := program_folder("/".join(parts)):
        return kept
    if any(part.startswith(".") for part in parts):
        return "hidden file"
    if PurePosixPath(parts[-1]).suffix.lower() in PICTURE_SUFFIXES:
        return ""
    try:
        with archive.open(entry) as packed:
            kind = kind_of_named(parts[-1], packed.read(HEAD_BYTES))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        kind = Kind("file that cannot be unpacked")
    return "" if kind.is_picture else kind.name


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
