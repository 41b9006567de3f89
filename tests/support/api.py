"""The HTTP API served in this process, as the dashboard serves it, and a client of it."""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import requests
import uvicorn
from starlette.applications import Starlette

from core.api.app import PREFIX, api_routes
from core.ui import resources
from tests.support.milvus_server import free_ports

TOKEN = "of-sixteen-or-more"  # made up


@dataclass
class Client:
    """Asks the API at an address, and gives up rather than wait for ever."""

    address: str
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        # The server closes a line that is silent for seconds, as between tests on a busy machine.
        self.session.headers["Connection"] = "close"

    def ask(self, method: str, path: str, **rest: Any) -> requests.Response:
        return self.session.request(method, f"{self.address}{path}", timeout=60, **rest)

    def get(self, path: str, **rest: Any) -> requests.Response:
        return self.ask("GET", f"{PREFIX}/{path}", **rest)

    def post(self, path: str, **rest: Any) -> requests.Response:
        return self.ask("POST", f"{PREFIX}/{path}", **rest)

    def search(self, **rest: Any) -> dict[str, Any]:
        answer = self.post("search", **rest)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


def with_token(token: str = TOKEN) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def problem(answer: requests.Response) -> str:
    """What an answer says went wrong; it is JSON whatever went wrong."""
    said = answer.json()["error"]
    assert set(said) == {"kind", "message"}
    return str(said["message"])


@contextlib.contextmanager
def serving(*, address: str = "127.0.0.1") -> Iterator[Client]:
    """Serve the API alone, as if the dashboard were bound to `address`."""
    app = Starlette(routes=api_routes(resources, address=address))
    (port,) = free_ports(1)
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield Client(f"http://127.0.0.1:{port}")
    finally:
        server.should_exit = True
        thread.join(30)
