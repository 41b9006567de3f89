"""A newcomer indexes a folder from the browser alone, while a second visitor watches and searches.

Real encoder, real database, two sessions; nothing is prepared but a folder of drawn pictures.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from core.dataset import image_id
from tests import browser as browsers
from tests import dashboard

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FIRST, SECOND = "first", "second"
# A few seconds on a machine that has nothing else to do; loading PyTorch takes most of them.
RUN_MS = 500_000


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders below one root: few pictures, and so many that a run can be watched."""
    root = tmp_path_factory.mktemp("newcomer")
    dashboard.draw_pictures(root / "roots" / FIRST)
    many = root / "roots" / SECOND
    dashboard.draw_pictures(many)
    for file in sorted(many.rglob("*.jpg")):
        for number in range(7):
            copy = file.with_name(f"{file.stem}-{number}.jpg")
            # Other bytes, so that each has to be encoded.
            copy.write_bytes(file.read_bytes() + bytes([number]))
    return root


@pytest.fixture(scope="module")
def address(folders: Path) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        dashboard.set_environment(patch, folders / "data")
        patch.setenv("ORCHARD_ROOTS", str(folders / "roots"))
        with browsers.serving(*browsers.streamlit_command(), log=folders / "log") as url:
            yield url


def choose(page: Page, folder: Path) -> None:
    box = page.get_by_role("combobox", name="Folder of class folders")
    box.click()
    box.fill(str(folder))
    box.press("Enter")


def build(page: Page) -> None:
    button = page.get_by_role("button", name="Build", exact=True)
    expect(button).to_be_enabled(timeout=60_000)
    button.click()


def test_newcomer_builds_a_second_visitor_watches_and_searches(
    browser: Browser, address: str, folders: Path
) -> None:
    with (
        browsers.watched_page(browser) as newcomer,
        browsers.watched_page(browser, scheme="dark", width=390) as visitor,
    ):
        newcomer.goto(address)
        newcomer.get_by_role("button", name="Build a collection").click(timeout=90_000)
        expect(newcomer.get_by_text("Nothing is indexed yet").first).to_be_visible()
        choose(newcomer, folders / "elsewhere")
        expect(newcomer.get_by_text("does not lie below")).to_be_visible(timeout=90_000)
        choose(newcomer, folders / "roots" / FIRST)
        expect(newcomer.get_by_text("18 pictures in 3 classes")).to_be_visible(timeout=90_000)
        build(newcomer)
        expect(newcomer.get_by_text("18 added")).to_be_visible(timeout=RUN_MS)

        # What is indexed is searched from then on, also while the next run goes on.
        visitor.goto(f"{address}/collection")
        expect(visitor.get_by_text("All is well")).to_be_visible(timeout=60_000)
        newcomer.locator("[data-testid=stToggle], [data-testid=stCheckbox]").first.click()
        choose(newcomer, folders / "roots" / SECOND)
        expect(newcomer.get_by_text("144 pictures in 3 classes")).to_be_visible(timeout=90_000)
        build(newcomer)
        expect(
            visitor.get_by_text(re.compile("Encoding pictures: .* of 144|144 added"))
        ).to_be_visible(timeout=RUN_MS)
        visitor.goto(f"{address}/?queries={image_id('lime/2.jpg')}&k=5")
        expect(visitor.locator(".st-key-hits img").first).to_be_visible(timeout=RUN_MS)
        visitor.goto(f"{address}/collection?part=Build")
        expect(visitor.get_by_text(re.compile("144 added"))).to_be_visible(timeout=RUN_MS)
        expect(newcomer.get_by_text("144 added")).to_be_visible(timeout=90_000)
        assert visitor.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_run_is_cancelled_by_one_and_continued_by_another(
    browser: Browser, address: str, folders: Path
) -> None:
    with (
        browsers.watched_page(browser) as one,
        browsers.watched_page(browser) as other,
    ):
        for page in (one, other):
            page.goto(f"{address}/collection?part=Build")
            expect(page.get_by_text("Replace what is indexed")).to_be_visible(timeout=90_000)
        one.locator("[data-testid=stToggle], [data-testid=stCheckbox]").first.click()
        choose(one, folders / "roots" / SECOND)
        build(one)
        other.get_by_role("button", name="Cancel").click(timeout=60_000)
        expect(one.get_by_text("was cancelled")).to_be_visible(timeout=RUN_MS)
        expect(other.get_by_text("was cancelled")).to_be_visible(timeout=90_000)
        other.get_by_role("button", name="Dismiss").click()
        expect(other.get_by_text("was cancelled")).to_have_count(0, timeout=90_000)
