"""Maps and neighbour tables on disk: numbers and JSON in one npz file, never pickled objects.

They lie in a folder for each state of a collection, and go when nobody uses a state of before.
"""

import contextlib
import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.embeddings.neighbour_table import Neighbourhoods
from core.errors import ProjectionError
from core.files import fingerprint_of, last_used, note_use, write_whole
from core.metric import Metric
from core.projection.projection import Method, Projection, ProjectionSettings

logger = logging.getLogger(__name__)

# Raise it when what is stored, or how it is computed, changes: older files are then rebuilt.
FORMAT = 3

# What nobody has used for so long is neither on a page nor about to be written.
UNUSED_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class CachePlace:
    """The place of one result on disk.

    Attributes:
        path: Named by what the result depends on, and by the format.
        rows: Rows that the result must have.
    """

    path: Path
    rows: int


class CacheDamagedError(ProjectionError):
    """A file is there but cannot be used; the text says why."""


def state_folder(root: Path, *, family: str, fingerprint: str) -> Path:
    """Return where the files of a collection lie, as long as its rows are these.

    Args:
        family: Of the collections.
        fingerprint: Of embeddings and rows, `embedded` of `core.embeddings.matrix`.
    """
    return root / family / fingerprint


def projection_place(
    folder: Path, *, fingerprint: str, rows: int, settings: ProjectionSettings
) -> CachePlace:
    """Return where the map of a set of rows with these settings is kept."""
    return _place(folder, "projection", fingerprint, rows, settings.to_dict())


def neighbours_place(folder: Path, *, fingerprint: str, rows: int, metric: Metric) -> CachePlace:
    """Return where the neighbour table of a set of rows is kept."""
    return _place(folder, "neighbours", fingerprint, rows, {"metric": metric})


def save_projection(place: CachePlace, projection: Projection) -> None:
    """Write a map; a reader sees the old file or the whole new one.

    Raises:
        FileError: It cannot be written.
    """
    facts = {
        "settings": projection.settings.to_dict(),
        "shown": projection.shown,
        "trustworthiness": projection.trustworthiness,
        "trust_k": projection.trust_k,
        "trust_rows": projection.trust_rows,
        "variance": projection.variance,
        "seconds": projection.seconds,
        "notes": list(projection.notes),
    }
    _save(place, {"coordinates": projection.coordinates}, facts)


def load_projection(place: CachePlace) -> Projection | None:
    """Read a map; None where there is none.

    Raises:
        CacheDamagedError: The file is damaged, or does not fit the rows.
    """
    loaded = _load(place, ("coordinates",))
    if loaded is None:
        return None
    arrays, facts = loaded
    try:
        stored = facts["settings"]
        settings = ProjectionSettings(
            **stored | {"method": Method(stored["method"]), "metric": Metric(stored["metric"])}
        )
        return Projection(
            settings=settings,
            shown=Method(facts["shown"]),
            coordinates=_shaped(arrays["coordinates"], place.rows, settings.dimensions),
            trustworthiness=float(facts["trustworthiness"]),
            trust_k=int(facts["trust_k"]),
            trust_rows=int(facts["trust_rows"]),
            variance=float(facts["variance"]),
            seconds=float(facts["seconds"]),
            notes=tuple(map(str, facts["notes"])),
        )
    except (KeyError, TypeError, ValueError, ProjectionError) as error:
        raise _damaged(place, error) from error


def save_neighbours(place: CachePlace, neighbours: Neighbourhoods) -> None:
    """Write a neighbour table; a reader sees the old file or the whole new one.

    Raises:
        FileError: It cannot be written.
    """
    arrays = {
        "indices": neighbours.indices,
        "scores": neighbours.scores,
        "cosines": neighbours.cosines,
    }
    _save(place, arrays, {})


def load_neighbours(place: CachePlace) -> Neighbourhoods | None:
    """Read a neighbour table; None where there is none.

    Raises:
        CacheDamagedError: The file is damaged, or does not fit the rows.
    """
    loaded = _load(place, ("indices", "scores", "cosines"))
    if loaded is None:
        return None
    arrays, _ = loaded
    try:
        indices = arrays["indices"]
        k = indices.shape[1]
        if indices.size and not (indices.min() >= 0 and indices.max() < place.rows):
            raise ValueError("a neighbour is no row of the collection")
        return Neighbourhoods(
            np.asarray(_shaped(indices, place.rows, k), dtype=np.int32),
            _shaped(arrays["scores"], place.rows, k),
            _shaped(arrays["cosines"], place.rows, k),
        )
    except (IndexError, ValueError) as error:
        raise _damaged(place, error) from error


def last_written(place: CachePlace) -> int:
    """Return when a result was written, in nanoseconds, and note that it is used.

    Raises:
        FileNotFoundError: There is none.
    """
    written = place.path.stat().st_mtime_ns
    note_use(place.path)
    return written


def remove_unused(
    root: Path, *, is_current: Callable[[str, str], bool], now: float | None = None
) -> list[Path]:
    """Delete what belongs to no collection as it is now, and what an ended process left half done.

    What was used or written within a day stays, whatever it belongs to: another page or run may be
    at it. Names of files that are deleted, or cannot be, are logged.

    Args:
        is_current: Whether a family has rows of this fingerprint; asked of what is old enough.
        now: Seconds since 1970; None means this moment.

    Returns:
        What was deleted.
    """
    deleted: list[Path] = []
    before = (time.time() if now is None else now) - UNUSED_SECONDS
    for file in sorted(root.rglob("*")):
        try:
            if not _is_unused(file, before) or _belongs(file.relative_to(root), is_current):
                continue
            file.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            logger.warning("%s is of no use any more and cannot be deleted: %s", file, error)
            continue
        logger.info("%s is of no use any more and was deleted", file)
        deleted.append(file)
        for folder in (file.parent, file.parent.parent):
            with contextlib.suppress(OSError):  # something is in it
                if folder != root and folder.is_relative_to(root):
                    folder.rmdir()
    return deleted


def _is_unused(file: Path, before: float) -> bool:
    """Whether it is a file of ours that nobody has used since; never the worker's log."""
    if file.suffix not in (".npz", ".part") or not file.is_file():
        return False
    return last_used(file) < before


def _belongs(file: Path, is_current: Callable[[str, str], bool]) -> bool:
    if len(file.parts) != 3 or not file.name.endswith(f".v{FORMAT}.npz"):
        return False
    family, fingerprint, _ = file.parts
    return is_current(family, fingerprint)


def other_version(place: CachePlace) -> Path | None:
    """Return the file of the same result that another version of Orchard wrote, if there is one."""
    stem = place.path.name.split(".")[0]
    pattern = re.compile(re.escape(stem) + r"\.v\d+\.npz")
    if not place.path.parent.is_dir():
        return None
    others = (file for file in place.path.parent.iterdir() if pattern.fullmatch(file.name))
    return next((file for file in others if file != place.path), None)


def _place(
    folder: Path, kind: str, fingerprint: str, rows: int, parameters: Mapping[str, Any]
) -> CachePlace:
    name = fingerprint_of(fingerprint, json.dumps(parameters, sort_keys=True))
    return CachePlace(folder / f"{kind}-{name}.v{FORMAT}.npz", rows)


def _save(place: CachePlace, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> None:
    text = json.dumps({"format": FORMAT, **facts}, ensure_ascii=True)
    write_whole(
        place.path,
        lambda out: np.savez(out, allow_pickle=False, facts=np.array(text), **arrays),
    )


def _load(
    place: CachePlace, names: tuple[str, ...]
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
    try:
        with place.path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            facts = json.loads(str(file["facts"]))
            arrays = {name: file[name] for name in names}
    except FileNotFoundError:
        return None
    except Exception as error:  # numpy and zipfile raise anything on damaged bytes
        raise _damaged(place, error) from error
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise CacheDamagedError(f"{place.path.name} is of another format than {FORMAT}.")
    return arrays, facts


def _shaped(values: NDArray[Any], rows: int, columns: int) -> NDArray[np.float32]:
    if values.shape != (rows, columns) or not np.isfinite(values).all():
        raise ValueError(f"the shape is {values.shape}, not {(rows, columns)}, or not all finite")
    return values.astype(np.float32) if values.dtype.kind == "f" else values


def _damaged(place: CachePlace, error: Exception) -> CacheDamagedError:
    logger.warning("%s cannot be used: %s", place.path, error)
    return CacheDamagedError(f"{place.path.name} is damaged and is computed again.")
