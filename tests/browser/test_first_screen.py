"""The first screen: how high the hits begin, how many stand in a row, how many words there are."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from core.dataset.files import image_id
from tests.support import browser as browsers

pytestmark = pytest.mark.browser

LIME, PLUM = image_id("lime/2.jpg"), image_id("plum/3.jpg")
# One thousandth of the picture, and what is said of it.
CORNER, UNLIKE = "0.0.30.30", "Unlike anything indexed"
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
PLACES = """() => [...document.querySelectorAll('.st-key-hits img')].map(
    image => Math.round(image.getBoundingClientRect().top))"""

EMPTY_BESIDE = """() => {
    const grid = document.querySelector('.st-key-hits').getBoundingClientRect();
    const rights = [...document.querySelectorAll('.st-key-hits img')].map(
        image => image.getBoundingClientRect().right);
    return grid.right - Math.max(...rights);
}"""


def searched(page: Page, address: str) -> list[int]:
    """Search, and return where the pictures of the hits begin, in pixels from the top."""
    page.goto(address)
    expect(page.locator(".st-key-hits img")).to_have_count(16)
    browsers.settled(page)
    places: list[int] = browsers.steady(page, PLACES)
    return places


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("width", "height", "top", "a_row"),
    [(1400, 900, 200, 5), (1920, 1080, 200, 8), (390, 844, 300, 2)],
)
def test_hits_begin_high_up_and_fill_the_row(
    browser: Browser, gallery: str, scheme: str, *, width: int, height: int, top: int, a_row: int
) -> None:
    with browsers.watched_page(browser, scheme=scheme, width=width, height=height) as page:
        # All that is ever said of an answer: the part of a lime, and the mean of a lime and a plum,
        # are like nothing in the collection.
        for queries in (f"{LIME}&crop={LIME}:{CORNER}", f"{LIME},{PLUM}"):
            places = searched(page, f"{gallery}/?queries={queries}")
            assert any(warning.is_visible() for warning in page.get_by_text(UNLIKE).all())
            assert places[0] < top
            assert places.count(places[0]) >= a_row
            # No band stays empty beside them.
            assert page.evaluate(EMPTY_BESIDE) <= 1


def test_in_a_window_of_middle_width_no_label_breaks_within_a_word(
    browser: Browser, gallery: str
) -> None:
    with browsers.watched_page(browser, width=900, height=900) as page:
        places = searched(page, f"{gallery}/?queries={LIME}")
        assert places.count(places[0]) >= 3
        broken: Any = page.evaluate(
            """() => [...document.querySelectorAll('button p, label p, [role=radio] p')]
                .filter(text => text.checkVisibility({visibilityProperty: true}))
                .filter(text => {
                    const {width, height} = text.getBoundingClientRect();
                    const line = parseFloat(getComputedStyle(text).lineHeight);
                    // More lines than there are words.
                    return width > 2 && Math.round(height / line)
                        > text.innerText.trim().split(/[\\s-]+/).length;
                }).map(text => text.innerText)"""
        )
        assert broken == []


@pytest.mark.parametrize(
    ("path", "sign"),
    [
        (f"?queries={LIME}", "16 of 16 hits"),
        (f"?queries={LIME}&show=Metric+duel", "overlap@16"),
        ("evaluation", "Macro precision@10"),
        ("evaluation?view=Confusion", "Confused most"),
        ("embedding_map?method=PCA", "Trustworthiness"),
        ("collection", "18 pictures"),
    ],
)
def test_a_page_with_results_has_at_most_120_words_beside_them(
    browser: Browser, gallery: str, path: str, sign: str
) -> None:
    with browsers.watched_page(browser) as page:
        page.goto(f"{gallery}/{path}")
        expect(page.locator("[data-testid=stMain]").get_by_text(sign).first).to_be_visible()
        browsers.settled(page)
        words = re.findall(r"[^\W\d_]{2,}", page.evaluate(TEXTS))
        assert len(words) <= 120, " ".join(words)


def test_from_a_hit_to_the_map_and_back_takes_two_presses(browser: Browser, gallery: str) -> None:
    with browsers.watched_page(browser) as page:
        searched(page, f"{gallery}/?queries={LIME}&metric=L2")
        page.get_by_role("button", name="What else can be done with rank 1", exact=True).click()
        page.get_by_text("Show on the map", exact=True).click()
        expect(page).to_have_url(re.compile("embedding_map.*map_picture="))
        # By the metric that the hit was found by.
        assert "map_metric=L2" in page.url
        page.go_back()
        expect(page.locator(".st-key-hits img")).to_have_count(16)
        expect(page).to_have_url(re.compile(f"queries={LIME}"))
