"""Programs that tests start: ports for them, and their end should the tests be killed."""

import contextlib
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


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


def started_by(ancestor: int) -> list[int]:
    """A process, those that it has started, and those that these have; on Linux alone."""
    parents = {pid: parent for pid, (_, parent) in _states().items()}
    found = [ancestor]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def running(pids: list[int]) -> list[int]:
    """Those that have not ended; on Linux alone."""
    states = _states()
    return [pid for pid in pids if states.get(pid, ("Z", 0))[0] != "Z"]


def _states() -> dict[int, tuple[str, int]]:
    found = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name may hold spaces and brackets; state and parent follow.
            state, parent = file.read_text().rpartition(")")[2].split()[:2]
            found[int(file.parent.name)] = (state, int(parent))
    return found


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
