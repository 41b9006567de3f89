"""The Search page walked in a real browser: upload, crop, slider, hits, pages, downloads, link."""

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from core.dataset.formats.kinds import FORMAT_NAMES
from tests.support import browser as browsers
from tests.support import dashboard

pytestmark = pytest.mark.browser

MORE = 12


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More pictures than one page of hits shows."""
    root = dashboard.draw_pictures(tmp_path_factory.mktemp("bench") / "pictures")
    for number in range(MORE):
        copied = root / "plum" / f"more{number}.jpg"
        copied.write_bytes((root / "plum" / f"{number % 6}.jpg").read_bytes())
    return root


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Iterator[str]:
    root = tmp_path_factory.mktemp("bench_data")
    with pytest.MonkeyPatch.context() as patch:
        dashboard.set_environment(patch, root / "data")
        dashboard.build(pictures, "--nlist", "2")
        with browsers.serving(*browsers.streamlit_command(), log=root / "log") as url:
            yield url


def hits(page: Page) -> list[str]:
    return [i.get_attribute("alt") or "" for i in page.locator(".st-key-hits img").all()]


def upload(page: Page, *files: Path) -> None:
    page.set_input_files("input[type=file]", list(files))
    expect(page.locator(".st-key-queries img").first).to_be_visible()
    expect(page.locator(".st-key-hits img").first).to_be_visible()
    browsers.settled(page)


def drag_box(page: Page) -> None:
    """Drag over the right half of the picture in the dialog."""
    area = page.get_by_role("dialog").locator(".nsewdrag").first
    expect(area).to_be_visible()
    box = area.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.1)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.5, steps=4)
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] * 0.9, steps=4)
    page.mouse.up()


def drop(page: Page, name: str, kind: str, content: bytes) -> None:
    """Let a file fall on the uploader, as from a folder of the desktop."""
    data = page.evaluate_handle(
        """([name, type, bytes]) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], name, {type}));
            return data;
        }""",
        [name, kind, list(content)],
    )
    zone = page.get_by_test_id("stFileUploaderDropzone")
    for event in ("dragenter", "dragover", "drop"):
        zone.dispatch_event(event, {"dataTransfer": data})


def downloaded(page: Page, label: str) -> bytes:
    with page.expect_download() as waiting:
        page.get_by_role("button", name=label).click()
    return Path(waiting.value.path()).read_bytes()


def test_from_an_upload_to_a_link(page: Page, address: str, pictures: Path) -> None:
    page.goto(address)
    expect(page.get_by_text("What looks like this?")).to_be_visible()
    upload(page, pictures / "lime" / "3.jpg")
    whole = hits(page)
    assert len(whole) == 16

    page.get_by_role("button", name="Crop", exact=False).first.click()
    drag_box(page)
    dialog = page.get_by_role("dialog")
    # Half of the picture, within what a mouse can do: 49 to 51 %.
    dialog.get_by_text("Edges by number", exact=True).click()
    expect(dialog.get_by_role("slider").first).to_have_value(re.compile(r"^(49|50)(\.\d)?$"))
    dialog.get_by_role("button", name="Search with this part").click()
    expect(page.locator(".st-key-queries").get_by_text("a part of 3.jpg")).to_be_visible()
    browsers.settled(page)
    assert hits(page) != whole
    page.get_by_role("button", name="Crop", exact=False).first.click()
    dialog.get_by_role("button", name="Whole picture").click()
    expect(page.locator(".st-key-queries").get_by_text("a part of")).to_have_count(0)
    browsers.settled(page)
    assert hits(page) == whole
    assert "queries" not in page.url

    page.locator(".st-key-hits").get_by_role("button", name="Search with rank 1").first.click()
    expect(page).to_have_url(re.compile(r"queries=\d+"))
    browsers.settled(page)
    slider = page.get_by_role("slider", name="Top k")
    slider.focus()
    for _ in range(13):
        slider.press("ArrowRight")
    expect(page.get_by_text("of 29 hits")).to_be_visible()
    browsers.settled(page)
    assert len(hits(page)) == 20
    page.get_by_role("button", name="Page 2").first.click()
    expect(page.locator(".st-key-hits img").first).to_have_attribute("alt", re.compile("^rank 21,"))
    browsers.settled(page)

    page.get_by_role("button", name="Export").click()
    rows = list(csv.reader(io.StringIO(downloaded(page, "CSV").decode("utf-8-sig"))))
    assert rows[0][:3] == ["rank", "class", "path"]
    with zipfile.ZipFile(io.BytesIO(downloaded(page, "ZIP"))) as archive:
        names = archive.namelist()
        assert archive.read(names[0]) == (pictures / names[0]).read_bytes()
    assert sorted(names) == sorted(row[2] for row in rows[1:])
    link = page.get_by_text(re.compile(r"^http://.*queries=")).first.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

    other = page.context.new_page()
    other.goto(link)
    expect(other.get_by_text(f"{len(names)} of 29 hits")).to_be_visible()
    expect(other.locator(".st-key-hits img").first).to_be_visible()
    browsers.settled(other)
    # The second page, as it was when the link was taken.
    assert "page=2" in link
    assert [alt.split(",")[1].strip() for alt in hits(other)] == [row[1] for row in rows[21:]]


def test_a_picture_is_dropped_on_the_page_and_a_drawing_with_a_script_is_refused(
    page: Page, address: str, pictures: Path
) -> None:
    page.goto(address)
    expect(page.get_by_text("What looks like this?")).to_be_visible()
    drop(page, "drawing.svg", "image/svg+xml", b"<svg><script>document.title='run'</script></svg>")
    expect(page.get_by_text("files are not allowed").first).to_be_attached()
    expect(page.get_by_text(FORMAT_NAMES, exact=False)).to_be_visible()
    # As browsers on Windows call the JPEGs that they save.
    drop(page, "3.jfif", "image/jpeg", (pictures / "lime" / "3.jpg").read_bytes())
    expect(page.locator(".st-key-hits img").first).to_be_visible()
    browsers.settled(page)
    assert len(hits(page)) == 16
    assert page.title() != "run"


def test_an_upload_over_the_limit_is_refused_before_it_is_sent(
    browser: Browser, address: str, tmp_path: Path, pictures: Path
) -> None:
    big = tmp_path / "big.jpg"
    with big.open("wb") as file:
        file.truncate(51 * 1024 * 1024)
    with browsers.watched_page(browser) as page:
        page.goto(address)
        expect(page.get_by_text("What looks like this?")).to_be_visible()
        page.set_input_files("input[type=file]", big)
        expect(page.get_by_text(re.compile("must be 50", re.IGNORECASE)).first).to_be_visible()
        upload(page, pictures / "lime" / "3.jpg")
