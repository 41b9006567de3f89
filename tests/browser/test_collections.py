"""Another collection is chosen, and two stand side by side, by the presses of a person."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from core.dataset.files import image_id
from tests.support import browser as browsers
from tests.support import dashboard, second

pytestmark = pytest.mark.browser

LIME = image_id("lime/2.jpg")


@pytest.fixture(scope="module")
def address(indexed: dashboard.Indexed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A dashboard with a second collection, of the same pictures by another encoder."""
    root = tmp_path_factory.mktemp("collections")
    with pytest.MonkeyPatch.context() as patch:
        dashboard.set_environment(patch, root / "data")
        indexed.copied_to(root / "data")
        second.add()
        with browsers.serving(*browsers.streamlit_command(), log=root / "log") as url:
            yield url


def test_another_collection_is_chosen_and_the_address_leads_back_to_it(
    page: Page, address: str
) -> None:
    page.goto(f"{address}/?queries={LIME}&k=3")
    expect(page.locator(".st-key-hits img")).to_have_count(3)
    browsers.settled(page)
    page.get_by_role("combobox", name="Collection").click()
    page.get_by_role("option", name=second.NAME).click()
    expect(page).to_have_url(re.compile(f"collection={second.NAME}"))
    page.goto(f"{address}/?collection={second.NAME}&queries={LIME}&k=3")
    # There every class has a direction of its own, so all hits are right.
    first = page.locator(".st-key-hits img").first
    expect(first).to_have_attribute("alt", re.compile("rank 1, lime"))
    expect(page.locator(".st-key-status")).to_contain_text("18 pictures")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 390)])
def test_the_same_query_under_two_collections_side_by_side(
    browser: Browser, address: str, scheme: str, width: int
) -> None:
    with browsers.watched_page(browser, scheme=scheme, width=width) as page:
        page.goto(f"{address}/?queries={LIME}&k=3")
        expect(page.locator(".st-key-hits img")).to_have_count(3)
        browsers.settled(page)
        page.get_by_text("Two collections").click()
        expect(page.locator("img[alt*='rank 3']")).to_have_count(2)
        expect(page.get_by_test_id("stMain").get_by_text(second.NAME).first).to_be_visible()
        browsers.settled(page)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert browsers.serious_findings(page, rules=["color-contrast"]) == []
