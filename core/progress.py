"""How far long work is: one callback, its stages, and the line that a person reads about it.

def work(paths: list[str], *, on_progress: Progress = silent) -> None:
    for done, path in enumerate(paths, 1):
        on_progress(Stage.ENCODE, done, len(paths))
"""

import time
from collections.abc import Callable
from enum import StrEnum

from core.wording import duration

# Before, the first steps say nothing about those that follow.
_LEAST_SECONDS = 0.5


class Stage(StrEnum):
    """What long work is doing; the value is for files and other processes.

    Attributes:
        text: How a person reads it.
        unit: What is counted, in the plural; empty for what has no rate worth telling.
    """

    text: str
    unit: str

    def __new__(cls, value: str, text: str = "", unit: str = "") -> "Stage":
        """Return the member of one line below."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.text, member.unit = text, unit
        return member

    START = "", "Starting"
    # The dataset and the encoder.
    DRAW = "draw", "Drawing the sample", "pictures"
    UNPACK = "unpack", "Unpacking the archive", "pictures"
    DOWNLOAD = "download", "Fetching the weights", "B"
    LOAD = "load", "Loading the encoder"
    ENCODE = "encode", "Encoding pictures", "pictures"
    # Collections.
    INDEX = "index", "Building the index", "rows"
    COPY = "copy", "Copying rows", "rows"
    LIST = "list", "Listing rows", "rows"
    DELETE = "delete", "Deleting rows"
    DROP = "drop", "Dropping collections"
    CHECK = "check", "Checking collections"
    FILES = "files", "Reading files", "files"
    INSPECT = "inspect", "Looking at the files", "pictures"
    VERIFY = "verify", "Comparing collections and files"
    REPAIR = "repair", "Copying missing rows"
    TUNE = "tune", "Measuring indexes, setting"
    FIT = "fit", "Fitting what makes embeddings smaller", "rows"
    # All embeddings at hand.
    READ = "read", "Reading embeddings", "rows"
    KEEP = "keep", "Keeping embeddings for exact search", "rows"
    COMPARE = "compare", "Comparing every picture with every other", "pictures"
    EXACT = "exact", "Exact search", "queries"
    SEARCH = "search", "Index search", "queries"
    SWEEP = "sweep", "Measuring, step"
    # The map.
    REDUCE = "reduce", "Reducing embeddings to 50 numbers by PCA"
    GRAPH = (
        "graph",
        "Preparing UMAP; the first time on a machine takes longer, since it compiles itself",
    )
    LAYOUT = "layout", "UMAP epoch", "epochs"
    TRUST = "trust", "Measuring trustworthiness"
    PLACE = "place", "UMAP places the picture"


# Called with the stage, how many of its steps are done, and how many there are: 0 and 0 where they
# cannot be counted. Whatever it raises stops the work.
Progress = Callable[[Stage, int, int], None]


def silent(stage: Stage, done: int, total: int) -> None:
    """Tell nobody."""


def share_done(done: int, total: int) -> float:
    """Return how much of a stage is done, from 0 to 1; 0 where it cannot be counted."""
    return min(1.0, done / total) if total else 0.0


def seconds_left(done: int, total: int, elapsed: float) -> float | None:
    """Return the seconds that the rest of a stage takes at the pace so far.

    Args:
        elapsed: Seconds that the steps which are done took.

    Returns:
        None while it cannot be told: nothing is done, all is, or less than half a second has gone.
    """
    if not 0 < done < total or elapsed < _LEAST_SECONDS:
        return None
    return elapsed / done * (total - done)


def progress_text(
    stage: Stage, done: int, total: int, *, rate: float = 0.0, left: float | None = None
) -> str:
    """Return such as `Encoding pictures: 450 of 1,253, 12.0 pictures a second, about 67 s left`.

    Args:
        rate: Steps a second; 0 leaves it out.
        left: Seconds, see `seconds_left`; None leaves them out.
    """
    text = stage.text
    if total and stage is Stage.DOWNLOAD:
        text += f": {done / 1e6:.0f} of {total / 1e6:.0f} MB"
    elif total:
        text += f": {done:,} of {total:,}"
    if rate and stage.unit and stage is not Stage.DOWNLOAD:
        text += f", {rate:,.1f} {stage.unit} a second"
    if left is not None:
        text += f", about {duration(max(1.0, left))} left"
    return text


class Stopwatch:
    """Times the stages of one piece of work as their progress is told."""

    def __init__(self) -> None:
        self._stage: Stage | None = None
        self._started = 0.0

    def text(self, stage: Stage, done: int, total: int) -> str:
        """Return `progress_text` with the time left of the stage."""
        now = time.monotonic()
        if stage is not self._stage:
            self._stage, self._started = stage, now
        left = seconds_left(done, total, now - self._started)
        return progress_text(stage, done, total, left=left)
