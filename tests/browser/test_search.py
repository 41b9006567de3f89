"""What only a browser shows: `make app`'s server, an upload, a slider, no errors, both themes."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from core.dataset.files import image_id
from tests.support import browser as browsers
from tests.support import dashboard

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The dashboard as `make app DATASET=...` starts it, on a free port."""
    root = tmp_path_factory.mktemp("browser")
    pictures = dashboard.draw_pictures(root / "pictures")
    command = ["-m", "scripts.start", "--dataset", str(pictures), "--port", "{port}"]
    with pytest.MonkeyPatch.context() as patch:
        dashboard.set_environment(patch, root / "data")
        with browsers.serving(*command, log=root / "log") as url:
            yield url


def test_an_uploaded_picture_finds_itself_and_a_slider_changes_the_answer(
    page: Page, address: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    picture = dashboard.draw_pictures(tmp_path_factory.mktemp("upload") / "p") / "plum" / "3.jpg"
    page.goto(address)
    expect(page.get_by_text("What looks like this?")).to_be_visible()
    page.set_input_files("input[type=file]", picture)
    first = page.locator(".st-key-hits img").first
    expect(first).to_be_visible()
    # The bytes are those of an indexed picture, which is left out until it is asked for.
    itself = re.compile("rank 1, plum, similarity 1.000")
    expect(first).not_to_have_attribute("alt", itself)
    # What is pressed while the page is drawn anew, with what exact search has found, is lost.
    browsers.settled(page)
    page.get_by_role("button", name="Show", exact=True).click()
    expect(first).to_have_attribute("alt", itself)
    expect(page.locator(".st-key-hits img")).to_have_count(16)
    for image in page.locator(".st-key-hits img").all():
        expect(image).to_have_js_property("complete", True)
        assert image.evaluate("image => image.naturalWidth") > 0

    slider = page.get_by_role("slider", name="Top k")
    slider.focus()
    for _ in range(6):
        slider.press("ArrowLeft")
    expect(page.get_by_text("10 of 10 hits")).to_be_visible()
    expect(page).to_have_url(f"{address}/?hide_query=false&k=10")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_link_opens_the_same_view_and_labels_are_text(page: Page, address: str) -> None:
    page.goto(f"{address}/?queries={image_id('lime/2.jpg')}&metric=L2&k=17")
    expect(page.get_by_text("17 of 17 hits")).to_be_visible()
    # 18 pictures without the query: the class with the awkward name must be among the 17 hits.
    expect(page.get_by_text("<script>alert(1)<").first).to_be_visible()
    assert page.locator("strong", has_text="bold").count() == 0


def test_every_page_opens_with_a_line_about_the_collection(page: Page, address: str) -> None:
    for path, words in {
        "evaluation": "of the first 10 hits",
        "embedding_map": "Embedding map",
        "collection": "Sizes, damage and duplicates",
    }.items():
        page.goto(f"{address}/{path}")
        main = page.get_by_role("main").or_(page.locator("[data-testid=stMain]")).first
        expect(main.get_by_text(words).first).to_be_visible()
        strip = page.locator(".st-key-status")
        expect(strip).to_contain_text("18 pictures")
        strip.get_by_role("button", name="Offline encoder").click()
        expect(page.get_by_text("Real photos deserve ResNet-50")).to_be_visible()
