"""Files that are written whole or not at all, what to name them after, and tables as CSV."""

import csv
import errno
import hashlib
import io
import math
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from core.errors import FileError

# What is wrong -> what happened, and what to do about it.
_ADVICE = {
    errno.ENOSPC: ("the disk is full", "Make room there"),
    errno.EDQUOT: ("the quota of the disk is used up", "Make room there"),
    errno.EROFS: ("the disk is read-only", "Choose a folder on another disk"),
    errno.EACCES: ("permission denied", "Correct the permissions of the folder"),
    errno.EPERM: ("permission denied", "Correct the permissions of the folder"),
}
# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# Tells a spreadsheet that the text is UTF-8.
_MARK = "\ufeff"


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


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as CSV with a header line, as spreadsheets expect it.

    Text that a spreadsheet would run as a formula gets an apostrophe in front. Floating-point
    numbers have up to nine significant digits, which tell float32 apart; NaN is an empty cell.
    """
    text = io.StringIO()
    text.write(_MARK)
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.9g}"
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
