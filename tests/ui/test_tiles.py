"""The tile of a picture: what stands in it, and what is said where there is no picture."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.dataset.thumbnails import thumbnail
from core.ui import resources
from tests.conftest import picture_bytes
from tests.support.reports import collection

ROOT = Path(__file__).parents[2]
AWKWARD = "pear/**ripe** <b>.png"
# How `plain` writes it: a backslash before whatever Markdown reads.
ESCAPED = r"pear\/\*\*ripe\*\* \<b\>\.png"
GONE = r"the file is no longer in the dataset folder\."


@pytest.fixture(autouse=True)
def photos(no_settings: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The dataset folder, with one picture whose name is markup."""
    folder = tmp_path / "photos"
    (folder / "pear").mkdir(parents=True)
    (folder / AWKWARD).write_bytes(picture_bytes(0))
    monkeypatch.setenv("ORCHARD_COLLECTION", collection().family)
    monkeypatch.setenv("ORCHARD_DATASET", str(folder))
    resources.get_settings.clear()
    yield folder
    st.cache_resource.clear()


def tile(path: str = AWKWARD, *, width: str = "MEDIUM") -> AppTest:
    def script(path: str, width: str) -> None:
        from functools import partial

        from core.records import ImageRecord
        from core.ui import resources
        from core.ui.tiles import Width, draw_tile
        from tests.support.reports import collection

        record = ImageRecord(1, path, "pear", "0" * 32)
        read = partial(resources.get_thumbnail, info=collection())
        drawn = draw_tile(record, read, alt=f"rank 1, {path}", width=Width[width])
        drawn.below.caption("shown" if drawn.shown else "not shown")

    at = AppTest.from_function(script, kwargs={"path": path, "width": width}).run()
    assert not at.exception
    return at


def alts(at: AppTest) -> list[str]:
    elements: Any = at.get("image")
    return [image.alt for element in elements for image in element.proto.imgs]


def below(at: AppTest) -> list[str]:
    return [caption.value for caption in at.caption]


def test_a_picture_that_is_there_is_shown_with_its_alternative_text() -> None:
    at = tile()
    # Never markup in a browser, so letter by letter without an escape.
    assert alts(at) == [f"rank 1, {AWKWARD}"]
    assert below(at) == ["shown"]
    assert not at.warning and not at.markdown


def test_a_picture_comes_with_the_page_so_that_no_run_can_take_it_away(photos: Path) -> None:
    elements: Any = tile().get("image")
    [source] = [image.url for element in elements for image in element.proto.imgs]
    kind, _, encoded = source.partition(",")
    assert kind == "data:image/jpeg;base64"
    assert base64.b64decode(encoded) == thumbnail(picture_bytes(0), name=AWKWARD)


def test_no_page_makes_a_picture_a_file_that_streamlit_may_forget() -> None:
    calls = [
        call
        for folder in ("core/ui", "pages")
        for file in (ROOT / folder).rglob("*.py")
        for call in re.findall(r"\.image\(\s*(\w+)", file.read_text())
    ]
    # The tile, the query, the cut-out, the details of any picture, those of a hit and the query
    # beside them, a picture of one's own on the map.
    assert calls == ["data_url"] * 7


def test_a_file_that_is_gone_is_told_by_its_path_though_its_thumbnail_is_cached(
    photos: Path,
) -> None:
    tile()
    (photos / AWKWARD).unlink()
    at = tile()
    assert alts(at) == []
    assert below(at) == ["not shown"]
    (warning,) = at.warning
    assert warning.value == (
        rf"{ESCAPED}\: {GONE} Restore it\, or delete its row\: Prune on the Collection page\, or "
        r"build\_index \-\-prune\."
    )


def test_a_folder_in_place_of_a_picture_counts_as_gone(photos: Path) -> None:
    (photos / AWKWARD).unlink()
    (photos / AWKWARD).mkdir()
    assert GONE in tile().warning[0].value


def test_a_file_that_is_no_picture_is_told_by_its_path(photos: Path) -> None:
    (photos / "pear" / "notes.png").write_text("no picture")
    at = tile("pear/notes.png")
    assert alts(at) == []
    assert below(at) == ["not shown"]
    assert r"pear\/notes\.png" in at.warning[0].value


def test_a_path_that_the_message_has_already_is_not_told_twice() -> None:
    (warning,) = tile("../outside.png").warning
    assert warning.value.count("outside") == 2  # the name, and "leads outside"
    assert "leads outside the dataset folder" in warning.value


@pytest.mark.parametrize("width", ["SIGN", "LINE", "SMALL"])
def test_a_narrow_tile_has_a_sign_that_says_the_same(photos: Path, width: str) -> None:
    (photos / AWKWARD).unlink()
    at = tile(width=width)
    assert not at.warning
    (sign,) = at.markdown
    assert sign.value == ":material/broken_image:"
    assert sign.help.startswith(rf"{ESCAPED}\: {GONE}")
    assert below(at) == ["not shown"]


def test_a_tile_is_as_wide_as_was_asked() -> None:
    (block,) = tile(width="LARGE").main.children.values()
    assert block.proto.width_config.pixel_width == 160
