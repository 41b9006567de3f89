"""Programs that tests start: ports for them, and their end should the tests be killed."""

import contextlib
import random
import socket
import subprocess
import sys
from collections.abc import Iterator


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on; all are held until the last is found, so they differ.

    They lie below the range that the system hands out to others in the meantime.
    """
    held: list[socket.socket] = []
    ports: list[int] = []
    try:
        while len(ports) < count:
            candidate = socket.socket()
            port = random.randrange(20_000, 32_000)
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                candidate.close()
                continue
            held.append(candidate)
            ports.append(port)
    finally:
        for one in held:
            one.close()
    return ports


@contextlib.contextmanager
def ending_with_us(session: int) -> Iterator[None]:
    """Meanwhile the processes of a session are killed should the tests be killed themselves.

    A run that is interrupted kills its workers, and their servers would stay, a gigabyte each.
    """
    if sys.platform == "win32":
        yield
        return
    # What it reads from is closed with this process, however that ends.
    watcher = subprocess.Popen(
        ["sh", "-c", f"read _; kill -9 -{session}"], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        yield
    finally:
        watcher.kill()
        watcher.communicate()
