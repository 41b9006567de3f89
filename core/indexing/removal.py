"""Rows deleted from every collection of a family, and from what is kept of them."""

from collections.abc import Callable, Sequence
from pathlib import Path

from core.embeddings.kept_rows import KeptRows
from core.embeddings.listing import keep_listing, load_listing
from core.metric import Metric
from core.progress import Progress, Stage, silent
from core.records import ImageRecord
from core.store.vector_store import VectorStore


def remove_rows(
    store: VectorStore,
    family: str,
    metrics: Sequence[Metric],
    is_doomed: Callable[[ImageRecord], bool],
    *,
    cache_dir: Path,
    on_progress: Progress = silent,
) -> dict[int, str]:
    """Delete the rows that `is_doomed` picks; returns the paths of their pictures by id.

    Args:
        metrics: Those of the family, one or more.
        cache_dir: Where the embeddings are kept; those of the rows that stay are copied there.
        on_progress: Stages `DELETE`, in collections, `INDEX` and `KEEP`, in rows; if it stops the
            work, what is deleted stays so.

    Raises:
        CollectionNotFoundError: There is no such collection.
        StoreError: The database failed.
    """
    infos = {metric: store.info(family, metric) for metric in metrics}
    encoder = infos[metrics[0]].encoder
    gone: dict[int, str] = {}
    left: dict[Metric, list[ImageRecord]] = {}
    with KeptRows(cache_dir, family=family, encoder=encoder) as kept:
        for number, metric in enumerate(metrics):
            on_progress(Stage.DELETE, number, len(metrics))
            stored = load_listing(store, infos[metric], cache_dir).records
            kept.remember(stored)
            here = {record.id: record.path for record in stored if is_doomed(record)}
            store.delete(family, metric, list(here))
            store.finish(family, metric, rows=len(stored), on_progress=on_progress)
            left[metric] = [record for record in stored if record.id not in here]
            gone |= here
        kept.make_matrix(left[metrics[0]], on_progress=on_progress)
    for metric, rows in left.items():
        keep_listing(store, store.info(family, metric), rows, folder=cache_dir)
    return gone
