"""What Milvus is given and gives back, as records: rows, properties, index descriptions, checks.

Everything here is plain data; only `core.store` talks to the database.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.dataset import label_of
from core.errors import EncoderMismatchError, QueryError, StoreError
from core.index import MAX_EF, IndexChoice
from core.metric import Metric
from core.records import CollectionInfo, EncoderIdentity, ImageRecord, Schema
from core.wording import ANOTHER_COLLECTION, REPLACE_IT

# Of our own collections.
KEY, VECTOR, RECORD_FIELDS = Schema().key, Schema().vector, Schema().record_fields
BATCH_ROWS = 500
MAX_K = 16_384

_ENCODER, _DATASET = "orchard.encoder", "orchard.dataset"
_COMPLETE, NLIST = "orchard.complete", "orchard.nlist"
_BEGUN_BY = "orchard.begun_by"


def new_properties(
    encoder: EncoderIdentity, dataset: str, index: IndexChoice, *, begun_by: str = ""
) -> dict[str, str]:
    """Return the properties of a new collection: it is incomplete."""
    return {
        _ENCODER: str(encoder),
        _DATASET: dataset,
        **state_properties(complete=False),
        **index_properties(index),
        **({_BEGUN_BY: begun_by} if begun_by else {}),
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
        EncoderMismatchError: What the collection says about its encoder cannot be read.
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
        begun_by=str(properties.get(_BEGUN_BY, "")),
    )


def foreign_info(
    described: Mapping[str, Any],
    index: Mapping[str, Any],
    *,
    rows: int,
    schema: Schema,
    dataset: str,
    assumed: EncoderIdentity | None,
) -> CollectionInfo:
    """Describe a collection that others made: there is no run of ours that could be incomplete.

    Args:
        schema: Which of its fields hold what.
        dataset: The folder its pictures lay in, as a person has said; empty if nobody has.
        assumed: What a person says made the embeddings; without effect on those of another size.
    """
    encoder = EncoderIdentity.unknown(dimension_of(described, schema.vector))
    if assumed and assumed.dimension == encoder.dimension:
        encoder = assumed
    return CollectionInfo(
        name=str(described["collection_name"]),
        metric=Metric(index["metric_type"]),
        dimension=encoder.dimension,
        rows=rows,
        index_type=str(index.get("index_type", "")),
        nlist=nlist_of(index),
        pending_rows=int(index.get("pending_index_rows", 0)),
        encoder=encoder,
        dataset=dataset,
        complete=True,
        m=parameter_of(index, "M"),
        ef_construction=parameter_of(index, "efConstruction"),
        schema=schema,
        is_foreign=True,
    )


def is_ours(described: Mapping[str, Any]) -> bool:
    """Whether Orchard built a collection, from Milvus's description of it."""
    return _ENCODER in (described.get("properties") or {})


def refuse_foreign(described: Mapping[str, Any], name: str) -> None:
    """Let nothing be written to a collection that others made.

    Raises:
        StoreError: It is one.
    """
    if not is_ours(described):
        raise StoreError(
            f"{name} was not built by Orchard and is never changed. Choose {ANOTHER_COLLECTION}."
        )


def dimension_of(described: Mapping[str, Any], vector: str = VECTOR) -> int:
    """Return how many numbers an embedding of a collection has; 0 if it has no such field."""
    fields = (field for field in described["fields"] if field["name"] == vector)
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


def label_filter(labels: Sequence[str], schema: Schema = Schema()) -> str:  # noqa: B008 - frozen
    """Return Milvus's expression for "one of these classes"; empty for all.

    Raises:
        QueryError: Pictures in no folder are asked for where the folder is the class.
    """
    if not labels:
        return ""
    # JSON's escapes for quotes and backslashes are those of Milvus's expressions.
    if schema.label:
        return f"{schema.label} in {json.dumps(list(labels), ensure_ascii=False)}"
    if "" in labels:
        raise QueryError(
            "pictures without a class cannot be searched for on their own in a collection whose "
            "classes are folders. Leave that class out."
        )
    # Not `like`, whose wildcards differ between versions; the character after "/" is "0".
    folders = [json.dumps(schema.prefix + label, ensure_ascii=False)[:-1] for label in labels]
    return " or ".join(
        f'({schema.path} >= {folder}/" and {schema.path} < {folder}0")' for folder in folders
    )


def as_row(record: ImageRecord, embedding: NDArray[np.float32]) -> dict[str, Any]:
    """Return a record with its embedding (D,) as Milvus stores it."""
    return {
        KEY: record.id,
        VECTOR: embedding,
        "path": record.path,
        "label": record.label,
        "digest": record.digest,
    }


def as_record(key: int, row: Mapping[str, Any], schema: Schema) -> ImageRecord:
    """Return the record of a stored row; what it lacks is empty."""
    path = str(row.get(schema.path) or "").removeprefix(schema.prefix)
    label = str(row.get(schema.label) or "") if schema.label else label_of(path)
    digest = str(row.get(schema.digest) or "") if schema.digest else ""
    return ImageRecord(int(key), path, label, digest)


def _identity(properties: Mapping[str, Any], name: str) -> EncoderIdentity:
    text = str(properties.get(_ENCODER, ""))
    try:
        return EncoderIdentity.parse(text)
    except ValueError as error:
        raise EncoderMismatchError(
            f"{name} does not say which encoder made its embeddings (found {text!r}). To "
            f"build it anew, {REPLACE_IT}."
        ) from error
