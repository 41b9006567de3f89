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


def run_report(page: Page, gallery: str, view: str = "Classes") -> None:
    page.goto(f"{gallery}/evaluation?view={view}")
    page.get_by_role("button", name="New report").click()
    page.get_by_role("button", name="Run report").click()
    expect(page).to_have_url(re.compile("report="))
    expect(page.get_by_text("Take it along")).to_be_visible()
    browsers.settled(page)
    # The form of the new report may still stand open above what is clicked next.
    page.keyboard.press("Escape")


def downloaded(page: Page, label: str) -> tuple[str, str]:
    with page.expect_download() as waiting:
        page.get_by_role("button", name=label).click()
    file: Download = waiting.value
    return file.suggested_filename, Path(file.path()).read_text(encoding="utf-8-sig")


def test_a_report_is_run_shown_and_taken_along(page: Page, gallery: str) -> None:
    run_report(page, gallery)
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
    assert "<script>alert(1)" not in text
    assert "Plotly.newPlot" in text


def test_the_report_in_a_file_draws_its_charts_without_a_network(
    page: Page, gallery: str, browser: Browser, tmp_path: Path
) -> None:
    run_report(page, gallery)
    _, text = downloaded(page, "Report (HTML)")
    file = tmp_path / "report.html"
    file.write_text(text, encoding="utf-8")
    with browsers.watched_page(browser) as alone:
        alone.context.set_offline(True)
        alone.goto(file.as_uri())
        expect(alone.locator(".js-plotly-plot .main-svg").first).to_be_visible()
        assert alone.locator(".js-plotly-plot").count() == 3


def test_a_report_is_cancelled_and_nothing_of_it_is_kept(browser: Browser, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with pytest.MonkeyPatch.context() as patch:
        dashboard.set_environment(patch, data)
        # Enough queries that the index search of the report takes many seconds.
        made_up.make_database(data, {"apple": 4_000, "banana": 4_000})
        with (
            browsers.serving(*browsers.streamlit_command(), log=tmp_path / "log") as url,
            browsers.watched_page(browser) as page,
        ):
            page.goto(f"{url}/evaluation")
            page.get_by_role("button", name="New report").click()
            page.get_by_role("button", name="Run report").click()
            expect(page.get_by_text(re.compile(r"\d of 8,000, about \d+ s left"))).to_be_visible()
            page.get_by_role("button", name="Cancel").click()
            cancelled = page.get_by_text("The report was cancelled; nothing was saved.")
            # On a machine that is slow to click, the work may be done by then: that is said too.
            ended = page.get_by_text("It had ended before it could be cancelled.")
            expect(cancelled.or_(ended)).to_be_visible()
            is_cancelled = cancelled.is_visible()
            browsers.settled(page)
            expect(page.get_by_role("button", name="New report")).to_be_visible()
    assert bool(list((data / "reports").glob("*"))) is not is_cancelled


def test_a_click_on_a_cell_shows_the_pictures_behind_it(page: Page, gallery: str) -> None:
    run_report(page, gallery, view="Confusion")
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    for label in ("plum", "lime"):
        # A click draws the chart anew, so where the cells lie is read each time.
        browsers.settled(page)
        page.locator(".js-plotly-plot").evaluate("plot => plot.scrollIntoView({block: 'center'})")
        cells = {(asked, got): (x, y) for asked, got, x, y in browsers.steady(page, CELLS)}
        page.mouse.click(*cells[label, label])
        # Six queries with five others each, all among the first ten hits.
        found = page.get_by_text(re.compile(rf"{label} asked, {label} found: \d+ hits"))
        expect(found).to_be_visible()
        expect(page.locator("img[alt*='rank 1']").first).to_have_attribute(
            "alt", re.compile(rf"^{label}/")
        )


def test_the_nprobe_recommended_is_handed_to_the_search_page(page: Page, gallery: str) -> None:
    run_report(page, gallery, view="nprobe")
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
    run_report(page, gallery, view="Hubs")
    slider = page.get_by_role("slider", name="Hits looked at (k)")
    slider.focus()
    slider.press("ArrowLeft")
    expect(page).to_have_url(re.compile("at=5"))
    with browsers.watched_page(browser) as other:
        other.goto(page.url)
        expect(other.get_by_text("Macro precision@5", exact=True)).to_be_visible()
        expect(other.get_by_text("Retrieved most often", exact=True)).to_be_visible()
