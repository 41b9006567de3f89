"""Uploaded archives kept below the data folder until they are unpacked."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from core.config import Settings
from core.errors import StoreError
from core.files import write_whole
from core.read_only import require_writable


@dataclass(frozen=True, slots=True)
class Upload:
    """A kept archive and the folder that it is to be unpacked into."""

    archive: Path
    folder: Path


def keep_upload(content: bytes | memoryview, *, name: str, settings: Settings) -> Upload:
    """Write an uploaded archive, whole or not at all.

    The folder is named after the file and its content, so the same upload has the same folder.

    Raises:
        ReadOnlyError: The settings forbid changes.
        FileError: It cannot be written.
    """
    require_writable(read_only=settings.read_only)
    folder = upload_folder(content, name=name, settings=settings)
    archive = folder.with_name(f".{folder.name}.zip")
    write_whole(archive, content)
    return Upload(archive, folder)


def discard_archive(archive: Path, *, settings: Settings) -> None:
    """Delete an archive that was kept and will not be unpacked; no other file is touched.

    Raises:
        StoreError: It cannot be deleted.
    """
    if archive.parent != settings.data.uploads.absolute():
        return
    try:
        archive.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"the upload {str(archive)!r} cannot be deleted ({error.strerror}). Correct the "
            "permissions or delete it by hand."
        ) from error


def upload_folder(content: bytes | memoryview, *, name: str, settings: Settings) -> Path:
    """Return the folder an upload belongs into: its name and eight digits of its BLAKE2b."""
    word = re.sub(r"[^A-Za-z0-9]+", "_", Path(name).stem).strip("_")[:40] or "upload"
    digest = hashlib.blake2b(content, digest_size=4).hexdigest()
    return (settings.data.uploads / f"{word}-{digest}").absolute()
