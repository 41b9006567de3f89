"""What every request passes before a route sees it: who asks, how much, and how many at once."""

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.api.access import Access
from core.api.problems import ASK, problem, refusal
from core.errors import OrchardError

# As much as the pages take.
MOST_BYTES = 50_000_000
# Waiting or at work; each may hold a picture in memory.
MOST_REQUESTS = 64

_TOO_LARGE = f"the body has more than {MOST_BYTES:,} bytes. Make the picture smaller."


class Gate:
    """An ASGI application before another one.

    Refused before a route sees anything of it: who has no right to ask (401), what is too large
    (413), and whatever comes while `MOST_REQUESTS` are at work (429).
    """

    def __init__(self, app: ASGIApp, *, access: Callable[[], Access]) -> None:
        """Let requests through to `app`.

        Args:
            access: Who is let in; asked with every request.
        """
        self._app, self._access = app, access
        self._at_work = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        client = scope["client"][0] if scope.get("client") else ""
        try:
            refused = self._access().refused(headers, client)
        except OrchardError as error:  # settings that cannot be read
            answer: ASGIApp | None = refusal(error)
        else:
            answer = self._refusal(refused, headers)
        if answer is not None:
            await _discard(receive)
            await answer(scope, receive, send)
            return
        self._at_work += 1
        try:
            await self._answered(scope, receive, send)
        finally:
            self._at_work -= 1

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_complete = False

        async def sent(message: Message) -> None:
            nonlocal is_complete
            await send(message)
            is_complete = message["type"].endswith("body") and not message.get("more_body")

        try:
            await self._app(scope, _limited(receive), sent)
        except Exception:
            # Starlette raises what it has answered with 500 once more, and the server would close
            # the connection, on which the next request may be on its way.
            if not is_complete:
                raise

    def _refusal(self, refused: str, headers: Headers) -> ASGIApp | None:
        if refused:
            return problem("TokenNeededError", refused, 401, headers=ASK)
        if _size(headers) > MOST_BYTES:
            return problem("TooLarge", _TOO_LARGE, 413)
        if self._at_work >= MOST_REQUESTS:
            reason = f"{MOST_REQUESTS} requests are at work already. Ask again in a second."
            return problem("TooManyRequests", reason, 429, headers={"Retry-After": "1"})
        return None


def _size(headers: Headers) -> int:
    text = headers.get("content-length", "")
    return int(text) if text.isdecimal() else 0


async def _discard(receive: Receive) -> None:
    """Read what is not wanted: one who is still sending would see a broken line, not the answer."""
    read = 0
    while read <= 2 * MOST_BYTES:
        message = await receive()
        read += len(message.get("body", b""))
        if not message.get("more_body"):
            return


def _limited(receive: Receive) -> Receive:
    """Stop reading a body that says nothing of its size once it is too large."""
    read = 0

    async def counted() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > MOST_BYTES:
            await _discard(receive)
            raise HTTPException(413, _TOO_LARGE)
        return message

    return counted
