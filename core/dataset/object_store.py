"""Files of an object store by their paths below an address, read through fsspec.

Credentials are found by the library that reads the store, as its own programs find them; nothing of
them passes through here, and what goes wrong is told by its kind alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from core.dataset_root import PROTOCOLS, RemoteFolder
from core.errors import DatasetError, ImageError

# At least; else a file is asked for in whole.
_HEAD = 1


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of an object store.

    Attributes:
        path: Relative to the address.
        size: In bytes.
        changed: Nanoseconds since 1970; 0 where the store does not say.
    """

    path: str
    size: int
    changed: int


def files_below(root: RemoteFolder) -> list[StoredFile]:
    """List all files below an address, by their paths.

    Raises:
        DatasetError: The store cannot be asked, or has no such folder.
    """
    system = _system(root)
    base = f"{_key(root)}/"
    try:
        found = system.find(_key(root), detail=True)
    except Exception as error:  # every store raises its own
        raise DatasetError(
            f"the dataset folder {str(root)!r} cannot be listed ({_kind(error)}). Check the "
            "address, the network, and that this machine may read it: credentials are taken from "
            f"where {PROTOCOLS[root.protocol]} looks for them."
        ) from error
    files = [
        StoredFile(key.removeprefix(base), int(about.get("size") or 0), _changed(about))
        for key, about in found.items()
        if key.startswith(base) and about.get("type") != "directory" and not key.endswith("/")
    ]
    if not files:
        raise DatasetError(
            f"there is no dataset folder {str(root)!r}, or nothing in it. Check the spelling."
        )
    return sorted(files, key=lambda file: file.path)


def content_of(root: RemoteFolder, path: str, *, limit: int) -> bytes:
    """Return the bytes of a file.

    Args:
        limit: At most so many and one more are read.

    Raises:
        ImageError: `path` leads out of the address, or the file cannot be read.
    """
    key = _inside(root, path)
    system = _system(root)
    try:
        return bytes(system.cat_file(key, start=0, end=limit + 1))
    except FileNotFoundError as error:
        raise gone() from error
    except Exception as error:
        # Of an empty file no range can be asked for.
        if _size(system, key) == 0:
            return b""
        raise ImageError(
            f"cannot read {path!r} ({_kind(error)}). Check that the object store can be reached "
            "and the file may be read, then index again."
        ) from error


def heads_of(root: RemoteFolder, paths: Sequence[str], *, size: int) -> list[bytes | None]:
    """Return the first bytes of files, many at a time; None for what cannot be read.

    Args:
        size: Of each, in bytes.
    """
    keys = [_inside(root, path) for path in paths]
    if not keys:
        return []
    found = _system(root).cat_ranges(keys, 0, max(size, _HEAD), on_error="return")
    return [bytes(one) if isinstance(one, bytes) else None for one in found]


def changed_at(root: RemoteFolder, path: str) -> int:
    """Return when a file was changed, in nanoseconds since 1970; 0 where that is not known.

    Raises:
        ImageError: `path` leads out of the address, or the file is gone or cannot be looked at.
    """
    key = _inside(root, path)
    try:
        about: dict[str, Any] = _system(root).info(key)
    except FileNotFoundError as error:
        raise gone() from error
    except Exception as error:
        raise ImageError(
            f"cannot look at {path!r} ({_kind(error)}). Check that the object store can be reached."
        ) from error
    if about.get("type") == "directory":
        raise gone()
    return _changed(about)


def _inside(root: RemoteFolder, path: str) -> str:
    """Return the key of a file, refusing a path that leads out of the address."""
    if any(part in ("", ".", "..") for part in path.split("/")) or "\0" in path:
        raise ImageError(
            f"{path!r} leads outside the dataset folder and is not opened. Check who wrote the "
            "collection, or index the dataset again."
        )
    return f"{_key(root)}/{path}"


def _key(root: RemoteFolder) -> str:
    return root.text.partition("://")[2]


def _size(system: Any, key: str) -> int | None:  # noqa: ANN401
    try:
        size: int = system.info(key)["size"]
        return size
    except Exception:
        return None


def _changed(about: dict[str, Any]) -> int:
    when = about.get("LastModified") or about.get("mtime") or about.get("last_modified")
    return int(when.timestamp() * 1e9) if isinstance(when, datetime) else 0


@lru_cache(maxsize=4)
def _opened(protocol: str) -> Any:  # noqa: ANN401
    import fsspec

    # A dashboard lives long: what it lists is to be what is there.
    return fsspec.filesystem(protocol, use_listings_cache=False)


def _system(root: RemoteFolder) -> Any:  # noqa: ANN401
    try:
        return _opened(root.protocol)
    except ImportError as error:
        raise DatasetError(
            f"reading {root.protocol}:// needs {PROTOCOLS[root.protocol]}. Install it: python -m "
            f"pip install {PROTOCOLS[root.protocol]}"
        ) from error


def _kind(error: Exception) -> str:
    """Return the kind of an error: its text may name what is secret, such as a signed address."""
    return type(error).__name__


def gone() -> ImageError:
    """Return what is said of a picture that is there no longer."""
    return ImageError(
        "the file is no longer in the dataset folder. Restore it, or delete its row: "
        "Prune on the Collection page, or build_index --prune."
    )
