"""Where a dataset lies: a folder of this machine, or one of an object store by its address.

root = parse_root("s3://photos/fruit")
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from core.errors import DatasetError

# What can be read, and the package that reads it.
PROTOCOLS = {"s3": "s3fs", "gs": "gcsfs"}


@dataclass(frozen=True, slots=True)
class RemoteFolder:
    """A folder of an object store; what reads it finds its credentials by itself.

    Attributes:
        text: Such as `s3://bucket/folder`, without a slash at the end.
    """

    text: str

    def __post_init__(self) -> None:
        reason = _unusable(self.text)
        if reason:
            # Without the address, which may hold a password.
            raise DatasetError(f"{reason}.")

    def __str__(self) -> str:
        return self.text

    @property
    def protocol(self) -> str:
        """What comes before `://`."""
        return self.text.partition("://")[0]

    @property
    def name(self) -> str:
        """The last folder, or the bucket."""
        return self.text.rpartition("/")[2]

    def resolve(self) -> "RemoteFolder":
        """Return itself, as there are no links."""
        return self

    def absolute(self) -> "RemoteFolder":
        """Return itself."""
        return self

    def is_relative_to(self, other: object) -> bool:
        """Whether it is that address or lies below it."""
        return isinstance(other, RemoteFolder) and (
            self == other or self.text.startswith(f"{other.text}/")
        )


Root = Path | RemoteFolder


def parse_root(text: str | Path | RemoteFolder) -> Root:
    """Read where a dataset lies, as people write it.

    Args:
        text: Such as `s3://bucket/folder`, `file:///photos` or `/photos`.

    Raises:
        DatasetError: It is an address that cannot be used; the message says why, without it.
    """
    if not isinstance(text, str):
        return text
    protocol, mark, rest = text.strip().partition("://")
    if not mark:
        return Path(text)
    if protocol == "file":
        return Path(rest)
    return RemoteFolder(text.strip().rstrip("/"))


def _unusable(text: str) -> str:
    """Say why an address cannot be used; empty where it can."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return "the address of the dataset cannot be read; write it as s3://bucket/folder"
    if parts.scheme not in PROTOCOLS:
        return f"{parts.scheme}:// is no address of a dataset; possible are " + ", ".join(
            f"{name}://" for name in PROTOCOLS
        )
    if "@" in parts.netloc:
        return (
            "leave user and password out of the address of the dataset; they are read from where "
            "the programs of the object store keep them"
        )
    if parts.query or parts.fragment or "::" in text:
        return "the address of a dataset has no ?, # or ::; write it as s3://bucket/folder"
    folders = parts.path.strip("/").split("/") if parts.path.strip("/") else []
    if not parts.netloc or any(folder in ("", ".", "..") for folder in folders):
        return "the address of the dataset names no folder; write it as s3://bucket/folder"
    return ""
