"""The folder that the sample dataset is drawn into: whose it is, and what an earlier run left."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from core.errors import DatasetError
from core.files import write_whole

MARKER = ".orchard-sample.json"


@dataclass(frozen=True)
class SampleRun:
    """What decides the pictures of a folder; kept in its marker file."""

    seed: int
    size: int
    per_class: int
    drawing: int  # version of the drawing code


def picture_name(label: str, number: int) -> str:
    """The file name of a picture; numbers count from 1."""
    return f"{label}_{number:03d}.jpg"


def prepare_folder(root: Path, run: SampleRun, *, labels: Sequence[str]) -> None:
    """Make `root` ready for a run: refuse what is not ours, clear what the run would not write.

    Raises:
        DatasetError: `root` is a file or holds anything that no earlier run has made.
        FileError: it cannot be written.
        OSError: it cannot be read, or a folder in it cannot be made.
    """
    if root.exists() and not root.is_dir():
        raise DatasetError(
            f"{root} is a file, not a folder: give the name of a new or empty folder."
        )
    root.mkdir(parents=True, exist_ok=True)
    earlier = _earlier_run(root)
    if earlier is not None:
        _refuse_strangers(root, run, labels=labels, known=earlier.per_class)
        _clear(root, run, labels=labels, earlier=earlier)
    # The marker comes before the first picture: a run that is cut short is still recognised.
    text = json.dumps(asdict(run), indent=2) + "\n"
    write_whole(root / MARKER, text.encode())
    for label in labels:
        (root / label).mkdir(exist_ok=True)


def _earlier_run(root: Path) -> SampleRun | None:
    """What the marker says of an earlier run; None for an empty folder."""
    marker = root / MARKER
    if not marker.is_file():
        # A run that was killed may have left the marker under its temporary name.
        draft = re.compile(rf"\.{re.escape(MARKER)}\.\w+\.part")
        strangers = [entry.name for entry in root.iterdir() if not draft.fullmatch(entry.name)]
        if not strangers:
            return None
        raise DatasetError(
            f"{root} already holds {len(strangers)} other item(s), such as '{min(strangers)}', and "
            "nothing there is changed: give the name of a new or empty folder."
        )
    try:
        run = SampleRun(**json.loads(marker.read_text(encoding="utf-8")))
        if any(type(value) is not int for value in asdict(run).values()):
            raise ValueError("a value is not a whole number")
    except (ValueError, TypeError) as error:
        raise DatasetError(
            f"{marker} cannot be read ({error}), so it is unclear which pictures there are drawn: "
            "give the name of a new folder, or empty this one yourself."
        ) from error
    return run


def _refuse_strangers(root: Path, run: SampleRun, *, labels: Sequence[str], known: int) -> None:
    """Raise if the run would write over something that the earlier one has not made."""
    for label in labels:
        folder = root / label
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise DatasetError(
                f"{folder} is not a plain folder, so no pictures are drawn into it: "
                "move it away or give the name of a new folder."
            )
        for number in range(known + 1, run.per_class + 1):
            file = folder / picture_name(label, number)
            if file.exists():
                raise DatasetError(
                    f"{file} is in the way and was not drawn here: "
                    "move it away or give the name of a new folder."
                )


def _clear(root: Path, run: SampleRun, *, labels: Sequence[str], earlier: SampleRun) -> None:
    """Remove what the earlier run drew and this one would not write, and its temporary files."""
    same = (earlier.seed, earlier.size, earlier.drawing) == (run.seed, run.size, run.drawing)
    keep = run.per_class if same else 0
    for label in labels:
        for number in range(keep + 1, earlier.per_class + 1):
            (root / label / picture_name(label, number)).unlink(missing_ok=True)
        leftover = re.compile(rf"\.{label}_\d+\.jpg\.\w+\.part")
        for file in list((root / label).glob(".*.part")):
            if leftover.fullmatch(file.name):
                file.unlink(missing_ok=True)
