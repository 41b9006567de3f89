"""Measure the map in a real browser: first drawing, panning, recolouring, memory for a visitor.

python -m scripts.benchmark.map.browser --points 200000

The dashboard itself is run, on rows that are made up, whose map and neighbours lie in its cache
beforehand. Chromium draws with WebGL by the processor, as on a machine without a graphics card.
"""

import argparse
import json
import os
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.collection.index_choice import IndexChoice
from core.config import load_settings
from core.dataset.files import image_id
from core.embeddings.matrix import load_matrix
from core.embeddings.neighbour_table import NEIGHBOURS, Neighbourhoods
from core.errors import OrchardError
from core.metric import Metric
from core.projection.cache import (
    neighbours_place,
    projection_place,
    save_neighbours,
    save_projection,
    state_folder,
)
from core.projection.projection import Method, Projection, ProjectionSettings
from core.projection.rows import choose_rows
from core.records import EncoderIdentity, ImageRecord
from core.store.vector_store import BATCH_ROWS, open_store
from scripts.benchmark.serving.dashboard import chromium, dashboard, private_bytes
from scripts.shared.terminal import guarded

if TYPE_CHECKING:
    from playwright.sync_api import Page

CLASSES = 19
VISITORS = 4
_DIMENSION = 8
_PATIENCE_MS = 120_000
# WebGL without a graphics card.
_ARGUMENTS = [
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-gpu-rasterization",
    "--disable-gpu-compositing",
]
# Milliseconds of the last drawing, from the message to the drawn map.
_DRAWING = """() => {
    const last = name => performance.getEntriesByName(name).at(-1)?.startTime ?? 0;
    return last('orchard-map-drawn') - last('orchard-map-told');
}"""
_DRAWN = "performance.getEntriesByName('orchard-map-drawn').length"
# Every time the map follows the pointer, in milliseconds since the page was opened.
_WATCH = """() => {
    window.followed = [];
    document.querySelector('.js-plotly-plot')
        .on('plotly_relayouting', () => window.followed.push(performance.now()));
}"""


def main(argv: list[str] | None = None) -> int:
    """Run the command line; prints JSON."""
    parser = argparse.ArgumentParser(prog="python -m scripts.benchmark.map.browser")
    parser.add_argument("--points", type=int, default=200_000)
    arguments = parser.parse_args(argv)
    return guarded(lambda: _run(arguments.points), None, on_interrupt="stopped")


def _run(points: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "ORCHARD_DATA_DIR": folder,
            "ORCHARD_MILVUS_URI": "",
            "ORCHARD_MAP_LIMIT": str(points),
        }
        prepare(points)
        print(json.dumps(measure(points, Path(folder))))
    return 0


def prepare(points: int) -> None:
    """Fill the data folder of the settings with a collection, its map and its neighbours."""
    settings, generator = load_settings(), np.random.default_rng(0)
    labels = [f"class {number % CLASSES:02}" for number in range(points)]
    paths = [f"{label}/{number:06}.jpg" for number, label in enumerate(labels)]
    centres = 6 * generator.normal(size=(CLASSES, 2))
    spread = generator.normal(size=(points, 2))
    places = centres[np.arange(points) % CLASSES] + spread
    embeddings = np.concatenate([places, generator.normal(size=(points, _DIMENSION - 2))], axis=1)
    store = open_store(settings)
    try:
        store.create(
            settings.collection,
            Metric.COSINE,
            encoder=EncoderIdentity("made up", "00000000", "none", _DIMENSION),
            dataset=str(settings.data_dir),
            index=IndexChoice(),
            expected_rows=points,
        )
        for start in range(0, points, BATCH_ROWS):
            rows = range(start, min(start + BATCH_ROWS, points))
            records = [
                ImageRecord(image_id(paths[n]), paths[n], labels[n], f"{n:032x}") for n in rows
            ]
            numbers = embeddings[start : start + BATCH_ROWS].astype(np.float32)
            store.upsert(settings.collection, Metric.COSINE, records, numbers)
        store.finish(settings.collection, Metric.COSINE)
        store.set_complete(settings.collection, Metric.COSINE, complete=True)
        matrix = load_matrix(store, settings.collection, Metric.COSINE, settings.data.embeddings)
    finally:
        store.close()
    shown = choose_rows(matrix, limit=points)
    folder = state_folder(
        settings.data.projections, family=settings.collection, fingerprint=matrix.embedded
    )
    count = len(shown)
    save_projection(
        projection_place(
            folder, fingerprint=shown.fingerprint, rows=count, settings=ProjectionSettings()
        ),
        Projection(
            settings=ProjectionSettings(),
            shown=Method.UMAP,
            coordinates=shown.embeddings()[:, :2].copy(),
            trustworthiness=1.0,
            trust_k=NEIGHBOURS,
            trust_rows=count,
            variance=1.0,
            seconds=0.0,
            notes=(),
        ),
    )
    scores = generator.random((count, NEIGHBOURS)).astype(np.float32)
    indices = generator.integers(0, count, (count, NEIGHBOURS), dtype=np.int32)
    save_neighbours(
        neighbours_place(folder, fingerprint=shown.fingerprint, rows=count, metric=Metric.COSINE),
        Neighbourhoods(indices, scores, scores),
    )


def measure(points: int, folder: Path) -> dict[str, float]:
    """Return the figures; one visitor has seen all colours before the others come.

    Raises:
        OrchardError: There is no Chromium, or the dashboard does not start.
    """
    with dashboard(folder / "log") as (url, process), chromium(*_ARGUMENTS) as browser:
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        _opened(page, url)
        recolourings = [
            _recoloured(page, colour) for colour in ("Neighbours of own class", "Class", "Hubs")
        ]
        held = private_bytes(process)
        pages = [
            browser.new_page(viewport={"width": 1400, "height": 1000}) for _ in range(VISITORS)
        ]
        drawing = statistics.median(_opened(page, url) for page in pages)
        grown = (private_bytes(process) - held) / VISITORS
        frame = _panned(pages[-1])
    coordinates = 2 * 4 * points
    return {
        "browser_points": points,
        "first_drawing_seconds": round(drawing / 1000, 2),
        "pan_frame_ms": round(frame, 1),
        "recolour_seconds": round(max(recolourings) / 1000, 2),
        "visitor_memory_mb": round(grown / 1e6, 1),
        "coordinates_mb": round(coordinates / 1e6, 1),
        "visitor_memory_share": round(grown / coordinates, 2),
    }


def _opened(page: "Page", url: str) -> float:
    """Open the map; return the milliseconds from its message to its drawing."""
    page.set_default_timeout(_PATIENCE_MS)
    page.goto(f"{url}/embedding_map")
    page.wait_for_function(f"{_DRAWN} > 0")
    return float(page.evaluate(_DRAWING))


def _panned(page: "Page") -> float:
    """Return the median milliseconds from one movement that the map follows to the next."""
    box = page.locator(".nsewdrag").first.bounding_box()
    if box is None:
        raise OrchardError("the map has no area to drag.")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.wait_for_timeout(1_000)  # what follows the first drawing is no panning
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 20, y, steps=2)
    page.evaluate(_WATCH)
    # Each movement waits until the browser has taken the one before.
    for step in range(60):
        page.mouse.move(x + 20 + step, y + step / 2)
    followed = page.evaluate("window.followed")
    page.mouse.up()
    return float(statistics.median(np.diff(followed)))


def _recoloured(page: "Page", colour: str) -> float:
    """Choose another colour; return the milliseconds from its message to its drawing."""
    before = page.evaluate(_DRAWN)
    page.get_by_role("combobox", name="Colour by").click()
    page.get_by_role("option", name=colour, exact=True).click()
    page.wait_for_function(f"{_DRAWN} > {before}")
    return float(page.evaluate(_DRAWING))


if __name__ == "__main__":
    raise SystemExit(main())
