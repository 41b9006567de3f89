"""The process that speaks with Ray: `-m core.indexing.cluster.driver`.

It reads pickled objects: the address of a cluster, then for each run a `Work`, its portions as they
are to be handed to workers, and None. It answers, pickled too, with `Workers`, then for each run
with the number of each portion and what became of it, as the worker has pickled that, and None; or
with an `OrchardError` in place of any of these. It ends when its input does.
"""

import contextlib
import logging
import os
import pickle
import queue
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from core.errors import ClusterError, OrchardError
from core.indexing.cluster.connection import LOCAL, Workers, is_here
from core.indexing.cluster.worker import Begun, Work, Worker

logger = logging.getLogger(__name__)

# A head that does not answer for so long is gone, and so often it is looked for.
_HEAD_SECONDS, _LOOK_SECONDS = 20.0, 2.0
# How long an orderly end may last.
_END_SECONDS = 5.0
# What a Ray of this machine keeps in memory: the weights, and rows that wait.
_OBJECT_BYTES = 500_000_000


def main() -> None:
    """Serve until the input ends."""
    # Whatever a library prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    telling = threading.Lock()

    def tell(answer: object) -> None:
        # It waits for whoever reads, and Ray for it: rows pile up nowhere but in the cluster.
        with telling:
            pickle.dump(answer, answers)
            answers.flush()

    # Whoever started us may have been told to ignore what `_listen` sends.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    asked: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(asked,), daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        try:
            _serve(asked.get, tell)
        except OrchardError as error:
            tell(error)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _listen(asked: "queue.SimpleQueue[Any]") -> None:
    with contextlib.suppress(EOFError, pickle.UnpicklingError):
        while True:
            asked.put(pickle.load(sys.stdin.buffer))  # noqa: S301 - from the process that started us
    # Nobody waits any longer.
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(_END_SECONDS)
    if hasattr(os, "killpg"):
        # With whatever a Ray of this machine has started; its workers end by themselves.
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _watch(head: tuple[str, int], tell: Callable[[object], None]) -> None:
    """Tell when the head is gone.

    Ray ends this process a minute after a head was ended, and much later where its machine was: it
    then waits for an answer, and has no setting for that which its own servers put up with.
    """
    missed_since: float | None = None
    while missed_since is None or time.monotonic() - missed_since < _HEAD_SECONDS:
        looked = time.monotonic()
        try:
            socket.create_connection(head, timeout=_LOOK_SECONDS).close()
            missed_since = None
        except OSError:
            missed_since = missed_since or looked
        time.sleep(_LOOK_SECONDS)
    with contextlib.suppress(OSError, ValueError):  # nobody listens any longer
        tell(
            ClusterError(
                f"the head of the Ray cluster at {head[0]}:{head[1]} no longer answers. What was "
                "encoded is kept: once it is back, the same command continues from there."
            )
        )


def _serve(take: Callable[[], Any], tell: Callable[[object], None]) -> None:
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ClusterError(
            "encoding on a cluster needs Ray. Install it: python -m pip install -r "
            "requirements-cluster.txt"
        ) from error
    _quieten(ray)
    _connect(ray, take())
    try:
        host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
        head = host.strip("[]"), int(port)
        threading.Thread(target=_watch, args=(head, tell), daemon=True).start()
        workers = _workers(ray)
        tell(workers)
        while True:
            work: Work = take()
            # One a block, since a block is what is done anew.
            portions = [
                {"number": number, "content": content}
                for number, content in enumerate(iter(take, None))
            ]
            try:
                for answer in _rows(ray, work, portions, workers):
                    tell(answer)
            except BrokenPipeError:
                raise  # nobody listens any longer
            except Exception as error:  # Ray's own, of many kinds
                raise failed(error) from error
            tell(None)
    finally:
        ray.shutdown()


def _quieten(ray: Any) -> None:  # noqa: ANN401
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)


def _connect(ray: Any, address: str) -> None:  # noqa: ANN401
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == LOCAL:
        options |= {"include_dashboard": False, "object_store_memory": _OBJECT_BYTES}
    elif not is_here(address):
        # The machines have the packages; the code is that of this one.
        options["runtime_env"] = {
            "py_modules": [str(Path(__file__).resolve().parents[2])],
            "env_vars": _links(),
        }
    is_there = False
    try:
        is_there = _require_head(address)
        ray.init(address=address, **options)
    except Exception as error:  # ConnectionError, ValueError, RuntimeError, gRPC's own
        raise ClusterError(
            f"the Ray cluster at {address!r} cannot be joined ({_first_line(error)}). Look whether "
            "this machine has its versions of Ray and Python and, where it asks for a token, its "
            "~/.ray/auth_token and RAY_AUTH_MODE=token."
            if is_there
            else f"no Ray cluster answers at {address!r} ({_first_line(error)}). Start its head "
            "(ray start --head) and give its address, such as 10.0.0.1:6379, or leave the address "
            "out to use the processors of this machine."
        ) from error


def _require_head(address: str) -> bool:
    """Refuse an address where nobody listens: Ray itself tries it for minutes.

    Returns whether somebody does; false for a word, such as `auto`.
    """
    host, _, port = address.rpartition(":")
    if not host:
        return False
    if not port.isdecimal() or "://" in host:
        raise ValueError("an address is a host and a port")
    socket.create_connection((host.strip("[]"), int(port)), timeout=_HEAD_SECONDS).close()
    return True


def _workers(ray: Any) -> Workers:  # noqa: ANN401
    """Share out what the machines of a cluster have."""
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = sum(int(has.get("GPU", 0)) for has in machines)
    if gpus:
        with_gpu = [has for has in machines if has.get("GPU", 0) >= 1]
        share = min(int(has.get("CPU", 1)) // int(has["GPU"]) for has in with_gpu)
        return Workers(gpus, max(1, share), True, len(with_gpu))
    processors = sum(int(has.get("CPU", 0)) for has in machines)
    if not processors:
        raise ClusterError("the Ray cluster has no processors. Add a machine to it.")
    return Workers(processors, 1, False, len([m for m in machines if m.get("CPU")]))


def _rows(
    ray: Any,  # noqa: ANN401
    work: Work,
    portions: list[dict[str, Any]],
    workers: Workers,
) -> Iterator[tuple[int, bytes]]:
    """Have the cluster work; rows come as they are done."""
    from ray.data import ActorPoolStrategy

    if not portions:
        return
    # It lives through the deaths of workers that it counts.
    begun = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Begun).remote()
    done = ray.data.from_items(portions, override_num_blocks=len(portions)).map_batches(
        Worker,
        # The work goes to each machine once, as there may be weights in it.
        fn_constructor_args=(ray.put(work), begun, workers.processors),
        batch_size=1,
        batch_format="numpy",
        compute=ActorPoolStrategy(min_size=1, max_size=workers.count, initial_size=workers.count),
        num_cpus=workers.processors,
        num_gpus=int(workers.has_gpu),
    )
    # None ahead: what is encoded is handed on, and not held until the next portion is there.
    for rows in done.iter_batches(batch_size=None, batch_format="numpy", prefetch_batches=0):
        for number, content in zip(rows["number"], rows["content"], strict=True):
            yield int(number), bytes(content)


def failed(error: Exception) -> ClusterError:
    """Return what a person is told of a fault of Ray's."""
    logger.warning("the cluster failed", exc_info=error)
    return ClusterError(
        f"the Ray cluster failed ({type(error).__name__}: {_first_line(error)}). What was encoded "
        "is kept: the same command continues from there."
    )


def _links() -> dict[str, str]:
    """Return where links may lead, which a worker decides as this process would."""
    name = "ORCHARD_FOLLOW_LINKS"
    return {name: os.environ[name]} if name in os.environ else {}


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr)
    main()
