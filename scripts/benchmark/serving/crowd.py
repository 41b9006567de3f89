"""Many at once on one dashboard: clients of the API, people at browsers, and an indexing run.

figures = crowd(photos, clients=20, visitors=10, seconds=120)
"""

import contextlib
import itertools
import json
import subprocess
import sys
import tempfile
import threading
import time
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from core.api.app import PREFIX
from core.config import load_settings
from core.dataset_root import Root
from core.errors import OrchardError
from core.metric import Metric
from core.runs.task import Build, Drop
from scripts.benchmark.serving.dashboard import chromium, dashboard, private_bytes
from scripts.shared.beside import Dashboard, find_dashboard

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_K = 16
_PICTURES = 50
_PATIENCE_MS = 60_000
# Indexed again and again meanwhile, and dropped in the end.
_BESIDE, _METRICS = "orchard_benchmark", (Metric.COSINE,)
_SHOWN = "imgs => imgs.map(img => img.alt)"


def crowd(photos: Root, *, clients: int, visitors: int, seconds: float) -> dict[str, object]:
    """Start a dashboard with the settings of the environment, and let everybody at it.

    Args:
        photos: Folder that is indexed meanwhile, again and again.
        clients: That search over HTTP, one search after the other.
        visitors: Open windows of a browser; one after the other opens another picture's hits.
        seconds: How long; twice, and what is told is of the second time.

    Raises:
        OrchardError: The dashboard or the browser does not start, or there is nothing to ask with.
    """
    settings = load_settings()
    with tempfile.TemporaryDirectory() as folder, dashboard(Path(folder) / "log") as (url, process):
        ids = _ids(url)
        beside = find_dashboard(settings)
        if beside is None:
            raise OrchardError("a crowd is measured on Milvus Lite: unset ORCHARD_MILVUS_URI.")
        with contextlib.ExitStack() as stack:
            people = (
                _People(url, ids, stack.enter_context(chromium()), visitors) if visitors else None
            )
            # What is kept for a while, such as the sessions of windows that went on, is there after
            # as long a time of the same; what has grown from then on would grow for ever.
            _round(url, beside, photos, people, clients=clients, seconds=seconds)
            held = private_bytes(process)
            figures = _round(url, beside, photos, people, clients=clients, seconds=seconds)
            grew = private_bytes(process) - held
        beside.run(Drop(_BESIDE, _METRICS))
        return {
            "clients": clients,
            "seconds": seconds,
            **figures,
            "memory_mb": held / 1e6,
            "memory_grew_mb": grew / 1e6,
        }


def _round(
    url: str,
    beside: Dashboard,
    photos: Root,
    people: "_People | None",
    *,
    clients: int,
    seconds: float,
) -> dict[str, object]:
    end = time.monotonic() + seconds
    indexing = _Indexing(beside, photos, end)
    with _asking(url, clients, seconds) as asking:
        indexing.start()
        seen = people.visited(end) if people else {"visitors": 0, "page_faults": 0}
        said, _ = asking.communicate()
    indexing.join()
    if asking.returncode:
        raise OrchardError("the clients stopped with an error, which stands above.")
    return {
        **json.loads(said),
        **seen,
        "indexing_runs": indexing.runs,
        "indexing_fault": indexing.fault,
    }


def load(url: str, clients: int, seconds: float) -> dict[str, object]:
    """Ask as many clients would, each one search after the other, and return what they met."""
    ids = _ids(url)
    session = requests.Session()
    expected = {number: hits(session, f"{url}{PREFIX}", number, k=_K) for number in ids}
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
                if hits(own, f"{url}{PREFIX}", number, k=_K) != expected[number]:
                    faults.append("the answer of another query")
            except (requests.RequestException, KeyError, ValueError) as error:
                faults.append(type(error).__name__)
            taken.append(time.perf_counter() - started)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "answers": len(taken),
        "answers_per_second": len(taken) / seconds,
        **_percentiles("", taken),
        "faults": len(faults),
        "fault": next(iter(faults), ""),
    }


def hits(session: requests.Session, address: str, number: int, *, k: int) -> list[int]:
    """Return the ids that a search with a stored picture finds.

    Args:
        address: Of the API.

    Raises:
        requests.RequestException: It does not answer.
        KeyError: It refused.
    """
    answer = session.post(f"{address}/search", data={"id": number, "k": k}, timeout=60)
    return [hit["id"] for hit in answer.json()["hits"]]


def _ids(url: str) -> list[int]:
    listed = requests.get(f"{url}{PREFIX}/pictures", params={"limit": _PICTURES}, timeout=120)
    ids = [picture["id"] for picture in listed.json().get("pictures", ())]
    if not ids:
        raise OrchardError("the collection holds no pictures. Index some first.")
    return ids


def _asking(url: str, clients: int, seconds: float) -> "subprocess.Popen[str]":
    """Let a process of its own be the clients."""
    code = (
        "import json, sys; from scripts.benchmark.serving.crowd import load; "
        "print(json.dumps(load(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))))"
    )
    command = [sys.executable, "-c", code, url, str(clients), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own


class _People:
    """Windows of a browser, each of which shows one picture's hits after another's."""

    def __init__(self, url: str, ids: list[int], browser: "Browser", visitors: int) -> None:
        self._url = url
        alone = browser.new_page()
        self._expected = {number: _shown(alone, url, number) for number in ids[: 2 * visitors]}
        alone.close()
        self._pages = [browser.new_page() for _ in range(visitors)]
        for page, number in zip(self._pages, self._expected, strict=False):
            _shown(page, url, number)

    def visited(self, end: float) -> dict[str, object]:
        """Go from window to window until the time is over, and return what was met."""
        taken: list[float] = []
        faults: list[str] = []
        for page, number in zip(
            itertools.cycle(self._pages), itertools.cycle(self._expected), strict=False
        ):
            started = time.perf_counter()
            try:
                shown, expected = _shown(page, self._url, number), self._expected[number]
                if shown != expected:
                    pairs = zip_longest(shown, expected, fillvalue="nothing")
                    other = next(pair for pair in pairs if pair[0] != pair[1])
                    faults.append(f"{other[0]!r} in place of {other[1]!r}")
            except Exception as error:  # a browser fails in many ways, and each is one here
                faults.append(str(error).splitlines()[0])
            taken.append(time.perf_counter() - started)
            if time.monotonic() > end:
                break
        return {
            "visitors": len(self._pages),
            "pages": len(taken),
            **_percentiles("page_", taken),
            "page_faults": len(faults),
            "page_fault": next(iter(faults), ""),
        }


def _shown(page: "Page", url: str, number: int) -> list[str]:
    """Open the hits of a picture; returns how they are described, when all of them are drawn."""
    page.goto(f"{url}/?queries={number}&k={_K}")
    page.wait_for_selector(".st-key-hits img", timeout=_PATIENCE_MS)
    page.wait_for_selector(
        '[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=_PATIENCE_MS
    )
    described: list[str] = page.eval_on_selector_all(".st-key-hits img", _SHOWN)
    return described


class _Indexing(threading.Thread):
    """Index photos into a collection of their own, through the dashboard, until it is time."""

    def __init__(self, beside: Dashboard, photos: Root, end: float) -> None:
        super().__init__(daemon=True)
        self._beside, self._photos, self._end = beside, photos, end
        self.runs, self.fault = 0, ""

    def run(self) -> None:
        try:
            while time.monotonic() < self._end:
                task = Build(_BESIDE, str(self._photos), _METRICS, recreate=True)
                self._beside.run(task)
                self.runs += 1
        except OrchardError as error:
            self.fault = str(error)


def _percentiles(name: str, taken: list[float]) -> dict[str, object]:
    ordered = sorted(taken)
    return {
        f"{name}p50_ms": 1000 * ordered[len(ordered) // 2],
        f"{name}p95_ms": 1000 * ordered[int(0.95 * len(ordered))],
    }
