"""Measure the Search page: the server's work when the nprobe slider moves, and the bare search.

python -m scripts.benchmark search --rounds 30

It runs the page itself, on the collection that the settings name, with a picture of the collection
as the query. What is timed is one run of the page's script, from the changed slider to the last
element; the browser's part is not in it.
"""

import argparse
import itertools
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from unittest import mock

from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from core.collection.index_choice import nprobe_steps
from core.collection.info import CollectionInfo
from core.config import load_settings
from core.errors import OrchardError, StoreError
from core.ui import resources
from scripts.benchmark.measuring import median_seconds, print_figures, seconds
from scripts.shared.terminal import guarded

_PAGES = Path(__file__).resolve().parents[3] / "pages"
PAGE = _PAGES / "search" / "page.py"
_TIMES = "benchmark_times"
# The page may take one and a half times the bare search, and this much for everything else.
_FACTOR, _ALLOWANCE = 1.5, 0.060


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns 0 when the requirement holds, otherwise 1."""
    parser = argparse.ArgumentParser(prog="python -m scripts.benchmark search", description=__doc__)
    parser.add_argument("--rounds", type=int, default=30, help="reruns to time (default 30)")
    parser.add_argument("-k", type=int, default=20, help="hits, all on one page (default 20)")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args(argv)
    try:
        settings = load_settings()
    except OrchardError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return guarded(lambda: _run(arguments), settings, on_interrupt="stopped")


def timed_page(page: str, name: str) -> None:
    """Run a page and note the seconds in the session; AppTest runs the source of this function."""
    import runpy
    import time

    import streamlit as st

    started = time.perf_counter()
    runpy.run_path(page)
    st.session_state.setdefault(name, []).append(time.perf_counter() - started)


def opened(page: str, address: Mapping[str, str]) -> AppTest:
    """Return a session that is about to open a page, by its folder, with parts of its address."""
    session = AppTest.from_file(str(_PAGES / page / "page.py"), default_timeout=3_600)
    for name, value in address.items():
        session.query_params[name] = value
    return session


def run(session: AppTest) -> None:
    """Run the script of a page once."""
    # AppTest looks for components in every installed package, which a dashboard does at its start.
    with mock.patch.object(manifest_scanner, "scan_component_manifests", return_value=[]):
        session.run()


def time_visits(picture: int) -> dict[str, float]:
    """Return the seconds that the first visitor and the next wait for the hits of a picture.

    Between the two the page's background work ends, `exact_search_ready_after_seconds` after the
    first. In the end the store of the process is closed, so that somebody else may open the
    database.

    Raises:
        OrchardError: The page shows no hits.
    """
    try:
        first = seconds(lambda: _visit(picture))
        prepared = seconds(resources.prepare(_family()).future.result)
        again = seconds(lambda: _visit(picture))
    finally:
        resources.get_store().close()
        resources.get_store.clear()
    return {
        "open_page_first_seconds": first,
        "exact_search_ready_after_seconds": prepared,
        "open_page_again_seconds": again,
    }


def _family() -> str:
    return resources.get_settings().collection


def _visit(picture: int) -> None:
    page = AppTest.from_file(str(PAGE), default_timeout=600)
    page.query_params["queries"] = str(picture)
    run(page)
    if page.exception or not any("hits" in text.value for text in page.markdown):
        raise OrchardError(f"the page shows no hits, but: {[e.value for e in page.error]}.")


def _run(arguments: argparse.Namespace) -> int:
    info = next(iter(resources.get_collections(_family()).values()))
    steps = nprobe_steps(info.nlist)[-3:-1]
    if len(steps) < 2:
        raise StoreError(
            f"{info.name} has {info.nlist} lists, too few to move the slider. Index more pictures."
        )
    session, first = _opened(arguments.k)
    moves = itertools.cycle(steps)
    medians = median_seconds(
        {
            "bare_search": _bare_search(info, arguments.k, steps),
            "page": lambda: session.select_slider[0].set_value(next(moves)).run(),
        },
        rounds=arguments.rounds,
    )
    del medians["page"]
    reruns = sorted(session.session_state[_TIMES][-arguments.rounds :])
    rerun, bare = reruns[len(reruns) // 2], medians["bare_search"]
    allowed = _FACTOR * bare + _ALLOWANCE
    figures = {
        "rows": info.rows,
        "k": arguments.k,
        "first_run_ms": 1000 * first,
        "bare_search_ms": 1000 * bare,
        "rerun_ms": 1000 * rerun,
        "allowed_ms": 1000 * allowed,
        "holds": rerun <= allowed,
    }
    print_figures(figures, as_json=arguments.json)
    return 0 if rerun <= allowed else 1


def _opened(k: int) -> tuple[AppTest, float]:
    """Return a session that shows hits, all caches filled, and the seconds of its first run."""
    picture = next(iter(resources.get_catalogue(_family()).by_id))
    session = AppTest.from_function(timed_page, args=(str(PAGE), _TIMES), default_timeout=300)
    session.query_params["queries"] = str(picture)
    session.query_params["k"] = str(k)
    session.run()
    first = session.session_state[_TIMES][0]
    resources.prepare(_family()).future.result()
    session.run()
    if session.error or session.exception:
        shown = [error.value for error in session.error]
        raise StoreError(f"the page shows an error: {shown}. Open it in a browser.")
    return session, first


def _bare_search(info: CollectionInfo, k: int, steps: list[int]) -> Callable[[], object]:
    store = resources.get_store()
    picture = next(iter(resources.get_catalogue(_family()).by_id))
    query = resources.get_stored_embedding(info, picture)
    if query is None:
        raise StoreError(
            f"{info.name} no longer has the picture {picture}. Run the benchmark again."
        )
    lists = itertools.cycle(steps)
    return lambda: store.search(info, query, k=k + 1, nprobe=next(lists))


if __name__ == "__main__":
    raise SystemExit(main())
