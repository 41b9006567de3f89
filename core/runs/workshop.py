"""The tasks of a run, done: every change the dashboard makes to a family goes through here."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import singledispatchmethod
from pathlib import Path

from core.collection.info import dataset_folder
from core.config import Settings, load_settings, require_name
from core.dataset.archives.archive import unpack
from core.dataset.listing import list_dataset
from core.dataset_root import parse_root
from core.embeddings.listing import forget_listing, keep_listing, load_listing
from core.embeddings.matrix_file import delete_others, move_matrices
from core.errors import ArchiveError, CollectionNotFoundError, DatasetError, OrchardError
from core.health.inspection import Inspection, inspect_pictures
from core.health.self_test import SelfTest, run_self_test
from core.health.verify import Verification, repair, verify
from core.indexing.build import add_metric, build_index
from core.indexing.missing_files import find_gone
from core.indexing.reduced import build_reduced
from core.indexing.removal import remove_rows
from core.indexing.report import IndexReport
from core.metric import Metric
from core.progress import Stage
from core.read_only import require_writable
from core.records import ImageRecord
from core.runs.build_encoder import load_encoder
from core.runs.reports import (
    Dropped,
    Reindexed,
    Removed,
    Renamed,
    Repaired,
    Report,
    Transferred,
)
from core.runs.runner import RunProgress
from core.runs.task import (
    AddMetric,
    Build,
    Drop,
    Export,
    Import,
    InspectPictures,
    Prune,
    Reduce,
    Reindex,
    RemoveClass,
    Rename,
    Repair,
    RunSelfTest,
    Task,
    Tune,
    Verify,
)
from core.sample.drawing import draw_sample
from core.store.connection import RUN_PATIENCE
from core.store.transfer import export_rows, import_rows, is_parquet, transfer
from core.store.vector_store import VectorStore, collection_name, open_store
from core.tuning.run import tune
from core.tuning.tuning import Tuning, load_tuning, save_tuning, tuning_file
from core.wording import counted


def perform(task: Task, progress: RunProgress, *, store: VectorStore, settings: Settings) -> Report:
    """Do a task and return what it did.

    Raises:
        ReadOnlyError: It would change something, and the settings forbid that.
        OrchardError: What went wrong, and what to do next.
        CancelledRunError: It was asked to stop.
    """
    if task.kind.changes:
        require_writable(read_only=settings.read_only)
    with _patient(store, settings, progress) as patient:
        if task.kind.changes and settings.is_lite:
            # Nobody else measures indexes meanwhile: what is there, a killed process has left.
            for metric in patient.metrics(task.family):
                patient.candidates.drop(collection_name(task.family, metric))
        report: Report = Workshop(patient, settings, progress).do(task)
        return report


@contextlib.contextmanager
def _patient(
    store: VectorStore, settings: Settings, progress: RunProgress
) -> Iterator[VectorStore]:
    """Give a run more patience with a server than a page has; Milvus Lite needs none."""
    if settings.is_lite:
        yield store
        return
    opened = open_store(settings, patience=RUN_PATIENCE, on_retry=progress.note)
    with contextlib.closing(opened) as patient:
        yield patient


class Workshop:
    """Does tasks on a database, and tells how far they are."""

    def __init__(self, store: VectorStore, settings: Settings, progress: RunProgress) -> None:
        self._store, self._settings, self._progress = store, settings, progress

    @singledispatchmethod
    def do(self, task: Task) -> Report:
        """Do a task and return what it did; raises as `perform`."""
        raise TypeError(f"{type(task).__name__} is no task")

    @do.register
    def _build(self, task: Build) -> IndexReport:
        folder = parse_root(task.folder)
        if task.draw:
            draw_sample(Path(task.folder), per_class=task.draw, on_progress=self._progress)
        if task.archive:
            self._unpack(Path(task.archive), Path(task.folder))
        # A wrong folder should not cost a download and the loading of a model first.
        list_dataset(folder)
        started = time.monotonic()
        encoder = load_encoder(
            task, store=self._store, settings=self._settings, progress=self._progress
        )
        load_seconds = round(time.monotonic() - started, 2)
        report = build_index(
            folder,
            store=self._store,
            encoder=encoder,
            family=task.family,
            metrics=task.metrics,
            index=task.index,
            recreate=task.recreate,
            remove_unreadable=task.remove_unreadable,
            token=task.token,
            cache_dir=self._settings.data.embeddings,
            on_progress=self._progress,
            on_skip=self._progress.skip,
        )
        return replace(report, load_seconds=load_seconds)

    @do.register
    def _add_metric(self, task: AddMetric) -> IndexReport:
        return add_metric(
            task.metric,
            store=self._store,
            family=task.family,
            index=task.index,
            cache_dir=self._settings.data.embeddings,
            on_progress=self._progress,
        )

    @do.register
    def _reduce(self, task: Reduce) -> IndexReport:
        return build_reduced(
            self._store,
            source=task.family,
            family=task.name,
            metrics=task.metrics,
            reduction=task.reduction,
            index=task.index,
            dataset=self._settings.of(task.family).dataset,
            cache_dir=self._settings.data.embeddings,
            on_progress=self._progress,
        )

    @do.register
    def _reindex(self, task: Reindex) -> Reindexed:
        built = []
        for metric in task.metrics:
            rows = self._store.info(task.family, metric).rows
            self._progress(Stage.INDEX, 0, rows)
            self._store.fit_index(
                task.family,
                metric,
                index=task.index.explicit(rows),
                expected_rows=rows,
                on_progress=self._progress,
            )
            self._store.finish(task.family, metric, rows=rows, on_progress=self._progress)
            built.append(self._store.info(task.family, metric))
        return Reindexed(tuple(built))

    @do.register
    def _verify(self, task: Verify) -> Verification:
        return self._verified(task.family)

    @do.register
    def _repair(self, task: Repair) -> Repaired:
        written = repair(
            self._store,
            family=task.family,
            dataset=self._settings.of(task.family).dataset,
            on_progress=self._progress,
        )
        return Repaired(written, self._verified(task.family))

    @do.register
    def _prune(self, task: Prune) -> Removed:
        metrics = self._metrics(task.family)
        info = self._store.info(task.family, metrics[0])
        root = dataset_folder(info, setting=self._settings.of(task.family).dataset)
        self._progress(Stage.VERIFY, 0, 0)
        gone = find_gone(self._store, family=task.family, root=root)
        if len(gone.paths) > task.agreed:
            raise DatasetError(
                f"{counted(len(gone.paths), 'file')} of {gone.total:,} are gone from {str(root)!r} "
                f"by now, and the run was to delete {counted(task.agreed, 'row')} at most; no row "
                "was deleted. Check that the folder is whole, then prune again."
            )
        return self._delete(task.family, lambda record: record.id in gone.paths)

    @do.register
    def _remove_class(self, task: RemoveClass) -> Removed:
        # Also what is left out of it, which would come back as the only picture of its class.
        given = self._store.corrections(task.family).labels
        return self._delete(
            task.family, lambda record: given.get(record.path, record.label) == task.label
        )

    @do.register
    def _rename(self, task: Rename) -> Renamed:
        require_name(task.name)
        self._progress(Stage.START, 0, 0)
        rows, metrics = self._rows(task.family), self._metrics(task.family)
        copies = self._settings.data.embeddings
        infos = [self._store.info(task.family, metric) for metric in metrics]
        # A server says nothing of its state: nothing is kept of its rows.
        listings = [
            load_listing(self._store, info, copies) if self._store.state(info.name) else None
            for info in infos
        ]
        self._store.rename(task.family, task.name)
        self._take_along(task, metrics)
        for metric, listing in zip(metrics, listings, strict=True):
            forget_listing(copies, collection_name(task.family, metric))
            if listing:
                info = self._store.info(task.name, metric)
                keep_listing(self._store, info, listing.records, folder=copies)
        return Renamed(rows, task.name)

    def _take_along(self, task: Rename, metrics: Sequence[Metric]) -> None:
        """Give what was computed of a family its new name; what cannot be is computed again."""
        maps, tunings = self._settings.data.projections, self._settings.data.tunings
        with contextlib.suppress(OSError):
            (maps / task.family).rename(maps / task.name)
        copies = self._settings.data.embeddings
        move_matrices(copies, task.family, task.name)
        for metric in metrics:
            name = collection_name(task.family, metric)
            with contextlib.suppress(OrchardError, OSError):
                if tuning := load_tuning(tunings, name):
                    asked = replace(tuning.asked, collection=collection_name(task.name, metric))
                    save_tuning(replace(tuning, asked=asked), tunings)
                    tuning_file(tunings, name, begun=not tuning.is_complete).unlink()

    @do.register
    def _drop(self, task: Drop) -> Dropped:
        rows = self._rows(task.family)
        existing = self._store.metrics(task.family)
        dropped = [metric for metric in task.metrics if metric in existing]
        copies = self._settings.data.embeddings
        for number, metric in enumerate(dropped):
            self._progress(Stage.DROP, number, len(dropped))
            self._store.drop(task.family, metric)
            forget_listing(copies, collection_name(task.family, metric))
        if len(dropped) == len(existing):
            delete_others(copies / f"{task.family}-", keep=())
        return Dropped(rows, tuple(dropped))

    @do.register
    def _self_test(self, task: RunSelfTest) -> SelfTest:
        return run_self_test(
            self._store,
            family=task.family,
            cache_dir=self._settings.data.embeddings,
            on_progress=self._progress,
        )

    @do.register
    def _inspect(self, task: InspectPictures) -> Inspection:
        return inspect_pictures(
            self._store,
            family=task.family,
            dataset=self._settings.of(task.family).dataset,
            cache_dir=self._settings.data.embeddings,
            on_progress=self._progress,
        )

    @do.register
    def _tune(self, task: Tune) -> Tuning:
        return tune(
            self._store,
            family=task.family,
            metric=task.metric,
            folder=self._settings.data.tunings,
            cache_dir=self._settings.data.embeddings,
            types=task.types,
            k=task.k,
            sample=task.sample,
            seed=task.seed,
            on_progress=self._progress,
        )

    @do.register
    def _export(self, task: Export) -> Transferred:
        if is_parquet(task.target):
            target = Path(task.target)
            one = export_rows(self._store, target, family=task.family, on_progress=self._progress)
            return Transferred((one,))
        with self._elsewhere(task.target) as there:
            moved = transfer(self._store, there, family=task.family, on_progress=self._progress)
        return Transferred(tuple(moved))

    @do.register
    def _import(self, task: Import) -> Transferred:
        if is_parquet(task.source):
            moved = import_rows(
                Path(task.source),
                self._store,
                family=task.family,
                metrics=task.metrics,
                on_progress=self._progress,
            )
            return Transferred(tuple(moved))
        with self._elsewhere(task.source, read_only=True) as there:
            moved = transfer(there, self._store, family=task.family, on_progress=self._progress)
        return Transferred(tuple(moved))

    @contextlib.contextmanager
    def _elsewhere(self, uri: str, *, read_only: bool = False) -> Iterator[VectorStore]:
        there = load_settings(
            milvus_uri=uri, milvus_database=self._settings.milvus_database, read_only=read_only
        )
        opened = open_store(there, patience=RUN_PATIENCE, on_retry=self._progress.note)
        with contextlib.closing(opened) as store:
            yield store

    def _unpack(self, archive: Path, folder: Path) -> None:
        if not folder.is_dir():
            if not archive.is_file():
                raise ArchiveError("the uploaded file is gone. Upload it again.")
            try:
                unpack(archive, folder, on_progress=self._progress)
            except ArchiveError:
                archive.unlink(missing_ok=True)
                raise
        archive.unlink(missing_ok=True)

    def _verified(self, family: str) -> Verification:
        return verify(
            self._store,
            family=family,
            dataset=self._settings.of(family).dataset,
            on_progress=self._progress,
        )

    def _delete(self, family: str, is_doomed: Callable[[ImageRecord], bool]) -> Removed:
        """Delete the rows that `is_doomed` picks from every collection."""
        metrics, rows = self._metrics(family), self._rows(family)
        gone = remove_rows(
            self._store,
            family,
            metrics,
            is_doomed,
            cache_dir=self._settings.data.embeddings,
            on_progress=self._progress,
        )
        return Removed(rows, len(gone), tuple(sorted(gone.values())[:5]))

    def _metrics(self, family: str) -> list[Metric]:
        metrics = self._store.metrics(family)
        if not metrics:
            raise CollectionNotFoundError(
                f"there is no collection {family!r} any more; somebody has dropped it. Build it "
                "again."
            )
        return metrics

    def _rows(self, family: str) -> int:
        """Count the rows of the largest collection; 0 where that cannot be found out."""
        # A collection beyond counting can still be dropped.
        with contextlib.suppress(OrchardError):
            infos = [self._store.info(family, metric) for metric in self._store.metrics(family)]
            return max((info.rows for info in infos), default=0)
        return 0
