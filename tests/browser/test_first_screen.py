"""The first screen: how high the hits begin, and how many stand in a row."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from core.dataset.files import image_id
from tests.support import browser as browsers

pytestmark = pytest.mark.browser

LIME, PLUM = image_id("lime/2.jpg"), image_id("plum/3.jpg")
# One thousandth of the picture, and what is said of it.
CORNER, UNLIKE = "0.0.30.30", "Unlike anything indexed"
PLACES = """() => [...document.querySelectorAll('.st-key-hits img')].map(
    image => Math.round(image.getBoundingClientRect().top))"""

EMPTY_BESIDE = """() => {
    const grid = document.querySelector('.st-key-hits').getBoundingClientRect();
    const rights = [...document.querySelectorAll('.st-key-hits img')].map(
        image => image.getBoundingClientRect().right);
    return grid.right - Math.max(...rights);
}"""
# Buttons and labels with more lines than words.
BROKEN_LABELS = """() => [...document.querySelectorAll('button p, label p, [role=radio] p')]
    .filter(text => text.checkVisibility({visibilityProperty: true}))
    .filter(text => {
        const {width, height} = text.getBoundingClientRect();
        const line = parseFloat(getComputedStyle(text).lineHeight);
        return width > 2
            && Math.round(height / line) > text.innerText.trim().split(/[\\s-]+/).length;
    }).map(text => text.innerText)"""


def searched(page: Page, address: str) -> list[int]:
    """Search, and return where the pictures of the hits begin, in pixels from the top."""
    page.goto(address)
    expect(page.locator(".st-key-hits img")).to_have_count(16)
    return hits_begin_at(page)


def hits_begin_at(page: Page) -> list[int]:
    browsers.settled(page)
    places: list[int] = browsers.steady(page, PLACES)
    return places


# All that is ever said of an answer: the corner of a lime, and its mean with a plum, are like
# nothing in the collection.
@pytest.mark.parametrize("queries", [f"{LIME}", f"{LIME},{PLUM}"], ids=["one", "mean"])
def test_hits_begin_high_up_and_fill_the_row(browser: Browser, gallery: str, queries: str) -> None:
    with browsers.watched_page(browser, width=390, height=844) as page:
        searched(page, f"{gallery}/?queries={queries}&crop={LIME}:{CORNER}")
        for width, height, top, a_row in ((390, 844, 300, 2), (1400, 900, 200, 5)):
            page.set_viewport_size({"width": width, "height": height})
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                places = hits_begin_at(page)
                assert any(warning.is_visible() for warning in page.get_by_text(UNLIKE).all())
                assert places[0] < top, (width, scheme)
                assert places.count(places[0]) >= a_row, (width, scheme)
                # No band stays empty beside them.
                assert page.evaluate(EMPTY_BESIDE) <= 1, (width, scheme)


def test_a_wide_window_has_eight_in_a_row_and_in_a_middling_one_no_label_breaks_within_a_word(
    browser: Browser, gallery: str
) -> None:
    with browsers.watched_page(browser, width=1920, height=1080) as page:
        places = searched(page, f"{gallery}/?queries={LIME}")
        assert places[0] < 200
        assert places.count(places[0]) >= 8
        page.set_viewport_size({"width": 900, "height": 900})
        places = hits_begin_at(page)
        assert places.count(places[0]) >= 3
        assert page.evaluate(BROKEN_LABELS) == []


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
