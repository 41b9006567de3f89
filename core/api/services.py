"""What the routes share: the process they run in, a thread to work in, what they ask for."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol, TypeVar

import anyio
import anyio.to_thread
import numpy as np
from fastapi import Depends, Request
from fastapi.responses import JSONResponse
from numpy.typing import NDArray

from core.api.problems import NotFoundError, TokenNeededError
from core.collection.catalogue import Catalogue
from core.collection.info import CollectionInfo
from core.config import Settings
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

    def get_collections(self) -> dict[Metric, CollectionInfo]:
        """Describe the collections of the family; raises CollectionNotFoundError."""

    def get_catalogue(self) -> Catalogue:
        """Return the pictures of the collection."""

    def get_runner(self) -> Runner:
        """Return the one runner of the process."""

    def get_encoder(self, identity: EncoderIdentity) -> "Encoder":
        """Return the encoder a collection was built with, waiting until it is loaded."""

    def get_stored_embedding(self, name: str, picture: int) -> NDArray[np.float32] | None:
        """Return the embedding (D,) of a row; None if it is gone."""

    def get_thumbnail(self, record: ImageRecord, *, info: CollectionInfo) -> bytes:
        """Return the JPEG thumbnail of a row; raises ImageError."""

    def dataset_folder(self, info: CollectionInfo) -> Path:
        """Return the folder that paths are relative to; raises ImageError."""

    def exact_index_at_hand(self) -> ExactIndex | None:
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


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _require_token(request: Request) -> None:
    """Let nothing be changed or begun by whoever has no token, on this machine either."""
    client = request.client.host if request.client else ""
    if reason := request.app.state.access().refused(request.headers, client, changes=True):
        raise TokenNeededError(reason)


CHANGES = [Depends(_require_token)]
Shared = Annotated[Services, Depends(_services)]


def collection_of(services: Services, metric: Metric | None) -> CollectionInfo:
    """Return the collection of a metric, or the first one.

    Raises:
        NotFoundError: The family has none for it.
        OrchardError: The database failed, or there is no collection at all.
    """
    infos = services.get_collections()
    if metric is None:
        return next(iter(infos.values()))
    if metric not in infos:
        raise NotFoundError(
            f"{services.get_settings().collection!r} has no index for {metric}. Ask with "
            f"{' or '.join(infos)}, or add the metric on the Collection page."
        )
    return infos[metric]


def record_of(services: Services, picture: int) -> ImageRecord:
    """Return a row of the collection.

    Raises:
        NotFoundError: There is none of this id.
        OrchardError: As `collection_of`.
    """
    record = services.get_catalogue().by_id.get(picture)
    if record is None:
        raise NotFoundError(
            f"{services.get_settings().collection!r} has no picture {picture}. "
            "GET /api/v1/pictures lists the ids there are."
        )
    return record
