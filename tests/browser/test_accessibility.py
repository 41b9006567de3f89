"""Every page in a wide light window: no serious finding of axe-core, and few words.

Findings of Streamlit itself, which nobody can mend from here, are listed by name; a new one fails.
"""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from core.dataset.files import image_id
from tests.support import browser as browsers

pytestmark = [pytest.mark.browser]

# Path -> words that show that the page is complete.
PAGES = {
    "": "What looks like this?",
    f"?queries={image_id('lime/2.jpg')}": "16 of 16 hits",
    f"?queries={image_id('lime/2.jpg')}&show=Metric+duel&source=Collection": "overlap@16",
    "evaluation": "Macro precision@10",
    "evaluation?view=Confusion": "Confused most",
    "embedding_map?method=PCA": "Trustworthiness",
    "collection": "18 pictures",
    # With a primary button.
    "collection?part=Change": "Verify",
    "collection?part=Tune": "Measure indexes",
}
# Texts that can be seen beside pictures, charts, tables and icons.
TEXTS = """() => {
    const other = ['[class*="st-key-tile_"]', '.st-key-duel', '.js-plotly-plot', 'table',
        '[data-testid=stDataFrame]', 'span[translate=no]'].join();
    const texts = [];
    const walker = document.createTreeWalker(
        document.querySelector('[data-testid=stMain]'), NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const box = walker.currentNode.parentElement;
        const {width, height} = box.getBoundingClientRect();
        if (width > 2 && height > 2 && !box.closest(other)
                && box.checkVisibility({visibilityProperty: true, opacityProperty: true}))
            texts.push(walker.currentNode.data);
    }
    return texts.join(' ');
}"""


@pytest.fixture(scope="module", params=PAGES)
def shown(
    request: pytest.FixtureRequest, chromium: Callable[[], Browser], gallery: str
) -> Iterator[Page]:
    """A page, complete; opened once for all tests of this file, which change nothing."""
    with browsers.watched_page(chromium()) as page:
        page.goto(f"{gallery}/{request.param}")
        sign = page.get_by_test_id("stMain").get_by_text(PAGES[request.param])
        expect(sign.first).to_be_visible()
        # What is stale is drawn pale for a moment, and pale text has too little contrast.
        browsers.settled(page)
        yield page


def test_no_serious_finding(shown: Page) -> None:
    assert browsers.serious_findings(shown) == []


def test_at_most_120_words_stand_beside_the_data(shown: Page) -> None:
    words = re.findall(r"[^\W\d_]{2,}", shown.evaluate(TEXTS))
    assert len(words) <= 120, " ".join(words)
