"""A newcomer's first five minutes in a real browser, from what `make app` starts to every page."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support import browser as browsers
from tests.support import dashboard

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What `make app` runs on a machine that has nothing, with a smaller sample."""
    root = tmp_path_factory.mktemp("newcomer")
    command = ["-m", "scripts.start", "--port", "{port}", "--per-class", "6"]
    with pytest.MonkeyPatch.context() as patch:
        dashboard.set_environment(patch, root / "data")
        with browsers.serving(*command, log=root / "log") as url:
            yield url


def go_to(page: Page, name: str) -> None:
    page.get_by_role("link", name=name).first.click()
    expect(page).to_have_url(re.compile(name.lower().replace(" ", "_")))


def test_from_the_first_page_to_a_search_a_report_a_map_and_a_healthy_collection(
    browser: Browser, address: str
) -> None:
    with browsers.watched_page(browser) as page:
        page.goto(address)
        page.get_by_test_id("stMain").get_by_text("Collection", exact=True).first.click()
        page.get_by_role("button", name="Random picture").first.click()
        expect(page.locator(".st-key-hits img")).to_have_count(16)
        browsers.settled(page)
        page.locator(".st-key-hits").get_by_role("button", name="Search with rank 1").first.click()
        expect(page).to_have_url(re.compile(r"queries=\d+"))
        browsers.settled(page)

        go_to(page, "Evaluation")
        expect(page.get_by_text("Macro precision@10", exact=True)).to_be_visible()
        browsers.settled(page)

        go_to(page, "Embedding map")
        expect(page.get_by_text("UMAP on embeddings reduced")).to_be_visible()
        expect(page.locator(".js-plotly-plot .gl-canvas").first).to_be_visible()
        browsers.settled(page)

        go_to(page, "Collection")
        expect(page.locator(".st-key-browse_pictures img")).to_have_count(30)
        # What is pressed while the page is drawn anew is lost.
        browsers.settled(page)
        page.locator(".st-key-class_bars").get_by_text("mango").click()
        expect(page).to_have_url(re.compile("browse_class=mango"))
        browsers.settled(page)
        page.get_by_role("radio", name="Health").click()
        expect(page.get_by_text("No problem found in what was checked")).to_be_visible()
        browsers.settled(page)
        page.get_by_role("button", name="self-test").click()
        expect(page.get_by_text("All checks passed, 2")).to_be_visible()
