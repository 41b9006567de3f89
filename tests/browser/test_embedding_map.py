"""The map in a real browser: a picture under the pointer, a view that stays, regions as lists."""

import html
import io
import re
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.pages.embedding_map.test_page import set_environment
from tests.support import browser as browsers
from tests.support import map_collection
from tests.support.map_collection import COLOURS

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
# What a person has turned the map to: the part that is shown, the tool, what is selected.
VIEW = """() => {
    const plot = document.querySelector('.js-plotly-plot');
    const {xaxis, yaxis, dragmode, selections} = plot._fullLayout;
    const bright = plot._fullData.flatMap(trace => trace.selectedpoints
        ? Array.from(trace.selectedpoints, i => trace.customdata[i]) : []);
    return {x: xaxis.range, y: yaxis.range, tool: dragmode,
            outlines: selections.map(one => one.path), bright: bright.sort((a, b) => a - b)};
}"""

# So many that a selection of all is more than one page of fifty pictures.
PER_CLASS = 20
ROWS = 3 * PER_CLASS
# Collections of so many equal pictures of one class, by their count.
FEW = {count: f"few_{count}" for count in (1, 2, 6)}
LONG = '<img src=x onerror="document.title=1">\'&'.ljust(200, "x")

Point = tuple[str, float, float]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A dashboard on a collection of three classes that lie far apart, and on those of `FEW`."""
    root = tmp_path_factory.mktemp("browser_map")
    with pytest.MonkeyPatch.context() as patch:
        set_environment(patch, root / "data")
        map_collection.build(map_collection.draw(root / "pictures", per_class=PER_CLASS))
        for count, name in FEW.items():
            few = map_collection.draw(root / name, per_class=count, classes=(LONG,))
            files = [f"{LONG}/{number:02}.jpg" for number in range(count)]
            patch.setenv("ORCHARD_COLLECTION", name)
            map_collection.build(few, {file: np.ones(4, dtype="f4") for file in files})
        patch.delenv("ORCHARD_COLLECTION")
        with browsers.serving(*browsers.streamlit_command(), log=root / "log") as url:
            yield f"{url}/embedding_map"


def open_map(page: Page, address: str) -> list[Point]:
    # PCA is there at once and does not change under the test.
    page.goto(address if "?" in address else f"{address}?method=PCA")
    expect(page.locator(".js-plotly-plot .nsewdrag").first).to_be_visible()
    # The neighbours are computed in the background; with them the tooltips change.
    expect(page.locator("[class*=st-key-map_progress]")).to_have_count(0)
    browsers.settled(page)
    return points_of(page)


@pytest.fixture(scope="module")
def opened(chromium: Callable[[], Browser], address: str) -> Iterator[Page]:
    """A map, opened once for the tests that change but what a press on "Back to all" undoes."""
    with browsers.watched_page(chromium(), height=1500) as page:
        open_map(page, address)
        yield page


@pytest.fixture
def whole(opened: Page) -> Page:
    """That map, all of its points in sight and none pointed at."""
    opened.mouse.move(5, 5)
    back = opened.get_by_role("button", name="Back to all")
    if back.is_visible():
        back.click()
    expect(back).to_be_hidden()
    return opened


def points_of(page: Page) -> list[Point]:
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
    expect(page).to_have_url(re.compile(r"[?&]queries=\d+"))
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
    before = page.evaluate(VIEW)
    entry = page.locator(".orchard-map .legend").get_by_role("button", name="lime")
    # By keyboard as well.
    entry.focus()
    page.keyboard.press("Enter")
    expect(entry).to_have_attribute("aria-pressed", "false")
    hidden = "document.querySelector('.js-plotly-plot')._fullData.filter(t => t.visible !== true)"
    page.wait_for_function(f"{hidden}.length === 1")
    assert page.evaluate(f"{hidden}[0].name") == "lime"
    after = page.evaluate(VIEW)
    assert (after["x"], after["y"]) == (before["x"], before["y"])
    # Pressed twice quickly, a class is alone, and then no longer.
    entry.dblclick()
    page.wait_for_function(f"{hidden}.length === 2")
    entry.dblclick()
    page.wait_for_function(f"{hidden}.length === 0")


def lonely_point(points: Sequence[Point]) -> Point:
    """The point that lies farthest from all others, which is hit for sure."""
    return max(points, key=lambda p: min(_distance(p, q) for q in points if q is not p))


def picture_of(page: Page) -> str:
    """The class and file that the card's picture is of, by its own bytes."""
    image = page.locator(".orchard-map .card img")
    expect(image).to_be_visible()
    colour = image.evaluate(
        """async image => {
            await image.decode();
            const canvas = document.createElement('canvas');
            canvas.width = canvas.height = 1;
            const pen = canvas.getContext('2d');
            pen.drawImage(image, 0, 0, 1, 1);
            return [...pen.getImageData(0, 0, 1, 1).data.slice(0, 3)];
        }"""
    )
    plain = {name: [int(code[i : i + 2], 16) for i in (1, 3, 5)] for name, code in COLOURS.items()}
    return min(
        plain, key=lambda name: sum(abs(a - b) for a, b in zip(plain[name], colour, strict=True))
    )


def test_the_pointer_on_a_point_shows_that_very_picture_and_on_its_way_asks_for_nothing(
    page: Page, address: str
) -> None:
    asked: list[str] = []
    points = open_map(page, address)
    page.on("request", lambda request: "/map/" in request.url and asked.append(request.url))
    # At once, as one movement's many events arrive.
    page.evaluate(
        """points => {
            const area = document.querySelector('.js-plotly-plot .nsewdrag');
            for (const [, clientX, clientY] of points)
                area.dispatchEvent(new MouseEvent('mousemove', {clientX, clientY, bubbles: true}));
            area.dispatchEvent(new MouseEvent('mouseout', {bubbles: true, clientX: 0, clientY: 0}));
        }""",
        [point for point in points if point[0] == "lime"],
    )
    # Longer than the dwell.
    page.wait_for_timeout(400)
    assert asked == []
    for label in COLOURS:
        # Names with markup are escaped for Plotly.
        own = [p for p in points if p[0] == html.escape(label, quote=False)]
        point = lonely_point(own)
        page.mouse.move(point[1], point[2], steps=5)
        card = page.locator(".orchard-map .card")
        expect(card.locator("strong")).to_have_text(label)
        expect(card.locator(".file")).to_have_text(re.compile(re.escape(label) + r"/\d\d\.jpg"))
        expect(card.locator(".about")).to_contain_text("purity")
        assert picture_of(page) == label
        rings = page.locator(".orchard-map circle.looked")
        expect(rings).to_have_count(1)
        box = rings.bounding_box()
        assert box and abs(box["x"] + box["width"] / 2 - point[1]) < 2
        assert abs(box["y"] + box["height"] / 2 - point[2]) < 2
    assert len([url for url in asked if "/cards/" in url]) == len(COLOURS)
    page.mouse.move(5, 5)
    expect(page.locator(".orchard-map .card")).to_be_hidden()


def test_a_search_with_an_upload_is_one_press_from_the_map_where_its_cross_shows_the_picture(
    page: Page, gallery: str, tmp_path: Path
) -> None:
    picture = tmp_path / "my plum.png"
    Image.new("RGB", (90, 60), COLOURS["plum"]).save(picture)
    page.goto(f"{gallery}/?metric=L2&k=5")
    page.set_input_files("input[type=file]", picture)
    expect(page.get_by_text("5 of 5 hits")).to_be_visible()
    browsers.settled(page)
    page.get_by_role("button", name="On the map").click()
    page.get_by_role("radio", name="PCA").click()
    expect(page.locator(".js-plotly-plot .nsewdrag").first).to_be_visible()
    expect(page.locator("[class*=st-key-map_progress]")).to_have_count(0)
    browsers.settled(page)
    expect(page.get_by_role("radio", name="L2")).to_be_checked()
    # Beside the map, and at the cross, which is drawn by two lines of four pixels.
    expect(page.locator(".st-key-own img")).to_have_attribute("alt", "your picture, my plum.png")
    lines = page.locator('.orchard-map .over line[stroke-width="4"]')
    expect(lines).to_have_count(2)
    box = lines.first.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=4)
    card = page.locator(".orchard-map .card")
    expect(card.locator(".file")).to_have_text("my plum.png")
    assert picture_of(page) == "plum"
    # The neighbours and, where they are others, the hits.
    assert page.locator(".orchard-map .over circle:not(.looked)").count() >= 15
    page.mouse.move(5, 5)
    expect(card).to_be_hidden()


def test_the_view_stays_whatever_is_changed_around_it(page: Page, address: str) -> None:
    points = open_map(page, address)
    sent: list[str] = []
    page.on("request", lambda request: "/map/" in request.url and sent.append(request.url))
    limes = [point for point in points if point[0] == "lime"]
    left, top, right, bottom = frame_around(limes)
    page.mouse.move((left + right) / 2, (top + bottom) / 2)
    before = page.evaluate(VIEW)
    page.mouse.wheel(0, -120)
    page.wait_for_function(f"([low]) => ({VIEW})().x[0] > low", arg=before["x"])
    left, top, right, bottom = frame_around(
        [point for point in browsers.steady(page, POINTS) if point[0] == "lime"]
    )
    take(page, "Lasso Select")
    drag(page, [(left, top), (right, top), (right, bottom), (left, bottom), (left, top + 1)])
    expect_pictures_of(page, "lime")
    chosen = browsers.steady(page, VIEW)
    assert chosen["tool"] == "lasso" and len(chosen["bright"]) == PER_CLASS
    assert len(chosen["outlines"]) == 1

    def unchanged() -> None:
        browsers.settled(page)
        assert page.evaluate(VIEW) == chosen

    page.get_by_role("combobox", name="Colour by").click()
    page.get_by_role("option", name="Hubs").click()
    expect(page.locator(".orchard-map .legend")).to_contain_text("Neighbour of")
    unchanged()
    page.locator(".st-key-selected").get_by_role("button", name="Find lime").first.click()
    expect(page.get_by_text("and its true nearest neighbours")).to_be_visible()
    # The picture, its fifteen neighbours, and a line to each.
    expect(page.locator(".orchard-map .over circle")).to_have_count(16)
    expect(page.locator(".orchard-map .over line")).to_have_count(15)
    unchanged()
    sizes = "document.querySelector('.js-plotly-plot')._fullData[0].marker.size"
    small = page.evaluate(sizes)
    page.get_by_role("slider", name="Point size").press("ArrowRight")
    page.wait_for_function(f"{sizes} > {small}")
    unchanged()
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        "document.querySelector('.js-plotly-plot')._fullLayout.paper_bgcolor !== '#FFFFFF'"
    )
    unchanged()
    # All that came was the new colours.
    assert len([url for url in sent if "/numbers/" in url]) == 1
    page.locator(".st-key-selection_actions").get_by_role("button", name="Clear").click()
    expect(page.get_by_text("Click a point, or take the lasso")).to_be_visible()
    page.wait_for_function(f"({VIEW})().bright.length === 0")
    cleared = page.evaluate(VIEW)
    assert cleared["outlines"] == [] and (cleared["x"], cleared["y"]) == (chosen["x"], chosen["y"])


def test_whoever_comes_back_finds_the_map_as_it_was_left(page: Page, address: str) -> None:
    points = open_map(page, address)
    limes = [point for point in points if point[0] == "lime"]
    left, top, right, bottom = frame_around(limes)
    take(page, "Box Select")
    drag(page, [(left, top), (right, bottom)])
    expect_pictures_of(page, "lime")
    chosen = browsers.steady(page, VIEW)
    page.get_by_test_id("stTopNavLink").filter(has_text="Search").click()
    expect(page.locator(".js-plotly-plot")).to_have_count(0)
    browsers.settled(page)
    page.get_by_test_id("stTopNavLink").filter(has_text="Embedding map").click()
    page.get_by_role("radio", name="PCA").click()
    expect(page.locator(".js-plotly-plot .nsewdrag").first).to_be_visible()
    browsers.settled(page)
    assert browsers.steady(page, VIEW) == chosen


def test_one_step_back_from_a_search_finds_the_map_as_it_was_left(page: Page, address: str) -> None:
    points = open_map(page, address)
    limes = [point for point in points if point[0] == "lime"]
    whole = page.evaluate(VIEW)
    page.mouse.move(limes[0][1], limes[0][2])
    page.mouse.wheel(0, -120)
    page.wait_for_function(f"([low]) => ({VIEW})().x[0] > low", arg=whole["x"])
    left, top, right, bottom = frame_around(
        [point for point in browsers.steady(page, POINTS) if point[0] == "lime"]
    )
    take(page, "Lasso Select")
    drag(page, [(left, top), (right, top), (right, bottom), (left, bottom), (left, top + 1)])
    expect_pictures_of(page, "lime")
    chosen, there = browsers.steady(page, VIEW), page.url
    assert "method=PCA" in there
    for way in ("Search with lime", "Search"):
        button = page.locator(".st-key-selected").get_by_role("button", name=way).first
        menu = page.get_by_test_id("stTopNavLink").filter(has_text="Search")
        (menu if way == "Search" else button).click()
        expect(page.locator(".js-plotly-plot")).to_have_count(0)
        browsers.settled(page)
        page.go_back()
        expect(page.locator(".js-plotly-plot .nsewdrag").first).to_be_visible()
        browsers.settled(page)
        assert page.url == there
        expect(page.get_by_role("radio", name="PCA")).to_be_checked()
        assert browsers.steady(page, VIEW) == chosen
        expect(page.locator(".st-key-selected img")).to_have_count(PER_CLASS)


# Where the names of the classes stand, and where the middle of their points is.
NAMES = """() => [...document.querySelectorAll('.orchard-map text.name')].map(name => {
    const {left, top, right, bottom} = name.getBoundingClientRect();
    return [name.textContent, left, top, right, bottom];
})"""


def test_names_stand_on_their_clusters_and_do_not_cover_each_other(
    page: Page, address: str
) -> None:
    points = open_map(page, address)
    names = browsers.steady(page, NAMES)
    # Words of data stay words.
    assert sorted(name for name, *_ in names) == sorted(COLOURS)
    for name, left, top, right, bottom in names:
        own = [p for p in points if p[0] == html.escape(name, quote=False)]
        middle = (left + right) / 2, (top + bottom) / 2
        # The nearest of all points is one of its own.
        nearest = min(points, key=lambda p: _distance(p, ("", *middle)))
        assert nearest in own
    for one in names:
        for other in names:
            if one is not other:
                apart = one[3] <= other[1] or other[3] <= one[1]
                assert apart or one[4] <= other[2] or other[4] <= one[2]
    # Zoomed far out, all clusters lie in one place: what does not fit is left out.
    page.evaluate(
        "window.Plotly.relayout(document.querySelector('.js-plotly-plot'), "
        "{'xaxis.range': [-9000, 9000], 'yaxis.range': [-9000, 9000]})"
    )
    page.wait_for_function(f"({NAMES})()[0][1] !== {names[0][1]}")
    assert len(page.evaluate(NAMES)) >= 1


def test_a_name_of_the_legend_that_is_pointed_at_dims_the_other_classes(whole: Page) -> None:
    opacities = """() => Object.fromEntries(document.querySelector('.js-plotly-plot')._fullData
        .map(trace => [trace.name, trace.marker.opacity]))"""
    before = whole.evaluate(opacities)
    whole.locator(".orchard-map .legend").get_by_role("button", name="lime").hover()
    whole.wait_for_function(f"({opacities})().plum < {before['plum']}")
    assert whole.evaluate(opacities)["lime"] == before["lime"]
    whole.mouse.move(5, 5)
    whole.wait_for_function(f"({opacities})().plum === {before['plum']}")


def test_a_button_leads_back_to_all_points_and_is_there_only_when_some_may_be_out_of_sight(
    whole: Page,
) -> None:
    before = whole.evaluate(VIEW)
    back = whole.get_by_role("button", name="Back to all")
    expect(back).to_be_hidden()
    whole.mouse.move(*lonely_point(points_of(whole))[1:])
    whole.mouse.wheel(0, -300)
    expect(back).to_be_visible()
    back.click()
    expect(back).to_be_hidden()
    # As far as a float32 goes.
    assert whole.evaluate(VIEW)["x"] == pytest.approx(before["x"], rel=1e-6)


def test_a_button_zooms_to_what_is_marked_and_is_there_only_while_that_is_small(
    page: Page, address: str, whole: Page
) -> None:
    near = page.get_by_role("button", name="Zoom to the rings")
    expect(whole.get_by_role("button", name="Zoom to the rings")).to_be_hidden()
    # The fifteen neighbours of a lime are limes, which take a small part of the map.
    open_map(page, f"{address}?method=PCA&map_class=lime&map_picture=00.jpg")
    expect(page.locator(".orchard-map .over circle")).to_have_count(16)
    near.click()
    expect(near).to_be_hidden()
    area = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    rings = [ring.bounding_box() for ring in page.locator(".orchard-map .over circle").all()]
    assert area and all(rings)
    # All in sight, and they fill at least half of it in one direction.
    for ring in rings:
        assert area["x"] <= ring["x"] and ring["x"] + ring["width"] <= area["x"] + area["width"]
        assert area["y"] <= ring["y"] and ring["y"] + ring["height"] <= area["y"] + area["height"]
    wide = max(r["x"] for r in rings) - min(r["x"] for r in rings)
    high = max(r["y"] for r in rings) - min(r["y"] for r in rings)
    assert wide > area["width"] / 2 or high > area["height"] / 2
    page.get_by_role("button", name="Back to all").click()
    expect(near).to_be_visible()


def test_back_to_all_is_not_undone_by_the_wheel_that_turned_in_the_moment_before(
    whole: Page,
) -> None:
    before = whole.evaluate(VIEW)
    # Plotly writes the wheel's range down 50 ms after it: a press in between came first.
    whole.evaluate(
        """async ([, clientX, clientY]) => {
            const plot = document.querySelector('.js-plotly-plot');
            const written = new Promise(resolve => plot.on('plotly_relayout', changes => {
                if ('xaxis.range[0]' in changes) resolve();
            }));
            plot.querySelector('.nsewdrag').dispatchEvent(
                new WheelEvent('wheel', { deltaY: -300, clientX, clientY, bubbles: true }));
            document.querySelector('.orchard-map .all').click();
            await written;
        }""",
        lonely_point(points_of(whole)),
    )
    expect(whole.get_by_role("button", name="Back to all")).to_be_hidden()
    assert whole.evaluate(VIEW)["x"] == pytest.approx(before["x"], rel=1e-6)


def test_pictures_stand_beside_the_map_which_stays_in_sight_while_they_are_scrolled_through(
    page: Page, address: str
) -> None:
    page.set_viewport_size({"width": 1400, "height": 900})
    points = open_map(page, address)
    left, top, right, bottom = frame_around([p for p in points if p[0] == "lime"])
    take(page, "Box Select")
    drag(page, [(left, top), (right, bottom)])
    pictures = page.locator(".st-key-selected img")
    expect(pictures).to_have_count(PER_CLASS)
    plot, first = page.locator(".orchard-map").bounding_box(), pictures.first.bounding_box()
    assert plot and first
    assert first["x"] >= plot["x"] + plot["width"]
    # Not below the fold, where the picture of a point that was clicked could not be seen.
    assert first["y"] + first["height"] < 900
    pictures.last.scroll_into_view_if_needed()
    expect(page.locator(".js-plotly-plot .nsewdrag").first).to_be_in_viewport(ratio=0.9)


def test_on_a_phone_pictures_stand_below_the_map_and_a_tap_shows_one_on_it(
    browser: Browser, address: str
) -> None:
    with browsers.watched_page(browser, width=390, height=844, touch=True) as page:
        points = open_map(page, f"{address}?method=PCA&list=Outliers")
        picture = page.locator(".st-key-outliers img").first
        expect(picture).to_be_visible()
        plot, first = page.locator(".orchard-map").bounding_box(), picture.bounding_box()
        assert plot and first and first["y"] >= plot["y"] + plot["height"]
        label, x, y = lonely_point([point for point in points if point[0] == "plum"])
        page.touchscreen.tap(x, y)
        expect(page.locator(".orchard-map .card strong")).to_have_text(label)
        assert picture_of(page) == label
        box = page.locator(".orchard-map .card").bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= 390


def test_values_have_the_colours_of_their_scale_and_what_is_notable_lies_on_top(
    page: Page, address: str
) -> None:
    open_map(page, f"{address}?method=PCA&colour=Hubs")
    colours = page.evaluate(
        """() => document.querySelector('.js-plotly-plot')._fullData.map(trace =>
            trace.marker.color.match(/\\d+/g).map(Number))"""
    )
    # From the blue #0072B2 of few to the vermilion #D55E00 of many, which is drawn last.
    assert len(colours) > 2 and colours[-1] == [0xD5, 0x5E, 0x00]
    assert [one[0] for one in colours] == sorted(one[0] for one in colours)
    scale = page.locator(".orchard-map .legend .scale")
    background = scale.evaluate("element => getComputedStyle(element).backgroundImage")
    assert background.index("rgb(0, 114, 178)") < background.index("rgb(213, 94, 0)")


def test_what_another_seed_does_not_repeat_is_drawn_pale(page: Page, address: str) -> None:
    # Neighbourhoods of two are torn apart one way or another.
    page.goto(f"{address}?n_neighbors=2&repeated=true")
    expect(page.get_by_text("Pale: ")).to_be_visible()
    expect(page.locator(".js-plotly-plot .nsewdrag").first).to_be_visible()
    browsers.settled(page)
    pale, rows = map(int, re.findall(r"Pale: (\d+) of (\d+)", page.inner_text("body"))[0])
    # As many points have a fifth of the others' opacity.
    by_opacity = page.evaluate(
        """() => document.querySelector('.js-plotly-plot')._fullData.reduce((sums, trace) => {
            if (!trace.marker) return sums; // without a point
            const own = trace.marker.opacity.toFixed(3);
            return { ...sums, [own]: (sums[own] ?? 0) + trace.x.length };
        }, {})"""
    )
    counts = [by_opacity[own] for own in sorted(by_opacity, key=float)]
    assert counts == [pale, rows - pale] and rows == ROWS and pale
    # A class is one entry of the legend still.
    expect(page.locator(".orchard-map .legend button")).to_have_count(len(COLOURS))


# Of these places in the window: how many lie on the canvas, and at how many of them it is drawn on.
DRAWN = """places => {
    const canvas = document.querySelector('.js-plotly-plot .gl-container canvas');
    const copy = document.createElement('canvas');
    [copy.width, copy.height] = [canvas.width, canvas.height];
    const pen = copy.getContext('2d');
    pen.drawImage(canvas, 0, 0);
    const box = canvas.getBoundingClientRect();
    const ratio = canvas.width / box.width;
    const inside = places.filter(([x, y]) =>
        x > box.left && x < box.right && y > box.top && y < box.bottom);
    const drawn = inside.filter(([x, y]) =>
        pen.getImageData((x - box.left) * ratio, (y - box.top) * ratio, 1, 1).data[3] > 0);
    return [inside.length, drawn.length];
}"""


def test_a_map_that_is_dragged_moves_as_a_picture_and_is_drawn_when_it_is_let_go(
    page: Page, address: str
) -> None:
    def drawn() -> list[int]:
        places = [(x, y) for _, x, y in browsers.steady(page, POINTS)]
        found: list[int] = page.evaluate(DRAWN, places)
        return found

    moved = "document.querySelector('.js-plotly-plot .gl-container').style.transform"
    before = [point for point in open_map(page, address) if point[0] == "lime"]
    assert drawn() == [ROWS, ROWS]
    # Between the points: one of them would be pressed, not the map.
    x, y = before[0][1] + 30, before[0][2] + 30
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y - 20, steps=6)
    page.wait_for_function(f"{moved} !== ''")
    page.mouse.up()
    page.wait_for_function(f"{moved} === ''")
    browsers.settled(page)
    after = [point for point in browsers.steady(page, POINTS) if point[0] == "lime"]
    assert after[0][1:] == pytest.approx((before[0][1] + 60, before[0][2] - 20), abs=1)
    inside, there = drawn()
    assert inside == there > PER_CLASS
    # A point that is pressed without a movement is selected as ever.
    lonely = lonely_point(after)
    page.mouse.click(lonely[1], lonely[2])
    expect(page.get_by_text("1 picture selected")).to_be_visible()


def test_what_a_map_was_made_of_is_nobody_elses(
    browser: Browser, address: str, tmp_path: Path
) -> None:
    fetched: list[str] = []
    with browsers.watched_page(browser) as page:
        page.on("request", lambda request: "/map/" in request.url and fetched.append(request.url))
        point = lonely_point(open_map(page, address))
        page.mouse.move(point[1], point[2], steps=5)
        expect(page.locator(".orchard-map .card img")).to_be_visible()
        data = [url for url in fetched if "/numbers/" in url or "/cards/" in url]
        assert len(data) >= 3
        assert {page.request.get(url).status for url in data} == {200}
        token = data[0].split("/map/")[1].split("/")[0]
        guessed = [url.replace(token, token[::-1]) for url in data]
        assert {page.request.get(url).status for url in guessed} == {404}
    with browsers.watched_page(browser) as stranger:
        deadline = time.monotonic() + 60
        # The session ends when its tab is closed; the server needs a moment to notice.
        while {stranger.request.get(url).status for url in data} != {404}:
            assert time.monotonic() < deadline
            stranger.wait_for_timeout(200)


def test_without_webgl_the_map_is_drawn_and_says_so(page: Page, address: str) -> None:
    page.add_init_script(
        """const asked = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
            return kind.startsWith('webgl') ? null : asked.call(this, kind, ...more);
        };"""
    )
    points = open_map(page, address)
    expect(page.get_by_text("This browser has no WebGL")).to_be_visible()
    limes = [point for point in points if point[0] == "lime"]
    left, top, right, bottom = frame_around(limes)
    take(page, "Box Select")
    drag(page, [(left, top), (right, bottom)])
    expect_pictures_of(page, "lime")


def test_the_camera_saves_the_map_with_its_legend_as_png_or_svg(page: Page, address: str) -> None:
    def saved() -> bytes:
        page.locator(".js-plotly-plot").first.hover()
        with page.expect_download() as waiting:
            page.locator('[data-title="Download plot as a picture"]').click()
        return waiting.value.path().read_bytes()

    open_map(page, f"{address}?method=PCA&map_class=lime&map_picture=00.jpg")
    assert saved()[:8] == b"\x89PNG\r\n\x1a\n"
    page.locator(".st-key-exports").get_by_role("button", name="Export").click()
    page.get_by_text("SVG", exact=True).click()
    page.keyboard.press("Escape")
    browsers.settled(page)
    content = saved()
    assert b"lime" in content and b"<svg" in content


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


@pytest.mark.parametrize("count", FEW)
def test_few_and_equal_pictures_of_a_class_with_a_long_name_of_markup_are_drawn(
    page: Page, address: str, count: int
) -> None:
    page.goto(f"{address}?method=PCA&collection={FEW[count]}")
    expect(page.locator(".js-plotly-plot .nsewdrag").first).to_be_visible()
    browsers.settled(page)
    places = browsers.steady(page, POINTS)
    assert len(places) == count
    page.mouse.move(places[0][1], places[0][2], steps=4)
    expect(page.locator(".orchard-map .card strong")).to_have_text(LONG)
    expect(page.locator(".orchard-map .legend button")).to_have_text(LONG)
    # Cut off where there is no room, in the legend and on the map; nothing of it was run.
    box = page.locator(".orchard-map .legend button").bounding_box()
    assert box and box["width"] <= 240
    assert page.title() == "Orchard"
    assert page.locator(".orchard-map img[src=x]").count() == 0
