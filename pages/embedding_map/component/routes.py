"""What the map in the browser fetches from the app: Plotly, numbers, cards.

Plotly is public. All else lies below a token, see `handouts`.
"""

from importlib.metadata import version
from pathlib import Path

import plotly
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from streamlit.runtime import Runtime

from pages.embedding_map.component.handouts import Handouts

PLOTLY = f"map/plotly-{version('plotly')}.min.js"

_PLOTLY_FILE = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
# What shows data stays in the visitor's own browser, and no page of another host may embed it.
_PRIVATE = {
    "Cache-Control": "private, max-age=3600",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_NOTHING = "Nothing is held ready under this address. Load the page again."


def _is_active(session: str) -> bool:
    return Runtime.exists() and Runtime.instance().is_active_session(session)


HANDOUTS = Handouts(is_active=_is_active)


def map_routes(base: str = "") -> list[Route]:
    """Return the routes of the map.

    Args:
        base: The path that the app is served below, as `server.baseUrlPath` has it.
    """
    below = f"/{base.strip('/')}" if base.strip("/") else ""
    return [
        Route(f"{below}/{PLOTLY}", _plotly),
        Route(f"{below}/map/{{token}}/numbers/{{name}}", _numbers),
        Route(f"{below}/map/{{token}}/cards/{{name}}/{{row:int}}", _card),
        Route(f"{below}/map/{{token}}/placed/{{name}}", _placed),
    ]


def _plotly(_: Request) -> Response:
    return FileResponse(_PLOTLY_FILE, media_type="text/javascript", headers=_FOREVER)


def _numbers(request: Request) -> Response:
    handout = HANDOUTS.find(request.path_params["token"])
    numbers = handout.numbers.get(request.path_params["name"]) if handout else None
    if numbers is None:
        return _nothing()
    # Column by column, as browsers and Plotly want them; numbers hardly become smaller by gzip.
    little = numbers.astype(numbers.dtype.newbyteorder("<"), copy=False)
    content = little.tobytes(order="F")
    headers = {**_PRIVATE, "Content-Encoding": "identity"}
    return Response(content, media_type="application/octet-stream", headers=headers)


def _card(request: Request) -> Response:
    handout = HANDOUTS.find(request.path_params["token"])
    row = request.path_params["row"]
    # A name of before is of another collection: its rows may be other pictures now.
    if (
        handout is None
        or handout.cards.name != request.path_params["name"]
        or not 0 <= row < len(handout.cards.rows)
    ):
        return _nothing()
    return JSONResponse(handout.cards.card(row), headers=_PRIVATE)


def _placed(request: Request) -> Response:
    handout = HANDOUTS.find(request.path_params["token"])
    placed = handout.placed if handout else None
    if placed is None or placed.name != request.path_params["name"]:
        return _nothing()
    return JSONResponse(placed.card(), headers=_PRIVATE)


def _nothing() -> Response:
    return PlainTextResponse(_NOTHING, status_code=404, headers={"Cache-Control": "no-store"})
