"""A real browser and a real dashboard for the tests: started, watched for faults, ended."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.support.processes import ending_with_us, free_ports

ROOT = Path(__file__).parents[2]
# The first is Chromium without its own windows, which takes a processor a quarter less.
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))), None
)
# Environment variable of the tests, not of Orchard.
REQUIRE_VARIABLE = "ORCHARD_REQUIRE_BROWSER"
START_SECONDS = 600.0
# How long is waited for something to be seen, pressed or downloaded.
PATIENCE_MS = 240_000

# True once the page has neither run nor drawn nor been about to for half a second. What is pressed
# is sent at once and shows here; what is dragged is sent after 200 ms. Where a kind of element is
# shown for the first time, a grey outline stands until the browser has fetched what draws it.
_QUIET = """() => {
    const app = document.querySelector('[data-testid=stApp]');
    const busy = app?.dataset.testScriptState !== 'notRunning'
        || document.querySelector('[data-stale=true], [data-testid=stSkeleton]')
        || [...document.images].some(image => !image.complete);
    const now = performance.now();
    if (busy || !window.quietSince) window.quietSince = now;
    return !busy && now - window.quietSince > 500;
}"""

# WebGL without a graphics card, and nothing else by way of its stand-in, which is slower than the
# processor itself; nothing that looks for hosts outside.
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-gpu-rasterization",
    "--disable-gpu-compositing",
]

# Without a graphics card a processor draws every frame of a movement.
_STILL = """addEventListener('DOMContentLoaded', () => {
    const style = document.createElement('style');
    style.textContent = `*, *::before, *::after {
        animation-duration: 1ms !important; animation-iteration-count: 1 !important;
        transition-duration: 1ms !important;}`;
    document.head.append(style);
})"""


@contextlib.contextmanager
def launched() -> Iterator[Callable[[], Browser]]:
    """What gives the system's Chromium, started again should it have crashed.

    Without it the test is skipped, in CI it fails.
    """
    if not CHROMIUM:
        reason = "Chromium is not installed (Debian: apt-get install chromium-headless-shell)"
        if os.environ.get(REQUIRE_VARIABLE):
            pytest.fail(f"{REQUIRE_VARIABLE} is set, but {reason}")
        pytest.skip(reason)
    with sync_playwright() as playwright:
        started: list[Browser] = []

        def running() -> Browser:
            if not started or not started[-1].is_connected():
                started.append(
                    playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
                )
            return started[-1]

        yield running
        for chromium in started:
            chromium.close()


@contextlib.contextmanager
def watched_page(
    browser: Browser,
    *,
    scheme: str = "light",
    width: int = 1400,
    height: int = 1000,
    touch: bool = False,
) -> Iterator[Page]:
    """A page that fails the test on a console error, a failed request, a page error or a broken
    picture.
    """
    context = browser.new_context(
        color_scheme=scheme, viewport={"width": width, "height": height}, has_touch=touch
    )
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(_STILL)
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda m: _is_ours(m) and faults.append(f"console: {m.text} {m.location}"))
    page.on("pageerror", lambda error: faults.append(f"page: {error}"))
    # Leaving a page cuts off what it still loads; that is no fault.
    page.on(
        "requestfailed",
        lambda r: (
            r.failure != "net::ERR_ABORTED" and faults.append(f"request: {r.url} {r.failure}")
        ),
    )
    yield page
    # Requests that closing the page cuts off are no fault of the page.
    found = list(faults) + [f"broken picture: {source}" for source in _broken_pictures(page)]
    context.close()
    # No bare assert: pytest explains those of test modules only.
    if found:
        pytest.fail("\n".join(found))


def settled(page: Page) -> None:
    """Return once the page is neither running nor about to run again, and its pictures are there.

    A run that follows at once would replace what is clicked, or take a download or a picture away.
    """
    page.evaluate("window.quietSince = 0")
    page.wait_for_function(_QUIET, polling=100)


def serious_findings(
    page: Page, *, rules: Sequence[str] = (), within: str | None = None
) -> list[str]:
    """What axe-core calls serious or worse, by all of its rules or by some.

    Args:
        within: CSS selector of the part to look at; None looks at the whole page.
    """
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = list(rules)
    violations = Axe().run(page, context=within, options=options).response["violations"]
    return [
        f"{violation['id']}: {node['html'][:200]}"
        for violation in violations
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


def open_controls(page: Page) -> None:
    """Open the side bar, which a narrow window has closed."""
    page.locator(".st-key-status").wait_for(state="attached")
    opener = page.get_by_test_id("stExpandSidebarButton")
    if opener.is_visible():
        opener.click()


def steady(page: Page, script: str) -> Any:
    """What a script returns once it returns the same again a quarter of a second later.

    For places in the window: a page that is still being laid out moves what is about to be clicked.
    """
    before, now = None, page.evaluate(script)
    while before != now:
        page.wait_for_timeout(250)
        before, now = now, page.evaluate(script)
    return now


@contextlib.contextmanager
def serving(*command: str, log: Path, cwd: Path = ROOT) -> Iterator[str]:
    """The dashboard's address while `python COMMAND --port P` (or streamlit's option) runs.

    Args: as for `started`.
    """
    with started(*command, log=log, cwd=cwd) as (url, _):
        yield url


@contextlib.contextmanager
def started(
    *command: str, log: Path, cwd: Path = ROOT
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The dashboard's address and its process, for a test that ends it by force.

    Args:
        command: What follows `python`; `{port}` in it becomes a free port.
        log: Where the output goes; shown when the dashboard does not start.
        cwd: The folder it is started in.
    """
    [port] = free_ports(1)
    words = [word.replace("{port}", str(port)) for word in command]
    with (
        log.open("w") as out,
        subprocess.Popen(
            [sys.executable, *words], cwd=cwd, stdout=out, stderr=out, start_new_session=True
        ) as server,
        ending_with_us(server.pid),
    ):
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_until_healthy(url, server, log)
            yield url, server
        finally:
            server.terminate()


def streamlit_command() -> tuple[str, ...]:
    """What `serving` takes to run the dashboard alone, on whatever is indexed."""
    return ("-m", "streamlit", "run", str(ROOT / "streamlit_app.py"), "--server.port", "{port}")


def _wait_until_healthy(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):
                return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"the dashboard did not start:\n{log.read_text()}")


def _broken_pictures(page: Page) -> list[str]:
    found: list[str] = page.evaluate(
        "[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
    )
    return found


def _is_ours(message: ConsoleMessage) -> bool:
    """An error, but not this one, which is Streamlit's.

    When a page is opened directly, its client asks for PAGE/_stcore/health and the like first, then
    for /_stcore/health.
    """
    url = message.location.get("url", "")
    return message.type == "error" and "/_stcore/" not in url + message.text
