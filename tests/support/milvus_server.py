"""A real Milvus server for the tests: found, started on free ports, killed, started again."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from core.errors import StoreError
from core.store.vector_store import VectorStore
from tests.support.processes import ending_with_us, free_ports

# Environment variables of the tests, not of Orchard.
PROGRAM_VARIABLE = "ORCHARD_MILVUS_SERVER"
REQUIRE_VARIABLE = "ORCHARD_REQUIRE_SERVER"

# Milvus 2.3.5 that is started after a kill sometimes never opens its port: its root coordinator
# waits for the proxy that was killed, whose session its etcd still holds. As whoever supervises a
# server does, it is then killed and started once more.
START_SECONDS, STARTS = 60.0, 5

_PORTS = (
    "proxy",
    "proxy-internal",
    "etcd",
    "etcd-peer",
    "root-coord",
    "query-coord",
    "query-node",
    "index-coord",
    "index-node",
    "data-coord",
    "data-node",
)


def find_program() -> Path | None:
    """The server's launcher: as the environment says, on PATH, beside this Python, in .venv."""
    named = os.environ.get(PROGRAM_VARIABLE)
    if named:
        return Path(named)
    found = shutil.which("milvus-server")
    beside = (
        Path(sys.executable).parent / "milvus-server",
        Path(__file__).parents[2] / ".venv" / "bin" / "milvus-server",
    )
    places = [Path(found)] if found else []
    return next((p for p in (*places, *beside) if p.is_file()), None)


class MilvusServer:
    """One server with its own data folder and ports; they stay the same when it starts again."""

    def __init__(self, program: Path, folder: Path, unpacked: Path) -> None:
        """
        Args:
            folder: Of its data.
            unpacked: Of the launcher's binaries, which several servers share: unpacking them takes
                a processor some 9 s.
        """
        self._program, self._folder, self._unpacked = program, folder, unpacked
        self._ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
        self._process: subprocess.Popen[bytes] | None = None
        self._watched = contextlib.ExitStack()
        self.uri = f"http://127.0.0.1:{self._ports['proxy']}"

    def start(self) -> None:
        """Start, if need be more than once, and return once it answers.

        Raises:
            RuntimeError: It ended by itself or does not answer; the message holds its last words.
        """
        with self._alone_while_unpacking():
            started = any(self._started() for _ in range(STARTS))
        if not started:
            log = self._log.read_text(errors="replace")
            raise RuntimeError(f"{self._program} did not start: {log[-2000:]}")

    def _started(self) -> bool:
        named = ((n, port) for n, port in self._ports.items() if n != "etcd-peer")
        ports = [a for name, port in named for a in (f"--{name}-port", str(port))]
        self._folder.mkdir(parents=True, exist_ok=True)
        self._write_etcd_config()
        if not (self._folder / "bin").exists():
            (self._folder / "bin").symlink_to(self._unpacked, target_is_directory=True)
        with self._log.open("ab") as out:
            # A session of its own, so that the launcher and its child can be killed as one.
            self._process = subprocess.Popen(
                [self._program, "--data", str(self._folder), *ports],
                stdout=out,
                stderr=out,
                env={**os.environ, "ETCD_CONFIG_PATH": str(self._etcd_config)},
                start_new_session=True,
            )
        self._watched.enter_context(ending_with_us(self._process.pid))
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if self.answers():
                return True
            time.sleep(0.3)
        self.kill()
        return False

    @contextlib.contextmanager
    def _alone_while_unpacking(self) -> Iterator[None]:
        """Two launchers that unpack at once would write the same files."""
        ready = self._unpacked / "ready"
        if ready.exists():
            yield
            return
        self._unpacked.mkdir(parents=True, exist_ok=True)
        with FileLock(self._unpacked / "lock"):
            yield
            # A launcher that listens has unpacked all.
            if self._process:
                ready.touch()

    def kill(self) -> None:
        """End it without warning, as a power cut would."""
        self._signal(signal.SIGKILL)
        if self._process:
            self._process.wait()
            self._process = None
        self._watched.close()

    def freeze(self) -> None:
        """Let it hold its connections without answering; `thaw` lets it go on.

        Frozen for about 30 s its sessions run out, and it ends itself when it goes on.
        """
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def answers(self) -> bool:
        """Whether it can be connected to within 5 s."""
        try:
            VectorStore(self.uri, timeout=5).close()
        except StoreError:
            return False
        return True

    @property
    def _log(self) -> Path:
        return self._folder / "launcher.log"

    @property
    def _etcd_config(self) -> Path:
        return self._folder / "etcd.yaml"

    def _write_etcd_config(self) -> None:
        """Move the built-in etcd, else a second server on this machine finds 2380 taken."""
        client, peer = (f"http://127.0.0.1:{self._ports[n]}" for n in ("etcd", "etcd-peer"))
        self._etcd_config.write_text(
            f"name: default\ndata-dir: {self._folder / 'etcd'}\n"
            f"listen-client-urls: {client}\nadvertise-client-urls: {client}\n"
            f"listen-peer-urls: {peer}\ninitial-advertise-peer-urls: {peer}\n"
            f"initial-cluster: default={peer}\n"
        )

    def _signal(self, number: signal.Signals) -> None:
        if self._process:
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                os.killpg(self._process.pid, number)
