"""Two people at once in two windows: nobody sees the other's picture, hits or settings."""

import pytest
from playwright.sync_api import Browser, expect

from core.dataset.files import image_id
from tests.support import browser as browsers
from tests.support import dashboard

pytestmark = pytest.mark.browser


def test_uploads_hits_and_settings_stay_with_their_visitor(
    browser: Browser, gallery: str, indexed: dashboard.Indexed
) -> None:
    with browsers.watched_page(browser) as one, browsers.watched_page(browser) as two:
        visitors = {"plum": one, "lime": two}
        for page in visitors.values():
            page.goto(gallery)
        for label, page in visitors.items():
            page.set_input_files("input[type=file]", indexed.pictures / label / "3.jpg")
        for page in visitors.values():
            expect(page.locator(".st-key-hits img").first).to_be_visible()
            browsers.settled(page)
        slider = one.get_by_role("slider", name="Top k")
        slider.focus()
        slider.press("ArrowLeft")
        expect(one.get_by_text("15 of 15 hits")).to_be_visible()
        browsers.settled(one)
        expect(two.get_by_text("16 of 16 hits")).to_be_visible()
        for label, page in visitors.items():
            first = page.locator(".st-key-hits img").first.get_attribute("alt")
            assert first and f", {label}, " in first
            expect(page.locator(".st-key-queries img")).to_have_count(1)


FOCUSED = """() => {
    const focused = document.activeElement, style = getComputedStyle(focused);
    const ring = style.outlineStyle !== 'none' || style.boxShadow !== 'none';
    return [Boolean(focused.closest('.st-key-hits')), focused.innerText || '', ring];
}"""


def test_the_actions_of_a_hit_are_reached_by_tab_with_a_visible_focus(
    browser: Browser, gallery: str
) -> None:
    with browsers.watched_page(browser) as page:
        page.goto(f"{gallery}/?queries={image_id('lime/2.jpg')}")
        expect(page.locator(".st-key-hits img").first).to_be_visible()
        browsers.settled(page)
        reached: dict[str, bool] = {}
        for _ in range(120):
            page.keyboard.press("Tab")
            inside, text, ring = page.evaluate(FOCUSED)
            if inside and text.strip():
                reached[text.strip().split()[-1]] = ring
            if len(reached) > 1:
                break
        assert len(reached) > 1 and all(reached.values()), reached
