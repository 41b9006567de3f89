"""A family's rows with their embeddings, moved to another database or a Parquet file and back.

Nothing is encoded. What the target has already is not written again, so that a transfer that was
stopped continues where it was.
"""

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from core.collection.index_choice import IndexChoice
from core.collection.info import CollectionInfo, require_ours
from core.collection.rows import BATCH_ROWS
from core.errors import EncoderMismatchError, StoreError
from core.files import write_whole
from core.metric import Metric
from core.progress import Progress, Stage, silent
from core.records import EncoderIdentity, ImageRecord, Reduction
from core.reduction.files import read_content, write_content
from core.store.row_reader import RowBatch
from core.store.vector_store import VectorStore

_FORMAT = b"orchard.rows/1"
_FURTHER = "further"
_FITTED = "fitted"


@dataclass(frozen=True, slots=True)
class Moved:
    """What was moved into one collection or file.

    Attributes:
        written: Rows that were written by this run.
        rows: Rows that are there now.
    """

    name: str
    written: int
    rows: int


def is_parquet(name: str) -> bool:
    """Whether rows are moved into or from a file, by what it is called."""
    return name.endswith(".parquet")


def transfer(
    source: VectorStore,
    target: VectorStore,
    *,
    family: str,
    on_progress: Progress = silent,
) -> list[Moved]:
    """Copy every collection of a family from one database to another, with its index.

    Raises:
        CollectionNotFoundError: The source has no such family.
        EncoderMismatchError: The target holds embeddings of another encoder; nothing is written.
        ReductionError: What they were made smaller with is gone or damaged.
        StoreError: Others made what the target has of that name, and nothing is written; the counts
            differ at the end, or a database failed: run it again to continue.
    """
    metrics = source.metrics(family)
    if not metrics:
        source.info(family, Metric.L2)  # says what to build
    infos = {metric: source.info(family, metric) for metric in metrics}
    _refuse_others(target, family, {metric: info.encoder for metric, info in infos.items()})
    moved = []
    for metric, info in infos.items():
        _carry_fitted(source, target, info.encoder.reduction)
        batches = source.stored.rows_with_embeddings(family, metric)
        one = _fill(
            target, family, metric, batches, encoder=info.encoder, dataset=info.dataset,
            index=IndexChoice.of(info), count=info.rows, complete=info.complete,
            on_progress=on_progress,
        )  # fmt: skip
        moved.append(one)
    return moved


def export_rows(
    source: VectorStore, path: Path, *, family: str, on_progress: Progress = silent
) -> Moved:
    """Write the rows of a family into a Parquet file: id, path, label, digest, further, embedding.

    All metrics hold the same rows, so those of one are enough. What was fitted to make the
    embeddings smaller is in the file too. It appears when it is whole.

    Raises:
        CollectionNotFoundError: There is no such family.
        ReductionError: What was fitted is gone or damaged.
        FileError: The file cannot be written.
        StoreError: Rows changed in the meantime, or the database failed.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    metric = next(iter(source.metrics(family)), Metric.L2)
    info = source.info(family, metric)
    schema, fitted = _schema(info), _fitted_text(source, info.encoder.reduction)
    written = 0

    def write(out: BinaryIO) -> None:
        nonlocal written
        with pq.ParquetWriter(out, schema) as writer:
            # Not with the schema, which is written twice.
            writer.add_key_value_metadata(fitted)
            for records, embeddings in source.stored.rows_with_embeddings(family, metric):
                flat = pa.array(embeddings.reshape(-1))
                columns = [
                    *(
                        pa.array([getattr(record, one.name) for record in records], one.type)
                        for one in list(schema)[:-1]
                    ),
                    pa.FixedSizeListArray.from_arrays(flat, info.dimension),
                ]
                writer.write_batch(pa.record_batch(columns, schema=schema))
                written += len(records)
                on_progress(Stage.COPY, written, info.rows)
        if written != info.rows:
            raise StoreError(
                f"{info.name} had {info.rows:,} rows at first, {written:,} were read. Let nobody "
                "else write, then export again."
            )

    write_whole(path, write)
    return Moved(str(path), written, written)


def import_rows(
    path: Path,
    target: VectorStore,
    *,
    family: str,
    metrics: Sequence[Metric] = tuple(Metric),
    on_progress: Progress = silent,
) -> list[Moved]:
    """Fill the collections of a family from a file that `export_rows` wrote.

    Raises:
        StoreError: The file is missing, damaged or of another kind, or as `transfer`.
        ReductionError: What it has of the reduction is not what its encoder names.
        EncoderMismatchError: As `transfer`.
    """
    with _opened(path) as file:
        encoder, dataset, complete = _about(file, path)
        _refuse_others(target, family, dict.fromkeys(metrics, encoder))
        _keep_fitted(target, file, path, encoder.reduction)
        return [
            _fill(
                target, family, metric, _rows_in(file, path, encoder.dimension), encoder=encoder,
                dataset=dataset, index=IndexChoice(), count=file.metadata.num_rows,
                complete=complete, on_progress=on_progress,
            )
            for metric in metrics
        ]  # fmt: skip


def _opened(path: Path) -> Any:  # noqa: ANN401 - pyarrow has no types
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error


def _about(file: Any, path: Path) -> tuple[EncoderIdentity, str, bool]:  # noqa: ANN401
    """Return what made the rows of a file, their dataset, and whether they are all of it."""
    about = file.schema_arrow.metadata or {}
    if about.get(b"format") != _FORMAT:
        raise StoreError(
            f"{str(path)!r} was not exported by Orchard. Export one: "
            "python -m scripts.transfer SOURCE_URI rows.parquet"
        )
    try:
        encoder = EncoderIdentity.parse(about[b"encoder"].decode())
        return encoder, about[b"dataset"].decode(), about[b"complete"] == b"true"
    except (KeyError, ValueError) as error:
        raise _unreadable(path, error) from error


def _carry_fitted(source: VectorStore, target: VectorStore, reduction: Reduction) -> None:
    """Bring along what was fitted to make the embeddings smaller."""
    if reduction.is_fitted:
        content = read_content(reduction, source.reductions)
        write_content(reduction, content, target.reductions)


def _fitted_text(source: VectorStore, reduction: Reduction) -> dict[str, str]:
    if not reduction.is_fitted:
        return {}
    content = read_content(reduction, source.reductions)
    return {_FITTED: base64.b64encode(content).decode()}


def _keep_fitted(
    target: VectorStore,
    file: Any,  # noqa: ANN401 - pyarrow has no types
    path: Path,
    reduction: Reduction,
) -> None:
    if not reduction.is_fitted:
        return
    try:
        content = base64.b64decode(file.metadata.metadata[_FITTED.encode()], validate=True)
    except (KeyError, ValueError) as error:
        raise _unreadable(path, error) from error
    write_content(reduction, content, target.reductions)


def _unreadable(path: Path, error: Exception) -> StoreError:
    return StoreError(
        f"{str(path)!r} cannot be read as a Parquet file of rows ({error}). Check the path, or "
        "export it again."
    )


def _schema(info: CollectionInfo) -> Any:  # noqa: ANN401 - pyarrow has no types
    import pyarrow as pa

    about = {
        "format": _FORMAT,
        "encoder": str(info.encoder),
        "dataset": info.dataset,
        "complete": "true" if info.complete else "false",
    }
    texts = [(name, pa.string()) for name in ("path", "label", "digest")]
    further = (_FURTHER, pa.map_(pa.string(), pa.string()))
    embedding = ("embedding", pa.list_(pa.float32(), info.dimension))
    return pa.schema([("id", pa.int64()), *texts, further, embedding], metadata=about)


def _rows_in(file: Any, path: Path, dimension: int) -> Iterator[RowBatch]:  # noqa: ANN401
    import pyarrow as pa

    batches = file.iter_batches(batch_size=BATCH_ROWS)
    # The reading alone: what the target says of a batch says nothing of the file.
    while True:
        try:
            batch = next(batches, None)
            if batch is None:
                return
            columns = [batch.column(name).to_pylist() for name in ("id", "path", "label", "digest")]
            # Files of before have no such column.
            known = _FURTHER in batch.schema.names
            maps = batch.column(_FURTHER).to_pylist() if known else [[]] * len(batch)
            further = [tuple(sorted(map(tuple, pairs or ()))) for pairs in maps]
            embeddings = batch.column("embedding").flatten().to_numpy().reshape(-1, dimension)
        except (OSError, pa.ArrowException, KeyError, ValueError) as error:
            raise _unreadable(path, error) from error
        yield [ImageRecord(*values) for values in zip(*columns, further, strict=True)], embeddings


def _refuse_others(
    store: VectorStore, family: str, encoders: Mapping[Metric, EncoderIdentity]
) -> None:
    """Refuse to fill a family that other embeddings are in, whatever their metric.

    Beside collections of our own, one of that very name that others made would not be seen.

    Args:
        encoders: Of the rows to bring, by metric.
    """
    for metric in store.metrics(family):
        info = store.info(family, metric)
        require_ours(store.collections.describe(info.name), info.name)
        wanted = {encoders[metric]} if metric in encoders else set(encoders.values())
        if info.encoder not in wanted:
            raise EncoderMismatchError(
                f"{info.name} in the target was built with {info.encoder}, the rows to bring with "
                f"{' and '.join(sorted(map(str, wanted)))}; nothing was written. Choose another "
                "--collection or database."
            )


def _fill(
    store: VectorStore,
    family: str,
    metric: Metric,
    batches: Iterable[RowBatch],
    *,
    encoder: EncoderIdentity,
    dataset: str,
    index: IndexChoice,
    count: int,
    complete: bool,
    on_progress: Progress,
) -> Moved:
    present: dict[int, ImageRecord] = {}
    if metric in store.metrics(family):
        present = {record.id: record for record in store.stored.records(family, metric)}
        store.set_complete(family, metric, complete=False)
    else:
        store.create(
            family, metric, encoder=encoder, dataset=dataset, index=index, expected_rows=count
        )
    done, written = 0, 0
    ids: set[int] = set()
    for records, embeddings in batches:
        new = [n for n, record in enumerate(records) if present.get(record.id) != record]
        if new:
            store.upsert(family, metric, [records[n] for n in new], embeddings[new])
        done, written = done + len(records), written + len(new)
        ids.update(record.id for record in records)
        on_progress(Stage.COPY, done, count)
    store.finish(family, metric)
    info = store.info(family, metric)
    expected = len(ids | present.keys())
    if done != count or info.rows != expected:
        raise StoreError(
            f"{info.name}: {count:,} rows were to come, {done:,} came, and the target has "
            f"{info.rows:,} of {expected:,}. Let nobody else write, then run the same again."
        )
    store.set_complete(family, metric, complete=complete)
    return Moved(info.name, written, info.rows)
