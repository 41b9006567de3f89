"""A family's embeddings made smaller -> a family of their own; nothing is encoded."""

import time
from dataclasses import replace
from pathlib import Path

from core.collection.index_choice import IndexChoice
from core.collection.info import CollectionInfo
from core.config import require_name
from core.dataset_root import Root
from core.embeddings.matrix import load_matrix
from core.errors import EncoderMismatchError, SettingsError, StoreError
from core.indexing.family import Family
from core.indexing.report import IndexReport
from core.metric import Metric
from core.progress import Progress, Stage, silent
from core.records import Reduction
from core.reduction.files import load_fitted, save_fitted
from core.reduction.fitted import Fitted, fit, is_centred, reduced
from core.store.vector_store import VectorStore


def build_reduced(
    store: VectorStore,
    *,
    source: str,
    family: str,
    metrics: tuple[Metric, ...] = (),
    reduction: Reduction,
    index: IndexChoice = IndexChoice(),  # noqa: B008 - frozen
    dataset: Root | None = None,
    cache_dir: Path,
    on_progress: Progress = silent,
) -> IndexReport:
    """Build a family from the embeddings of another, made smaller; its identity says how.

    Rows, corrections and whether the last run was whole are those of the source. The same again
    brings it up to date: what it was fitted to stays, rows that are new or changed are written, and
    what was stopped goes on. Rows that the source no longer has are kept.

    Args:
        source: The family with whole embeddings; stays as it is.
        family: To build.
        metrics: One collection is built for each; none given takes those of the source. With L2
            alone PCA is about the mean, with IP or COSINE among them about zero.
        reduction: What to do, nothing of it fitted.
        index: For new collections; anything but `IndexChoice()` replaces the index of old ones.
        dataset: Folder of the pictures, where it is no longer the one that was indexed.
        cache_dir: Where copies of the embeddings are kept.
        on_progress: Stages `READ`, `FIT`, `COPY`, `KEEP` and `INDEX`, in rows; if it stops the run,
            what is written stays.

    Raises:
        SettingsError: The name is not allowed, or the source's own.
        ReductionError: As `core.reduction.fitted.fit` and `load_fitted`.
        EncoderMismatchError: The source is foreign, unknown or reduced itself, or another encoder
            made what the family holds.
        DatasetError: The family holds other pictures.
        StoreError: The database failed, or the source changed meanwhile; run it again to continue.
        FileError: What is fitted cannot be kept.
    """
    started = time.monotonic()
    _refuse_names(source, family)
    there = store.metrics(source)
    # Without any it says what to build.
    info = store.info(source, next(iter(there), Metric.COSINE))
    metrics = metrics or tuple(there)
    _refuse_source(info)
    known = _known(store, family, info, reduction)
    if known:
        fitted = load_fitted(known, store.reductions)
    else:
        # Before any row, so that no collection ever lacks it.
        whole = load_matrix(store, source, info.metric, cache_dir, on_progress).embeddings
        centred = is_centred(metrics)
        fitted = fit(whole, reduction, centred=centred, on_progress=on_progress)
        fitted = save_fitted(fitted, store.reductions)
    rows = list(store.stored.records(source, info.metric))
    encoder, folder = reduced(info.encoder, fitted), str(dataset or info.dataset)
    collections = Family(store, family, metrics, encoder, folder, index)
    with collections.keeping(cache_dir):
        collections.prepare((record.path for record in rows), recreate=False)
        lacking = [record.id for record in rows if not collections.has(record)]
        _copy(info, lacking, collections, fitted, on_progress)
        _copy_corrections(store, source, family)
        collections.keep_matrix(on_progress)
        collections.finish(on_progress, complete=info.complete)
    collections.keep_listings(cache_dir)
    return IndexReport(
        dataset=folder,
        encoder=str(encoder),
        added=0,
        updated=0,
        unchanged=len(rows) - len(lacking),
        skipped=(),
        ignored=0,
        removed=0,
        without_file=0,
        copied=len(lacking),
        collections=tuple(store.info(family, metric) for metric in collections.metrics),
        unkept=collections.unkept,
        seconds=round(time.monotonic() - started, 2),
        images_per_second=0.0,
        reduced_from=source,
    )


def _refuse_names(source: str, family: str) -> None:
    require_name(family)
    if family == source:
        raise SettingsError(
            f"{source!r} holds the embeddings to take. Give the collection to build another name."
        )


def _refuse_source(info: CollectionInfo) -> None:
    if info.is_foreign or not info.encoder.is_known:
        raise EncoderMismatchError(
            f"{info.name} was not built by Orchard, so nobody knows which encoder would make "
            "pictures comparable with its embeddings once they are smaller. Build a collection "
            "from the pictures, then make that one smaller."
        )
    if not info.encoder.reduction.is_nothing:
        raise EncoderMismatchError(
            f"the embeddings of {info.name} were made smaller already ({info.encoder.title}). Take "
            "the collection that they came from; several steps can be joined, such as pca256+int8."
        )


def _known(
    store: VectorStore, family: str, source: CollectionInfo, reduction: Reduction
) -> Reduction | None:
    """Return the reduction of the family as it was fitted, if the family is there already."""
    metrics = store.metrics(family)
    if not metrics:
        return None
    there = store.info(family, metrics[0]).encoder
    asked = replace(there.reduction, fitted="") == reduction
    if not (asked and there.made_by_the_network_of(source.encoder)):
        raise EncoderMismatchError(
            f"there is a collection {family!r} already, built with {there.title}, not with "
            f"{source.encoder.title}, {reduction.title}. Give the one to build another name."
        )
    return there.reduction


def _copy(
    source: CollectionInfo,
    lacking: list[int],
    collections: Family,
    fitted: Fitted,
    on_progress: Progress,
) -> None:
    done = 0
    on_progress(Stage.COPY, done, len(lacking))
    for records, embeddings in collections.store.stored.rows_with_embeddings(
        source.family, source.metric, ids=lacking
    ):
        collections.write(list(zip(records, fitted.apply(embeddings), strict=True)))
        done += len(records)
        on_progress(Stage.COPY, done, len(lacking))
    if done != len(lacking):
        raise StoreError(
            f"{source.name} changed while its rows were copied: {len(lacking):,} were to come, "
            f"{done:,} came. Wait until nothing is indexed, then run the same again."
        )


def _copy_corrections(store: VectorStore, source: str, family: str) -> None:
    """Say of the pictures what is said of them in the source, unless something else was said."""
    said = store.corrections(source).by_path
    if store.book and said and not store.corrections(family).by_path:
        store.book.put(family, said, said=lambda n: f"as in {source}: {n:,} corrected")
