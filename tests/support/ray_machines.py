"""Two machines of a Ray cluster, in processes of their own: whatever befalls Ray, the tests go on.

`python -m tests.support.ray_machines` starts a head and one more machine, with a processor each,
that can be reached from this machine alone, and tells of them as JSON. When its input ends, so do
all.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Smaller is not allowed.
OBJECT_BYTES = 80_000_000


@dataclass(frozen=True)
class Machines:
    """The cluster.

    Attributes:
        address: Of its head.
        head: The process that answers there.
        other: The process that has the workers of the other machine.
    """

    address: str
    head: int
    other: int


@contextlib.contextmanager
def started() -> Iterator[Machines]:
    """A cluster for the length of a block."""
    settings = {
        "RAY_USAGE_STATS_ENABLED": "0",
        # So it listens on the loopback address alone.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "OMP_NUM_THREADS": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.ray_machines"],
        cwd=ROOT,
        env=os.environ | settings,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    with process:
        assert process.stdout
        try:
            yield Machines(**json.loads(process.stdout.readline()))
        finally:
            # Workers are in groups of their own and end when those of their machine have.
            os.killpg(process.pid, signal.SIGKILL)


def main() -> None:
    """Serve until the input ends."""
    from ray.cluster_utils import Cluster

    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    size = {"num_cpus": 1, "object_store_memory": OBJECT_BYTES}
    cluster = Cluster(initialize_head=True, head_node_args=size | {"include_dashboard": False})
    other = cluster.add_node(**size)
    machines = Machines(
        cluster.address,
        head=cluster.head_node.all_processes["gcs_server"][0].process.pid,
        other=other.all_processes["raylet"][0].process.pid,
    )
    print(json.dumps(asdict(machines)), file=told, flush=True)
    sys.stdin.read()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
