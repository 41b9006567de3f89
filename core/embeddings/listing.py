"""What is known of every row of a collection, without the embeddings: the listing.

Milvus Lite takes a minute to list a million rows, so the listing is kept in a file beside the
embeddings, under what the database says of the state of its rows. Where it says nothing (a server,
rows that are being written), or another thing than when the file was written, the rows are read:
an old listing never passes for that of today.
"""

import contextlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from core.collection.info import CollectionInfo
from core.embeddings.fingerprint import fingerprint
from core.errors import FileError
from core.files import fingerprint_of, write_whole
from core.records import Further, ImageRecord
from core.store.vector_store import VectorStore

logger = logging.getLogger(__name__)

# Raised whenever the meaning of the file changes.
_VERSION = 1
_KEY, _MARK = b"state", b"fingerprint"
# Each further column of the rows is one of the file; others may have stored names without end.
_MOST_COLUMNS = 200


@dataclass(frozen=True, slots=True)
class Listing:
    """Every row of a collection as it is stored, before corrections.

    Attributes:
        records: (N,) in order of the ids.
        fingerprint: See `core.embeddings.fingerprint`.
    """

    records: tuple[ImageRecord, ...]
    fingerprint: str


def load_listing(store: VectorStore, info: CollectionInfo, folder: Path) -> Listing:
    """Return the rows of a collection, from the file in `folder` if it is that of these very rows.

    Where they have to be read, the file is written anew; a disk that is full costs no more than
    the time to read them again.

    Args:
        info: The collection as it is now; counting its rows takes Milvus Lite time, so whoever has
            counted them says so.

    Raises:
        CollectionNotFoundError: There is no such collection.
        StoreError: The database failed.
    """
    state = store.state(info.name)
    if state and (kept := _kept(_file(folder, info.name), _key(info, state), rows=info.rows)):
        return kept
    listing = listing_of(store.stored.records(info.family, info.metric), info)
    # Else rows were written in the meantime, and nobody knows which of them were read.
    if state and state == store.state(info.name) and len(listing.records) == info.rows:
        _keep(listing, _file(folder, info.name), _key(info, state))
    return listing


def keep_listing(
    store: VectorStore, info: CollectionInfo, records: Iterable[ImageRecord], *, folder: Path
) -> None:
    """Write the listing of a collection that nobody else writes to and whose rows are known.

    Args:
        info: The collection as it is now.
        records: All of its rows, as stored, in any order.

    Raises:
        StoreError: The database failed.
    """
    state = store.state(info.name)
    listing = listing_of(records, info)
    if state and len(listing.records) == info.rows:
        _keep(listing, _file(folder, info.name), _key(info, state))


def listing_of(records: Iterable[ImageRecord], info: CollectionInfo) -> Listing:
    """Arrange the rows of a collection."""
    ordered = tuple(sorted(records, key=lambda record: record.id))
    return Listing(ordered, fingerprint(ordered, info.encoder))


def forget_listing(folder: Path, collection: str) -> None:
    """Delete the listing of a collection that is no more."""
    with contextlib.suppress(OSError):
        _file(folder, collection).unlink(missing_ok=True)


def listing_name(collection: str) -> str:
    """Return what the file of a collection is called."""
    return f"{collection}.rows-v{_VERSION}.parquet"


def _file(folder: Path, collection: str) -> Path:
    return folder / listing_name(collection)


def _key(info: CollectionInfo, state: str) -> str:
    """Return what a listing depends on: the rows, and how they are read."""
    return fingerprint_of(state, str(info.rows), str(info.encoder), repr(info.schema))


def _keep(listing: Listing, file: Path, key: str) -> None:
    import pyarrow.parquet as pq

    table = _table(listing, key)
    if table is None:
        return
    # With checksums: a file that the disk has spoilt is no listing.
    write = partial(pq.write_table, table, compression="lz4", write_page_checksum=True)
    with contextlib.suppress(FileError):
        write_whole(file, write)


def _table(listing: Listing, key: str) -> Any:  # noqa: ANN401 - pyarrow has no types
    import pyarrow as pa

    records = listing.records
    columns = {
        "id": pa.array([record.id for record in records], pa.int64()),
        "path": pa.array([record.path for record in records], pa.string()),
        "label": pa.array([record.label for record in records], pa.string()),
        "digest": pa.array([record.digest for record in records], pa.string()),
    }
    known = [dict(record.further) for record in records]
    names = sorted({name for one in known for name in one})
    if len(names) > _MOST_COLUMNS:
        logger.info("the rows have %d columns of their own and are listed anew", len(names))
        return None
    for name in names:
        # A name of its own for what others may have called "id".
        columns[f"+{name}"] = pa.array([one.get(name) for one in known], pa.string())
    table = pa.table(columns)
    return table.replace_schema_metadata({_KEY: key, _MARK: listing.fingerprint})


def _kept(file: Path, key: str, *, rows: int) -> Listing | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file, page_checksum_verification=True) as opened:
            about = opened.schema_arrow.metadata or {}
            if about.get(_KEY) != key.encode() or opened.metadata.num_rows != rows:
                return None
            table = opened.read()
            return Listing(tuple(_records(table)), about[_MARK].decode())
    except FileNotFoundError:
        return None
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        logger.warning("%s is damaged (%s) and is made again", file, error)
        return None


def _records(table: Any) -> Iterable[ImageRecord]:  # noqa: ANN401 - pyarrow has no types
    names = [name for name in table.column_names if name.startswith("+")]
    further = _further(names, [_shared(table, name) for name in names], rows=table.num_rows)
    return map(
        ImageRecord,
        table.column("id").to_pylist(),
        table.column("path").to_pylist(),
        _shared(table, "label"),
        table.column("digest").to_pylist(),
        further,
    )


def _shared(table: Any, name: str) -> list[Any]:  # noqa: ANN401 - pyarrow has no types
    """Return a column of texts, equal ones as one object: classes are few, rows are many."""
    column = table.column(name).combine_chunks().dictionary_encode()
    values = column.dictionary.to_pylist()
    return [None if place is None else values[place] for place in column.indices.to_pylist()]


def _further(
    names: Sequence[str], columns: Sequence[Sequence[str | None]], *, rows: int
) -> Iterable[Further]:
    if not names:
        return [()] * rows
    titles = [name.removeprefix("+") for name in names]
    # Rows that say the same share what they say.
    seen: dict[Further, Further] = {}
    return [
        seen.setdefault(one, one)
        for values in zip(*columns, strict=True)
        for one in [tuple((t, v) for t, v in zip(titles, values, strict=True) if v is not None)]
    ]
