"""What a collection is: fields and properties, and Milvus's descriptions as `CollectionInfo`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from core.collection.index_choice import IndexChoice
from core.collection.index_types.kinds import EF, NPROBE, IndexKind, IndexType, kind_of
from core.collection.index_types.parameters import SearchParameter
from core.collection.schema import Schema
from core.dataset_root import Root, parse_root
from core.errors import EncoderMismatchError, ImageError, StoreError
from core.metric import Metric
from core.records import EncoderIdentity
from core.wording import ANOTHER_COLLECTION, REPLACE_IT


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """One collection of a family, as the database describes it.

    Attributes:
        name: Of the collection, such as `fruit_vector_l2`.
        rows: Live rows.
        index_type: Such as `IVF_FLAT`; empty while there is no index.
        nlist: Number of lists of an index as built; 0 where it has none.
        pending_rows: Rows the index does not cover yet; they are searched by brute force.
        encoder: What made the embeddings; see `EncoderIdentity.is_known`.
        dataset: Absolute folder that was indexed, on the machine that indexed it; empty where
            nobody has said which folder may be opened (a collection that others made).
        complete: Whether the last indexing run went through to its end.
        m: Links a row of an HNSW index has, as built; 0 for other index types.
        ef_construction: Candidates HNSW was built with; 0 for other index types.
        schema: Which fields hold what.
        is_foreign: Whether others made it: it is searched, evaluated and mapped, never written.
        begun_by: Token of the replacement that made it; empty where it had none.
        subvectors: Parts IVF_PQ cuts an embedding into, as built; 0 for other index types.
    """

    name: str
    metric: Metric
    dimension: int
    rows: int
    index_type: str
    nlist: int
    pending_rows: int
    encoder: EncoderIdentity
    dataset: str
    complete: bool
    m: int = 0
    ef_construction: int = 0
    schema: Schema = Schema()  # noqa: RUF009 - frozen
    is_foreign: bool = False
    begun_by: str = ""
    subvectors: int = 0

    @property
    def kind(self) -> IndexKind | None:
        """What is known of its index type; None of one that cannot be built here."""
        return kind_of(self.index_type)

    @property
    def searched_by(self) -> tuple[SearchParameter, ...]:
        """The numbers that say how thoroughly it is searched; none where every row is compared."""
        if self.kind is None:
            return ((NPROBE,) if self.nlist else ()) + ((EF,) if self.m else ())
        # Others may have left the number of lists to the server, which does not tell it.
        return tuple(p for p in self.kind.search if self.nlist or not p.is_lists)

    @property
    def index_text(self) -> str:
        """Its index in words, such as `IVF_FLAT with nlist 1,024`."""
        return str(IndexChoice.of(self)) if self.kind else self.index_type or "no index"

    @property
    def family(self) -> str:
        """The name that the collections of all metrics share."""
        return self.name if self.is_foreign else self.name.removesuffix(f"_{self.metric.lower()}")


def dataset_folder(info: CollectionInfo, *, setting: Root | None) -> Root:
    """Return the folder that the paths of a collection are relative to.

    Args:
        setting: The folder that a person has named; None takes the one that was indexed.

    Raises:
        ImageError: Others made the collection, and nobody has said which folder may be opened.
    """
    folder = setting or info.dataset
    if not folder:
        prefix = info.schema.prefix
        raise ImageError(
            "no file is opened before ORCHARD_DATASET (of a collection beside that of "
            "ORCHARD_COLLECTION: ORCHARD_COLLECTIONS) names the folder that holds the pictures of "
            f"{info.name}{f' (their paths begin with {prefix!r})' if prefix else ''}. Set it and "
            "start again."
        )
    return parse_root(folder)


# Of our own collections.
KEY, VECTOR = Schema().key, Schema().vector


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
        pending_rows=int(index.get("pending_index_rows", 0)),
        encoder=encoder,
        dataset=str(properties.get(_DATASET, "")),
        complete=properties.get(_COMPLETE) == "true",
        nlist=parameter_of(index, "nlist"),
        m=parameter_of(index, "M"),
        ef_construction=parameter_of(index, "efConstruction"),
        begun_by=str(properties.get(_BEGUN_BY, "")),
        subvectors=_subvectors(index),
        schema=own_schema(described),
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
        pending_rows=int(index.get("pending_index_rows", 0)),
        encoder=encoder,
        dataset=dataset,
        complete=True,
        nlist=parameter_of(index, "nlist"),
        m=parameter_of(index, "M"),
        ef_construction=parameter_of(index, "efConstruction"),
        schema=schema,
        is_foreign=True,
        subvectors=_subvectors(index),
    )


def is_ours(described: Mapping[str, Any]) -> bool:
    """Whether Orchard built a collection, from Milvus's description of it."""
    return _ENCODER in (described.get("properties") or {})


def encoder_of(described: Mapping[str, Any]) -> EncoderIdentity:
    """Return what made the embeddings of a collection of our own; unknown where that is damaged."""
    try:
        return EncoderIdentity.parse(str(described["properties"][_ENCODER]))
    except ValueError:
        return EncoderIdentity.unknown(dimension_of(described))


def what_made(described: Mapping[str, Any]) -> tuple[str, str]:
    """Return the encoder of a collection of our own and the folder it was built from."""
    properties = described["properties"]
    return str(properties[_ENCODER]), str(properties.get(_DATASET, ""))


def own_schema(described: Mapping[str, Any]) -> Schema:
    """Return the schema of a collection of our own, from Milvus's description of it."""
    takes_more = described.get("enable_dynamic_field", True)
    return Schema() if takes_more else replace(Schema(), dynamic="")


def require_ours(described: Mapping[str, Any], name: str) -> None:
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


def choice_of(index: Mapping[str, Any]) -> IndexChoice | None:
    """Return what to ask for to get a described index; None for one that cannot be built here."""
    kind = kind_of(str(index.get("index_type", "")))
    if kind is None:
        return None
    built: dict[str, Any] = {p.field: parameter_of(index, p.name) or p.usual for p in kind.build}
    return IndexChoice(kind.type, **built)


def parameter_of(index: Mapping[str, Any], name: str) -> int:
    """Return a number an index was built with, from its description; 0 if it has none such."""
    # Lite nests the parameters, a server lists them beside the rest, as text.
    parameters = index.get("params") or {}
    if isinstance(parameters, str):
        parameters = json.loads(parameters)
    return int(parameters.get(name, index.get(name, 0)))


def _subvectors(index: Mapping[str, Any]) -> int:
    is_pq = index.get("index_type") == IndexType.IVF_PQ
    return parameter_of(index, "m") if is_pq else 0


def _identity(properties: Mapping[str, Any], name: str) -> EncoderIdentity:
    text = str(properties.get(_ENCODER, ""))
    try:
        return EncoderIdentity.parse(text)
    except ValueError as error:
        raise EncoderMismatchError(
            f"{name} does not say which encoder made its embeddings (found {text!r}). To "
            f"build it anew, {REPLACE_IT}."
        ) from error
