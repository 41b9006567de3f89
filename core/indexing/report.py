"""What an indexing run did, and its JSON file."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from core.collection.info import CollectionInfo
from core.files import write_whole
from core.records import LeftOut, SkippedFile

# Of fewer pictures the first batches, which set things up, are too large a part.
_FEWEST_ENCODED = 20


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What one run did; every file below the folder is in exactly one of the counts.

    A folder that is left out as a whole, such as a drive's thumbnails, counts as one.

    Attributes:
        added: Pictures that were not in the collections before.
        updated: Pictures whose bytes had changed.
        unchanged: Pictures left alone; a new metric gets their rows from another metric.
        skipped: Files that look like pictures but could not be used, and why.
        ignored: Files that are no pictures, and folders of other programs.
        removed: Pictures whose rows were deleted since their files are gone (`prune`).
        removed_unreadable: Pictures whose rows were deleted since their files can no longer be read
            (`remove_unreadable`).
        kept_unreadable: Pictures whose rows are kept though their files can no longer be read.
        without_file: Rows whose file is no longer in the folder and that are kept.
        copied: Rows that one metric took over from another, over all metrics.
        reduced_from: The family whose embeddings were made smaller; empty for pictures. `copied`
            are then its rows.
        collections: As the database describes them at the end.
        seconds: From the first file to the loaded index.
        images_per_second: Encoded pictures over the time of encoding and writing.
        left_out: What they are, and the names of the first.
        relabelled: Pictures with the same bytes of which something else is known than before, such
            as the class; nothing was encoded.
        classes: Pictures in the folder by class; those without one under an empty name.
        classes_by: What said so, such as `the folders`.
        doubts: Sentences about classes that may not be meant.
        unkept: Why the embeddings were not kept for exact search, which reads them from the
            database then; empty where they were.
        load_seconds: Before the first file, to find and load the encoder; 0 where none was loaded.
        cluster: What encoded on other machines or processes, in words; empty for this process.
    """

    dataset: str
    encoder: str
    added: int
    updated: int
    unchanged: int
    skipped: tuple[SkippedFile, ...]
    ignored: int
    removed: int
    without_file: int
    copied: int
    collections: tuple[CollectionInfo, ...]
    seconds: float
    images_per_second: float
    load_seconds: float = 0.0
    removed_unreadable: int = 0
    kept_unreadable: int = 0
    left_out: LeftOut = field(default_factory=LeftOut)
    relabelled: int = 0
    classes: Mapping[str, int] = field(default_factory=dict)
    classes_by: str = ""
    doubts: tuple[str, ...] = ()
    reduced_from: str = ""
    unkept: str = ""
    cluster: str = ""

    @property
    def encoded(self) -> int:
        """Pictures that were encoded."""
        return self.added + self.updated

    @property
    def tells_the_rate(self) -> bool:
        """Whether its rate is that of encoding here, not of passing over what was known."""
        looked_at = self.encoded + self.relabelled + self.unchanged + len(self.skipped)
        enough = self.encoded >= _FEWEST_ENCODED and 2 * self.encoded >= looked_at
        return enough and self.images_per_second > 0 and not self.cluster

    @property
    def overhead(self) -> float:
        """Seconds besides encoding: loading the encoder, fitting the indexes."""
        encoding = self.encoded / self.images_per_second if self.images_per_second else 0.0
        return max(0.0, self.seconds + self.load_seconds - encoding)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data for JSON."""
        return asdict(self)


_SAVED = TypeAdapter(IndexReport)


def save_index_report(report: IndexReport, *, folder: Path) -> Path:
    """Write a report as JSON into `folder`, named by the time, and return its path.

    Raises:
        FileError: It cannot be written; the collections are as the report says all the same.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    path = folder / f"index-{stamp}.json"
    text = json.dumps(report.to_dict(), indent=2, ensure_ascii=False) + "\n"
    write_whole(path, text.encode())
    return path


def load_index_report(path: Path) -> tuple[IndexReport, datetime]:
    """Read a report that `save_index_report` has written, and when that was, from its name.

    Raises:
        OSError: The file cannot be read.
        ValueError: It, or its name, has another form.
    """
    moment = datetime.strptime(path.stem, "index-%Y%m%d-%H%M%S-%f").replace(tzinfo=UTC)
    return _SAVED.validate_json(path.read_bytes()), moment
