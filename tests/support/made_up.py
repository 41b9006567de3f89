"""A small collection of made-up embeddings in a Milvus Lite database."""

from pathlib import Path

import numpy as np

from core.collection.index_choice import IndexChoice, IndexType
from core.config import load_settings
from core.metric import Metric
from core.records import EncoderIdentity, ImageRecord
from core.store.vector_store import VectorStore, open_store

ENCODER = EncoderIdentity("resnet14", "12345678", "test", 16)
SIZES = {"apple": 40, "banana": 20, "cherry": 3, "lone": 1, "": 2}


def make_records(sizes: dict[str, int] = SIZES) -> tuple[list[ImageRecord], np.ndarray]:
    """Overlapping clouds; the first two pictures have the same bytes and embedding."""
    random = np.random.default_rng(5)
    records, embeddings = [], []
    for label, size in sizes.items():
        centre = random.normal(size=16)
        for number in range(size):
            part = "test" if number % 4 == 0 else "train"
            path = f"{label}/{part}_{number}.jpg" if label else f"{part}_{number}.jpg"
            digest = "copied" if len(records) < 2 else f"{label}{number}"
            further = (("part", part),) if label else ()
            records.append(ImageRecord(len(records) * 7 + 3, path, label, digest, further))
            embeddings.append(centre + 1.6 * random.normal(size=16))
    if len(embeddings) > 1:
        embeddings[1] = embeddings[0]
    return records, np.array(embeddings, dtype=np.float32)


def fill(store: VectorStore, family: str, sizes: dict[str, int] = SIZES) -> None:
    """Write the records to one collection per metric."""
    records, embeddings = make_records(sizes)
    for metric in Metric:
        store.create(
            family,
            metric,
            encoder=ENCODER,
            dataset="/nowhere",
            index=IndexChoice(IndexType.IVF_FLAT, 8),
            expected_rows=len(records),
        )
        store.upsert(family, metric, records, embeddings)
        store.finish(family, metric)
        store.set_complete(family, metric, complete=True)


def make_database(data_dir: Path, sizes: dict[str, int] = SIZES) -> None:
    """Make the database that the settings name when ORCHARD_DATA_DIR is `data_dir`."""
    settings = load_settings(data_dir=data_dir)
    store = open_store(settings)
    fill(store, settings.collection, sizes)
    store.close()
