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

from core.embeddings.neighbourhood import Neighbourhoods
from core.errors import ProjectionError
from core.files import fingerprint_of, write_whole
from core.metric import Metric
from core.projection.projection import Method, Projection, ProjectionSettings

logger = logging.getLogger(__name__)

# Raise it when what is stored, or how it is computed, changes: older files are then rebuilt.
FORMAT = 2


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


def projection_slot(
    folder: Path, *, fingerprint: str, rows: int, settings: ProjectionSettings
) -> CachePlace:
    """Return where the map of a set of rows with these settings is kept."""
    return _slot(folder, "projection", fingerprint, rows, settings.to_dict())


def neighbours_slot(folder: Path, *, fingerprint: str, rows: int, metric: Metric) -> CachePlace:
    """Return where the neighbour table of a set of rows is kept."""
    return _slot(folder, "neighbours", fingerprint, rows, {"metric": metric})


def save_projection(slot: CachePlace, projection: Projection) -> None:
    """Write a map; a reader sees the old file or the whole new one.

    Raises:
        FileError: It cannot be written.
    """
    facts = {
        "settings": projection.settings.to_dict(),
        "trustworthiness": projection.trustworthiness,
        "trust_k": projection.trust_k,
        "trust_rows": projection.trust_rows,
        "variance": projection.variance,
        "seconds": projection.seconds,
        "notes": list(projection.notes),
    }
    _save(slot, {"coordinates": projection.coordinates}, facts)


def load_projection(slot: CachePlace) -> Projection | None:
    """Read a map; None where there is none.

    Raises:
        CacheDamagedError: The file is damaged, or does not fit the rows.
    """
    loaded = _load(slot, ("coordinates",))
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
            coordinates=_shaped(arrays["coordinates"], slot.rows, settings.dimensions),
            trustworthiness=float(facts["trustworthiness"]),
            trust_k=int(facts["trust_k"]),
            trust_rows=int(facts["trust_rows"]),
            variance=float(facts["variance"]),
            seconds=float(facts["seconds"]),
            notes=tuple(map(str, facts["notes"])),
        )
    except (KeyError, TypeError, ValueError, ProjectionError) as error:
        raise _damaged(slot, error) from error


def save_neighbours(slot: CachePlace, neighbours: Neighbourhoods) -> None:
    """Write a neighbour table; a reader sees the old file or the whole new one.

    Raises:
        FileError: It cannot be written.
    """
    arrays = {
        "indices": neighbours.indices,
        "scores": neighbours.scores,
        "cosines": neighbours.cosines,
    }
    _save(slot, arrays, {})


def load_neighbours(slot: CachePlace) -> Neighbourhoods | None:
    """Read a neighbour table; None where there is none.

    Raises:
        CacheDamagedError: The file is damaged, or does not fit the rows.
    """
    loaded = _load(slot, ("indices", "scores", "cosines"))
    if loaded is None:
        return None
    arrays, _ = loaded
    try:
        indices = arrays["indices"]
        k = indices.shape[1]
        if indices.size and not (indices.min() >= 0 and indices.max() < slot.rows):
            raise ValueError("a neighbour is no row of the collection")
        return Neighbourhoods(
            np.asarray(_shaped(indices, slot.rows, k), dtype=np.int32),
            _shaped(arrays["scores"], slot.rows, k),
            _shaped(arrays["cosines"], slot.rows, k),
        )
    except (IndexError, ValueError) as error:
        raise _damaged(slot, error) from error


def other_version(slot: CachePlace) -> Path | None:
    """Return the file of the same result that another version of Orchard wrote, if there is one."""
    stem = slot.path.name.split(".")[0]
    pattern = re.compile(re.escape(stem) + r"\.v\d+\.npz")
    if not slot.path.parent.is_dir():
        return None
    others = (file for file in slot.path.parent.iterdir() if pattern.fullmatch(file.name))
    return next((file for file in others if file != slot.path), None)


def _slot(
    folder: Path, kind: str, fingerprint: str, rows: int, parameters: Mapping[str, Any]
) -> CachePlace:
    name = fingerprint_of(fingerprint, json.dumps(parameters, sort_keys=True))
    return CachePlace(folder / f"{kind}-{name}.v{FORMAT}.npz", rows)


def _save(slot: CachePlace, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> None:
    text = json.dumps({"format": FORMAT, **facts}, ensure_ascii=True)
    write_whole(
        slot.path, lambda out: np.savez(out, allow_pickle=False, facts=np.array(text), **arrays)
    )


def _load(
    slot: CachePlace, names: tuple[str, ...]
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
    try:
        with slot.path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            facts = json.loads(str(file["facts"]))
            arrays = {name: file[name] for name in names}
    except FileNotFoundError:
        return None
    except Exception as error:  # numpy and zipfile raise anything on damaged bytes
        raise _damaged(slot, error) from error
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise CacheDamagedError(f"{slot.path.name} is of another format than {FORMAT}.")
    return arrays, facts


def _shaped(values: NDArray[Any], rows: int, columns: int) -> NDArray[np.float32]:
    if values.shape != (rows, columns) or not np.isfinite(values).all():
        raise ValueError(f"the shape is {values.shape}, not {(rows, columns)}, or not all finite")
    return values.astype(np.float32) if values.dtype.kind == "f" else values


def _damaged(slot: CachePlace, error: Exception) -> CacheDamagedError:
    logger.warning("%s cannot be used: %s", slot.path, error)
    return CacheDamagedError(f"{slot.path.name} is damaged and is computed again.")
