"""What Milvus is given and gives back, as records: rows, properties, index descriptions, checks.

Everything here is plain data; only `core.store` talks to the database.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import EncoderMismatchError, QueryError, StoreError
from core.index import MAX_EF, IndexChoice
from core.metric import Metric
from core.records import CollectionInfo, EncoderIdentity, ImageRecord

KEY, VECTOR = "m_id", "embedding"
RECORD_FIELDS = ["path", "label", "digest"]
MAX_K = 16_384

_ENCODER, _DATASET = "orchard.encoder", "orchard.dataset"
_COMPLETE, NLIST = "orchard.complete", "orchard.nlist"


def new_properties(encoder: EncoderIdentity, dataset: str, index: IndexChoice) -> dict[str, str]:
    """Return the properties of a new collection: it is incomplete."""
    return {
        _ENCODER: str(encoder),
        _DATASET: dataset,
        **state_properties(complete=False),
        **index_properties(index),
    }


def state_properties(*, complete: bool, dataset: str | None = None) -> dict[str, str]:
    """Return the properties that an indexing run changes; None leaves the dataset as it is."""
    state = {_COMPLETE: "true" if complete else "false"}
    return state if dataset is None else {**state, _DATASET: dataset}


def index_properties(index: IndexChoice) -> dict[str, str]:
    """Return the property that says whether nlist was chosen by a person or follows the rows."""
    return {NLIST: str(index.nlist or "auto")}


def collection_info(
    described: Mapping[str, Any], index: Mapping[str, Any], *, metric: Metric, rows: int
) -> CollectionInfo:
    """Read Milvus's descriptions of a collection and of its index.

    Args:
        metric: What the collection's name says, for a collection whose index is not built yet.

    Raises:
        EncoderMismatchError: The collection does not say which encoder made its embeddings.
    """
    name = str(described["collection_name"])
    properties = described.get("properties") or {}
    encoder = _identity(properties, name)
    return CollectionInfo(
        name=name,
        metric=Metric(index.get("metric_type", metric)),
        dimension=dimension_of(described),
        rows=rows,
        index_type=str(index.get("index_type", "")),
        nlist=nlist_of(index),
        pending_rows=int(index.get("pending_index_rows", 0)),
        encoder=encoder,
        dataset=str(properties.get(_DATASET, "")),
        complete=properties.get(_COMPLETE) == "true",
        m=parameter_of(index, "M"),
        ef_construction=parameter_of(index, "efConstruction"),
    )


def dimension_of(described: Mapping[str, Any]) -> int:
    """Return how many numbers an embedding of a collection has; 0 if it holds none of ours."""
    fields = (field for field in described["fields"] if field["name"] == VECTOR)
    return next((int(field["params"]["dim"]) for field in fields), 0)


def nlist_of(index: Mapping[str, Any]) -> int:
    """Return how many lists an index has, from its description; 0 if it has none."""
    return parameter_of(index, "nlist")


def parameter_of(index: Mapping[str, Any], name: str) -> int:
    """Return a number an index was built with, from its description; 0 if it has none such."""
    # Lite nests the parameters, a server lists them beside the rest, as text.
    parameters = index.get("params") or {}
    if isinstance(parameters, str):
        parameters = json.loads(parameters)
    return int(parameters.get(name, index.get(name, 0)))


def checked_embeddings(
    embeddings: NDArray[np.floating[Any]], *, rows: int, dimension: int, name: str
) -> NDArray[np.float32]:
    """Return `embeddings` as (rows, dimension) float32.

    Raises:
        StoreError: The shape is another, or a number is not finite.
    """
    if embeddings.shape != (rows, dimension):
        raise StoreError(
            f"{rows} rows with embeddings of shape {embeddings.shape} were refused before they "
            f"reached {name}, which takes ({rows}, {dimension}). Check the encoder."
        )
    with np.errstate(over="ignore"):
        numbers = embeddings.astype(np.float32, copy=False)
    bad = np.flatnonzero(~np.isfinite(numbers).all(axis=1))
    if bad.size:
        raise StoreError(
            f"{bad.size} of {rows} rows were refused before they reached {name}: their embeddings "
            f"are not finite, the first is row {bad[0]}. Check the encoder's weights."
        )
    return numbers


def check_query(
    info: CollectionInfo, embedding: NDArray[np.floating[Any]], *, k: int, nprobe: int
) -> None:
    """Refuse what Milvus would answer with nonsense or an empty message.

    Raises:
        EncoderMismatchError: The embedding has another dimension than the collection.
        QueryError: A value is outside its range.
    """
    if embedding.shape != (info.dimension,):
        raise EncoderMismatchError(
            f"the query has {embedding.size} numbers, {info.name} holds embeddings of "
            f"{info.dimension}. Query with the encoder it was built with: {info.encoder}."
        )
    if not np.isfinite(embedding).all():
        raise QueryError("the query embedding is not finite. Use another picture.")
    if not 1 <= k <= MAX_K:
        raise QueryError(f"k is {k}, allowed are 1 to {MAX_K:,}.")
    check_nprobe(info, nprobe)


def check_nprobe(info: CollectionInfo, nprobe: int) -> None:
    """Refuse a number of lists that the index does not have; without lists, any number passes.

    Raises:
        QueryError: It is not between 1 and nlist.
    """
    if info.nlist and not 1 <= nprobe <= info.nlist:
        raise QueryError(
            f"nprobe is {nprobe}, allowed are 1 to {info.nlist}: {info.name} has that many lists "
            "(nlist)."
        )


def search_parameters(info: CollectionInfo, *, k: int, nprobe: int, ef: int) -> dict[str, int]:
    """Return what Milvus is told about how thoroughly to search an index of this type.

    Raises:
        QueryError: `ef` is out of range; an index that is not HNSW has no use for it.
    """
    if info.m:
        if not k <= ef <= MAX_EF:
            raise QueryError(f"ef is {ef}, allowed are k ({k}) to {MAX_EF:,}.")
        return {"ef": ef}
    return {"nprobe": nprobe} if info.nlist else {}


def label_filter(labels: Sequence[str]) -> str:
    """Return Milvus's expression for "one of these classes"; empty for all."""
    # JSON's escapes for quotes and backslashes are those of Milvus's expressions.
    return f"label in {json.dumps(list(labels), ensure_ascii=False)}" if labels else ""


def as_row(record: ImageRecord, embedding: NDArray[np.float32]) -> dict[str, Any]:
    """Return a record with its embedding (D,) as Milvus stores it."""
    return {
        KEY: record.id,
        VECTOR: embedding,
        "path": record.path,
        "label": record.label,
        "digest": record.digest,
    }


def as_record(key: int, row: Mapping[str, Any]) -> ImageRecord:
    """Return the record of a stored row."""
    return ImageRecord(int(key), row["path"], row["label"], row["digest"])


def _identity(properties: Mapping[str, Any], name: str) -> EncoderIdentity:
    text = str(properties.get(_ENCODER, ""))
    try:
        return EncoderIdentity.parse(text)
    except ValueError as error:
        raise EncoderMismatchError(
            f"{name} does not say which encoder made its embeddings (found {text!r}); it was not "
            "built by Orchard. Choose another name with ORCHARD_COLLECTION."
        ) from error
