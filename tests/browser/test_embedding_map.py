"""The map in a real browser: a box and a lasso give exactly the pictures that lie inside."""

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.pages.embedding_map.test_page import set_environment
from tests.support import browser as browsers
from tests.support import map_collection

pytestmark = pytest.mark.browser

# Where every point of the map lies in the window, read from Plotly's own axes.
POINTS = """() => {
    const plot = document.querySelector('.js-plotly-plot');
    const area = plot.querySelector('.nsewdrag').getBoundingClientRect();
    const {xaxis, yaxis} = plot._fullLayout;
    return plot._fullData.filter(trace => trace.customdata).flatMap(trace =>
        Array.from(trace.x, (x, i) => [
            trace.name, area.left + xaxis.d2p(x), area.top + yaxis.d2p(trace.y[i])]));
}"""

# So many that a selection of all is more than one page of fifty pictures.
PER_CLASS = 20
ROWS = 3 * PER_CLASS

Point = tuple[str, float, float]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A dashboard on a collection of three classes that lie far apart."""
    root = tmp_path_factory.mktemp("browser_map")
    with pytest.MonkeyPatch.context() as patch:
        set_environment(patch, root / "data")
        map_collection.build(map_collection.draw(root / "pictures", per_class=PER_CLASS))
        with browsers.serving(*browsers.streamlit_command(), log=root / "log") as url:
            yield f"{url}/embedding_map"


def open_map(page: Page, address: str) -> list[Point]:
    # PCA is there at once and does not change under the test.
    page.goto(f"{address}?method=PCA")
    expect(page.locator(".js-plotly-plot .nsewdrag").first).to_be_visible()
    # The neighbours are computed in the background; with them the tooltips change.
    expect(page.locator("[class*=st-key-map_progress]")).to_have_count(0)
    browsers.settled(page)
    points = [(str(name), float(x), float(y)) for name, x, y in browsers.steady(page, POINTS)]
    assert len(points) == ROWS
    return points


def drag(page: Page, corners: Sequence[tuple[float, float]]) -> None:
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=8)
    page.mouse.up()


def take(page: Page, tool: str) -> None:
    page.locator(".js-plotly-plot").first.hover()
    page.locator(f'[data-title="{tool}"]').first.click()


def downloaded(page: Page, button: str, *, of: str = ".st-key-exports") -> bytes:
    with page.expect_download() as waiting:
        page.locator(of).get_by_role("button", name="Export").click()
        page.get_by_role("button", name=button, exact=True).click()
    page.keyboard.press("Escape")
    return waiting.value.path().read_bytes()


def frame_around(points: Sequence[Point]) -> tuple[float, float, float, float]:
    xs, ys = [x for _, x, _ in points], [y for _, _, y in points]
    return min(xs) - 6, min(ys) - 6, max(xs) + 6, max(ys) + 6


def inside(points: Sequence[Point], frame: tuple[float, float, float, float]) -> list[Point]:
    left, top, right, bottom = frame
    return [p for p in points if left <= p[1] <= right and top <= p[2] <= bottom]


def expect_pictures_of(page: Page, label: str) -> None:
    count = PER_CLASS
    expect(page.get_by_text(f"{count} pictures selected")).to_be_visible()
    expect(page.get_by_text(f"{label} {count}", exact=True)).to_be_visible()
    images = page.locator(".st-key-selected img")
    expect(images).to_have_count(count)
    alts = [image.get_attribute("alt") for image in images.all()]
    # A picture's text names its class and its file.
    assert sorted(map(str, alts)) == [f"{label}, {label}/{n:02}.jpg" for n in range(count)]
    for image in images.all():
        image.scroll_into_view_if_needed()
        expect(image).to_have_js_property("complete", True)
        assert image.evaluate("image => image.naturalWidth") > 0


def test_a_lasso_shows_the_pictures_inside(page: Page, address: str) -> None:
    points = open_map(page, address)
    limes = [point for point in points if point[0] == "lime"]
    left, top, right, bottom = frame = frame_around(limes)
    assert inside(points, frame) == limes, "the classes lie apart, or the test would prove nothing"
    take(page, "Lasso Select")
    drag(page, [(left, top), (right, top), (right, bottom), (left, bottom), (left, top + 1)])
    expect_pictures_of(page, "lime")
    lines = downloaded(page, "CSV", of=".st-key-selection_actions").decode("utf-8-sig").splitlines()
    assert lines[0] == "id,path,class,purity,x,y"
    assert len(lines) == 1 + PER_CLASS
    assert all(",lime," in line for line in lines[1:])
    with zipfile.ZipFile(
        io.BytesIO(downloaded(page, "ZIP", of=".st-key-selection_actions"))
    ) as archive:
        names = sorted(archive.namelist())
    assert names == [f"lime/{n:02}.jpg" for n in range(PER_CLASS)]
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_box_shows_the_pictures_inside_and_one_of_them_its_neighbours(
    page: Page, address: str
) -> None:
    points = open_map(page, address)
    plums = [point for point in points if point[0] == "plum"]
    left, top, right, bottom = frame = frame_around(plums)
    assert inside(points, frame) == plums
    take(page, "Box Select")
    drag(page, [(left, top), (right, bottom)])
    expect_pictures_of(page, "plum")
    page.locator(".st-key-selected").get_by_role("button", name="Find plum").first.click()
    expect(page.get_by_text("and its true nearest neighbours")).to_be_visible()
    # The picture and its 15 nearest; the selection is still there below.
    expect(page.locator(".st-key-near img")).to_have_count(16)
    expect(page.locator(".st-key-selected img")).to_have_count(PER_CLASS)
    page.get_by_text("Search with it").click()
    expect(page.get_by_text("hits").first).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?queries=\d+"))
    expect(page.locator(".st-key-queries img").first).to_have_attribute(
        "alt", re.compile("the query, plum/")
    )


def test_the_map_is_taken_away_as_one_file_that_opens_by_itself(
    page: Page, address: str, tmp_path: Path
) -> None:
    open_map(page, address)
    assert len(downloaded(page, "Positions as CSV").splitlines()) == 1 + ROWS
    file = tmp_path / "map.html"
    file.write_bytes(downloaded(page, "Map as HTML"))
    page.context.set_offline(True)
    page.goto(file.as_uri())
    expect(page.locator(".js-plotly-plot .nsewdrag").first).to_be_visible()
    assert len(page.evaluate(POINTS)) == ROWS


def test_a_click_selects_one_point_and_the_legend_filters(page: Page, address: str) -> None:
    points = open_map(page, address)
    # The point of the limes that lies farthest from the others of its class is hit for sure.
    limes = [point for point in points if point[0] == "lime"]
    lonely = max(limes, key=lambda p: min(_distance(p, q) for q in limes if q is not p))
    page.mouse.click(lonely[1], lonely[2])
    expect(page.get_by_text("1 picture selected")).to_be_visible()
    expect(page.locator(".st-key-selected img")).to_have_count(1)
    browsers.settled(page)
    page.locator(".legendtoggle").nth(0).click()
    hidden = "document.querySelector('.js-plotly-plot')._fullData.filter(t => t.visible !== true)"
    page.wait_for_function(f"{hidden}.length === 1")
    assert page.evaluate(f"{hidden}[0].name") == page.evaluate(
        "document.querySelector('.js-plotly-plot')._fullData[0].name"
    )


def test_three_dimensions_are_drawn_and_turned(page: Page, address: str) -> None:
    page.goto(f"{address}?method=PCA&dimensions=3")
    scene = page.locator(".js-plotly-plot .gl-container canvas").first
    expect(scene).to_be_visible()
    browsers.settled(page)
    eye = "JSON.stringify(document.querySelector('.js-plotly-plot')._fullLayout.scene.camera.eye)"
    before = page.evaluate(eye)
    box = scene.bounding_box()
    assert box
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    drag(page, [middle, (middle[0] + 90, middle[1] + 40)])
    page.wait_for_function(f"{eye} !== {before!r}")


def test_a_selection_of_many_pictures_comes_in_pages_of_fifty(page: Page, address: str) -> None:
    left, top, right, bottom = frame_around(open_map(page, address))
    take(page, "Lasso Select")
    drag(page, [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)])
    expect(page.get_by_text("60 pictures selected")).to_be_visible()
    expect(page.locator(".st-key-selected img")).to_have_count(50)
    page.get_by_role("button", name="Page 2").first.click()
    expect(page.locator(".st-key-selected img")).to_have_count(10)


def _distance(one: Point, other: Point) -> float:
    return (one[1] - other[1]) ** 2 + (one[2] - other[2]) ** 2
