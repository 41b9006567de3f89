"""axe-core over every page, in both themes: no serious finding of our making.

Findings of Streamlit itself, which nobody can mend from here, are listed by name; a new one fails.
"""

from collections.abc import Sequence

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from core.dataset.files import image_id
from tests.support import browser as browsers

pytestmark = [pytest.mark.browser]

# Rule -> what of Streamlit breaks it.
STREAMLITS_OWN: dict[str, str] = {}

# Path -> words that show that the page is complete.
PAGES = {
    "": "What looks like this?",
    f"?queries={image_id('lime/2.jpg')}": "hits",
    f"?queries={image_id('lime/2.jpg')}&show=Metric+duel&source=Collection": "overlap@16",
    "evaluation": "New report",
    "embedding_map?method=PCA": "Trustworthiness",
    "collection": "Collection",
    # With a primary button.
    "collection?part=Change": "Verify",
}


@pytest.mark.parametrize("path", PAGES)
def test_no_serious_finding(browser: Browser, gallery: str, path: str) -> None:
    with browsers.watched_page(browser) as page:
        opened(page, f"{gallery}/{path}", PAGES[path])
        found = serious(page)
        page.emulate_media(color_scheme="dark")
        opened(page, f"{gallery}/{path}", PAGES[path])
        # The themes differ in their colours alone.
        assert found + serious(page, rules=["color-contrast"]) == []


def opened(page: Page, address: str, words: str) -> None:
    page.goto(address)
    expect(page.get_by_text(words).first).to_be_visible()
    # What is stale is drawn pale for a moment, and pale text has too little contrast.
    browsers.settled(page)


def serious(page: Page, *, rules: Sequence[str] = ()) -> list[str]:
    """What axe-core finds, by all of its rules or by some."""
    options = {"runOnly": list(rules)} if rules else None
    violations = Axe().run(page, options=options).response["violations"]
    return [
        f"{violation['id']}: {node['html'][:200]}"
        for violation in violations
        if violation["impact"] in ("serious", "critical") and violation["id"] not in STREAMLITS_OWN
        for node in violation["nodes"]
    ]
