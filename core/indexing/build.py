"""Dataset folder -> encoder -> collections: batched, resumable, reported."""

import time
from collections.abc import Callable, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING

from core.collection.index_choice import IndexChoice
from core.corrections.correction import UNREADABLE, Edit
from core.dataset.listing import list_dataset
from core.dataset_root import Root
from core.errors import SettingsError
from core.indexing.encoding import Encoding, EncodingHere
from core.indexing.family import Family, require_extendable
from core.indexing.picture_run import PictureRun
from core.indexing.report import IndexReport
from core.metric import Metric
from core.progress import Progress, silent
from core.records import SkippedFile
from core.store.vector_store import VectorStore

if TYPE_CHECKING:
    from core.encoder.encoder import Encoder


def build_index(
    root: Root,
    *,
    store: VectorStore,
    encoder: "Encoder | Encoding",
    family: str,
    metrics: Sequence[Metric] = tuple(Metric),
    index: IndexChoice = IndexChoice(),  # noqa: B008 - frozen
    recreate: bool = False,
    token: str = "",
    prune: bool = False,
    remove_unreadable: bool = False,
    cache_dir: Path | None = None,
    on_progress: Progress = silent,
    on_skip: Callable[[SkippedFile], None] | None = None,
) -> IndexReport:
    """Bring the collections of a family up to date with a dataset folder.

    Pictures that every collection has with the same bytes are neither decoded nor encoded; where
    the class is another, or what a labels file says besides, their rows are written anew. Those
    that were never measured (`core.dataset.quality`) are decoded for that, once. Rows are written
    in batches as they are made, so a run that is stopped continues where it was.

    Args:
        root: Folder of class folders.
        encoder: A network of this process, or what has others encode.
        metrics: One collection is built for each; those the family has already are kept up to
            date as well. All hold the same rows, also those whose file is gone.
        index: For new collections; anything but `IndexChoice()` replaces the index of old ones.
        recreate: Drop the whole family, once the first new rows are ready to be written.
        token: With `recreate`: names this replacement. With the same one again it goes on where it
            was stopped; without one it begins again.
        prune: Delete rows whose files are gone.
        remove_unreadable: Delete the rows of files that can no longer be read, and leave such files
            out by a correction, also those without a row, so that nobody takes them for a fault.
            Any later run that can read one takes that back.
        cache_dir: Where the embeddings and the listing of the rows are kept as they are written,
            so that nobody has to read them back (`core.embeddings`); None keeps nothing. What
            cannot be kept, as on a full disk, is told in the report, and the run goes on.
        on_progress: Stages `COPY`, `KEEP` and `INDEX`, in rows, and `ENCODE`, in pictures; if it
            stops the run, what is encoded is written.
        on_skip: Called with each file that is left out, as it happens.

    Raises:
        SettingsError: No metric was asked for.
        DatasetError: The folder has no usable picture, or the collections hold another dataset.
        EncoderMismatchError: The collections were built with another encoder.
        StoreError: The database failed; what was written before stays.
    """
    if not metrics:
        raise SettingsError(f"no metric was chosen. Choose among {', '.join(Metric)}.")
    started = time.monotonic()
    listing, folder = list_dataset(root), root.resolve()
    encoding = encoder if isinstance(encoder, Encoding) else EncodingHere(encoder)
    collections = Family(
        store, family, tuple(metrics), encoding.identity, str(folder), index, token
    )
    with collections.keeping(cache_dir):
        collections.prepare(listing.paths, recreate=recreate)
        copied = collections.copy_missing(on_progress)
        run = PictureRun(folder, encoding, collections, on_skip or _ignored)
        for skipped in listing.skipped:
            run.on_skip(skipped)
        run.encode_all(listing, on_progress)
        encoded_seconds = time.monotonic() - started
        removed = collections.prune(folder) if prune else 0
        counts = run.counts
        broken = collections.rows_of(counts.unreadable)
        if remove_unreadable:
            collections.remove_unreadable(broken)
            _leave_out_unreadable(store, family, counts.unreadable)
        _take_back_readable(store, family, set(listing.paths) - set(counts.unreadable))
        collections.keep_matrix(on_progress)
        collections.finish(on_progress)
    if cache_dir:
        collections.keep_listings(cache_dir)
    return IndexReport(
        dataset=str(folder),
        encoder=str(encoding.identity),
        added=counts.added,
        updated=counts.updated,
        relabelled=counts.relabelled,
        unchanged=counts.unchanged,
        skipped=(*listing.skipped, *counts.skipped),
        ignored=listing.left_out.count,
        left_out=listing.left_out,
        classes=listing.classes.counts,
        classes_by=listing.classes.found_by,
        doubts=listing.classes.doubts,
        removed=removed,
        removed_unreadable=len(broken) if remove_unreadable else 0,
        kept_unreadable=0 if remove_unreadable else len(broken),
        without_file=collections.rows_without_file(listing.paths),
        copied=copied,
        collections=tuple(store.info(family, metric) for metric in collections.metrics),
        unkept=collections.unkept,
        seconds=round(time.monotonic() - started, 2),
        images_per_second=round((counts.added + counts.updated) / max(encoded_seconds, 1e-3), 1),
    )


def add_metric(
    metric: Metric,
    *,
    store: VectorStore,
    family: str,
    index: IndexChoice = IndexChoice(),  # noqa: B008 - frozen
    cache_dir: Path | None = None,
    on_progress: Progress = silent,
) -> IndexReport:
    """Give a family a collection for one more metric; embeddings are copied, nothing is encoded.

    A metric that is there already gets the rows it lacks. The new collection counts as complete
    only if all those it is copied from do.

    Args:
        cache_dir: As for `build_index`.
        on_progress: Stages `COPY`, `KEEP` and `INDEX`, in rows; if it stops the run, what is copied
            stays.

    Raises:
        CollectionNotFoundError: The family has no collection to copy from.
        StoreError: The database failed; run it again to continue.
    """
    started = time.monotonic()
    existing = store.metrics(family)
    if not existing:
        store.info(family, metric)  # says what to build
    infos = [store.info(family, present) for present in existing]
    source = infos[0]
    require_extendable(source)
    collections = Family(store, family, (metric,), source.encoder, source.dataset, index)
    with collections.keeping(cache_dir):
        collections.prepare((), recreate=False)
        copied = collections.copy_missing(on_progress)
        collections.keep_matrix(on_progress)
        collections.finish(on_progress, complete=all(info.complete for info in infos))
    if cache_dir:
        collections.keep_listings(cache_dir)
    return IndexReport(
        dataset=source.dataset,
        encoder=str(source.encoder),
        added=0,
        updated=0,
        unchanged=len(set().union(*collections.stored.values())),
        skipped=(),
        ignored=0,
        removed=0,
        without_file=0,
        copied=copied,
        unkept=collections.unkept,
        collections=tuple(store.info(family, present) for present in collections.metrics),
        seconds=round(time.monotonic() - started, 2),
        images_per_second=0.0,
    )


def _leave_out_unreadable(store: VectorStore, family: str, paths: Sequence[str]) -> None:
    if store.book and paths:
        store.book.change(family, paths, Edit(excluded=True, tagged=(UNREADABLE,)))


def _take_back_readable(store: VectorStore, family: str, readable: Set[str]) -> None:
    """Leave out no longer what a run has left out since it could not be read, and can be read."""
    said = store.corrections(family)
    again = [path for path in said.excluded & readable if UNREADABLE in said.of(path).tags]
    if store.book and again:
        store.book.change(family, sorted(again), Edit(excluded=False, untagged=(UNREADABLE,)))


def _ignored(skipped: SkippedFile) -> None:
    """Leave it to the report."""
