"""Every page in a narrow dark window: drawn whole, in the dark theme, and nothing sticks out."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from core.dataset.files import image_id
from tests.support import browser as browsers

pytestmark = pytest.mark.browser

QUERY = f"queries={image_id('lime/2.jpg')}"

# Controls that cannot be reached: they stick out of the window, and not in a row that scrolls.
OUT_OF_REACH = """() => {
    const scrolls = box => box && box.dataset.testid !== 'stMain' && (
        ['auto', 'scroll'].includes(getComputedStyle(box).overflowX) && box.clientWidth
            < box.scrollWidth || scrolls(box.parentElement));
    return [...document.querySelectorAll(
            '[data-testid=stMain] :is(button, input:not([type=range]), [role=combobox])')]
        .filter(control => control.checkVisibility(
            {visibilityProperty: true, opacityProperty: true}))
        .filter(control => {
            const {left, right, width} = control.getBoundingClientRect();
            return width > 1 && (left < 0 || right > window.innerWidth) && !scrolls(control);
        })
        .map(control => control.outerHTML.slice(0, 200));
}"""
IS_WITHIN = "document.documentElement.scrollWidth <= window.innerWidth"
# From 0, black, to 255.
BRIGHTNESS = """() => {
    const colour = getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor;
    return Math.max(...colour.match(/\\d+/g).slice(0, 3).map(Number));
}"""


def empty(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_text("What looks like this?").first).to_be_visible()


def search(page: Page, address: str) -> None:
    page.goto(f"{address}/?{QUERY}")
    expect(page.locator(".st-key-hits img")).to_have_count(16)
    for image in page.locator(".st-key-hits img").all():
        image.scroll_into_view_if_needed()
        expect(image).to_have_js_property("complete", True)


def duel(page: Page, address: str) -> None:
    page.goto(f"{address}/?{QUERY}&show=Metric+duel&source=Collection")
    expect(page.get_by_text("overlap@16").first).to_be_visible()


def evaluation(page: Page, address: str) -> None:
    page.goto(f"{address}/evaluation")
    expect(page).to_have_url(re.compile("report="))
    expect(page.get_by_text("Macro precision@10", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Export")).to_be_visible()


def confusion(page: Page, address: str) -> None:
    page.goto(f"{address}/evaluation?view=Confusion")
    expect(page).to_have_url(re.compile("report="))
    expect(page.get_by_role("radio", name="Confusion")).to_be_checked()
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()


def embedding_map(page: Page, address: str) -> None:
    page.goto(f"{address}/embedding_map?method=PCA")
    expect(page.locator(".js-plotly-plot .nsewdrag").first).to_be_visible()
    expect(page.get_by_text("Trustworthiness").first).to_be_visible()


def collection(page: Page, address: str) -> None:
    page.goto(f"{address}/collection")
    expect(page.locator(".st-key-browse_pictures img")).to_have_count(18)


def change(page: Page, address: str) -> None:
    """The part with a primary button."""
    page.goto(f"{address}/collection?part=Change")
    expect(page.get_by_test_id("stMain").get_by_text("Verify").first).to_be_visible()


PAGES = [empty, search, duel, evaluation, confusion, embedding_map, collection, change]


@pytest.fixture(scope="module", params=PAGES, ids=lambda opened: opened.__name__)
def shown(
    request: pytest.FixtureRequest, chromium: Callable[[], Browser], gallery: str
) -> Iterator[Page]:
    """A page, complete; opened once for all tests of this file."""
    with browsers.watched_page(chromium(), scheme="dark", width=390, height=1500) as page:
        request.param(page, gallery)
        browsers.settled(page)
        yield page


def test_nothing_sticks_out(shown: Page) -> None:
    assert shown.evaluate(IS_WITHIN)
    assert browsers.steady(shown, OUT_OF_REACH) == []


def test_it_is_dark_and_its_texts_are_readable_those_of_the_side_bar_too(shown: Page) -> None:
    assert shown.evaluate(BRIGHTNESS) < 64
    # The side bar is closed, but it is there.
    expect(shown.locator(".st-key-status")).to_contain_text("18 pictures")
    found = browsers.serious_findings(shown, rules=["color-contrast"])
    browsers.open_controls(shown)
    browsers.settled(shown)
    # The themes differ in their colours alone.
    side_bar = "[data-testid=stSidebar]"
    found += browsers.serious_findings(shown, rules=["color-contrast"], within=side_bar)
    assert found == []


def test_nothing_sticks_out_of_any_part_of_the_collection_page(
    browser: Browser, gallery: str
) -> None:
    with browsers.watched_page(browser, scheme="dark", width=390, height=1500) as page:
        page.goto(f"{gallery}/collection")
        for part in ("Build", "Health", "Tune", "History"):
            page.get_by_role("radio", name=part).click()
            expect(page.get_by_role("radio", name=part)).to_be_checked()
            browsers.settled(page)
            assert page.evaluate(IS_WITHIN)
            assert browsers.steady(page, OUT_OF_REACH) == []


def test_a_page_that_is_turned_dark_while_it_is_open_has_the_colours_of_the_dark(
    browser: Browser, gallery: str
) -> None:
    with browsers.watched_page(browser) as page:
        change(page, gallery)
        drop = page.locator(".st-key-danger_drop button")
        expect(drop).to_have_css("color", "rgb(179, 38, 30)")
        page.emulate_media(color_scheme="dark")
        # Python chooses this one: the browser alone would leave it as it was.
        expect(drop).to_have_css("color", "rgb(255, 138, 128)")
        browsers.settled(page)
        assert browsers.serious_findings(page, rules=["color-contrast"]) == []


def test_so_has_one_that_is_turned_dark_while_it_is_drawn_for_the_first_time(
    browser: Browser, gallery: str
) -> None:
    told: list[Callable[[], None]] = []
    is_open = False

    def hold(browser_end: WebSocketRoute) -> None:
        """Let the first message through, which has the theme's colours, and hold the others."""

        def forward(message: str | bytes) -> None:
            told.append(partial(browser_end.send, message))
            if is_open or len(told) == 1:
                told[-1]()

        browser_end.connect_to_server().on_message(forward)

    with browsers.watched_page(browser) as page:
        page.route_web_socket(re.compile("/_stcore/stream"), hold)
        page.goto(f"{gallery}/collection?part=Change")
        expect(page.get_by_test_id("stApp")).to_have_css("color", "rgb(18, 17, 16)")
        page.emulate_media(color_scheme="dark")
        expect(page.get_by_test_id("stApp")).to_have_css("color", "rgb(236, 234, 230)")
        for let_through in islice(told, 1, None):
            let_through()
        is_open = True
        expect(page.locator(".st-key-danger_drop button")).to_have_css(
            "color", "rgb(255, 138, 128)"
        )
