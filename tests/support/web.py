"""A small web server on this machine that misbehaves on request."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer(ThreadingHTTPServer):
    """Serves `content` under every path.

    Attributes:
        cuts: Bytes after which the connection ends, one for each of the next answers.
        ranges: Whether a Range header is honoured.
        status: Answered instead of the file, when not 200.
        silent: Accept the connection and say nothing.
        content_type: Of the answers; empty for none.
        asked: The Range header of each request, empty where there was none.
        paths: What each request asked for; a whole address where the server stands in as a proxy.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = b""
        self.cuts: list[int] = []
        self.ranges = True
        self.status = 200
        self.silent = False
        self.with_length = True
        self.content_type = ""
        self.asked: list[str] = []
        self.paths: list[str] = []
        self.stopped = threading.Event()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"


class _Handler(BaseHTTPRequestHandler):
    server: FileServer
    timeout = 10

    def do_GET(self) -> None:
        server, asked = self.server, self.headers.get("Range", "")
        server.asked.append(asked)
        server.paths.append(self.path)
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
        if server.content_type:
            self.send_header("Content-Type", server.content_type)
        self.end_headers()
        self.wfile.write(body[: server.cuts.pop(0)] if server.cuts else body)

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
