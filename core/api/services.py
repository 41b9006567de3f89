"""What the routes share: the process they run in, a thread to work in, what they ask for."""

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Protocol, TypeVar

import anyio
import anyio.to_thread
import numpy as np
from fastapi import Depends, Query, Request, params
from fastapi.responses import JSONResponse
from numpy.typing import NDArray

from core.api.problems import (
    LONGEST_VALUE,
    SEE,
    NotFoundError,
    ParameterError,
    TokenNeededError,
)
from core.collection.catalogue import Catalogue
from core.collection.info import CollectionInfo
from core.collection.listed import Listed
from core.config import Settings
from core.dataset_root import Root
from core.errors import QueryError
from core.metric import Metric
from core.records import EncoderIdentity, ImageRecord
from core.runs.runner import Runner
from core.search.exact_index import ExactIndex
from core.store.vector_store import VectorStore

if TYPE_CHECKING:
    from core.encoder.encoder import Encoder

T = TypeVar("T")

# Pictures decoded, encoded and compared at once: more would only wait for the processor, and the
# pages need threads too.
_AT_ONCE = 4
_limiter = anyio.CapacityLimiter(_AT_ONCE)


class Services(Protocol):
    """What pages and routes share; every call may raise an `OrchardError`."""

    def get_settings(self) -> Settings:
        """Return the settings of the process."""

    def get_store(self) -> VectorStore:
        """Return the one connection of the process."""

    def get_families(self) -> list[Listed]:
        """List the collections that the database holds."""

    def get_collections(self, family: str) -> dict[Metric, CollectionInfo]:
        """Describe the collections of a family; raises CollectionNotFoundError."""

    def get_catalogue(self, family: str) -> Catalogue:
        """Return the pictures of a collection."""

    def get_runner(self) -> Runner:
        """Return the one runner of the process."""

    def get_encoder(self, identity: EncoderIdentity) -> "Encoder":
        """Return the encoder a collection was built with, waiting until it is loaded."""

    def get_stored_embedding(
        self, info: CollectionInfo, picture: int
    ) -> NDArray[np.float32] | None:
        """Return the embedding (D,) of a row; None if it is gone."""

    def get_thumbnail(self, record: ImageRecord, *, info: CollectionInfo) -> bytes:
        """Return the JPEG thumbnail of a row; raises ImageError."""

    def dataset_folder(self, info: CollectionInfo) -> Root:
        """Return the folder that paths are relative to; raises ImageError."""

    def exact_index_at_hand(self, family: str) -> ExactIndex | None:
        """Return the embeddings if they are in memory; starts to read them if not."""


class Answer(JSONResponse):
    """JSON that is of this moment."""

    def init_headers(self, headers: object = None) -> None:
        """Keep it out of every cache."""
        super().init_headers(headers)  # type: ignore[arg-type]
        self.headers["Cache-Control"] = "no-store"


async def at_work(call: Callable[[], T]) -> T:
    """Do what takes a while in a thread; pages and other requests go on meanwhile."""
    return await anyio.to_thread.run_sync(call, limiter=_limiter)


async def require_known(request: Request) -> None:
    """Refuse a word that the route does not take: passed over, a misspelt one would go unseen.

    Raises:
        ParameterError: There is one in the address or in the form.
    """
    route = request.scope["route"]
    body = route.dependant.body_params
    allowed = {
        "address": [field.alias for field in route.dependant.query_params],
        "form": [field.alias for field in body if isinstance(field.field_info, params.Form)],
    }
    # A form was read before, within the limits of the gate, and is kept.
    form = await request.form() if allowed["form"] else ()
    for place, given in (("address", request.query_params), ("form", form)):
        if unknown := [word for word in given if word not in allowed[place]]:
            word = unknown[0][:LONGEST_VALUE]
            taken = "; ".join(
                f"its {where} takes {', '.join(closest_first(word, words)) or 'nothing'}"
                for where, words in allowed.items()
                if words or where == place
            )
            raise ParameterError(
                f"{request.method} {route.path} takes no {word!r} in its {place}: {taken}. {SEE}"
            )


def closest_first(word: str, allowed: Sequence[str]) -> list[str]:
    """Return the words that are allowed, those first that a misspelt one may stand for."""
    close = get_close_matches(word, allowed)
    return [*close, *(one for one in allowed if one not in close)]


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _token_because(what: str) -> list[params.Depends]:
    """Let nobody in without the token, on this machine either."""

    def require(request: Request) -> None:
        client = request.client.host if request.client else ""
        if reason := request.app.state.access().refused(request.headers, client, because=what):
            raise TokenNeededError(reason)

    return [Depends(require)]


CHANGES = _token_because("this changes something")
SHOWS_PATHS = _token_because("this shows a run, with paths of this machine")
Shared = Annotated[Services, Depends(_services)]
# In the address of every request; those that have a body may have it there.
ABOUT_COLLECTION = "its name; without one, that of ORCHARD_COLLECTION"
Named = Annotated[
    str | None, Query(alias="collection", max_length=255, description=ABOUT_COLLECTION)
]


def family_of(services: Services, *named: str | None) -> str:
    """Return the collection that a request is about.

    Args:
        named: In its address and in its body, as far as they name one.

    Raises:
        QueryError: Two different ones are named.
        NotFoundError: There is none of this name.
        OrchardError: The database failed.
    """
    names = {name for name in named if name}
    if len(names) > 1:
        raise QueryError(
            f"the request names {' and '.join(map(repr, sorted(names)))}. Name one collection, in "
            "the address or in the body."
        )
    usual = services.get_settings().collection
    family = next(iter(names), usual)
    # Of that of the settings it is said in its own words that nothing is indexed yet.
    if family != usual and family not in (known := [one.name for one in services.get_families()]):
        raise NotFoundError(
            f"there is no collection {family[:60]!r} here. There is "
            f"{', '.join(known[:20]) or 'none yet'}; GET /api/v1/collections lists them."
        )
    return family


def collection_of(services: Services, family: str, metric: Metric | None) -> CollectionInfo:
    """Return the collection of a family for a metric, or its first one.

    Raises:
        NotFoundError: The family has none for it.
        OrchardError: The database failed, or there is no collection at all.
    """
    infos = services.get_collections(family)
    if metric is None:
        return next(iter(infos.values()))
    if metric not in infos:
        raise NotFoundError(
            f"{family!r} has no index for {metric}. Ask with "
            f"{' or '.join(infos)}, or add the metric on the Collection page."
        )
    return infos[metric]


def record_of(services: Services, family: str, picture: int) -> ImageRecord:
    """Return a row of a collection.

    Raises:
        NotFoundError: There is none of this id.
        OrchardError: As `collection_of`.
    """
    record = services.get_catalogue(family).by_id.get(picture)
    if record is None:
        raise NotFoundError(
            f"{family!r} has no picture {picture}. GET /api/v1/pictures?collection={family} lists "
            "the ids there are."
        )
    return record
