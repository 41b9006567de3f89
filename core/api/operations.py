"""/healthz, /readyz and /metrics: for whoever runs the process."""

from collections.abc import Iterable, Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from core.api.services import Services, at_work
from core.errors import CollectionNotFoundError, OrchardError
from core.search.instruments import REGISTRY

_NOW = {"Cache-Control": "no-store"}


class Operations:
    """The three endpoints; each takes a request and returns a response."""

    def __init__(self, services: Services) -> None:
        """Ask nothing yet."""
        self._services = services

    async def healthz(self, _: Request) -> Response:
        """Say yes: a process that hangs does not."""
        return JSONResponse({"alive": True}, headers=_NOW)

    async def readyz(self, _: Request) -> Response:
        """Ask the database and look for a collection; 503 while one of them is not there."""
        why = await at_work(self._not_ready)
        answer = {"ready": not why, **({"why": why} if why else {})}
        return JSONResponse(answer, 503 if why else 200, headers=_NOW)

    async def metrics(self, _: Request) -> Response:
        """Return what searches took, what failed, and how many rows there are."""
        return Response(
            await at_work(self._figures), headers={"Content-Type": CONTENT_TYPE_LATEST, **_NOW}
        )

    def _not_ready(self) -> str:
        try:
            self._services.get_store().ping()
            self._services.get_collections(self._services.get_settings().collection)
        except CollectionNotFoundError:
            return "nothing is indexed yet"
        except OrchardError:
            # Addresses and paths are for those with a token, and for the log.
            return "the database cannot be reached"
        return ""

    def _figures(self) -> bytes:
        registry = CollectorRegistry()
        registry.register(_Rows(self._services))
        return generate_latest(REGISTRY) + generate_latest(registry)


class _Rows(Collector):
    """How many rows the collections have at the moment somebody looks."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Say nothing before: a registry would otherwise ask the database when it is made."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Give both gauges; none while the database is away."""
        labels = ["collection", "metric"]
        rows = GaugeMetricFamily("orchard_rows", "Rows of a collection", labels=labels)
        pending = GaugeMetricFamily(
            "orchard_pending_rows",
            "Rows its index does not cover yet, of the collection of the settings",
            labels=labels,
        )
        services = self._services
        usual = services.get_settings().collection
        try:
            for one in services.get_families():
                for metric in one.metrics:
                    if one.name != usual:
                        rows.add_metric([one.name, metric], one.rows)
            # Counted, which needs it in memory.
            for metric, info in services.get_collections(usual).items():
                rows.add_metric([usual, metric], info.rows)
                pending.add_metric([usual, metric], info.pending_rows)
        except CollectionNotFoundError:
            pass
        except OrchardError:
            return
        yield rows
        yield pending
