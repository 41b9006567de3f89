"""The hits as files to take away: a table as CSV, the pictures as a ZIP of bounded size."""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

from core.dataset import resolve_inside
from core.errors import ImageError
from core.files import csv_text
from core.metric import Metric
from core.records import Hit

# What a browser and the server's memory take without trouble.
MAX_ZIP_BYTES = 200_000_000


def hits_as_csv(hits: Sequence[Hit], *, metric: Metric) -> str:
    """Return rank, class, path, id, digest, displayed and raw score, one line a hit."""
    return csv_text(
        ["rank", "class", "path", "id", "digest", metric.noun, "raw score"],
        (
            (
                hit.rank,
                hit.record.label,
                hit.record.path,
                hit.record.id,
                hit.record.digest,
                metric.displayed(hit.score),
                hit.score,
            )
            for hit in hits
        ),
    )


def pictures_as_zip(hits: Sequence[Hit], *, root: Path, limit: int = MAX_ZIP_BYTES) -> bytes:
    """Return the original files of hits under their own paths, best hits first.

    Files that are gone, lie outside `root` or do not fit are named in `left-out.txt` inside it.

    Args:
        root: The dataset folder; nothing outside is opened.
        limit: Bytes that all files together may have.
    """
    inside, room = root.resolve(), limit
    left_out: list[str] = []
    content = io.BytesIO()
    # Pictures are compressed already.
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for hit in hits:
            path = hit.record.path
            try:
                file = resolve_inside(root, path)
                size = file.stat().st_size
                if size > room:
                    left_out.append(f"{path}: {size:,} bytes more would be over {limit:,}")
                    continue
                # The resolved name has no "..", which a careless unpacker would follow.
                archive.writestr(file.relative_to(inside).as_posix(), file.read_bytes())
                room -= size
            except ImageError as error:
                left_out.append(f"{path}: {error}")
            # Its text would name the server's folders.
            except OSError as error:
                left_out.append(f"{path}: {error.strerror or 'it cannot be read'}")
        if left_out:
            archive.writestr("left-out.txt", "\n".join(left_out) + "\n")
    return content.getvalue()
