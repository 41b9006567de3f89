"""A process beside ours that speaks with Ray: started, asked, and its end told of."""

import contextlib
import logging
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.config import load_settings
from core.errors import ClusterError, OrchardError
from core.indexing.cluster.worker import Work
from core.wording import counted

logger = logging.getLogger(__name__)

# A Ray of this machine alone, which ends with the run.
LOCAL = "local"

ROOT = Path(__file__).resolve().parents[3]
# A little longer than it allows itself.
_END_SECONDS = 8.0
# Of what it wrote, so much of the end is kept.
_LOGGED_BYTES = 20_000


@dataclass(frozen=True, slots=True)
class Workers:
    """What a cluster has to encode with.

    Attributes:
        count: How many encoders at a time.
        processors: Of each.
        has_gpu: Whether each has one.
        machines: That they are spread over.
    """

    count: int
    processors: int
    has_gpu: bool
    machines: int

    def __str__(self) -> str:
        each = f"{counted(self.processors, 'processor')}{' and a GPU' if self.has_gpu else ''}"
        return (
            f"{counted(self.count, 'encoder')} on {counted(self.machines, 'machine')}, "
            f"each with {each}"
        )


class Cluster:
    """A Ray cluster that a process of its own is connected to.

    Attributes:
        workers: What it has.
    """

    workers: Workers

    def __init__(self, address: str) -> None:
        """Start the process and connect.

        Raises:
            ClusterError: Ray is not installed, or there is no such cluster.
        """
        self._address = address
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end
        self._process = process = subprocess.Popen(
            [sys.executable, "-m", "core.indexing.cluster.driver"],
            cwd=ROOT,
            env=os.environ | told(address),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            # Ctrl-C is for us alone, who then end it and what it has started.
            start_new_session=True,
        )
        assert process.stdin and process.stdout
        self._requests, self._answers = process.stdin, process.stdout
        try:
            self._send(address)
            self.workers = self._receive()
        except BaseException:
            self.end()
            raise

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def results(
        self, work: Work, portions: Iterable[bytes]
    ) -> Generator[tuple[int, bytes], None, None]:
        """Yield the number of each portion and what became of it, as a `Worker` answers.

        A run that is not taken to its end leaves no cluster that could be asked again.

        Raises:
            ClusterError: The cluster failed.
        """
        is_done = False
        try:
            self._send(work)
            for portion in portions:
                self._send(portion)
            self._send(None)
            while row := self._receive():
                yield row
            is_done = True
        finally:
            if not is_done:
                self.end()

    def end(self) -> None:
        """End the process, and with it whatever it has the cluster do."""
        for pipe in (self._requests, self._answers):
            with contextlib.suppress(OSError):
                pipe.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if hasattr(os, "killpg"):
            # Had it no time to end the Ray that it started here, some of that would stay.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        if not self._said.closed:
            with self._said as said:
                said.seek(max(0, said.seek(0, os.SEEK_END) - _LOGGED_BYTES))
                if text := said.read().decode(errors="replace").strip():
                    logger.info("Ray: %s", text)

    def _send(self, message: object) -> None:
        try:
            pickle.dump(message, self._requests)
            self._requests.flush()
        except (OSError, ValueError):  # the pipe is broken, or closed by us
            raise self._gone() from None

    def _receive(self) -> Any:  # noqa: ANN401
        try:
            answer = pickle.load(self._answers)  # noqa: S301 - of our own process
        except (EOFError, pickle.UnpicklingError):
            raise self._gone() from None
        if isinstance(answer, OrchardError):
            raise answer
        return answer

    def _gone(self) -> ClusterError:
        self.end()
        status = self._process.returncode
        how = f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
        where = "on this machine" if self._address == LOCAL else f"at {self._address!r}"
        return ClusterError(
            f"the connection to the Ray cluster {where} is lost: the process that held it ended "
            f"{how}. Look whether the head of the cluster still runs and whether this machine has "
            "enough memory. What was encoded is kept: the same command continues from there."
        )


@contextlib.contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """Connect to a Ray cluster, or start one on this machine, and see what it has.

    Args:
        address: Of its head, such as `10.0.0.1:6379`; `auto` for one that runs on this machine; or
            `LOCAL` for one that is started here, reachable from here alone, and ends with the
            block.

    Raises:
        ClusterError: Ray is not installed, or there is no such cluster.
    """
    cluster = Cluster(address)
    try:
        yield cluster
    finally:
        cluster.end()


def is_here(address: str) -> bool:
    """Whether a cluster is named by the loopback address of this machine."""
    return address.rpartition(":")[0] in ("127.0.0.1", "localhost", "[::1]")


def told(address: str) -> dict[str, str]:
    """Return what the process finds in its environment: Ray's settings, and one of ours."""
    # It has a folder of its own, and so not the `.env` that we may have read.
    folders = load_settings().follow_links
    links = {"ORCHARD_FOLLOW_LINKS": folders} if folders else {}
    # It tells its makers of every use unless it is told not to.
    settings = {**links, "RAY_USAGE_STATS_ENABLED": "0"}
    if address == LOCAL or is_here(address):
        # So Ray calls what has it listen on the loopback address alone; else all its ports are open
        # to the network.
        settings["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    return settings
