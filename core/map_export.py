"""What can be taken away from a map: pictures as a ZIP."""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

from core.dataset import resolve_inside
from core.errors import ImageError

# About as much as a browser should be handed in one piece.
MAX_PICTURES = 500


def zip_pictures(root: Path, paths: Sequence[str]) -> bytes:
    """Return the files of up to `MAX_PICTURES` pictures as a ZIP, under their own paths.

    Files that are gone or lie outside `root` are named in `left-out.txt` inside it, as are those
    beyond the limit.

    Args:
        root: The dataset folder.
        paths: Relative to `root`.
    """
    inside = root.resolve()
    paths = list(dict.fromkeys(paths))
    left_out = [f"{path}: more than {MAX_PICTURES} pictures" for path in paths[MAX_PICTURES:]]
    content = io.BytesIO()
    # Pictures are compressed already.
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for path in paths[:MAX_PICTURES]:
            try:
                file = resolve_inside(root, path)
                # The resolved name has no "..", which a careless unpacker would follow.
                archive.writestr(file.relative_to(inside).as_posix(), file.read_bytes())
            except (ImageError, OSError) as error:
                left_out.append(f"{path}: {error}")
        if left_out:
            archive.writestr("left-out.txt", "\n".join(left_out) + "\n")
    return content.getvalue()
