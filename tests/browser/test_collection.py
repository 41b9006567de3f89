"""A newcomer indexes a folder from the browser alone, while a second visitor watches and searches.

Real encoder, real database, two sessions; nothing is prepared but a folder of drawn pictures.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from core.dataset.files import image_id
from tests.support import browser as browsers
from tests.support import dashboard

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PHOTOS = Path(__file__).resolve().parents[3] / "shared" / "data" / "grocery" / "fruit"
FIRST, SECOND, ENDLESS = "first", "second", "endless"
# A few seconds on a machine that has nothing else to do; loading PyTorch takes most of them.
RUN_MS = 500_000


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three folders below one root: few pictures, so many that a run can be watched, too many."""
    root = tmp_path_factory.mktemp("newcomer")
    dashboard.draw_pictures(root / "roots" / FIRST)
    # 18 pictures, each of them eight times, with other bytes, so that each has to be encoded.
    for file in sorted(dashboard.draw_pictures(root / "roots" / SECOND).rglob("*.jpg")):
        for number in range(7):
            copy = file.with_name(f"{file.stem}-{number}.jpg")
            copy.write_bytes(file.read_bytes() + bytes([number]))
    dashboard.draw_endless(root / "roots" / ENDLESS)
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
    expect(button).to_be_enabled()
    button.click()


def test_newcomer_builds_a_second_visitor_watches_and_searches(
    browser: Browser, address: str, folders: Path
) -> None:
    with (
        browsers.watched_page(browser) as newcomer,
        browsers.watched_page(browser, scheme="dark", width=390) as visitor,
    ):
        visitor.goto(address)
        expect(visitor.get_by_text("Nothing is indexed yet")).to_be_visible()
        newcomer.goto(address)
        newcomer.get_by_role("button", name="Build a collection").click()
        expect(newcomer.get_by_text("Nothing is indexed yet").first).to_be_visible()
        choose(newcomer, folders / "elsewhere")
        expect(newcomer.get_by_text("does not lie below")).to_be_visible()
        choose(newcomer, folders / "roots" / FIRST)
        expect(newcomer.get_by_text("18 pictures in 3 classes")).to_be_visible()
        build(newcomer)
        expect(newcomer.get_by_text("18 added").first).to_be_visible(timeout=RUN_MS)

        # Who waits before an empty page needs to press nothing.
        expect(visitor.get_by_text("Nothing is indexed yet")).to_have_count(0)
        expect(visitor.get_by_role("radio", name="COSINE")).to_be_checked()
        # What is indexed is searched from then on, also while the next run goes on.
        visitor.goto(f"{address}/collection?part=Health")
        expect(visitor.get_by_text("No problem found in what was checked")).to_be_visible()
        visitor.goto(f"{address}/collection?part=Build")
        newcomer.locator("[data-testid=stToggle], [data-testid=stCheckbox]").first.click()
        choose(newcomer, folders / "roots" / SECOND)
        expect(newcomer.get_by_text("144 pictures in 3 classes")).to_be_visible()
        build(newcomer)
        expect(
            visitor.get_by_text(re.compile("Encoding pictures: .* of 144|144 added")).first
        ).to_be_visible(timeout=RUN_MS)
        # By an upload: the new collection may not have any particular picture yet, nor, for the
        # moment in which it takes the place of the old one, any at all.
        hit = visitor.locator(".st-key-hits img").first
        for _ in range(5):
            visitor.goto(address)
            visitor.get_by_role("region", name="Pictures").wait_for(timeout=RUN_MS)
            visitor.locator("input[type=file]").set_input_files(
                folders / "roots" / FIRST / "lime" / "2.jpg"
            )
            answer = hit.or_(visitor.get_by_text("No hits", exact=True)).first
            expect(answer).to_be_visible(timeout=RUN_MS)
            if hit.is_visible():
                break
        expect(hit).to_be_visible()
        visitor.goto(f"{address}/collection?part=Build")
        expect(visitor.get_by_text(re.compile("144 added")).first).to_be_visible(timeout=RUN_MS)
        expect(newcomer.get_by_text("144 added").first).to_be_visible()
        assert visitor.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_run_is_cancelled_by_one_and_all_are_told(
    browser: Browser, address: str, folders: Path
) -> None:
    with (
        browsers.watched_page(browser) as one,
        browsers.watched_page(browser) as other,
    ):
        for page in (one, other):
            page.goto(f"{address}/collection?part=Build")
            expect(page.get_by_text("Replace what is indexed")).to_be_visible()
        one.locator("[data-testid=stToggle], [data-testid=stCheckbox]").first.click()
        choose(one, folders / "roots" / ENDLESS)
        build(one)
        other.get_by_role("button", name="Cancel").click()
        expect(one.get_by_text("was cancelled")).to_be_visible(timeout=RUN_MS)
        expect(other.get_by_text("was cancelled")).to_be_visible()
        other.get_by_role("button", name="Dismiss").click()
        expect(other.get_by_text("was cancelled")).to_have_count(0)


def test_dashboard_killed_in_a_build_offers_to_go_on_after_the_next_start(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = dashboard.draw_endless(tmp_path / "roots" / "photos")
    dashboard.set_environment(monkeypatch, tmp_path / "data")
    monkeypatch.setenv("ORCHARD_ROOTS", str(tmp_path / "roots"))
    command = browsers.streamlit_command()
    with browsers.started(*command, log=tmp_path / "first") as (address, server):
        # Not watched for faults: the connection breaks.
        page = browser.new_page()
        page.goto(f"{address}/collection")
        choose(page, photos)
        expect(page.get_by_text("618 pictures in 4 classes")).to_be_visible()
        build(page)
        expect(page.get_by_text(re.compile("Encoding pictures: .* of 618"))).to_be_visible(
            timeout=RUN_MS
        )
        server.kill()
        server.wait(30)
        page.close()
    # The rest comes to an end.
    shutil.rmtree(photos / dashboard.LARGE)
    with (
        browsers.serving(*command, log=tmp_path / "second") as address,
        browsers.watched_page(browser) as page,
    ):
        page.goto(f"{address}/collection")
        stopped = page.get_by_text("was cut off when the dashboard stopped")
        expect(stopped).to_be_visible()
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_text(re.compile(r"done in .* added")).first).to_be_visible(
            timeout=RUN_MS
        )
        expect(stopped).to_have_count(0)
        page.goto(f"{address}/collection?part=Health")
        expect(page.get_by_text("No problem found in what was checked")).to_be_visible()


def test_photos_of_fruit_are_indexed_and_searched_from_the_browser_alone(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not PHOTOS.is_dir():
        pytest.skip(f"no photos of fruit beside the repository ({PHOTOS})")
    fruit = tmp_path / "roots" / "grocery" / "fruit"
    labels = ("Apple", "Banana", "Kiwi")
    for label in labels:
        for file in sorted((PHOTOS / label).rglob("*.jpg"))[:7]:
            copy = fruit / file.relative_to(PHOTOS)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy)
    dashboard.set_environment(monkeypatch, tmp_path / "data")
    monkeypatch.setenv("ORCHARD_ROOTS", str(tmp_path / "roots"))
    with (
        browsers.serving(*browsers.streamlit_command(), log=tmp_path / "log") as address,
        browsers.watched_page(browser) as page,
    ):
        page.goto(f"{address}/collection")
        page.get_by_role("combobox", name="Folder of class folders").click()
        # Two levels below the root, and offered without a letter being typed.
        page.get_by_role("option", name=str(fruit), exact=True).click()
        expect(page.get_by_text("21 pictures in 3 classes")).to_be_visible()
        build(page)
        expect(page.get_by_text("21 added").first).to_be_visible(timeout=RUN_MS)
        query = sorted((fruit / "Kiwi").rglob("*.jpg"))[0].relative_to(fruit).as_posix()
        page.goto(f"{address}/?queries={image_id(query)}&k=5")
        expect(page.locator(".st-key-hits img")).to_have_count(5, timeout=RUN_MS)
