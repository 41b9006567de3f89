"""Milvus Lite's database folder: whether it can be opened, by whom it is locked, letting it go."""

import json
import shutil
import sys
import threading
from collections import Counter
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import Any

from core.errors import StoreError, StoreUnavailableError
from core.files import fingerprint_of

# Milvus Lite runs one server per database in a process; it serves until its last user has left.
_users: Counter[Path] = Counter()
_guard = threading.Lock()


def acquire(path: Path) -> Path:
    """Register one more user of a database in this process, and return the path to open it by.

    Raises:
        StoreError: As `check_openable`.
        StoreUnavailableError: As `check_openable`.
    """
    with _guard:
        place = _place(path)
        if not _users[place]:
            check_openable(path.expanduser())
            _hush_single_lists()
        _users[place] += 1
        return place


def release(path: Path) -> None:
    """Take back one `acquire`; after the last one other processes can open the database."""
    with _guard:
        place = _place(path)
        _users[place] -= 1
        if _users[place] <= 0:
            del _users[place]
            from milvus_lite import server_manager_instance

            server_manager_instance.release_server(str(place))


@cache
def _hush_single_lists() -> None:
    """Let FAISS build an index of one list without a warning.

    Below 39 rows a list it writes past Python that there are too few to learn the lists from; where
    one list holds all rows, as in every small collection, there is nothing to learn. Which rows are
    found does not change: the number is for the warning alone.
    """
    import faiss

    for kind in (faiss.IndexIVFFlat, faiss.IndexIVFScalarQuantizer):
        kind.train = _hushed(kind.train)  # type: ignore[method-assign]


def _hushed(train: Callable[..., None]) -> Callable[..., None]:
    @wraps(train)
    def hushed(index: Any, *rows: Any) -> None:  # noqa: ANN401 - FAISS's own
        if index.nlist == 1:
            index.cp.min_points_per_centroid = 1
        train(index, *rows)

    return hushed


def check_openable(path: Path) -> None:
    """Make sure that Milvus Lite can open `path` from this process, making its parent folder.

    Milvus Lite says only "Open local milvus failed", whatever the cause is; this tells them apart.

    Raises:
        StoreError: `path` is a plain file, holds something else, was written by a newer Milvus
            Lite, or its folder cannot be made or written.
        StoreUnavailableError: Another process has the database open.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_file = path.exists() and not path.is_dir()
    except OSError as error:
        raise StoreError(
            f"the folder {str(path.parent)!r} for the database cannot be used ({error.strerror}). "
            "Set ORCHARD_DATA_DIR to a folder you may write to."
        ) from error
    if is_file and _is_sqlite(path):
        raise StoreError(
            f"{str(path)!r} is a database of Milvus Lite 2, which this version (3) cannot read. "
            "Nothing was changed. Set ORCHARD_MILVUS_URI to another name and index the pictures "
            "again, or move the rows with the old version to a server first."
        )
    if is_file:
        raise StoreError(
            f"{str(path)!r} is a file, but a Milvus Lite database is a folder. Move the file away "
            "or set ORCHARD_MILVUS_URI to another name."
        )
    if is_locked(path):
        raise StoreUnavailableError(
            f"the database {str(path)!r} is open in another process{_holder_text(path)}. Milvus "
            "Lite serves one process at a time: most likely the dashboard is running. Stop it "
            "(Ctrl-C in its terminal), then try again. Nothing is damaged."
        )
    folder = path if path.exists() else path.parent
    probe, lock = folder / ".orchard-write-test", path / "LOCK"
    try:
        if lock.exists():
            lock.open("r+b").close()
        probe.touch()
        probe.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"{str(folder)!r} cannot be written ({error.strerror}). Correct its permissions or "
            "set ORCHARD_DATA_DIR to another folder."
        ) from error
    _refuse_other_content(path)


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock of a Lite database; it may be this very process."""
    lock = path / "LOCK"
    try:
        with lock.open("r+b") as file:
            return not _try_lock(file.fileno())
    except FileNotFoundError:
        return False
    except OSError:
        # Windows refuses to open a locked file at all; elsewhere the file is another user's.
        return sys.platform == "win32"


def lock_holder(path: Path) -> int | None:
    """Return the process that holds the lock, where the system tells (Linux)."""
    try:
        inode = (path / "LOCK").stat().st_ino
        for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
            fields = line.split()
            if fields[1] == "FLOCK" and fields[5].rsplit(":", 1)[1] == str(inode):
                return int(fields[4])
    except (OSError, IndexError, ValueError):
        pass
    return None


def state_of(path: Path, *, database: str, collection: str) -> str:
    """Return what changes with every row that is written to a collection or deleted, by whomever.

    Milvus Lite numbers all changes of a collection, and writes the last number with the files that
    hold them; merging these files changes no row and no number. A copy that was put back numbers on
    from where it was taken, but its files are new ones, which their time of change tells: that of
    their contents can be copied with them. Numbers alone do not tell of a dropped partition, nor
    does any of this look at the rows: whoever relies on it compares their count besides.

    Args:
        path: Of the database.
        collection: Its own name, not an alias.

    Returns:
        32 hexadecimal digits; empty while rows are not put away yet, when a power cut may lose
        them, and where the files cannot be read.
    """
    folder = _collections(path, database) / collection
    try:
        if any((folder / "wal").iterdir()):
            return ""
        schema = (folder / "schema.json").stat()
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        last, partitions = int(manifest["current_seq"]), sorted(manifest["partitions"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    made = (schema.st_ctime_ns, schema.st_mtime_ns, schema.st_size)
    return fingerprint_of(json.dumps([made, last, partitions]))


def remove_unfinished(path: Path, *, database: str, collection: str) -> None:
    """Remove the folder of a collection whose making or dropping was cut short, if there is one.

    Milvus Lite makes the folder first and then its schema, and counts as collections those with a
    schema; over a folder without one, as a killed process or a full disk leaves it, it refuses to
    make that collection for ever.

    Args:
        path: Of the database, which this process has open.
        collection: Its own name, not an alias.
    """
    folder = _collections(path, database) / collection
    if not (folder / "schema.json").exists():
        # Where it cannot be removed, Milvus Lite says that it is in the way.
        shutil.rmtree(folder, ignore_errors=True)


def _collections(path: Path, database: str) -> Path:
    root = _place(path)
    return (root if database == "default" else root / "databases" / database) / "collections"


def _is_sqlite(path: Path) -> bool:
    # Milvus Lite 2 kept its rows so.
    try:
        with path.open("rb") as file:
            return file.read(16) == b"SQLite format 3\0"
    except OSError:
        return False


def _refuse_other_content(path: Path) -> None:
    """Milvus Lite looks at neither: it would write into a strange folder, or a newer database."""
    if not path.exists() or not any(path.iterdir()):
        return
    if not (path / "collections").is_dir():
        raise StoreError(
            f"{str(path)!r} is a folder, but no Milvus Lite database: it holds "
            f"{min(file.name for file in path.iterdir())!r} and no 'collections'. Nothing was "
            "changed. Set ORCHARD_MILVUS_URI to another name."
        )
    from milvus_lite.schema.persistence import SCHEMA_FORMAT_VERSION
    from milvus_lite.storage.manifest import MANIFEST_FORMAT_VERSION

    for name, readable in (
        ("manifest", MANIFEST_FORMAT_VERSION),
        ("schema", SCHEMA_FORMAT_VERSION),
    ):
        for file in path.glob(f"**/collections/*/{name}.json"):
            found = _number_in(file, f"{name}_format_version")
            if found > readable:
                raise StoreError(
                    f"{str(path)!r} was written by a newer Milvus Lite ({name} format {found}, "
                    f"this one reads {readable}). Nothing was changed. Use the version of "
                    "milvus-lite it was written with, or set ORCHARD_MILVUS_URI to another name."
                )


def _number_in(file: Path, key: str) -> int:
    """Return a number of a JSON file; 0 where it cannot be read, which Milvus Lite then tells."""
    try:
        return int(json.loads(file.read_text(encoding="utf-8")).get(key, 0))
    except (OSError, ValueError, TypeError, AttributeError):
        return 0


def _place(path: Path) -> Path:
    # The name itself is kept: pymilvus tells Milvus Lite by its ending.
    path = path.expanduser()
    return path.parent.resolve() / path.name


def _try_lock(descriptor: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
            msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return True


def _holder_text(path: Path) -> str:
    process = lock_holder(path)
    return f" (process {process})" if process else ""
