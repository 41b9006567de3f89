"""Measure the HTTP API: a search over HTTP against the same call inside, and many at once.

python -m scripts.benchmark service --seconds 120

First it serves the API in this process, as the dashboard does, on the collection that the settings
name. Then a dashboard does, and clients, people at browsers and an indexing run are at it together.
"""

import argparse
import itertools
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
from core.dataset.files import read_picture
from core.errors import OrchardError, StoreError
from core.metric import Metric
from core.search.answer import Question, ask
from core.ui import resources
from scripts.benchmark.indexing.encoder import query_steps
from scripts.benchmark.measuring import median_seconds, print_figures
from scripts.benchmark.serving.crowd import crowd, hits
from scripts.shared.terminal import guarded

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
    parser.add_argument("--visitors", type=int, default=10, help="at browsers (default 10)")
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


def _run(arguments: argparse.Namespace) -> int:
    family = resources.get_settings().collection
    info = resources.get_collections(family).get(Metric.COSINE)
    if info is None:
        raise StoreError("the collection has no metric COSINE. Add it on the Collection page.")
    photos = resources.dataset_folder(info)
    resources.prepare(family).future.result()
    with _serving(arguments.port) as address:
        figures = _one_search(info, address, arguments.rounds)
        figures |= _one_picture(info, arguments.rounds // 5 or 1)
    resources.get_store().close()
    resources.get_store.clear()
    figures |= crowd(
        photos,
        clients=arguments.clients,
        visitors=arguments.visitors,
        seconds=arguments.seconds,
    )
    faults = [figures[name] for name in ("faults", "page_faults", "indexing_fault")]
    holds = bool(figures["search_holds"]) and not any(faults)
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
        {"inside": inside, "http": lambda: hits(session, address, next(pictures), k=_K)},
        rounds=rounds,
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
    record = next(iter(resources.get_catalogue(info.family).by_id.values()))
    _, content = read_picture(resources.dataset_folder(info), record.path)
    steps = query_steps(content, resources.get_encoder(info.encoder), rounds=rounds)
    return {"encoder": str(info.encoder), **steps}


if __name__ == "__main__":
    raise SystemExit(main())
