"""The API, the probes and the metrics as routes beside the dashboard's own."""

from collections.abc import Callable

from fastapi import Depends, FastAPI
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route

from core.api import collections, evaluations, pictures, reports, runs, search
from core.api.access import Access, is_loopback
from core.api.evaluations import Evaluations
from core.api.gate import Gate
from core.api.operations import Operations
from core.api.problems import handle_problems
from core.api.services import Services, require_known
from core.store.served import KEY

VERSION = "1"
PREFIX = f"/api/v{VERSION}"


def api_routes(services: Services, *, base: str = "", address: str) -> list[BaseRoute]:
    """Return what serves the API.

    Args:
        base: The path that the app is served below, as `server.baseUrlPath` has it.
        address: What the server is bound to, as `server.address` has it; empty for everything.
    """
    below = f"/{base.strip('/')}" if base.strip("/") else ""

    def access() -> Access:
        # Asked with every request: bad settings must not keep the app from starting.
        settings = services.get_settings()
        is_local = is_loopback(address) and not settings.sign_in
        return Access(settings.api_token.get_secret_value(), is_local=is_local, key=KEY)

    guarded = [Middleware(Gate, access=access)]
    told = Operations(services)
    return [
        Route(f"{below}/healthz", told.healthz),
        Route(f"{below}/readyz", told.readyz),
        Route(f"{below}/metrics", told.metrics, middleware=guarded),
        Mount(f"{below}{PREFIX}", api_app(services, access=access), middleware=guarded),
    ]


def api_app(services: Services, *, access: Callable[[], Access]) -> FastAPI:
    """Return the API alone, as it lies below `PREFIX`.

    Args:
        access: Who is let in to what changes something; all else is asked by a `Gate` before.
    """
    app = FastAPI(
        title="Orchard",
        version=VERSION,
        description="Finds images by image; docs/api.md has examples.",
        # What draws these pages would come from elsewhere.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(require_known)],
    )
    app.state.services, app.state.access = services, access
    app.state.evaluations = Evaluations()
    for part in (search, pictures, collections, reports, evaluations, runs):
        app.include_router(part.router)
    handle_problems(app)
    return app
