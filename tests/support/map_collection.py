"""A small collection with known embeddings for tests of the map: no encoder is needed."""

from pathlib import Path

import numpy as np
from PIL import Image

from core.collection.index_choice import IndexChoice
from core.config import load_settings
from core.dataset.files import read_picture
from core.metric import Metric
from core.records import EncoderIdentity
from core.store.vector_store import open_store

AWKWARD = "<b>wild *card*"
COLOURS = {"lime": "#7fbf3f", "plum": "#5b2a6b", AWKWARD: "#d9a520"}
DIMENSION = 16
PER_CLASS = 12


def embedding_of(label: str, number: int) -> np.ndarray:
    """Classes point in directions of their own; 0 and 1 of a class are nearly equal."""
    generator = np.random.default_rng([ord(letter) for letter in label] + [max(number, 1)])
    place = np.zeros(DIMENSION)
    place[list(COLOURS).index(label) if label in COLOURS else DIMENSION - 1] = 20
    return (place + generator.normal(size=DIMENSION) + 0.001 * (number == 0)).astype(np.float32)


def draw(root: Path, *, per_class: int = PER_CLASS, classes: tuple[str, ...] = ()) -> Path:
    """Draw one plain picture for each row below `root`."""
    for label in classes or tuple(COLOURS):
        (root / label).mkdir(parents=True)
        for number in range(per_class):
            shade = COLOURS.get(label, "#888888")
            Image.new("RGB", (60, 50 + number), shade).save(root / label / f"{number:02}.jpg")
    return root


def build(root: Path, embeddings: dict[str, np.ndarray] | None = None) -> None:
    """Store every picture below `root` for COSINE and L2, with `embeddings` by path if given."""
    settings = load_settings()
    paths = sorted(file.relative_to(root).as_posix() for file in root.rglob("*.jpg"))
    # The later half of a class.
    late = [Path(path).stem >= f"{PER_CLASS // 2:02}" for path in paths]
    records = [
        read_picture(root, path, further=(("series", AWKWARD),) if is_late else ())[0]
        for path, is_late in zip(paths, late, strict=True)
    ]
    numbers = np.stack(
        [
            embeddings[path]
            if embeddings
            else embedding_of(path.rpartition("/")[0], int(Path(path).stem))
            for path in paths
        ]
    )
    identity = EncoderIdentity("made", "00000000", "none", numbers.shape[1])
    store = open_store(settings)
    try:
        for metric in (Metric.COSINE, Metric.L2):
            store.create(
                settings.collection,
                metric,
                encoder=identity,
                dataset=str(root),
                index=IndexChoice(),
                expected_rows=len(records),
            )
            store.upsert(settings.collection, metric, records, numbers)
            store.finish(settings.collection, metric)
            store.set_complete(settings.collection, metric, complete=True)
    finally:
        store.close()
