"""Helpers for tests of the Search page: a session of it, an upload, what is on the screen."""

import itertools
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from core.dataset.files import image_id
from core.ui import resources
from tests.support import dashboard

PAGE = str(Path(__file__).parents[2] / "pages" / "search" / "page.py")
File = tuple[str, bytes, str]


def collection(indexed: dashboard.Indexed, root: Path) -> Iterator[Path]:
    """Three classes of six pictures, indexed in two lists; yields their folder."""
    yield from opened(indexed.copied_to(root / "data"), root)


def opened(pictures: Path, root: Path) -> Iterator[Path]:
    """Open the page on the data folder in `root`; yields the pictures."""
    with pytest.MonkeyPatch.context() as patch:
        dashboard.set_environment(patch, root / "data")
        clear_caches()
        yield pictures
        close_store()


def page(**parameters: str) -> AppTest:
    at = AppTest.from_file(PAGE, default_timeout=60)
    for name, value in parameters.items():
        at.query_params[name] = value
    return at


def from_collection(label: str = "lime", name: str = "2.jpg", **parameters: str) -> AppTest:
    """A session that came by a link, once the embeddings are at hand."""
    at = page(queries=str(image_id(f"{label}/{name}")), **parameters).run()
    return compared(at)


def compared(at: AppTest) -> AppTest:
    """Run again when exact search is ready, as the page itself would in a browser."""
    deadline = time.monotonic() + 30
    while not resources.prepare("fruit_vector").future.done() and time.monotonic() < deadline:
        time.sleep(0.05)
    return at.run()


def upload(at: AppTest, *files: File) -> AppTest:
    """Put files into the uploader, which is empty again afterwards."""
    at.file_uploader[0].set_value(list(files))
    return at.run()


def picture_bytes(path: Path) -> File:
    return path.name, path.read_bytes(), "image/jpeg"


def captions(at: AppTest) -> str:
    """What stands in small print, and what is said where something is pointed at."""
    helps = [markdown.proto.help for markdown in at.markdown]
    return "\n".join([*(caption.value for caption in at.caption), *helps])


def warnings(at: AppTest) -> str:
    return "\n".join(w.value for w in at.warning).replace("\\", "")


def hit_labels(at: AppTest) -> list[str]:
    """What stands on and under the tiles: '**rank** [sign] class score'."""
    chip = re.compile(r"\*\*\d+\*\*( :material/\w+:)?")
    texts = [re.sub(r":small\[(.*?)\](?= :small|$)", r"\1", m.value) for m in at.markdown]
    return [f"{a} {b}" for a, b in itertools.pairwise(texts) if chip.fullmatch(a)]


def hit_alts(at: AppTest) -> list[str]:
    """What the tiles say to those who do not see them."""
    elements: Any = at.get("image")
    alts = [image.alt for element in elements for image in element.proto.imgs]
    return [alt for alt in alts if alt.startswith("rank ")]


def count_line(at: AppTest) -> str:
    return next(m.value for m in at.markdown if m.value.endswith(" hits**"))


def figures(at: AppTest, label: str) -> list[str]:
    """The numbers of the badges that begin with a label."""
    badge = re.compile(rf":\w+-badge\[.*?{re.escape(label)}\S* ([\d.]+)\]")
    return [found[1] for m in at.markdown if (found := badge.fullmatch(m.value))]


def figure(at: AppTest, label: str) -> str:
    [number] = figures(at, label)
    return number


def button(at: AppTest, label: str) -> Button:
    return next(b for b in at.button if b.label == label)


def choose(at: AppTest, picture: str, option: str) -> AppTest:
    """Choose something from the menu of a hit."""
    at.menu_button(key=f"menu_{image_id(picture)}").click(option)
    return at.run()


def clear_caches() -> None:
    st.cache_resource.clear()
    st.cache_data.clear()


def close_store() -> None:
    try:
        resources.get_store().close()
    finally:
        clear_caches()
