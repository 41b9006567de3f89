"""The original files of pictures as a ZIP of bounded size, to be taken away."""

import io
import zipfile
from collections.abc import Iterable

from core.dataset.files import content_inside, resolve_inside
from core.dataset_root import RemoteFolder, Root
from core.errors import ImageError

# What a browser and the server's memory take without trouble.
MAX_ZIP_BYTES = 200_000_000


def pictures_as_zip(paths: Iterable[str], *, root: Root, limit: int = MAX_ZIP_BYTES) -> bytes:
    """Return the files of pictures under their own paths, each once, in the order given.

    Files that are gone, lie outside `root` or do not fit are named in `left-out.txt` inside it.

    Args:
        paths: Relative to `root`, the first ones before the others where not all fit.
        root: The dataset folder; nothing outside is opened.
        limit: Bytes that all files together may have.
    """
    room = limit
    left_out: list[str] = []
    whole = io.BytesIO()
    # Pictures are compressed already.
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
        for path in dict.fromkeys(paths):
            try:
                name, size = _named(root, path)
                content = b"" if size > room else content_inside(root, path)
                size = max(size, len(content))
                if size > room:
                    left_out.append(f"{path}: {size:,} bytes more would be over {limit:,}")
                    continue
                archive.writestr(name, content)
                room -= size
            except ImageError as error:
                left_out.append(f"{path}: {error}")
            # Its text would name the server's folders.
            except OSError as error:
                left_out.append(f"{path}: {error.strerror or 'it cannot be read'}")
        if left_out:
            archive.writestr("left-out.txt", "\n".join(left_out) + "\n")
    return whole.getvalue()


def _named(root: Root, path: str) -> tuple[str, int]:
    """Return what a file is called in the archive, and its size where that is known beforehand."""
    if isinstance(root, RemoteFolder):
        return path, 0
    file, inside = resolve_inside(root, path), root.resolve()
    # The resolved name has no "..", which a careless unpacker would follow; nor has a path that
    # leads out by a link.
    name = file.relative_to(inside).as_posix() if file.is_relative_to(inside) else path
    return name, file.stat().st_size
