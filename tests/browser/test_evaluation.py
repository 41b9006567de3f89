"""The Evaluation page in a real browser: a report from first press to file, and on to Search."""

import csv
import io
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Download, Page, expect

from tests.support import browser as browsers
from tests.support import dashboard, made_up

pytestmark = pytest.mark.browser

# Where the cells of the confusion matrix lie in the window, read from Plotly's own axes.
CELLS = """() => {
    const plot = document.querySelector('.js-plotly-plot');
    const area = plot.getBoundingClientRect();
    const {xaxis, yaxis} = plot._fullLayout;
    return plot._fullData.filter(trace => trace.customdata).flatMap(trace =>
        Array.from(trace.x, (x, i) => [
            trace.y[i], x, area.left + xaxis._offset + xaxis.c2p(xaxis.d2c(x)),
            area.top + yaxis._offset + yaxis.c2p(yaxis.d2c(trace.y[i]))]));
}"""


def open_report(page: Page, gallery: str, view: str = "Classes") -> None:
    """Open the page; the first report makes itself."""
    page.goto(f"{gallery}/evaluation?view={view}")
    expect(page).to_have_url(re.compile("report="))
    expect(page.get_by_role("button", name="Export")).to_be_visible()
    browsers.settled(page)


def downloaded(page: Page, label: str) -> tuple[str, str]:
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Export").click()
        page.get_by_role("button", name=label).click()
    page.keyboard.press("Escape")
    file: Download = waiting.value
    return file.suggested_filename, Path(file.path()).read_text(encoding="utf-8-sig")


def test_a_report_is_run_shown_and_taken_along(
    page: Page, gallery: str, browser: Browser, tmp_path: Path
) -> None:
    open_report(page, gallery)
    first = page.url
    page.get_by_role("button", name="New report").click()
    form = page.get_by_role("dialog")
    form.get_by_role("button", name="Run report").click()
    expect(page).not_to_have_url(first)
    # Else it would lie over the report, and over the Cancel button before.
    expect(form).to_be_hidden()
    browsers.settled(page)
    expect(page.get_by_text("Macro precision@10", exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    name, text = downloaded(page, "Classes (CSV)")
    assert name.endswith("-classes.csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == len(dashboard.COLOURS)
    # Six pictures a class: five others to find for ten hits.
    assert {row["ceiling@10"] for row in rows} == {"0.5"}
    name, text = downloaded(page, "Queries (CSV)")
    assert len(list(csv.DictReader(io.StringIO(text)))) == 18
    name, text = downloaded(page, "Report (HTML)")
    assert "<script" not in text
    file = tmp_path / "report.html"
    file.write_text(text, encoding="utf-8")
    with browsers.watched_page(browser) as alone:
        alone.context.set_offline(True)
        alone.goto(file.as_uri())
        # Bars and pictures stand in the page itself, and fit a phone.
        expect(alone.locator(".bars svg").first).to_be_visible()
        assert alone.locator("img").count() > len(dashboard.COLOURS)
        alone.set_viewport_size({"width": 390, "height": 844})
        assert alone.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_first_report_that_is_cancelled_is_not_kept_nor_begun_again(
    browser: Browser, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    with pytest.MonkeyPatch.context() as patch:
        dashboard.set_environment(patch, data)
        # Enough queries that the index search of the report takes seconds.
        made_up.make_database(data, {"apple": 4_000, "banana": 4_000})
        with (
            browsers.serving(*browsers.streamlit_command(), log=tmp_path / "log") as url,
            browsers.watched_page(browser) as page,
            browsers.watched_page(browser) as other,
        ):
            page.goto(f"{url}/evaluation")
            expect(page.get_by_text(re.compile(r"\d of 2,000, about \d+ s left"))).to_be_visible()
            other.goto(f"{url}/evaluation")
            waiting = other.get_by_text("being made for somebody else")
            shown = other.get_by_text("Macro precision@10", exact=True)
            expect(waiting.or_(shown)).to_be_visible()
            page.get_by_role("button", name="Cancel").click()
            cancelled = page.get_by_text("The report was cancelled; nothing was saved.")
            # On a machine that is slow to click, the work may be done by then: that is said too.
            ended = page.get_by_text("It had ended before it could be cancelled.")
            expect(cancelled.or_(ended)).to_be_visible()
            is_cancelled = cancelled.is_visible()
            for one in (page, other):
                offer = one.get_by_role("button", name="Measure accuracy")
                report = one.get_by_text("Macro precision@10", exact=True)
                expect(offer if is_cancelled else report).to_be_visible()
                browsers.settled(one)
    assert bool(list((data / "reports").glob("*"))) is not is_cancelled


def test_a_click_on_a_bar_and_on_a_cell_shows_the_pictures_behind_it(
    page: Page, gallery: str
) -> None:
    open_report(page, gallery)
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    bars = {label: (x, y) for label, _, x, y in browsers.steady(page, CELLS)}
    x, y = bars["lime"]
    page.mouse.click(x - 20, y)
    expect(page).to_have_url(re.compile("class=lime"))
    expect(page.get_by_text("Worst query of lime")).to_be_visible()
    page.get_by_role("button", name="lime", exact=True).click()
    expect(page).not_to_have_url(re.compile("class="))
    page.get_by_text("Mistakes", exact=True).click()
    expect(page.get_by_role("heading", name="Confused most")).to_be_visible()
    for label in ("plum", "lime"):
        # A click draws the chart anew, so where the cells lie is read each time.
        browsers.settled(page)
        page.locator(".js-plotly-plot").evaluate("plot => plot.scrollIntoView({block: 'center'})")
        cells = {(asked, got): (x, y) for asked, got, x, y in browsers.steady(page, CELLS)}
        page.mouse.click(*cells[label, label])
        # Six queries with five others each, all among the first ten hits.
        found = page.get_by_text(
            re.compile(rf"{label} pictures that brought back {label}: \d+ hits")
        )
        expect(found).to_be_visible()
        expect(page.locator("img[alt^='rank 1,']").first).to_have_attribute(
            "alt", re.compile(rf"^rank 1, {label},")
        )
        expect(page).to_have_url(re.compile(rf"asked={label}&got={label}"))
    # One step back, not one for each of the two classes.
    page.go_back()
    expect(page).to_have_url(re.compile("asked=plum&got=plum"))
    expect(page.get_by_text(re.compile(r"plum pictures that brought back plum"))).to_be_visible()


def test_the_nprobe_recommended_is_handed_to_the_search_page(page: Page, gallery: str) -> None:
    open_report(page, gallery, view="nprobe")
    page.get_by_role("button", name="Measure nprobe").click()
    hand_over = page.get_by_role("button", name=re.compile(r"Search with nprobe \d"))
    expect(hand_over).to_be_visible()
    nprobe = hand_over.inner_text().split()[-1]
    hand_over.click()
    slider = page.get_by_role("slider", name=re.compile("nprobe"))
    expect(slider).to_be_visible()
    expect(slider).to_have_attribute("aria-valuetext", nprobe)
    assert "/evaluation" not in page.url


def test_a_link_opens_the_same_view_of_a_report(page: Page, gallery: str, browser: Browser) -> None:
    open_report(page, gallery, view="Hubs")
    slider = page.get_by_role("slider", name="Top k")
    slider.focus()
    slider.press("ArrowLeft")
    expect(page).to_have_url(re.compile("at=5"))
    with browsers.watched_page(browser) as other:
        other.goto(page.url)
        expect(other.get_by_role("heading", name="of the first 5 hits")).to_be_visible()
        expect(other.get_by_text("Retrieved most often", exact=True)).to_be_visible()
