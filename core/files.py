"""Files that are written whole or not at all, and what to name them after."""

import contextlib
import errno
import hashlib
import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from core.errors import FileError

# How exactly it is noted when a file was used.
_NOTED_SECONDS = 3600

# What is wrong -> what happened, and what to do about it.
_ADVICE = {
    errno.ENOSPC: ("the disk is full", "Make room there"),
    errno.EDQUOT: ("the quota of the disk is used up", "Make room there"),
    errno.EROFS: ("the disk is read-only", "Choose a folder on another disk"),
    errno.EACCES: ("permission denied", "Correct the permissions of the folder"),
    errno.EPERM: ("permission denied", "Correct the permissions of the folder"),
}


def write_whole(path: Path, content: bytes | memoryview | Callable[[BinaryIO], None]) -> None:
    """Write a file under a temporary name beside it, then give it its own.

    A reader sees the earlier file or the whole new one, and whatever goes wrong leaves no temporary
    file behind.

    Args:
        path: Its folder is made when missing.
        content: All of it; or what writes it into a file that can be written and sought in, for
            contents too large for memory.

    Raises:
        FileError: The disk is full or read-only, or the place must not be written to.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("xb") as file:
                if callable(content):
                    content(file)
                else:
                    file.write(content)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error


def last_used(path: Path) -> float:
    """Return when a file was last written or noted as used, in seconds since 1970.

    Raises:
        OSError: It is not there.
    """
    found = path.stat()
    return max(found.st_atime, found.st_mtime)


def note_use(path: Path) -> None:
    """Note that a file is used, as exactly as an hour; a file system may note nothing by itself."""
    with contextlib.suppress(OSError):
        found = path.stat()
        if time.time() - found.st_atime > _NOTED_SECONDS:
            os.utime(path, ns=(time.time_ns(), found.st_mtime_ns))


def unwritable(path: Path, error: OSError) -> FileError:
    """Return what to tell of a file that the system did not let us write."""
    happened, advice = _ADVICE.get(
        error.errno or 0, (error.strerror or str(error), "Correct that or choose another folder")
    )
    return FileError(f"{str(path)!r} cannot be written: {happened}. {advice}, then try again.")


def fingerprint_of(*parts: str | bytes) -> str:
    """Return BLAKE2b over the parts as 32 hexadecimal digits; where a part ends matters."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()
