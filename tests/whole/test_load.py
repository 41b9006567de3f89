"""Many sessions at once on a real server: no error, nobody sees another's hits, memory stays flat.

By default for six seconds; `ORCHARD_LOAD_SECONDS=120` loads for two minutes.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from core.dataset.files import image_id
from tests.conftest import eventually
from tests.support import browser as browsers
from tests.support import dashboard
from tests.support.milvus_server import MilvusServer
from tests.support.visitor import visit

pytestmark = [pytest.mark.server, pytest.mark.slow]

VISITORS = 20
SECONDS = float(os.environ.get("ORCHARD_LOAD_SECONDS", "6"))
ROOT = Path(__file__).parents[2]


@dataclass
class Tally:
    """What the visitors met."""

    milliseconds: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Place:
    """A running dashboard, its process, and the links that the visitors open."""

    address: str
    process: int
    links: list[str]


@pytest.fixture(scope="module")
def place(mortal: MilvusServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    root = tmp_path_factory.mktemp("load")
    with pytest.MonkeyPatch.context() as patch:
        dashboard.set_environment(patch, root / "data")
        patch.setenv("ORCHARD_MILVUS_URI", mortal.uri)
        patch.setenv("ORCHARD_MILVUS_DATABASE", "load")
        pictures = dashboard.draw_pictures(root / "pictures")
        dashboard.build(pictures)
        paths = sorted(file.relative_to(pictures).as_posix() for file in pictures.rglob("*.jpg"))
        links = [f"queries={image_id(path)}&hide_query=false&k=5" for path in paths]
        with browsers.started(*browsers.streamlit_command(), log=root / "log") as (url, process):
            yield Place(url, process.pid, links)


def resident_bytes(process: int) -> int:
    pages = Path(f"/proc/{process}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def load(place: Place, expected: dict[str, list[str]], seconds: float) -> Tally:
    """Let every visitor open its own link again and again, and compare what it sees."""
    tally, end = Tally(), time.monotonic() + seconds

    def one(link: str) -> None:
        while time.monotonic() < end:
            started = time.perf_counter()
            try:
                page = visit(place.address, link)
            except Exception as error:
                tally.faults.append(f"{link}: {error!r}")
                return
            tally.milliseconds.append(1000 * (time.perf_counter() - started))
            if page.errors or page.alts != expected[link]:
                tally.faults.append(f"{link}: {page.errors} {page.alts}")

    links = [place.links[number % len(place.links)] for number in range(VISITORS)]
    threads = [threading.Thread(target=one, args=(link,)) for link in links]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + 300)
    return tally


def preparing(place: Place) -> bool:
    return any("being prepared" in text for text in visit(place.address, place.links[0]).texts)


@pytest.fixture(scope="module")
def expected(place: Place) -> dict[str, list[str]]:
    """What each link shows to somebody who is alone."""
    # The embeddings for exact search are read in the background of the first visits.
    assert eventually(lambda: not preparing(place), seconds=120)
    seen = {link: visit(place.address, link).alts for link in place.links}
    assert len({tuple(alts) for alts in seen.values()}) == len(place.links), "all differ"
    assert all(any("rank 1, " in alt and "1.000" in alt for alt in alts) for alts in seen.values())
    return seen


def test_twenty_sessions_while_an_index_run_goes_on(
    place: Place, expected: dict[str, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load(place, expected, 3)  # what grows once, such as thread pools, has grown
    before = resident_bytes(place.process)
    other = dashboard.draw_pictures(tmp_path / "other")
    command = [sys.executable, "-m", "scripts.build_index", str(other), "--collection", "other"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as indexing:
        tally = load(place, expected, SECONDS)
        assert indexing.wait(300) == 0
    grown = resident_bytes(place.process) - before
    times = sorted(tally.milliseconds)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{VISITORS} sessions, {len(times)} pages in {SECONDS:.0f} s: p50 "
            f"{times[len(times) // 2]:.0f} ms, p95 {times[int(0.95 * len(times))]:.0f} ms, memory "
            f"{grown / 1e6:+.0f} MB\n"
        )
    assert tally.faults == []
    assert len(times) >= VISITORS
    # A page that leaked its thumbnails or its session would leave megabytes for each visit.
    assert grown < 100e6 + 0.05e6 * len(times)


def test_sessions_recover_by_themselves_when_the_database_was_killed(
    place: Place, expected: dict[str, list[str]], mortal: MilvusServer
) -> None:
    link = place.links[0]
    mortal.kill()
    assert visit(place.address, link).errors, "the database is down, and the page says so"
    mortal.start()
    deadline = time.monotonic() + 300
    while (page := visit(place.address, link)).errors and time.monotonic() < deadline:
        time.sleep(1)  # between one look and the next
    assert page.alts == expected[link]
    assert load(place, expected, 3).faults == []
