"""Measure the embedding map: time and trustworthiness of UMAP, and the server's work for a view.

python -m scripts.benchmark map --rows 5000 --points 20000

The rows are made up, seeded: clusters of ten dimensions each, turned into all dimensions, with
noise. Wall seconds depend on what else the machine does; processor seconds hardly do.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.map_paint import by_class, by_purity
from core.metric import Metric
from core.neighbourhood import Neighbourhoods, as_euclidean, survival
from core.projection import Projection, ProjectionSettings, project
from core.projection_cache import (
    load_neighbours,
    load_projection,
    neighbours_slot,
    projection_slot,
    save_neighbours,
    save_projection,
)
from core.ui.charts_map import hover_text, map_figure

TRUST_K = 15


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns 0 when both requirements hold, otherwise 1."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.benchmark map", description="Measure the embedding map."
    )
    parser.add_argument("--rows", type=int, default=5_000, help="rows for UMAP (default 5000)")
    parser.add_argument("--dimension", type=int, default=2_048, help="numbers a row")
    parser.add_argument("--points", type=int, default=20_000, help="points of a cached view")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--time", nargs=2, metavar=("NAME", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.time:
        print(json.dumps(time_twice(arguments.time[0], Path(arguments.time[1]))))
        return 0
    vectors = made_up(arguments.rows, arguments.dimension, seed=arguments.seed)
    report = {
        "rows": arguments.rows,
        "dimension": arguments.dimension,
        **compare_umap(vectors),
        "points": arguments.points,
        "cached_view_seconds": time_cached_view(arguments.points),
    }
    report["holds"] = {
        "a quarter of the time": report["share_first"] <= 0.25,
        "trustworthiness at most 0.02 below": report["ours_trust"] >= report["raw_trust"] - 0.02,
        "cached view within a second": report["cached_view_seconds"] <= 1,
    }
    print(json.dumps(report, indent=2))
    return 0 if all(report["holds"].values()) else 1


def made_up(rows: int, dimension: int, *, seed: int) -> NDArray[np.float32]:
    """Return (rows, dimension) float32: 20 clusters of ten dimensions each, and noise."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(20, dimension)) * 2
    spans = generator.normal(size=(20, 10, dimension))
    labels = np.arange(rows) % 20
    inner = generator.normal(size=(rows, 10))
    vectors = generator.normal(size=(rows, dimension)) * 0.5
    for label in range(20):
        members = labels == label
        vectors[members] += centres[label] + inner[members] @ spans[label]
    return vectors.astype(np.float32)


def compare_umap(vectors: NDArray[np.float32]) -> dict[str, float]:
    """Time our map, PCA and trustworthiness included, and umap-learn on the raw rows.

    Each runs in a fresh process, as a first view does: umap-learn compiles itself there for the
    ways it takes. A second run in the same process tells the time without compiling.
    """
    from sklearn.manifold import trustworthiness

    units = as_euclidean(vectors, Metric.COSINE)
    measured: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "rows.npy", vectors)
        for name in ("ours", "raw"):
            command = [sys.executable, "-m", "scripts.benchmark_map", "--time", name, folder]
            done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
            times = json.loads(done.stdout.splitlines()[-1])
            measured |= {f"{name}_{key}": value for key, value in times.items()}
            places = np.load(Path(folder) / f"{name}.npy")
            trust = trustworthiness(units, places, n_neighbors=TRUST_K)
            measured[f"{name}_trust"] = round(float(trust), 4)
    for kind in ("first", "second"):
        share = measured[f"ours_{kind}_seconds"] / measured[f"raw_{kind}_seconds"]
        measured[f"share_{kind}"] = round(share, 3)
    return measured


def time_twice(name: str, folder: Path) -> dict[str, float]:
    """Make the map of `rows.npy` twice, keep its positions, and return what it took."""
    vectors = np.load(folder / "rows.npy")
    times: dict[str, float] = {}
    for kind in ("first", "second"):
        wall, processor = time.perf_counter(), time.process_time()
        np.save(folder / f"{name}.npy", _umap_of(name, vectors))
        times[f"{kind}_seconds"] = round(time.perf_counter() - wall, 2)
        times[f"{kind}_processor_seconds"] = round(time.process_time() - processor, 2)
    return times


def _umap_of(name: str, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    if name == "ours":
        return project(vectors, ProjectionSettings()).coordinates
    import umap

    model = umap.UMAP(n_neighbors=15, min_dist=0.1, metric="cosine", random_state=42, n_jobs=1)
    return np.asarray(model.fit_transform(vectors), dtype=np.float32)


def time_cached_view(points: int) -> float:
    """Return the seconds from the files of a map to the figure's JSON, all colours known."""
    generator = np.random.default_rng(0)
    labels = [f"class {number % 19}" for number in range(points)]
    settings = ProjectionSettings()
    projection = Projection(
        settings=settings,
        coordinates=generator.normal(size=(points, 2)).astype(np.float32),
        trustworthiness=1.0,
        trust_k=TRUST_K,
        trust_rows=2_000,
        variance=1.0,
        seconds=0.0,
        notes=(),
    )
    numbers = generator.random((points, 15)).astype(np.float32)
    indices = generator.integers(0, points, (points, 15), dtype=np.int32)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        place = projection_slot(root, fingerprint="made up", rows=points, settings=settings)
        table = neighbours_slot(root, fingerprint="made up", rows=points, metric=Metric.COSINE)
        save_projection(place, projection)
        save_neighbours(table, Neighbourhoods(indices, numbers, numbers))
        started = time.perf_counter()
        loaded, neighbours = load_projection(place), load_neighbours(table)
        assert loaded and neighbours
        pure = by_purity(neighbours, labels).values
        survival(neighbours, loaded.coordinates)
        texts = [
            hover_text(label, f"{label}/{row}.jpg", row, pure[row])
            for row, label in enumerate(labels)
        ]
        map_figure(loaded.coordinates, by_class(labels), texts).to_json()
        return round(time.perf_counter() - started, 3)


if __name__ == "__main__":
    raise SystemExit(main())
