"""What the routes share: the services, a thread to work in, the collection that is asked."""

from collections.abc import Callable
from typing import Annotated, TypeVar

import anyio
import anyio.to_thread
from fastapi import Depends, Request
from fastapi.responses import JSONResponse

from core.api.problems import NotFoundError
from core.api.services import Services
from core.collection.info import CollectionInfo
from core.metric import Metric
from core.records import ImageRecord

T = TypeVar("T")

# Pictures decoded, encoded and compared at once: more would only wait for the processor, and the
# pages need threads too.
_AT_ONCE = 4
_limiter = anyio.CapacityLimiter(_AT_ONCE)


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
