"""Encoding on the machines of a Ray cluster, or on the processors of this one.

Every worker loads the encoder once and does with its pictures what `EncodingHere` does with all.
The pictures travel in portions. A portion that was lost with its worker is done anew by another and
counts once, whatever happened to it.
"""

import contextlib
import io
import logging
import os
import pickle
import queue
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.config import Precision
from core.dataset_root import Root
from core.encoder.weights import Checkpoint
from core.errors import ClusterError, OrchardError, WeightsError
from core.indexing.encoding import Candidate, EncodingHere, Outcome
from core.records import EncoderIdentity
from core.wording import counted

if TYPE_CHECKING:
    from core.encoder.encoder import Encoder

logger = logging.getLogger(__name__)

# A Ray of this machine alone, which ends with the run.
LOCAL = "local"

# Pictures of a portion: enough to keep the threads of a worker busy, few enough to spread them, and
# to lose few with a worker.
_PORTION, _PORTION_OF_GPU = 64, 1024
# Portions that each worker gets at least, where there are pictures enough.
_PORTIONS = 4
# A head that is gone has Ray end this process, with no word to a person, after a minute.
_LOOK_SECONDS, _PATIENCE_SECONDS = 2.0, 20.0
# How long a run that is stopped waits for a portion that is under way.
_STOP_SECONDS = 5.0
_THIS_MACHINE = ("127.0.0.1", "localhost", "[::1]")
# What a Ray of this machine keeps in memory: the weights, and rows that wait.
_OBJECT_BYTES = 500_000_000


@dataclass(frozen=True, slots=True)
class Workers:
    """What a cluster has to encode with.

    Attributes:
        count: How many encoders at a time.
        processors: Of each.
        has_gpu: Whether each has one.
        machines: That they are spread over.
        head: Host and port of the cluster's head.
    """

    count: int
    processors: int
    has_gpu: bool
    machines: int
    head: tuple[str, int]

    def __str__(self) -> str:
        each = f"{counted(self.processors, 'processor')}{' and a GPU' if self.has_gpu else ''}"
        return (
            f"{counted(self.count, 'encoder')} on {counted(self.machines, 'machine')}, "
            f"each with {each}"
        )


@contextlib.contextmanager
def connected(address: str) -> Iterator[Workers]:
    """Connect to a Ray cluster, or start one on this machine, and see what it has.

    Args:
        address: Of its head, such as `10.0.0.1:6379`; `auto` for one that runs on this machine; or
            `LOCAL` for one that is started here, reachable from here alone, and ends with the
            block.

    Raises:
        ClusterError: Ray is not installed, or there is no such cluster.
    """
    if address == LOCAL or _host(address) in _THIS_MACHINE:
        # So Ray calls what has it listen on the loopback address alone; else all its ports are open
        # to the network. It is read once, when Ray is imported.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    ray = _ray()
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == LOCAL:
        options |= {"include_dashboard": False, "object_store_memory": _OBJECT_BYTES}
    elif _host(address) not in _THIS_MACHINE:
        # The machines have the packages; the code is that of this one.
        options["runtime_env"] = {
            "py_modules": [str(Path(__file__).resolve().parents[1])],
            "env_vars": _links(),
        }
    try:
        _require_head(address)
        with _unheard():
            ray.init(address=address, **options)
    except Exception as error:  # ConnectionError, ValueError, RuntimeError, gRPC's own
        raise ClusterError(
            f"no Ray cluster answers at {address!r} ({_first_line(error)}). Start its head (ray "
            "start --head) and give its address, such as 10.0.0.1:6379, or leave the address out "
            "to use the processors of this machine."
        ) from error
    # A thread of Ray writes what its parts say to standard output, where a report may stand.
    with contextlib.redirect_stdout(_Log()):
        try:
            yield _workers(ray)
        finally:
            ray.shutdown()


@dataclass(frozen=True)
class EncodingOnCluster:
    """Encoders on the machines of a cluster that this process is connected to.

    Attributes:
        identity: What makes the embeddings.
        make: Called once by every worker; it must be picklable.
        workers: How many there are, and what each has.
        most_deaths: After so many deaths over the same portion the run ends; Ray would have it done
            anew for ever, also where a picture kills whatever reads it.
    """

    identity: EncoderIdentity
    make: Callable[[], "Encoder"]
    workers: Workers
    most_deaths: int = 5

    def outcomes(
        self, root: Root, candidates: Iterable[Candidate], *, total: int
    ) -> Generator[Sequence[Outcome], None, None]:
        """Yield what became of every candidate, exactly once, a portion at a time, in any order.

        Raises:
            ClusterError: The cluster failed; what was yielded before is as good as ever.
            OrchardError: The encoder cannot be loaded, or has too little memory.
        """
        # Packed as they come: of ten million there is no room for the objects.
        portions, missing = [], {}
        for number, portion in enumerate(self._portions(candidates, total)):
            portions.append({"number": number, "content": pickle.dumps(portion)})
            missing[number] = len(portion)
        if not portions:
            return
        with contextlib.closing(self._done(root, portions)) as done:
            for number, outcomes in done:
                if missing.get(number) != len(outcomes):
                    # Ray has done one twice, to make up for a fault; both are the same.
                    logger.info("portion %d came back again", number)
                    continue
                del missing[number]
                yield outcomes
        if missing:
            raise ClusterError(
                f"{counted(sum(missing.values()), 'picture')} came back from no worker. What was "
                "encoded is kept: the same command continues from there."
            )

    def _portions(
        self, candidates: Iterable[Candidate], total: int
    ) -> Iterator[Sequence[Candidate]]:
        most = _PORTION_OF_GPU if self.workers.has_gpu else _PORTION
        size = max(1, min(most, -(-total // (_PORTIONS * self.workers.count))))
        remaining = iter(candidates)
        return iter(lambda: list(islice(remaining, size)), [])

    def _done(
        self, root: Root, portions: list[dict[str, Any]]
    ) -> Generator[tuple[int, Sequence[Outcome]], None, None]:
        rows = self._rows(root, portions)
        with contextlib.closing(_watched(rows, self.workers.head)) as watched:
            for row in watched:
                became = pickle.loads(row["content"])  # noqa: S301 - our worker's
                if isinstance(became, OrchardError):
                    raise became
                yield int(row["number"]), became

    def _rows(
        self, root: Root, portions: list[dict[str, Any]]
    ) -> Generator[dict[str, Any], None, None]:
        """Have the cluster work; rows come as they are done."""
        ray = _ray()
        from ray.data import ActorPoolStrategy

        _quieten(ray)
        # It lives through the deaths of workers that it counts.
        begun = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(_Begun).remote()
        # One a block, since a block is what is done anew.
        work = ray.data.from_items(portions, override_num_blocks=len(portions))
        done = work.map_batches(
            _Worker,
            fn_constructor_args=(self, root, begun),
            batch_size=1,
            batch_format="numpy",
            compute=ActorPoolStrategy(
                min_size=1, max_size=self.workers.count, initial_size=self.workers.count
            ),
            num_cpus=self.workers.processors,
            num_gpus=int(self.workers.has_gpu),
        )
        yield from done.iter_rows()


def sent(checkpoint: Checkpoint, *, precision: Precision) -> Callable[[], "Encoder"]:
    """Send weights to the cluster once; its machines need no file of them.

    Returns:
        What makes an encoder of them there, for `EncodingOnCluster`.

    Raises:
        WeightsError: The file cannot be read.
    """
    try:
        content = checkpoint.path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"the weights {str(checkpoint.path)!r} cannot be read ({error.strerror}). Check the "
            "file."
        ) from error
    return _SentEncoder(checkpoint, precision, _ray().put(content))


@dataclass(frozen=True, slots=True)
class _SentEncoder:
    checkpoint: Checkpoint
    precision: Precision
    content: Any

    def __call__(self) -> "Encoder":
        from core.encoder.encoder import Encoder

        content: bytes = _ray().get(self.content)
        with tempfile.TemporaryDirectory(prefix="orchard-") as folder:
            # The name carries the hash that is checked.
            file = Path(folder) / self.checkpoint.path.name
            file.write_bytes(content)
            here = replace(self.checkpoint, path=file)
            return Encoder(here, precision=self.precision)


class _Worker:
    """What runs on a machine of the cluster, once for each encoder."""

    def __init__(
        self,
        asked: EncodingOnCluster,
        root: Root,
        begun: Any,  # noqa: ANN401 - a handle of `_Begun`
    ) -> None:
        self._root, self._begun, self._most_deaths = root, begun, asked.most_deaths
        self._encoding: EncodingHere | None = None
        # Told with the first portion: of what is raised here Ray would keep the traceback alone.
        self._fault: OrchardError | None = None
        try:
            encoder = _checked(asked.make(), asked.identity)
            self._encoding = EncodingHere(encoder, threads=max(2, asked.workers.processors))
        except OrchardError as error:
            self._fault = error

    def __call__(self, rows: dict[str, Any]) -> dict[str, list[Any]]:
        return {
            "number": list(rows["number"]),
            "content": [
                pickle.dumps(self._become(int(number), pickle.loads(content)))  # noqa: S301 - our own
                for number, content in zip(rows["number"], rows["content"], strict=True)
            ],
        }

    def _become(self, number: int, candidates: Sequence[Candidate]) -> list[Outcome] | OrchardError:
        """Return what became of the pictures of a portion, or why none can be encoded."""
        if self._encoding is None:
            return self._fault or ClusterError("a worker has no encoder.")
        if _ray().get(self._begun.again.remote(number)) > self._most_deaths:
            return ClusterError(
                f"{counted(self._most_deaths, 'worker')} died over the same "
                f"{counted(len(candidates), 'picture')}, {candidates[0].path!r} to "
                f"{candidates[-1].path!r}. Look whether one of these is damaged, or whether the "
                "machines have too little memory. What was encoded is kept: the same command "
                "continues from there."
            )
        try:
            found = self._encoding.outcomes(self._root, candidates, total=len(candidates))
            return [outcome for some in found for outcome in some]
        except OrchardError as error:
            return error


class _Begun:
    """Counts how often each portion was begun."""

    def __init__(self) -> None:
        self._times: Counter[int] = Counter()

    def again(self, number: int) -> int:
        """Count one more; returns how many there are."""
        self._times[number] += 1
        return self._times[number]


def _checked(encoder: "Encoder", identity: EncoderIdentity) -> "Encoder":
    if encoder.identity != identity:
        raise ClusterError(
            f"a worker made the encoder {encoder.identity}, and the run is to use {identity}. "
            "Install the same packages on every machine."
        )
    return encoder


def _watched(
    rows: Generator[dict[str, Any], None, None], head: tuple[str, int]
) -> Generator[dict[str, Any], None, None]:
    """Yield rows as they come, and notice when the head of the cluster is gone.

    Raises:
        ClusterError: It is, or the cluster failed otherwise.
    """
    # One at hand while the one before is written; more would pile up here instead of there.
    come: queue.Queue[dict[str, Any] | BaseException | None] = queue.Queue(maxsize=1)
    ended = threading.Event()

    def put(item: dict[str, Any] | BaseException | None) -> None:
        while not ended.is_set():
            with contextlib.suppress(queue.Full):
                come.put(item, timeout=_LOOK_SECONDS)
                return

    def take() -> None:
        try:
            with contextlib.closing(rows):
                for row in rows:
                    put(row)
                    if ended.is_set():
                        return
            put(None)
        except BaseException as error:  # it is raised again where somebody can tell of it
            put(error)

    taking = threading.Thread(target=take, name="cluster", daemon=True)
    taking.start()
    alive = time.monotonic()
    try:
        while True:
            try:
                item = come.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                if _answers(head):
                    alive = time.monotonic()
                elif time.monotonic() - alive > _PATIENCE_SECONDS:
                    raise ClusterError(
                        f"the head of the Ray cluster at {head[0]}:{head[1]} no longer answers. "
                        "What was encoded is kept: once it is back, the same command continues "
                        "from there."
                    ) from None
                continue
            if item is None:
                return
            if isinstance(item, BaseException):
                raise _told(item) from item
            alive = time.monotonic()
            yield item
    finally:
        ended.set()
        # It ends with the next portion; where the head is gone, perhaps never.
        taking.join(_STOP_SECONDS)


def _answers(head: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(head, timeout=_LOOK_SECONDS):
            return True
    except OSError:
        return False


def _told(error: BaseException) -> ClusterError:
    logger.warning("the cluster failed", exc_info=error)
    return ClusterError(
        f"the Ray cluster failed ({type(error).__name__}: {_first_line(error)}). What was encoded "
        "is kept: the same command continues from there."
    )


def _host(address: str) -> str:
    return address.rpartition(":")[0]


def _require_head(address: str) -> None:
    """Refuse an address where nobody listens: Ray itself tries it for minutes."""
    host, _, port = address.rpartition(":")
    if host:
        if not port.isdecimal() or "://" in host:
            raise ValueError("an address is a host and a port")
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE_SECONDS).close()


def _workers(ray: Any) -> Workers:  # noqa: ANN401
    """Share out what the machines of a cluster have."""
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = sum(int(has.get("GPU", 0)) for has in machines)
    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
    head = host.strip("[]"), int(port)
    if gpus:
        with_gpu = [has for has in machines if has.get("GPU", 0) >= 1]
        share = min(int(has.get("CPU", 1)) // int(has["GPU"]) for has in with_gpu)
        return Workers(gpus, max(1, share), True, len(with_gpu), head)
    processors = sum(int(has.get("CPU", 0)) for has in machines)
    if not processors:
        raise ClusterError("the Ray cluster has no processors. Add a machine to it.")
    return Workers(processors, 1, False, len([m for m in machines if m.get("CPU")]), head)


def _links() -> dict[str, str]:
    """Return where links may lead, which a worker decides as this process would."""
    name = "ORCHARD_FOLLOW_LINKS"
    return {name: os.environ[name]} if name in os.environ else {}


def _ray() -> Any:  # noqa: ANN401 - Ray is optional
    # It tells its makers of every use unless this is set before it starts.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Nor is a Ray to be started by whatever still asks for one that has ended.
    os.environ["RAY_ENABLE_AUTO_CONNECT"] = "0"
    # What its own parts say belongs into its log, not into the middle of a progress bar.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ClusterError(
            "encoding on a cluster needs Ray. Install it: python -m pip install -r "
            "requirements-cluster.txt"
        ) from error
    return ray


def _quieten(ray: Any) -> None:  # noqa: ANN401
    """Leave the terminal to our own progress."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """Let nothing be written to the terminal past Python: Ray tells how much it will log."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


class _Log(io.TextIOBase):
    """A stream into the log."""

    def write(self, text: str) -> int:
        if text.strip():
            logger.info("Ray: %s", text.rstrip())
        return len(text)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
