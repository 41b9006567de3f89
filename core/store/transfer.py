"""A family's rows with their embeddings, moved to another database or a Parquet file and back.

Nothing is encoded. What the target has already is not written again, so that a transfer that was
stopped continues where it was.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.collection.index import IndexChoice, IndexType
from core.collection.info import CollectionInfo
from core.collection.rows import BATCH_ROWS
from core.errors import EncoderMismatchError, StoreError
from core.metric import Metric
from core.records import EncoderIdentity, ImageRecord
from core.store.vector_store import VectorStore

Rows = tuple[list[ImageRecord], NDArray[np.float32]]
Progress = Callable[[int, int], None]

_FORMAT = b"orchard.rows/1"


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


def transfer(
    source: VectorStore,
    target: VectorStore,
    *,
    family: str,
    on_progress: Progress | None = None,
) -> list[Moved]:
    """Copy every collection of a family from one database to another, with its index.

    Raises:
        CollectionNotFoundError: The source has no such family.
        EncoderMismatchError: The target holds embeddings of another encoder.
        StoreError: The counts differ at the end, or a database failed; run it again to continue.
    """
    metrics = source.metrics(family)
    if not metrics:
        source.info(family, Metric.L2)  # says what to build
    moved = []
    for metric in metrics:
        info = source.info(family, metric)
        index = _same_index(info)
        batches = _rows_of(source, family, metric)
        one = _fill(
            target, family, metric, batches, encoder=info.encoder, dataset=info.dataset,
            index=index, count=info.rows, complete=info.complete, on_progress=on_progress,
        )  # fmt: skip
        moved.append(one)
    return moved


def export_rows(
    source: VectorStore, path: Path, *, family: str, on_progress: Progress | None = None
) -> Moved:
    """Write the rows of a family into a Parquet file: id, path, label, digest, embedding.

    All metrics hold the same rows, so those of one are enough. The file appears when it is whole.

    Raises:
        CollectionNotFoundError: There is no such family.
        StoreError: The file cannot be written, or rows changed in the meantime.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    metric = next(iter(source.metrics(family)), Metric.L2)
    info = source.info(family, metric)
    schema = _schema(info)
    part, written = path.with_name(path.name + ".part"), 0
    try:
        with pq.ParquetWriter(part, schema) as writer:
            for records, embeddings in _rows_of(source, family, metric):
                flat = pa.array(embeddings.reshape(-1))
                columns = [
                    *(pa.array([getattr(r, n) for r in records]) for n in schema.names[:-1]),
                    pa.FixedSizeListArray.from_arrays(flat, info.dimension),
                ]
                writer.write_batch(pa.record_batch(columns, schema=schema))
                written += len(records)
                if on_progress:
                    on_progress(written, info.rows)
        if written != info.rows:
            part.unlink()
            raise StoreError(
                f"{info.name} had {info.rows:,} rows at first, {written:,} were read. Let nobody "
                "else write, then export again."
            )
        part.replace(path)
    except OSError as error:
        raise StoreError(
            f"{str(path)!r} cannot be written ({error.strerror or error}). Make room or choose "
            "another place, then export again."
        ) from error
    return Moved(str(path), written, written)


def import_rows(
    path: Path,
    target: VectorStore,
    *,
    family: str,
    metrics: Sequence[Metric] = tuple(Metric),
    on_progress: Progress | None = None,
) -> list[Moved]:
    """Fill the collections of a family from a file that `export_rows` wrote.

    Raises:
        StoreError: The file is missing, damaged or of another kind, or as `transfer`.
        EncoderMismatchError: The target holds embeddings of another encoder.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            about = file.schema_arrow.metadata or {}
            if about.get(b"format") != _FORMAT:
                raise StoreError(
                    f"{str(path)!r} was not exported by Orchard. Export one: "
                    "python -m scripts.transfer SOURCE_URI rows.parquet"
                )
            encoder = EncoderIdentity.parse(about[b"encoder"].decode())
            dataset, count = about[b"dataset"].decode(), file.metadata.num_rows
            complete = about[b"complete"] == b"true"
            return [
                _fill(
                    target, family, metric, _rows_in(file, encoder.dimension), encoder=encoder,
                    dataset=dataset, index=IndexChoice(), count=count, complete=complete,
                    on_progress=on_progress,
                )
                for metric in metrics
            ]  # fmt: skip
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise StoreError(
            f"{str(path)!r} cannot be read as a Parquet file of rows ({error}). Check the path, or "
            "export it again."
        ) from error


def _schema(info: CollectionInfo) -> Any:  # noqa: ANN401 - pyarrow has no types
    import pyarrow as pa

    about = {
        "format": _FORMAT,
        "encoder": str(info.encoder),
        "dataset": info.dataset,
        "complete": "true" if info.complete else "false",
    }
    texts = [(name, pa.string()) for name in ("path", "label", "digest")]
    embedding = ("embedding", pa.list_(pa.float32(), info.dimension))
    return pa.schema([("id", pa.int64()), *texts, embedding], metadata=about)


def _same_index(info: CollectionInfo) -> IndexChoice:
    if info.m:
        return IndexChoice(IndexType.HNSW, m=info.m, ef_construction=info.ef_construction)
    if info.index_type in set(IndexType):
        return IndexChoice(IndexType(info.index_type), nlist=info.nlist or None)
    # One that others made may have an index we do not build.
    return IndexChoice()


def _rows_of(store: VectorStore, family: str, metric: Metric) -> Iterator[Rows]:
    records = store.records(family, metric)
    while batch := list(itertools.islice(records, BATCH_ROWS)):
        found = store.embeddings(family, metric, [record.id for record in batch])
        here = [record for record in batch if record.id in found]
        if here:
            yield here, np.stack([found[record.id] for record in here])


def _rows_in(file: Any, dimension: int) -> Iterator[Rows]:  # noqa: ANN401
    for batch in file.iter_batches(batch_size=BATCH_ROWS):
        columns = [batch.column(name).to_pylist() for name in ("id", "path", "label", "digest")]
        embeddings = batch.column("embedding").flatten().to_numpy().reshape(-1, dimension)
        yield [ImageRecord(*values) for values in zip(*columns, strict=True)], embeddings


def _fill(
    store: VectorStore,
    family: str,
    metric: Metric,
    batches: Iterable[Rows],
    *,
    encoder: EncoderIdentity,
    dataset: str,
    index: IndexChoice,
    count: int,
    complete: bool,
    on_progress: Progress | None,
) -> Moved:
    present: dict[int, ImageRecord] = {}
    if metric in store.metrics(family):
        info = store.info(family, metric)
        if info.encoder != encoder:
            raise EncoderMismatchError(
                f"{info.name} in the target was built with {info.encoder}, the rows to bring with "
                f"{encoder}; nothing was written to it. Choose another --collection or database."
            )
        present = {record.id: record for record in store.records(family, metric)}
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
        if on_progress:
            on_progress(done, count)
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
