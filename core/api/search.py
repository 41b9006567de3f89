"""POST /search and /embeddings: a picture, or the id of a stored one, and how to search."""

import time
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, File, Form, UploadFile
from numpy.typing import NDArray

from core.api.problems import NotReadyError
from core.api.services import (
    ABOUT_COLLECTION,
    Answer,
    Named,
    Services,
    Shared,
    at_work,
    collection_of,
    family_of,
    record_of,
)
from core.collection.catalogue import Catalogue
from core.collection.columns import no_such_class, parse_having, require_known
from core.collection.index_types.kinds import EF, REFINE, REORDER, SEARCH_LIST
from core.collection.index_types.parameters import Effort
from core.collection.info import CollectionInfo
from core.collection.query import search_parameters
from core.dataset.files import digest_of
from core.dataset.names import composed
from core.errors import QueryError
from core.metric import Metric
from core.records import ImageRecord
from core.search.answer import Answer as Found
from core.search.answer import Question, ask
from core.search.hits_json import hits_json
from core.search.index_search import DEFAULT_K, MAX_K
from core.search.query_picture import QueryPicture, encode_query, open_query
from core.search.verdict import compare_with_exact

router = APIRouter()

_ID = {"ge": -(2**63), "lt": 2**63}
Picture = Annotated[UploadFile | None, File(description="a picture file")]
Id = Annotated[int | None, Form(**_ID, description="a stored picture instead of a file")]
InBody = Annotated[str | None, Form(max_length=255, description=ABOUT_COLLECTION)]


@dataclass(frozen=True, slots=True)
class _Asked:
    """The picture of a request: the bytes of a file, or a row."""

    name: str
    content: bytes
    id: int | None


@dataclass(frozen=True, slots=True)
class _Query:
    """An embedding (D,) float32, the rows it is of, and the milliseconds it took."""

    embedding: NDArray[np.float32]
    record: ImageRecord | None
    own: frozenset[int]
    decode_ms: float = 0.0
    encode_ms: float = 0.0


@router.post("/search", summary="Find the pictures most like a picture")
async def post_search(
    *,
    services: Shared,
    named: Named = None,
    picture: Picture = None,
    id: Id = None,
    collection: InBody = None,
    metric: Annotated[Metric, Form()] = Metric.COSINE,
    k: Annotated[int, Form(ge=1, le=MAX_K, description="hits wanted")] = DEFAULT_K,
    nprobe: Annotated[int | None, Form(ge=1, description="lists to search")] = None,
    ef: Annotated[int | None, Form(ge=1, le=EF.most, description="candidates of HNSW")] = None,
    reorder_k: Annotated[
        int | None, Form(ge=1, le=REORDER.most, description="candidates of SCANN")
    ] = None,
    search_list: Annotated[
        int | None, Form(ge=1, le=SEARCH_LIST.most, description="candidates of DISKANN")
    ] = None,
    refine_k: Annotated[
        int | None, Form(ge=1, le=REFINE.most, description="times k, of IVF_RABITQ")
    ] = None,
    exact: Annotated[bool, Form(description="compare with every row, not the index")] = False,
    classes: Annotated[list[str] | None, Form(description="only these classes")] = None,
    where: Annotated[
        list[str] | None, Form(description="only with such values of further columns: NAME=VALUE")
    ] = None,
    limit: Annotated[
        float | None,
        Form(
            allow_inf_nan=False,
            description="the worst score that counts; for L2 the distance, not its square",
        ),
    ] = None,
    include_query: Annotated[
        bool, Form(description="keep the query and files with the same bytes")
    ] = False,
) -> Answer:
    """Search with the settings of the Search page; the answer is that of `scripts.search --json`.

    `ann_recall` is the share of the exact hits among these, null until the embeddings are read.
    """
    asked = await _asked(picture, id)

    def work() -> dict[str, Any]:
        info = collection_of(services, family_of(services, named, collection), metric)
        # Before the picture is encoded; too few candidates are raised to k.
        effort = Effort(
            nprobe=nprobe,
            ef=ef,
            reorder_k=reorder_k,
            search_list=search_list,
            refine_k=refine_k,
        )
        search_parameters(info, k=1, effort=effort)
        query = _query(services, info, asked)
        question = Question(
            k=k,
            **effort,
            exact=exact,
            labels=tuple(map(composed, classes or ())),
            having=parse_having(where or ()),
            exclude=frozenset() if include_query else query.own,
            limit=limit,
        )
        return _answered(services, info, query, question)

    return Answer(await at_work(work))


@router.post("/embeddings", summary="Return the embedding of a picture")
async def post_embedding(
    services: Shared,
    named: Named = None,
    picture: Picture = None,
    id: Id = None,
    collection: InBody = None,
) -> Answer:
    """Encode a picture with the encoder of the collection, or return what is stored."""
    asked = await _asked(picture, id)

    def work() -> dict[str, Any]:
        info = collection_of(services, family_of(services, named, collection), None)
        query = _query(services, info, asked)
        return {
            "embedding": query.embedding.tolist(),
            "encoder": str(info.encoder),
            "milliseconds": {
                "decode": round(query.decode_ms, 2),
                "encode": round(query.encode_ms, 2),
            },
        }

    return Answer(await at_work(work))


async def _asked(picture: UploadFile | None, number: int | None) -> _Asked:
    if (picture is None) == (number is None):
        raise QueryError(
            f"{'neither a picture nor an id' if picture is None else 'both a picture and an id'} "
            "came with the request. Send a file as `picture`, or the `id` of a stored picture."
        )
    if picture is None:
        return _Asked("", b"", number)
    return _Asked(picture.filename or "picture", await picture.read(), None)


def _query(services: Services, info: CollectionInfo, asked: _Asked) -> _Query:
    catalogue = services.get_catalogue(info.family)
    if asked.id is not None:
        record = record_of(services, info.family, asked.id)
        stored = services.get_stored_embedding(info, record.id)
        if stored is None:
            raise NotReadyError(
                f"picture {asked.id} was removed a moment ago. Ask with another one."
            )
        own = {record.id, *catalogue.by_digest.get(record.digest, ())}
        return _Query(stored, record, frozenset(own))
    digest = digest_of(asked.content)
    uploaded = QueryPicture(asked.name, digest, None, asked.content)
    decoded = open_query(uploaded, root=services.get_settings().data_dir, encoder=info.encoder)
    encoder = services.get_encoder(info.encoder)
    embedding, encode_ms = encode_query(decoded.image, encoder=encoder, info=info)
    own = set(catalogue.by_digest.get(digest, ()))
    return _Query(embedding, None, frozenset(own), decoded.milliseconds, encode_ms)


def _answered(
    services: Services, info: CollectionInfo, query: _Query, question: Question
) -> dict[str, Any]:
    reference = services.exact_index_at_hand(info.family)
    if question.exact and reference is None:
        raise NotReadyError(
            "the embeddings are being read into memory for exact search. Ask again in a few "
            "seconds, or leave `exact` out."
        )
    catalogue = services.get_catalogue(info.family)
    _require_classes(catalogue, question)
    require_known(question.having, catalogue.columns)
    started = time.perf_counter()
    found = ask(
        query.embedding, question, store=services.get_store(), info=info, reference=reference
    )
    milliseconds = {
        "decode": query.decode_ms,
        "encode": query.encode_ms,
        "search": found.search_ms,
        "all": query.decode_ms + query.encode_ms + 1000 * (time.perf_counter() - started),
    }
    return {
        **hits_json(
            found.hits,
            info,
            k=question.k,
            effort=found.effort,
            milliseconds=milliseconds,
        ),
        "exact": question.exact,
        "ann_recall": _recall(found, question),
        "left_out": len(question.exclude),
        "query": None if query.record is None else {"id": query.record.id},
    }


def _recall(found: Found, question: Question) -> float | None:
    if found.exact is None or question.exact:
        return None
    return compare_with_exact(found.hits, found.exact, expected=None, others=0).recall


def _require_classes(catalogue: Catalogue, question: Question) -> None:
    """Refuse a class that no row has: a misspelt one must not go unseen."""
    there = catalogue.by_class
    known = {composed(label) for label in there}
    if missing := [label for label in question.labels if label not in known]:
        raise no_such_class(missing, there)
