"""Measure the HTTP API: a search over HTTP against the same call inside, and many clients at once.

python -m scripts.benchmark service --seconds 120

It serves the API in this process, as the dashboard does, on the collection that the settings name,
and asks it from another one. What clients wait for is measured at their end.
"""

import argparse
import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import requests
import uvicorn
from starlette.applications import Starlette

from core.api.app import PREFIX, api_routes
from core.collection.info import CollectionInfo
from core.config import load_settings
from core.dataset.decoding import decode
from core.dataset.files import read_picture
from core.errors import OrchardError, StoreError
from core.metric import Metric
from core.search.answer import Question, ask
from core.search.query_picture import encode_query
from core.ui import resources
from scripts.benchmark.measuring import median_seconds, print_figures, resident_bytes
from scripts.terminal import guarded

_K = 16
# A search over HTTP may take this many times the bare call, and this much for the way.
_FACTOR, _ALLOWANCE = 1.25, 0.005
_PORT = 8599


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns 0 when the requirements hold, otherwise 1."""
    prog = "python -m scripts.benchmark service"
    parser = argparse.ArgumentParser(prog=prog, description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="searches to time (default 100)")
    parser.add_argument("--clients", type=int, default=20, help="at once (default 20)")
    parser.add_argument("--seconds", type=float, default=120, help="of load (default 120)")
    parser.add_argument("--port", type=int, default=_PORT, help=f"a free one (default {_PORT})")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args(argv)
    try:
        settings = load_settings()
    except OrchardError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return guarded(lambda: _run(arguments), settings, on_interrupt="stopped")


def load(address: str, clients: int, seconds: float) -> dict[str, object]:
    """Ask as many clients would, each one search after the other, and return what they met.

    Raises:
        OrchardError: There are no pictures to ask with.
    """
    session = requests.Session()
    listed = session.get(f"{address}/pictures", params={"limit": 50}, timeout=60).json()
    ids = [picture["id"] for picture in listed["pictures"]]
    if not ids:
        raise OrchardError("the collection holds no pictures. Index some first.")
    expected = {number: _hits(session, address, number) for number in ids}
    taken: list[float] = []
    faults: list[str] = []
    end = time.monotonic() + seconds

    def client(start: int) -> None:
        own = requests.Session()
        for number in itertools.islice(itertools.cycle(ids), start, None):
            if time.monotonic() > end:
                return
            started = time.perf_counter()
            try:
                if _hits(own, address, number) != expected[number]:
                    faults.append("the answer of another query")
            except (requests.RequestException, KeyError, ValueError) as error:
                faults.append(type(error).__name__)
            taken.append(time.perf_counter() - started)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ordered = sorted(taken)
    return {
        "answers": len(ordered),
        "answers_per_second": len(ordered) / seconds,
        "p50_ms": 1000 * ordered[len(ordered) // 2],
        "p95_ms": 1000 * ordered[int(0.95 * len(ordered))],
        "faults": len(faults),
    }


def _hits(session: requests.Session, address: str, number: int) -> list[int]:
    answer = session.post(f"{address}/search", data={"id": number, "k": _K}, timeout=60)
    return [hit["id"] for hit in answer.json()["hits"]]


def _run(arguments: argparse.Namespace) -> int:
    family = resources.get_settings().collection
    info = resources.get_collections(family).get(Metric.COSINE)
    if info is None:
        raise StoreError("the collection has no metric COSINE. Add it on the Collection page.")
    resources.prepare(family).future.result()
    with _serving(arguments.port) as address:
        figures = _one_search(info, address, arguments.rounds)
        figures |= _one_picture(info, arguments.rounds // 5 or 1)
        figures |= _many(address, arguments)
    holds = bool(figures["search_holds"]) and not figures["faults"]
    print_figures({**figures, "holds": holds}, as_json=arguments.json)
    return 0 if holds else 1


@contextmanager
def _serving(port: int) -> Iterator[str]:
    app = Starlette(routes=api_routes(resources, address="127.0.0.1"))
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise OrchardError(f"port {port} is in use. Give another one with --port.")
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}{PREFIX}"
    finally:
        server.should_exit = True
        thread.join(30)


def _one_search(info: CollectionInfo, address: str, rounds: int) -> dict[str, object]:
    store, reference = resources.get_store(), resources.exact_index_at_hand(info.family)
    pictures = itertools.cycle(list(resources.get_catalogue(info.family).by_id)[:50])
    session = requests.Session()

    def inside() -> None:
        number = next(pictures)
        embedding = resources.get_stored_embedding(info, number)
        if embedding is None:
            raise StoreError(f"picture {number} is gone. Run the benchmark again.")
        question = Question(k=_K, nprobe=min(16, info.nlist), exclude=frozenset({number}))
        ask(embedding, question, store=store, info=info, reference=reference)

    medians = median_seconds(
        {"inside": inside, "http": lambda: _hits(session, address, next(pictures))}, rounds=rounds
    )
    allowed = _FACTOR * medians["inside"] + _ALLOWANCE
    return {
        "rows": info.rows,
        "search_inside_ms": 1000 * medians["inside"],
        "search_http_ms": 1000 * medians["http"],
        "search_allowed_ms": 1000 * allowed,
        "search_holds": medians["http"] <= allowed,
    }


def _one_picture(info: CollectionInfo, rounds: int) -> dict[str, object]:
    """Return what a picture costs from bytes to embedding, and the share of each step."""
    encoder = resources.get_encoder(info.encoder)
    record = next(iter(resources.get_catalogue(info.family).by_id.values()))
    _, content = read_picture(resources.dataset_folder(info), record.path)
    image = decode(content, name=record.path)
    medians = median_seconds(
        {
            "decode": lambda: decode(content, name=record.path),
            "encode": lambda: encode_query(image, encoder=encoder, info=info),
        },
        rounds=rounds,
    )
    return {
        "encoder": str(info.encoder),
        "picture_ms": 1000 * sum(medians.values()),
        "picture_decode_ms": 1000 * medians["decode"],
        "picture_encode_ms": 1000 * medians["encode"],
    }


def _many(address: str, arguments: argparse.Namespace) -> dict[str, object]:
    """Let a process of its own be the clients, and watch the memory of this one meanwhile."""
    code = (
        "import json, sys; from scripts.benchmark.service import load; "
        "print(json.dumps(load(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))))"
    )
    command = [sys.executable, "-c", code, address]
    command += [str(arguments.clients), str(arguments.seconds)]
    asking = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
    time.sleep(arguments.seconds / 4)
    early = resident_bytes()
    said, _ = asking.communicate()
    if asking.returncode:
        raise OrchardError("the clients stopped with an error, which stands above.")
    found: dict[str, object] = json.loads(said)
    return {
        "clients": arguments.clients,
        "seconds": arguments.seconds,
        **found,
        "memory_mb": resident_bytes() / 1e6,
        "memory_grew_mb": (resident_bytes() - early) / 1e6,
    }


if __name__ == "__main__":
    raise SystemExit(main())
