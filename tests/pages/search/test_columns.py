"""The Search page over rows of which more is known than their class."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Multiselect

from core.config import load_settings
from core.store.vector_store import open_store
from tests.support import dashboard, search_page
from tests.support.dashboard import AWKWARD
from tests.support.search_page import button, captions, count_line, from_collection, warnings


@pytest.fixture(scope="module")
def dataset(indexed: dashboard.Indexed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of every class the first two pictures are of one variety, the third of another."""
    folder = tmp_path_factory.mktemp("columns")
    varieties = {"0.jpg": AWKWARD, "1.jpg": AWKWARD, "2.jpg": "late"}
    with pytest.MonkeyPatch.context() as patch:
        dashboard.set_environment(patch, folder / "data")
        indexed.copied_to(folder / "data")
        settings = load_settings()
        store = open_store(settings)
        for metric in store.metrics(settings.collection):
            for records, embeddings in store.rows_with_embeddings(settings.collection, metric):
                told = [varieties.get(Path(record.path).name, "") for record in records]
                rows = [
                    replace(record, further=(("variety", variety),) if variety else ())
                    for record, variety in zip(records, told, strict=True)
                ]
                store.upsert(settings.collection, metric, rows, embeddings)
            store.finish(settings.collection, metric)
        store.close()
    yield from search_page.opened(indexed.pictures, folder)


def where(at: AppTest) -> Multiselect:
    [box] = [box for box in at.multiselect if box.label == "Only where"]
    return box


def test_hits_are_limited_to_the_values_that_are_chosen(dataset: Path) -> None:
    at = from_collection("lime", "0.jpg")
    # The most frequent value first; the names are shown as they are.
    assert where(at).options == [f"variety: {AWKWARD}", "variety: late"]
    where(at).set_value([f"variety: {AWKWARD}"]).run()
    assert not at.exception
    # Two of each of three classes, without the query itself.
    assert count_line(at) == "**5 of 16 hits**"
    assert "no more rows may have the chosen values" in captions(at)


def test_precision_counts_what_can_be_found_under_the_filter(dataset: Path) -> None:
    at = from_collection("lime", "0.jpg", where="variety: late", k="2")
    assert count_line(at) == "**2 of 2 hits**"
    # Of two hits the only other lime of this variety can be right.
    assert "at most 0.50 here" in "\n".join(badge.proto.help for badge in at.markdown)


def test_a_filter_that_leaves_nothing_is_taken_away_by_a_button(dataset: Path) -> None:
    at = from_collection("lime", "2.jpg", where="variety: late", classes="lime")
    assert count_line(at) == "**No hits**"
    button(at, "Search all rows").click().run()
    assert where(at).value == []
    assert count_line(at) == "**5 of 16 hits**"


def test_a_value_that_no_row_has_is_named(dataset: Path) -> None:
    at = from_collection("lime", "0.jpg", where="variety: early")
    assert "where=variety: early is not possible here" in warnings(at)
    assert count_line(at) == "**16 of 16 hits**"
