"""The Search page says nothing that is not so: links, limits, filters, marks, short answers."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.dataset.files import image_id
from core.dataset.formats.kinds import FORMAT_NAMES, PICTURE_SUFFIXES
from pages.search import query
from pages.search.answer import grid as answer_grid
from pages.search.question.controls import stops_html
from tests.support import dashboard, search_page
from tests.support.search_page import (
    button,
    captions,
    count_line,
    figure,
    figures,
    from_collection,
    hit_alts,
    hit_labels,
    page,
    warnings,
)


@pytest.fixture(scope="module")
def dataset(indexed: dashboard.Indexed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Three classes of six pictures."""
    yield from search_page.collection(indexed, tmp_path_factory.mktemp("truth"))


def texts(at: AppTest) -> list[str]:
    return [m.value for m in at.markdown]


def test_every_value_of_a_link_that_its_control_refuses_is_named(dataset: Path) -> None:
    wrong = {
        "show": "Foo",
        "source": "Bar",
        "duplicates_from": "7",
        "weight_query": "abc",
        "weight_more": "99",
        "weight_less": "-1",
        "page": "2",  # 16 hits are one page
    }
    said = warnings(from_collection(**wrong))
    assert [
        name for name, value in wrong.items() if f"{name}={value} is not possible" not in said
    ] == []


def test_a_link_to_a_duel_from_before_its_key_was_changed_still_opens_it(dataset: Path) -> None:
    at = from_collection(view="Metric duel")
    assert at.segmented_control(key="show").value == "Metric duel"
    at.segmented_control(key="show").set_value("Hits").run()
    assert at.segmented_control(key="show").value == "Hits" and hit_labels(at)
    # The address has both names then.
    at = from_collection(view="Metric duel", show="Hits")
    assert at.segmented_control(key="show").value == "Hits"


def test_values_of_a_link_that_are_possible_are_not_complained_about(dataset: Path) -> None:
    right = {"show": "Metric duel", "source": "Collection", "duplicates_from": "0.9", "k": "40"}
    at = from_collection(**right, weight_more="0.5", weight_less="1", page="2")
    assert not at.warning


@pytest.mark.parametrize(
    ("metric", "limit"), [("COSINE", "0.9085"), ("L2", "3.642"), ("IP", "12345.5")]
)
def test_the_limit_shows_all_of_its_digits(dataset: Path, metric: str, limit: str) -> None:
    at = from_collection(metric=metric, **{f"limit_{metric}": limit})
    field = at.number_input(key=f"limit_{metric}")
    # What the browser writes into the field.
    assert float(field.proto.format % field.value) == float(limit)
    # And what is told while the filters are closed.
    assert limit in captions(at).replace("\\", "")


def test_where_a_filter_leaves_out_the_querys_class_nobody_is_blamed(dataset: Path) -> None:
    at = from_collection(classes="plum")
    assert not figures(at, "precision")
    assert "the class filter leaves it out" in captions(at)
    assert "wrong hit" not in captions(at)
    assert not any("encoder's" in alt or "index's" in alt for alt in hit_alts(at))
    # A cross would say that a right one could have stood there.
    assert not any(":material/" in label for label in hit_labels(at))
    # Recall is a matter of the index alone.
    assert figure(at, "ANN recall@16")


@pytest.mark.parametrize(
    ("metric", "limit", "words"),
    [("COSINE", "0.9999", "reaches similarity 0.9999"), ("L2", "0.0001", "is within distance")],
)
def test_an_answer_without_hits_says_how_far_the_best_is_and_removes_the_limit(
    dataset: Path, metric: str, limit: str, words: str
) -> None:
    best = hit_labels(from_collection(metric=metric))[0].rpartition(" ")[2].replace("\\", "")
    at = from_collection(metric=metric, **{f"limit_{metric}": limit})
    assert words in at.info[0].value and f"the best has {best}." in at.info[0].value
    # No figures of nothing, and nothing of nothing to download.
    assert not figures(at, "precision") and not figures(at, "ANN recall")
    assert not at.get("download_button")
    button(at, "Remove the limit").click().run()
    assert count_line(at) == "**16 of 16 hits**"


def test_a_class_with_nothing_but_the_query_offers_all_classes(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limes = frozenset(image_id(f"lime/{n}.jpg") for n in range(dashboard.PER_CLASS))
    # As if all of them had the bytes of the query.
    monkeypatch.setattr(query, "own_ids", lambda *_: limes)
    at = from_collection(classes="lime")
    assert at.info[0].value == "Nothing but the query itself is in lime."
    button(at, "Search all classes").click().run()
    assert len(hit_labels(at)) == 12


def test_lists_with_nothing_but_the_query_are_not_taken_for_the_whole_collection(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = from_collection(nprobe="1", k="100")
    lime = image_id("lime/2.jpg")
    here = {int(str(b.key).rpartition("_")[2]) for b in at.button if "thumb_up" in str(b.key)}
    assert 0 < len(here) < 17
    # As if all of that list had the bytes of the query.
    monkeypatch.setattr(query, "own_ids", lambda *_: frozenset(here | {lime}))
    at = from_collection(nprobe="1", k="100")
    assert at.info[0].value == (
        "nprobe searches 1 of 2 lists, and nothing but the query itself lies there."
    )
    button(at, "Search all lists").click().run()
    assert len(hit_labels(at)) == 17 - len(here)


def test_short_answers_of_the_same_pictures_overlap_in_full(dataset: Path) -> None:
    at = from_collection(show="Metric duel", k="100", classes="lime")
    # Five other limes, whatever the metric: the same five of five.
    assert count_line(at) == "**5 of 100 hits**"
    assert [c.value for c in at.caption if c.value.startswith("overlap@100")] == [
        "overlap@100 **1.00**"
    ] * 2


def test_fewer_hits_leave_no_page_in_the_address_that_is_gone(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_grid, "PAGE_SIZE", 5)
    at = from_collection(k="16", page="4")
    assert len(hit_labels(at)) == 1
    at.slider(key="k").set_value(8).run()
    # The last of two pages.
    assert len(hit_labels(at)) == 3
    assert at.query_params["page"] == "2"
    at.slider(key="k").set_value(4).run()
    assert len(hit_labels(at)) == 4
    assert "page" not in at.query_params


def test_a_random_picture_is_one_of_those_with_the_words(dataset: Path) -> None:
    at = page(source="Collection").run()
    at.text_input(key="query_words").set_value("plum 3").run()
    button(at, "Random picture").click().run()
    assert [p.name for p in at.session_state["search"].pictures] == ["plum/3.jpg"]
    at = page(source="Collection").run()
    at.text_input(key="query_words").set_value("nothing has this").run()
    assert button(at, "Random picture").disabled


def test_a_mark_is_shown_and_taken_away_also_where_its_picture_is_no_hit(dataset: Path) -> None:
    plum, lime = image_id("plum/3.jpg"), image_id("lime/5.jpg")
    at = from_collection(k="1", more=f"{plum},{lime}")
    assert len(hit_labels(at)) == 1
    at.button(key=f"unmark_{plum}").click().run()
    assert at.session_state["search"].more == [lime]
    assert at.query_params["more"] == str(lime)
    at.button(key=f"unmark_{lime}").click().run()
    assert "more" not in at.query_params
    assert "Your feedback" not in "".join(texts(at))


def test_a_picture_that_is_gone_has_its_path_in_the_duel_and_no_box(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = dataset / "lime" / "5.jpg"
    content = gone.read_bytes()
    gone.unlink()
    st.cache_data.clear()
    try:
        at = from_collection(show="Metric duel")
        assert not at.warning
        assert sum("lime/5.jpg" in text.replace("\\", "") for text in texts(at)) == 3
        # In the grid the path stands once.
        grid = from_collection()
        told = [w.value.replace("\\", "") for w in grid.warning]
        assert [text.count("lime/5.jpg") for text in told] == [1]
    finally:
        gone.write_bytes(content)
        st.cache_data.clear()


def test_the_uploader_says_in_words_what_it_takes(dataset: Path) -> None:
    assert f"{FORMAT_NAMES}, up to 50 MB each" in captions(page().run())


def test_the_uploader_takes_files_called_as_the_pictures_of_a_folder_are(dataset: Path) -> None:
    (uploader,) = page().run().file_uploader
    assert set(uploader.proto.type) == PICTURE_SUFFIXES
    assert {".jfif", ".jpe", ".gif", ".tif", ".avif", ".heic"} <= PICTURE_SUFFIXES


@pytest.mark.parametrize(
    ("stops", "named"),
    [
        ([1, 2, 4, 8, 15, "exact"], {"1": 0, "2": 20, "4": 40, "8": 60, "15": 80, "exact": 100}),
        # 12 stops on 228 pixels are 20.7 apart. `exact` takes 44 and 1024 takes 36: together more
        # than twice 20.7, so that 1024 has no room, while 512, two stops away, has.
        ([2**n for n in range(11)] + ["exact"], {"exact": 100, "512": 81.8, "2": 9.1, "1": 0}),
        ([3], {"3": 0}),
    ],
)
def test_the_stops_of_a_slider_are_named_below_themselves_as_far_as_there_is_room(
    stops: list[int | str], named: dict[str, float]
) -> None:
    found = re.findall(r"left: ([\d.]+)%[^>]*>(\w+)<", stops_html(stops))
    places = {name: float(share) for share, name in found}
    assert named.items() <= places.items() and "1024" not in places
    # None overlaps the next one: 8 pixels a letter.
    for (one, left), (other, right) in itertools.pairwise(places.items()):
        assert 228 * (right - left) / 100 >= 4 * (len(one) + len(other))


def test_all_stops_of_the_slider_are_named_on_the_page_and_no_others(dataset: Path) -> None:
    at = from_collection()
    (slider,) = (s for s in at.select_slider if s.key == "nprobe")
    # Two lists: 1, 2 and exact, for all of which there is room.
    assert slider.options == ["1", "2", "exact"]
    drawn = [html.proto.body for html in at.get("html")]
    assert stops_html(slider.options) in drawn
