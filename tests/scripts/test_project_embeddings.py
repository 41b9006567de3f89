"""Maps computed ahead of time are the ones the page looks for."""

import json
from pathlib import Path

import numpy as np
import pytest

from core.config import load_settings
from core.embeddings.matrix import load_matrix
from core.metric import Metric
from core.projection.cache import (
    load_neighbours,
    load_projection,
    neighbours_place,
    projection_place,
    state_folder,
)
from core.projection.projection import Method, ProjectionSettings
from core.projection.rows import choose_rows
from core.store.vector_store import open_store
from scripts import project_embeddings
from scripts.benchmark import map
from scripts.benchmark.map import layout
from tests.support import map_collection
from tests.support.browser import CHROMIUM


@pytest.fixture
def data(tmp_path: Path, no_settings: None) -> Path:
    map_collection.build(map_collection.draw(tmp_path / "pictures"))
    return tmp_path / "data"


def test_the_maps_are_where_the_page_looks(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--dimensions", "2", "--n-neighbors", "10", "--limit", "30"]
    assert project_embeddings.main(arguments) == 0
    said = capsys.readouterr().out
    assert "PCA in 2 dimensions, COSINE: 30 of 36 pictures" in said
    assert "UMAP in 2 dimensions, COSINE: 30 of 36 pictures" in said
    store = open_store(load_settings())
    try:
        matrix = load_matrix(store, "fruit_vector", Metric.COSINE, data / "embeddings")
    finally:
        store.close()
    rows = choose_rows(matrix, limit=30)
    folder = state_folder(
        data / "projections", family="fruit_vector", fingerprint=matrix.fingerprint
    )
    for settings in (
        ProjectionSettings(n_neighbors=10),
        ProjectionSettings(method=Method.PCA),
    ):
        place = projection_place(folder, fingerprint=rows.fingerprint, rows=30, settings=settings)
        assert load_projection(place).coordinates.shape == (30, 2)
    table = neighbours_place(folder, fingerprint=rows.fingerprint, rows=30, metric=Metric.COSINE)
    assert load_neighbours(table).k == 15


@pytest.mark.parametrize(
    ("count", "trust"),
    [
        (1, "is not defined for so few"),
        (2, "is not defined for so few"),
        (3, "1.000"),
        (4, "1.000"),
    ],
)
def test_of_too_few_pictures_for_umap_it_is_said_what_is_shown_and_no_number_is_made_up(
    tmp_path: Path,
    no_settings: None,
    capsys: pytest.CaptureFixture[str],
    count: int,
    trust: str,
) -> None:
    # On a line: what is near there is near on the map, and every neighbour is a true one.
    rows = {f"a/{n:02}.jpg": np.float32([n * n, 0, 0, 0]) for n in range(count)}
    pictures = map_collection.draw(tmp_path / "pictures", per_class=count, classes=("a",))
    map_collection.build(pictures, rows)
    assert project_embeddings.main(["--metric", "L2"]) == 0
    said = capsys.readouterr().out
    assert "UMAP in" not in said and "nan" not in said
    assert said.count(f"trustworthiness {trust}") == 2
    assert "UMAP needs at least 5 pictures" in said


def test_a_second_run_computes_nothing(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert project_embeddings.main([]) == 0

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("it is there already")

    monkeypatch.setattr("core.projection.worker.project", refuse)
    monkeypatch.setattr("core.projection.worker.nearest", refuse)
    assert project_embeddings.main([]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--n-neighbors", "1"], "n_neighbors is 1, allowed are 2 to 200"),
        (["--dimensions", "4"], "dimensions is 4, allowed are 2 and 3"),
        (["--metric", "IP"], "metric is IP, allowed are COSINE and L2"),
        (["--limit", "1"], "ORCHARD_MAP_LIMIT"),
        (["--collection", "nothing"], "nothing"),
    ],
)
def test_values_that_are_not_allowed(
    arguments: list[str], words: str, no_settings: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert project_embeddings.main(arguments) == 2
    assert words in capsys.readouterr().err


@pytest.mark.slow
def test_the_benchmark_measures_and_judges(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # So few rows decide nothing about time, and are placed sooner than umap-learn is compiled; the
    # numbers must be there and make sense.
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    monkeypatch.setattr(layout, "TRUST_K", 5)
    few = ["--rows", "20", "--dimension", "16", "--points", "150", "--browser-points", "150"]
    map.main([*few, "--not-compiled"])
    report = json.loads(capsys.readouterr().out)
    assert 0.5 < report["ours_trust"] <= 1 and 0.5 < report["raw_trust"] <= 1
    share = report["ours_first_seconds"] / report["raw_first_seconds"]
    assert report["share_of_first_seconds"] == pytest.approx(share, abs=0.001)
    assert report["holds"]["a quarter of the time"] is (report["share_of_first_seconds"] <= 0.25)
    if CHROMIUM:
        assert report["browser_points"] == 150
        assert report["first_drawing_seconds"] > 0 and report["visitor_memory_share"] > 0
        drawn_soon = report["first_drawing_seconds"] <= 3
        assert report["holds"]["first drawing in 3 s"] is drawn_soon
    faithful = report["ours_trust"] >= report["raw_trust"] - 0.02
    assert report["holds"]["trustworthiness at most 0.02 below"] is faithful
