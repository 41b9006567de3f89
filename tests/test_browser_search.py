"""What only a browser shows: `make app`'s server, an upload, a slider, no errors, both themes."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests import dashboard

ROOT = Path(__file__).parent.parent
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        reason = "Chromium is not installed (Debian: apt-get install chromium)"
        if os.environ.get("ORCHARD_REQUIRE_BROWSER"):
            pytest.fail(reason)
        pytest.skip(reason)
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The dashboard as `make app DATASET=...` starts it, on a free port."""
    root = tmp_path_factory.mktemp("browser")
    pictures = dashboard.draw_pictures(root / "pictures")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.MonkeyPatch.context() as patch:
        dashboard.set_environment(patch, root / "data")
        command = [sys.executable, "-m", "scripts.start", "--dataset", str(pictures)]
        log = (root / "log").open("w")
        with (
            log,
            subprocess.Popen(
                [*command, "--port", str(port)], cwd=ROOT, stdout=log, stderr=log
            ) as server,
        ):
            url = f"http://127.0.0.1:{port}"
            wait_until_healthy(url, server, root / "log")
            yield url
            server.terminate()


def wait_until_healthy(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):
                return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"the dashboard did not start:\n{log.read_text()}")


@pytest.fixture(params=[("light", 1400), ("dark", 390)], ids=["light-wide", "dark-narrow"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page that fails the test on a console error, a failed request or a page error."""
    scheme, width = request.param
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 1000})
    context.set_default_timeout(60_000)
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda m: is_ours(m) and faults.append(f"console: {m.text} {m.location}"))
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
    found = list(faults)
    context.close()
    assert not found


def is_ours(message: ConsoleMessage) -> bool:
    """An error, but not of Streamlit's search for its base path when a page is opened directly.

    Its client asks for PAGE/_stcore/health and the like first, then for /_stcore/health.
    """
    return message.type == "error" and "/_stcore/" not in message.location.get("url", "")


def test_an_uploaded_picture_finds_itself_and_a_slider_changes_the_answer(
    page: Page, address: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    picture = dashboard.draw_pictures(tmp_path_factory.mktemp("upload") / "p") / "plum" / "3.jpg"
    page.goto(address)
    expect(page.get_by_text("What looks like this?")).to_be_visible(timeout=60_000)
    page.set_input_files("input[type=file]", picture)
    first = page.locator(".st-key-hits img").first
    expect(first).to_be_visible(timeout=60_000)
    # The bytes are those of an indexed picture, whose cosine with itself is 1.
    expect(first).to_have_attribute("alt", "rank 1, plum, similarity 1.000")
    expect(page.locator(".st-key-hits img")).to_have_count(16)
    for image in page.locator(".st-key-hits img").all():
        expect(image).to_have_js_property("complete", True)
        assert image.evaluate("image => image.naturalWidth") > 0

    slider = page.get_by_role("slider", name="Hits (k)")
    slider.focus()
    for _ in range(6):
        slider.press("ArrowLeft")
    expect(page.get_by_text("10 of 10 hits")).to_be_visible()
    expect(page).to_have_url(f"{address}/?k=10")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_link_opens_the_same_view_and_labels_are_text(page: Page, address: str) -> None:
    page.goto(f"{address}/?source=Collection&query_class=lime&picture=2.jpg&metric=L2&k=17")
    expect(page.get_by_text("17 of 17 hits")).to_be_visible(timeout=60_000)
    # 18 pictures without the query: the class with the awkward name must be among the 17 hits.
    expect(page.get_by_text("<script>alert(1)<").first).to_be_visible()
    assert page.locator("strong", has_text="bold").count() == 0


def test_every_page_opens_with_the_status_strip(page: Page, address: str) -> None:
    for path, words in {
        "evaluation": "New report",
        "embedding_map": "Embedding map",
        "collection": "This page will show what is indexed",
    }.items():
        page.goto(f"{address}/{path}")
        main = page.get_by_role("main").or_(page.locator("[data-testid=stMain]")).first
        expect(main.get_by_text(words).first).to_be_visible(timeout=60_000)
        expect(page.get_by_text("Offline encoder.")).to_be_visible()
        # In a narrow window the side bar is closed, but it is there.
        expect(page.locator(".st-key-status")).to_contain_text("Rows: 18")
