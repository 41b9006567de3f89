"""Where the process that holds a Milvus Lite database answers others: a note beside it."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from pydantic import TypeAdapter, ValidationError

from core.files import write_whole
from core.store import lite

# Admits whoever may read the note to this process, and to no other: a new one each start.
KEY = secrets.token_urlsafe(24)


@dataclass(frozen=True, slots=True)
class Served:
    """A process that holds a database and answers over HTTP.

    Attributes:
        process: Its number.
        address: Such as `http://127.0.0.1:8501`.
        key: Admits as the token does.
        data_dir: Its data folder, absolute.
    """

    process: int
    address: str
    key: str
    data_dir: str


_SAVED = TypeAdapter(Served)


def announce(database: Path, address: str, *, data_dir: Path) -> None:
    """Leave a note that only this user can read.

    Raises:
        FileError: It cannot be written.
    """
    note = Served(os.getpid(), address, KEY, str(data_dir.absolute()))
    content = json.dumps(asdict(note)).encode()

    def write(file: BinaryIO) -> None:
        if os.name == "posix":
            os.fchmod(file.fileno(), 0o600)
        file.write(content)

    write_whole(_note(database), write)


def find_served(database: Path) -> Served | None:
    """Return who holds a database and answers; None where nobody holds it, or says where."""
    if not lite.is_locked(database.expanduser()):
        return None
    try:
        note = _SAVED.validate_json(_note(database).read_bytes())
    except (OSError, ValidationError):
        return None
    # The note of a process that has ended outlives it.
    holder = lite.lock_holder(database.expanduser())
    return note if holder in (None, note.process) else None


def _note(database: Path) -> Path:
    return database.expanduser().with_name(f"{database.name}.served.json")
