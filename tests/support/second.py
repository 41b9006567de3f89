"""A second collection beside the one of `dashboard`: other embeddings, of some of its pictures."""

from collections.abc import Callable, Sequence

import numpy as np

from core.collection.index_choice import IndexChoice, IndexType
from core.config import load_settings
from core.metric import Metric
from core.records import EncoderIdentity, ImageRecord
from core.store.vector_store import open_store

NAME = "second"
# Of another size than those of the offline encoder, and of weights that nobody has.
ENCODER = EncoderIdentity("resnet18", "00000000", "resize256-crop224-imagenet", 8)


def add(
    name: str = NAME,
    *,
    of: str = "fruit_vector",
    keep: Callable[[ImageRecord], bool] = lambda _: True,
    metrics: Sequence[Metric] = (Metric.COSINE, Metric.L2),
) -> list[ImageRecord]:
    """Fill a collection with rows of another one; before the dashboard has opened the database.

    Each class has a direction of its own, so that every hit is right.
    """
    store = open_store(load_settings())
    try:
        source = store.info(of, Metric.COSINE)
        records = [r for r in store.stored.records(of, Metric.COSINE) if keep(r)]
        classes = sorted({record.label for record in records})
        embeddings = np.random.default_rng(0).uniform(0, 0.05, (len(records), 8)).astype("f4")
        for row, record in enumerate(records):
            embeddings[row, classes.index(record.label)] += 1
        for metric in metrics:
            store.create(
                name,
                metric,
                encoder=ENCODER,
                dataset=source.dataset,
                index=IndexChoice(IndexType.FLAT),
                expected_rows=len(records),
            )
            store.upsert(name, metric, records, embeddings)
            store.finish(name, metric)
            store.set_complete(name, metric, complete=True)
    finally:
        store.close()
    return records
