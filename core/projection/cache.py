"""Maps and neighbour tables on disk: numbers and JSON in one npz file, never pickled objects."""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.embeddings.neighbour_table import Neighbourhoods
from core.errors import ProjectionError
from core.files import fingerprint_of, write_whole
from core.metric import Metric
from core.projection.projection import Method, Projection, ProjectionSettings

logger = logging.getLogger(__name__)

# Raise it when what is stored, or how it is computed, changes: older files are then rebuilt.
FORMAT = 3


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
