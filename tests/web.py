"""A small web server on this machine that misbehaves on request."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer(ThreadingHTTPServer):
    """Serves `content` under every path.

    Attributes:
        cut_after: Bytes of the next answer after which the connection ends; once only.
        ranges: Whether a Range header is honoured.
        status: Answered instead of the file, when not 200.
        silent: Accept the connection and say nothing.
        asked: The Range header of each request, empty where there was none.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = b""
        self.cut_after: int | None = None
        self.ranges = True
        self.status = 200
        self.silent = False
        self.with_length = True
        self.asked: list[str] = []
        self.stopped = threading.Event()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"


class _Handler(BaseHTTPRequestHandler):
    server: FileServer
    timeout = 10

    def do_GET(self) -> None:
        server, asked = self.server, self.headers.get("Range", "")
        server.asked.append(asked)
        if server.silent:
            server.stopped.wait(10)
            return
        if server.status != 200:
            self.send_error(server.status)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and server.ranges else 0
        if start and start >= len(server.content):
            self.send_error(416)
            return
        body = server.content[start:]
        self.send_response(206 if start else 200)
        if server.with_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut, server.cut_after = server.cut_after, None
        self.wfile.write(body if cut is None else body[:cut])

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running_server() -> Iterator[FileServer]:
    server = FileServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.stopped.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
