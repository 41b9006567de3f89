"""The cache gives back what it was given, or says why it cannot."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.embeddings.neighbour_table import nearest
from core.metric import Metric
from core.projection.cache import (
    FORMAT,
    CacheDamagedError,
    CachePlace,
    last_written,
    load_neighbours,
    load_projection,
    neighbours_place,
    other_version,
    projection_place,
    remove_unused,
    save_neighbours,
    save_projection,
    state_folder,
)
from core.projection.projection import Method, ProjectionSettings, project

ROWS = np.random.default_rng(0).normal(size=(12, 5)).astype("f4")
PCA = ProjectionSettings(method=Method.PCA)


def _place(folder: Path, settings: ProjectionSettings = PCA, fingerprint: str = "f") -> CachePlace:
    return projection_place(folder, fingerprint=fingerprint, rows=12, settings=settings)


def test_a_map_comes_back_as_it_was(tmp_path: Path) -> None:
    place, made = _place(tmp_path), project(ROWS, PCA)
    assert load_projection(place) is None
    save_projection(place, made)
    loaded = load_projection(place)
    assert np.array_equal(loaded.coordinates, made.coordinates)
    assert (loaded.settings, loaded.shown) == (made.settings, made.shown)
    assert (loaded.trustworthiness, loaded.trust_k, loaded.notes, loaded.seconds) == (
        made.trustworthiness,
        made.trust_k,
        made.notes,
        made.seconds,
    )
    assert list(tmp_path.iterdir()) == [place.path], "nothing half-written is left"


def test_a_neighbour_table_comes_back_as_it_was(tmp_path: Path) -> None:
    place = neighbours_place(tmp_path, fingerprint="f", rows=12, metric=Metric.L2)
    made = nearest(ROWS, metric=Metric.L2, k=4)
    save_neighbours(place, made)
    loaded = load_neighbours(place)
    assert np.array_equal(loaded.indices, made.indices)
    assert np.array_equal(loaded.scores, made.scores)
    assert np.array_equal(loaded.cosines, made.cosines)


def test_a_table_of_one_row_comes_back(tmp_path: Path) -> None:
    place = neighbours_place(tmp_path, fingerprint="f", rows=1, metric=Metric.L2)
    save_neighbours(place, nearest(ROWS[:1], metric=Metric.L2))
    assert load_neighbours(place).k == 0


def test_every_parameter_and_the_rows_have_a_file_of_their_own(tmp_path: Path) -> None:
    settings = [
        ProjectionSettings(),
        ProjectionSettings(dimensions=3),
        ProjectionSettings(metric=Metric.L2),
        ProjectionSettings(n_neighbors=30),
        ProjectionSettings(min_dist=0.2),
        ProjectionSettings(seed=1),
        PCA,
    ]
    names = {_place(tmp_path, item).path for item in settings}
    names.add(_place(tmp_path, PCA, fingerprint="g").path)
    assert len(names) == 8
    # What PCA does not use makes no other map.
    same = ProjectionSettings(method=Method.PCA, n_neighbors=50)
    assert _place(tmp_path, same).path == _place(tmp_path).path


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def _text(path: Path) -> None:
    path.write_text("not a cache")


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _pickled(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, facts=np.array([{"format": 1}], dtype=object), coordinates=ROWS[:, :2])


def _other_rows(path: Path) -> None:
    save_projection(
        projection_place(path.parent, fingerprint="g", rows=3, settings=PCA), project(ROWS[:3], PCA)
    )
    next(f for f in path.parent.iterdir() if f != path).replace(path)


def _other_format(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, facts=np.array('{"format": 0}'), coordinates=ROWS[:, :2])


@pytest.mark.parametrize("damage", [_cut, _text, _empty, _pickled, _other_rows, _other_format])
def test_a_damaged_file_is_refused_with_its_name(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    place = _place(tmp_path)
    save_projection(place, project(ROWS, PCA))
    damage(place.path)
    with pytest.raises(CacheDamagedError, match=r"damaged|another format"):
        load_projection(place)


def test_neighbours_that_are_no_rows_are_refused(tmp_path: Path) -> None:
    place = neighbours_place(tmp_path, fingerprint="f", rows=12, metric=Metric.L2)
    table = nearest(ROWS, metric=Metric.L2, k=4)
    table.indices[0, 0] = 12
    save_neighbours(place, table)
    with pytest.raises(CacheDamagedError):
        load_neighbours(place)


def test_the_file_of_another_version_is_recognised(tmp_path: Path) -> None:
    place = _place(tmp_path)
    assert other_version(place) is None
    save_projection(place, project(ROWS, PCA))
    assert other_version(place) is None
    old = place.path.with_name(place.path.name.replace(f".v{FORMAT}.", ".v0."))
    place.path.replace(old)
    assert other_version(place) == old


def _aged(file: Path, *, hours: float) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"")
    then = time.time() - 3600 * hours
    os.utime(file, (then, then))
    return file


def test_only_what_belongs_to_nothing_and_nobody_has_used_for_a_day_is_deleted(
    tmp_path: Path,
) -> None:
    now = state_folder(tmp_path, family="fruit", fingerprint="now")
    before = state_folder(tmp_path, family="fruit", fingerprint="before")
    name = f"projection-1.v{FORMAT}.npz"
    stay = [
        _aged(now / name, hours=1_000),
        _aged(before / f"neighbours-1.v{FORMAT}.npz", hours=23),
        _aged(tmp_path / ".projection-1.npz.0.part", hours=23),
        _aged(tmp_path / "worker.log", hours=1_000),
    ]
    go = [
        _aged(before / name, hours=25),
        _aged(state_folder(tmp_path, family="gone", fingerprint="1") / name, hours=25),
        # Of an earlier version, in its folder and in today's.
        _aged(tmp_path / "projection-1.v2.npz", hours=25),
        _aged(now / "projection-1.v0.npz", hours=25),
        # What a process left that was killed while it wrote.
        _aged(now / ".projection-1.npz.0.part", hours=25),
        _aged(tmp_path / "embeddings-1.part", hours=25),
    ]
    deleted = remove_unused(tmp_path, is_current=lambda *state: state == ("fruit", "now"))
    assert sorted(deleted) == sorted(go)
    assert all(file.exists() for file in stay) and not any(file.exists() for file in go)
    assert not (tmp_path / "gone").exists(), "no empty folder is left"
    assert remove_unused(tmp_path / "nothing", is_current=lambda *_: True) == []


def test_a_result_that_is_looked_for_counts_as_used(tmp_path: Path) -> None:
    place = _place(tmp_path)
    save_projection(place, project(ROWS, PCA))
    written = place.path.stat().st_mtime_ns
    os.utime(place.path, ns=(0, written))
    assert last_written(place) == written
    found = place.path.stat()
    assert found.st_mtime_ns == written and time.time() - found.st_atime < 60
