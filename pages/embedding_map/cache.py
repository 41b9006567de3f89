"""What sessions share for the map: the embeddings, maps and neighbour tables, the worker."""

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.collection.catalogue import Catalogue
from core.collection.columns import Column
from core.collection.info import CollectionInfo
from core.embeddings.matrix import Matrix, load_matrix
from core.embeddings.near_duplicates import near_duplicates
from core.embeddings.neighbour_table import Neighbourhoods, purity, survival
from core.embeddings.suspects import Suspect, suspects_among
from core.errors import FileError, StoreError
from core.metric import Metric
from core.projection.cache import (
    CacheDamagedError,
    CachePlace,
    last_written,
    load_neighbours,
    load_projection,
    neighbours_place,
    other_version,
    projection_place,
    remove_unused,
    save_projection,
    state_folder,
)
from core.projection.colours import Categories, Values
from core.projection.density import density_lines
from core.projection.jobs import Job, Projector
from core.projection.placement import Placed, place_query
from core.projection.projection import Projection, ProjectionSettings, project
from core.projection.rows import MapRows, choose_rows
from core.projection.stability import Repeated, compare_maps
from core.ui import resources
from core.ui.choosing import looked_at
from core.ui.progress import progress_bar
from pages.embedding_map.chart import hover_texts

# Collections whose rows are in memory.
_IN_MEMORY = 2
# As late as a collection that another process changes may show.
_STALE_SECONDS = 600

T = TypeVar("T")
Paint = Categories | Values


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """What a look into the cache gave.

    Attributes:
        value: None where it must be computed.
        notice: Why a file that is there cannot be used; empty otherwise.
    """

    value: T | None
    notice: str = ""


def map_folder() -> Path:
    """Return the folder for maps and neighbour tables."""
    return resources.get_settings().data.projections


def get_rows(info: CollectionInfo) -> MapRows:
    """Return the rows on the map of a collection, reading its embeddings at most once.

    Args:
        info: Its name and rows decide whether what is cached still holds.
    """
    settings = resources.get_settings()
    corrections = resources.get_corrections(info.family).fingerprint
    key = (info.name, info.rows, settings.map_limit, corrections)
    shelf = _shelf()
    found, since = shelf.get(key, (None, 0.0))
    if found is None or time.monotonic() - since > _STALE_SECONDS:
        found = _read_rows(info)
        # Two collections at a time: embeddings are mapped, but labels and paths take memory. Nor
        # is one kept twice, before and after a correction.
        others = [other for other in list(shelf) if other[0] != info.name][1 - _IN_MEMORY :]
        for old in set(shelf).difference(others):
            shelf.pop(old, None)
        shelf[key] = (found, time.monotonic())
    return found


def _read_rows(info: CollectionInfo) -> MapRows:
    settings = resources.get_settings()
    store, folder = resources.get_store(), settings.data.embeddings
    with progress_bar() as show:
        matrix = load_matrix(store, info.family, info.metric, folder, show)
    with contextlib.suppress(StoreError):  # what there is cannot be told then: nothing is deleted
        is_current = partial(_is_current, matrix, info.family)
        remove_unused(map_folder(), is_current=is_current)
    return choose_rows(matrix, limit=settings.map_limit)


def _is_current(own: Matrix, here: str, family: str, fingerprint: str) -> bool:
    """Whether a collection has these rows; of others than the own it is not known, so all stay."""
    if family == here:
        # Those of all rows are wanted again once nothing is left out any more.
        return fingerprint in {own.embedded, own.stored}
    return bool(resources.get_store().metrics(family))


@st.cache_resource(show_spinner=False)
def _shelf() -> dict[tuple[str, int, int, str], tuple[MapRows, float]]:
    # Not the rows themselves: what is cached by Streamlit cannot show its progress.
    return {}


@st.cache_resource(show_spinner=False)
def get_projector() -> Projector:
    """Return the one worker of the process; it starts with its first job."""
    return Projector(map_folder())


def find_projection(rows: MapRows, settings: ProjectionSettings) -> Found[Projection]:
    """Look for a map that was computed before, by whomever."""
    place = _projection_place(rows, settings)
    try:
        written = last_written(place)
        return Found(_projection(str(place.path), place.rows, written))
    except FileNotFoundError:
        return Found(None, _version_notice(place))
    except CacheDamagedError as error:
        return Found(None, str(error))


def find_neighbours(rows: MapRows, metric: Metric) -> Found[Neighbourhoods]:
    """Look for the neighbour table."""
    place = _neighbours_place(rows, metric)
    try:
        written = last_written(place)
        return Found(_neighbours(str(place.path), place.rows, written))
    except FileNotFoundError:
        return Found(None, _version_notice(place))
    except CacheDamagedError as error:
        return Found(None, str(error))


def first_view(rows: MapRows, settings: ProjectionSettings) -> tuple[Projection, str]:
    """Return the PCA map, computing it here and now when nobody has before.

    Also returns why it could not be kept, then it lives as long as this process; else nothing.
    """
    found = find_projection(rows, settings).value
    if found is not None:
        return found, ""
    # What comes next is UMAP or the neighbour table; the worker starts while PCA runs.
    with contextlib.suppress(FileError):  # the job that comes next says so
        get_projector().prepare()
    place = _projection_place(rows, settings)
    with st.spinner("First view by PCA", show_time=True):
        found = _first_view(str(place.path), _rows=rows, _settings=settings)
    try:
        save_projection(place, found)
    except FileError as error:
        return found, f"The map is shown but not kept: {error}"
    _first_view.clear(str(place.path), _rows=rows, _settings=settings)
    return found, ""


@st.cache_data(show_spinner=False, max_entries=8)
def _first_view(path: str, *, _rows: MapRows, _settings: ProjectionSettings) -> Projection:
    return project(_rows.embeddings(), _settings)


def job_for(
    rows: MapRows,
    metric: Metric,
    settings: ProjectionSettings | None,
    *,
    query: NDArray[np.float32] | None = None,
    query_name: str = "",
) -> Job:
    """Return the job that computes the neighbour table and, with settings, a map.

    With a query (D,) it is placed on that map by UMAP's own transform.
    """
    return Job(
        embeddings=rows.matrix.embeddings,
        rows=rows.positions,
        neighbours=_neighbours_place(rows, metric),
        metric=metric,
        projection=_projection_place(rows, settings) if settings else None,
        settings=settings,
        query=query,
        query_name=query_name,
    )


@st.cache_data(show_spinner=False, max_entries=8)
def get_survival(
    key: str, *, _neighbours: Neighbourhoods, _coordinates: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return (N,) how much of each neighbourhood a map keeps; `key` names map and table."""
    return survival(_neighbours, _coordinates)


@st.cache_resource(show_spinner=False, max_entries=8)
def get_density(key: str, *, _coordinates: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Return lines around most points of a map, if it has many; `key` names the map."""
    return density_lines(_coordinates)


@st.cache_resource(show_spinner=False, max_entries=8)
def get_repeated(
    key: str, *, _first: NDArray[np.float32], _second: NDArray[np.float32]
) -> Repeated:
    """Return what a second map repeats of a first; `key` names both. Shared: not to be written."""
    return compare_maps(_first, _second)


@st.cache_resource(show_spinner=False, max_entries=4)
def get_purity(key: str, *, _neighbours: Neighbourhoods, _rows: MapRows) -> NDArray[np.float32]:
    """Return (N,) purities; `key` names the table. Shared: not to be written."""
    return purity(_neighbours, _rows.labels)


@st.cache_resource(show_spinner=False, max_entries=8)
def get_suspects(key: str, *, _neighbours: Neighbourhoods, _rows: MapRows) -> list[Suspect]:
    """Return the suspected labels; `key` names the table. Shared: not to be written."""
    return suspects_among(_neighbours, _rows.labels)


@st.cache_resource(show_spinner=False, max_entries=8)
def get_paint(key: str, *, _make: Callable[[], Paint]) -> Paint:
    """Return what the colours mean; `key` names all they follow from. Shared: not to be written."""
    return _make()


def get_columns(rows: MapRows) -> Mapping[str, Column]:
    """Return the further columns of the rows on the map, by name, as the collection has them now.

    They may have changed since the embeddings were read.
    """
    catalogue = resources.get_catalogue(looked_at.family())
    if not catalogue.columns:
        return {}
    return _columns(f"{rows.fingerprint} {catalogue.told}", _rows=rows, _catalogue=catalogue)


@st.cache_resource(show_spinner=False, max_entries=2)
def _columns(key: str, *, _rows: MapRows, _catalogue: Catalogue) -> Mapping[str, Column]:
    # Which sizes are odd, all pictures decide, also of a map that shows some.
    places = {number: place for place, number in enumerate(_catalogue.by_id)}
    chosen = np.array([places.get(number, -1) for number in _rows.ids.tolist()], dtype=np.int64)
    return {name: column.of_rows(chosen) for name, column in _catalogue.columns.items()}


def get_places(rows: MapRows) -> Mapping[int, int]:
    """Return the row of each id on the map. Shared: not to be written."""
    return _places(rows.fingerprint, _rows=rows)


@st.cache_resource(show_spinner=False, max_entries=_IN_MEMORY)
def _places(fingerprint: str, *, _rows: MapRows) -> Mapping[int, int]:
    return {number: row for row, number in enumerate(_rows.ids.tolist())}


@st.cache_resource(show_spinner=False, max_entries=4)
def get_tooltips(
    key: str, *, _rows: MapRows, _purity: NDArray[np.float32] | None
) -> NDArray[np.str_]:
    """Return (N,) tooltips; `key` names the rows and the purities. Shared: not to be written."""
    return hover_texts(_rows.labels, _rows.paths, _rows.ids, _purity)


@st.cache_data(show_spinner=False, max_entries=8)
def get_duplicates(
    key: str, similarity: float, *, _neighbours: Neighbourhoods
) -> list[NDArray[np.int64]]:
    """Return the groups of near-duplicates, each as its rows' places; `key` names the table."""
    return near_duplicates(_neighbours, similarity=similarity)


@st.cache_data(show_spinner=False, max_entries=64, ttl=3600)
def get_placed(
    digest: str,
    key: str,
    metric: Metric,
    *,
    _query: NDArray[np.float32],
    _rows: MapRows,
    _coordinates: NDArray[np.float32],
) -> Placed:
    """Return where an upload lies on a map; `digest` names the upload, `key` the map."""
    return place_query(_query, _rows.embeddings(), _coordinates, metric=metric)


@st.cache_resource(show_spinner=False, max_entries=8)
def _projection(path: str, rows: int, written: int) -> Projection | None:
    return load_projection(CachePlace(Path(path), rows))


@st.cache_resource(show_spinner=False, max_entries=4)
def _neighbours(path: str, rows: int, written: int) -> Neighbourhoods | None:
    return load_neighbours(CachePlace(Path(path), rows))


def _projection_place(rows: MapRows, settings: ProjectionSettings) -> CachePlace:
    return projection_place(
        _folder(rows), fingerprint=rows.fingerprint, rows=len(rows), settings=settings
    )


def _neighbours_place(rows: MapRows, metric: Metric) -> CachePlace:
    return neighbours_place(
        _folder(rows), fingerprint=rows.fingerprint, rows=len(rows), metric=metric
    )


def _folder(rows: MapRows) -> Path:
    family = looked_at.family()
    return state_folder(map_folder(), family=family, fingerprint=rows.matrix.embedded)


def _version_notice(place: CachePlace) -> str:
    old = other_version(place)
    return (
        f"{old.name} was made by another version of Orchard; it is computed again." if old else ""
    )
