"""The tasks of a run, done: every change the dashboard makes to a family goes through here."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.access import require_writable
from core.collection.index import IndexChoice, IndexType, auto_nlist
from core.config import DEFAULT_WEIGHT_SET, Settings
from core.dataset.archive import unpack
from core.dataset.listing import list_dataset
from core.encoder.weights import Checkpoint, checkpoint_for, find_checkpoint
from core.errors import ArchiveError, CollectionNotFoundError, DatasetError, OrchardError
from core.health.inspection import dataset_of, inspect_pictures
from core.health.self_test import run_self_test
from core.health.verify import repair, verify
from core.indexing.build import add_metric, build_index
from core.indexing.missing_files import find_gone
from core.metric import Metric
from core.progress import Stage
from core.records import ImageRecord
from core.runs.runner import Progress
from core.runs.task import Kind, Task
from core.sample.drawing import draw_sample
from core.store.vector_store import VectorStore, open_store
from core.wording import counted

if TYPE_CHECKING:
    from core.encoder.encoder import Encoder

# A server that restarts is back within this time.
_PATIENCE_SECONDS = 60.0


def perform(
    task: Task, progress: Progress, *, store: VectorStore, settings: Settings
) -> dict[str, Any]:
    """Do a task and return what it did, as plain data for JSON.

    Raises:
        ReadOnlyError: It would change something, and the settings forbid that.
        OrchardError: What went wrong, and what to do next.
        CancelledRunError: It was asked to stop.
    """
    if task.kind.changes:
        require_writable(read_only=settings.read_only)
    with _patient(store, settings, progress) as patient:
        rows = _rows(patient, task.family)
        return {"rows_at_start": rows, **_ACTIONS[task.kind](task, progress, patient, settings)}


@contextlib.contextmanager
def _patient(store: VectorStore, settings: Settings, progress: Progress) -> Iterator[VectorStore]:
    """Give a run more patience with a server than a page has; Milvus Lite needs none."""
    if settings.is_lite:
        yield store
        return
    opened = open_store(settings, patience=_PATIENCE_SECONDS, on_retry=progress.note)
    with contextlib.closing(opened) as patient:
        yield patient


def _rows(store: VectorStore, family: str) -> int:
    """Return how many rows the largest collection has; 0 where that cannot be found out."""
    # A collection beyond counting can still be dropped or built anew.
    with contextlib.suppress(OrchardError):
        return max((store.info(family, one).rows for one in store.metrics(family)), default=0)
    return 0


def _build(
    task: Task, progress: Progress, store: VectorStore, settings: Settings
) -> dict[str, Any]:
    folder = Path(task.folder)
    if task.draw:
        draw_sample(folder, per_class=task.draw, on_progress=progress)
    if task.archive:
        _unpack(Path(task.archive), folder, progress)
    # A wrong folder should not cost a download and the loading of a model first.
    list_dataset(folder)
    started = time.monotonic()
    encoder = _encoder(task, progress, store, settings)
    load_seconds = round(time.monotonic() - started, 2)
    report = build_index(
        folder,
        store=store,
        encoder=encoder,
        family=task.family,
        metrics=task.metrics,
        index=task.index,
        recreate=task.recreate,
        token=task.token,
        on_progress=progress,
        on_skip=progress.skip,
    )
    return replace(report, load_seconds=load_seconds).to_dict()


def _unpack(archive: Path, folder: Path, progress: Progress) -> None:
    if not folder.is_dir():
        if not archive.is_file():
            raise ArchiveError("the uploaded file is gone. Upload it again.")
        try:
            unpack(archive, folder, on_progress=progress)
        except ArchiveError:
            archive.unlink(missing_ok=True)
            raise
    archive.unlink(missing_ok=True)


def _encoder(task: Task, progress: Progress, store: VectorStore, settings: Settings) -> "Encoder":
    progress(Stage.LOAD, 0, 0)
    checkpoint = _checkpoint(task, progress, store, settings)
    if checkpoint.notice:
        progress.note(checkpoint.notice)
    from core.encoder.encoder import Encoder

    progress(Stage.LOAD, 0, 0)
    return Encoder(checkpoint, precision=settings.precision)


def _checkpoint(
    task: Task, progress: Progress, store: VectorStore, settings: Settings
) -> Checkpoint:
    metrics = store.metrics(task.family)
    if metrics and not task.recreate and not task.architecture:
        wanted = store.info(task.family, metrics[0]).encoder
        return checkpoint_for(wanted, settings, on_progress=progress)
    if task.architecture and task.architecture != settings.architecture:
        # The weights of the settings are those of its own architecture.
        changed = {"architecture": task.architecture, "weights": None}
        settings = settings.model_copy(update=changed | {"weight_set": DEFAULT_WEIGHT_SET})
    return find_checkpoint(settings, on_progress=progress)


def _add_metric(
    task: Task, progress: Progress, store: VectorStore, settings: Settings
) -> dict[str, Any]:
    reports = [
        add_metric(metric, store=store, family=task.family, index=task.index, on_progress=progress)
        for metric in task.metrics
    ]
    return reports[-1].to_dict()


def _reindex(
    task: Task, progress: Progress, store: VectorStore, settings: Settings
) -> dict[str, Any]:
    built = []
    for metric in task.metrics:
        rows = store.info(task.family, metric).rows
        progress(Stage.INDEX, 0, rows)
        index = _explicit(task.index, rows)
        store.fit_index(task.family, metric, index=index, expected_rows=rows, on_progress=progress)
        _finish(store, task.family, metric, rows=rows, progress=progress)
        built.append(asdict(store.info(task.family, metric)))
    return {"collections": built}


def _finish(
    store: VectorStore, family: str, metric: Metric, *, rows: int, progress: Progress
) -> None:
    store.finish(
        family, metric, on_wait=lambda pending: progress(Stage.INDEX, max(0, rows - pending), rows)
    )


def _explicit(index: IndexChoice, rows: int) -> IndexChoice:
    """Write out the nlist that was left open: a choice that says nothing changes nothing."""
    if index.index_type is IndexType.IVF_FLAT and index.nlist is None:
        return IndexChoice(IndexType.IVF_FLAT, auto_nlist(rows))
    return index


def _verify(
    task: Task, progress: Progress, store: VectorStore, settings: Settings
) -> dict[str, Any]:
    found = verify(store, family=task.family, dataset=settings.dataset, on_progress=progress)
    return asdict(found)


def _repair(
    task: Task, progress: Progress, store: VectorStore, settings: Settings
) -> dict[str, Any]:
    written = repair(store, family=task.family, dataset=settings.dataset, on_progress=progress)
    return {"written": written, **_verify(task, progress, store, settings)}


def _prune(
    task: Task, progress: Progress, store: VectorStore, settings: Settings
) -> dict[str, Any]:
    metrics = _require(store, task.family)
    root = settings.dataset or dataset_of(store.info(task.family, metrics[0]))
    progress(Stage.VERIFY, 0, 0)
    gone = find_gone(store, family=task.family, root=root)
    if len(gone.paths) > task.agreed:
        raise DatasetError(
            f"{counted(len(gone.paths), 'file')} of {gone.total:,} are gone from {str(root)!r} by "
            f"now, and the run was to delete {counted(task.agreed, 'row')} at most; no row was "
            "deleted. Check that the folder is whole, then prune again."
        )
    return _delete(task, progress, store, lambda record: record.id in gone.paths)


def _remove_class(
    task: Task, progress: Progress, store: VectorStore, settings: Settings
) -> dict[str, Any]:
    return _delete(task, progress, store, lambda record: record.label == task.label)


def _delete(
    task: Task,
    progress: Progress,
    store: VectorStore,
    doomed: Callable[[ImageRecord], bool],
) -> dict[str, Any]:
    """Delete the rows that `doomed` picks from every collection."""
    metrics = _require(store, task.family)
    gone: dict[int, str] = {}
    for number, metric in enumerate(metrics):
        progress(Stage.DELETE, number, len(metrics))
        here = {r.id: r.path for r in store.records(task.family, metric) if doomed(r)}
        store.delete(task.family, metric, list(here))
        store.finish(task.family, metric)
        gone |= here
    return {"removed": len(gone), "examples": sorted(gone.values())[:5]}


def _drop(task: Task, progress: Progress, store: VectorStore, settings: Settings) -> dict[str, Any]:
    existing = store.metrics(task.family)
    dropped = [metric for metric in task.metrics if metric in existing]
    for number, metric in enumerate(dropped):
        progress(Stage.DROP, number, len(dropped))
        store.drop(task.family, metric)
    return {"dropped": dropped}


def _self_test(
    task: Task, progress: Progress, store: VectorStore, settings: Settings
) -> dict[str, Any]:
    cache = settings.data.embeddings
    return run_self_test(store, family=task.family, cache_dir=cache, on_progress=progress).to_dict()


def _inspect(
    task: Task, progress: Progress, store: VectorStore, settings: Settings
) -> dict[str, Any]:
    return inspect_pictures(
        store,
        family=task.family,
        dataset=settings.dataset,
        cache_dir=settings.data.embeddings,
        on_progress=progress,
    ).to_dict()


def _require(store: VectorStore, family: str) -> list[Metric]:
    metrics = store.metrics(family)
    if not metrics:
        raise CollectionNotFoundError(
            f"there is no collection {family!r} any more; somebody has dropped it. Build it again."
        )
    return metrics


_Action = Callable[[Task, Progress, VectorStore, Settings], dict[str, Any]]
_ACTIONS: dict[Kind, _Action] = {
    Kind.BUILD: _build,
    Kind.ADD_METRIC: _add_metric,
    Kind.REINDEX: _reindex,
    Kind.VERIFY: _verify,
    Kind.REPAIR: _repair,
    Kind.PRUNE: _prune,
    Kind.REMOVE_CLASS: _remove_class,
    Kind.DROP: _drop,
    Kind.SELF_TEST: _self_test,
    Kind.INSPECT: _inspect,
}
