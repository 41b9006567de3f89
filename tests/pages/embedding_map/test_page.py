"""The Embedding map page through AppTest, on a real Milvus Lite file with known embeddings."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from core.config import Settings
from core.corrections.correction import Edit
from core.dataset.files import image_id
from core.dataset.formats.kinds import PICTURE_SUFFIXES
from core.embeddings.near_duplicates import NEAR_DUPLICATE
from core.errors import StoreUnavailableError
from core.metric import Metric
from core.projection.cache import FORMAT, UNUSED_SECONDS, CachePlace, load_projection
from core.projection.colours import Colouring
from core.projection.projection import Method
from core.projection.rows import MapRows
from core.projection.stability import compare_maps
from core.ui import links, resources
from pages.embedding_map import cache
from tests.support import map_collection, small_disk
from tests.support.exports import exports
from tests.support.map_collection import AWKWARD, PER_CLASS

ROOT = Path(__file__).parents[3]
# The router shows the Search page first, which has loaded the encoder by then.
MAP_FIRST = """
import streamlit as st

from core.ui import links

there = st.Page(links.SEARCH_PAGE, title="Search", url_path="search")
elsewhere = st.Page(links.EVALUATION_PAGE, title="Evaluation", url_path="evaluation")
here = st.Page(links.MAP_PAGE, title="Embedding map", default=True)
page = st.navigation([here, there, elsewhere])
links.follow()
page.run()
"""
ROWS = 3 * PER_CLASS


def map_rows() -> MapRows:
    return cache.get_rows(next(iter(resources.get_collections("fruit_vector").values())))


def set_environment(patch: pytest.MonkeyPatch, data_dir: Path) -> None:
    patch.setitem(Settings.model_config, "env_file", None)
    for name in ("MILVUS_URI", "COLLECTION", "DATASET", "WEIGHTS", "MAP_LIMIT", "ARCHITECTURE"):
        patch.delenv(f"ORCHARD_{name}", raising=False)
    patch.setenv("ORCHARD_DATA_DIR", str(data_dir))


def clear_caches() -> None:
    # Whom nobody holds any more nobody ends: its process would be left running, its pipes open.
    cache.get_projector().close()
    st.cache_resource.clear()
    st.cache_data.clear()


def close() -> None:
    """Let go of what the page opened; a database that is gone already needs no closing."""
    try:
        with contextlib.suppress(StoreUnavailableError):
            resources.get_store().close()
    finally:
        clear_caches()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A collection whose maps are computed once for all tests of this file."""
    root = tmp_path_factory.mktemp("map")
    with pytest.MonkeyPatch.context() as patch:
        set_environment(patch, root / "data")
        drawn = map_collection.draw(root / "pictures")
        map_collection.build(drawn)
        clear_caches()
        settle()
        yield drawn
        close()


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Make a collection of its own for one test."""

    def make(embeddings: dict[str, np.ndarray], **environment: str) -> Path:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        root = tmp_path / "pictures"
        for path in embeddings:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            map_collection.Image.new("RGB", (20, 20), "red").save(root / path)
        map_collection.build(root, embeddings)
        clear_caches()
        return root

    set_environment(monkeypatch, tmp_path / "data")
    clear_caches()
    yield make
    close()


def page(**parameters: str) -> AppTest:
    at = AppTest.from_string(MAP_FIRST, default_timeout=120)
    at.query_params.update(parameters)
    return at.run()


def settle(**parameters: str) -> AppTest:
    """Run the page until the worker has nothing left to do for it."""
    deadline = time.monotonic() + 240
    at = page(**parameters)
    while time.monotonic() < deadline:
        assert not at.exception
        if not cancel_buttons(at):
            return at
        time.sleep(0.3)
        at.run()
    raise AssertionError("the map was never finished")


def cancel_buttons(at: AppTest) -> list[Button]:
    return [button for button in at.button if (button.key or "").startswith("map_cancel")]


def text(at: AppTest) -> str:
    parts = [*at.caption, *at.markdown, *at.info, *at.warning, *at.error]
    return "\n".join(part.value for part in parts)


def labels(at: AppTest, grid: str) -> list[str]:
    """The classes under the pictures of a grid, in their order."""
    return [name.partition("\\, ")[0] for name in names(at, grid)]


def names(at: AppTest, grid: str) -> list[str]:
    """The pictures of a grid, as their buttons name them: class and path, escaped."""
    found = [b.label for b in at.button if b.key and b.key.startswith(f"find_{grid}_")]
    return [label.removeprefix("Find ").removesuffix(" on this map") for label in found]


def find(at: AppTest, grid: str, number: int = 0) -> Button:
    """The button of a grid's picture that finds it on the map."""
    return [b for b in at.button if b.key and b.key.startswith(f"find_{grid}_")][number]


def of_class(rows: MapRows, label: str, count: int) -> list[int]:
    """The ids of the first pictures of a class."""
    return [int(rows.ids[row]) for row in range(len(rows)) if rows.labels[row] == label][:count]


def told(at: AppTest) -> dict[str, Any]:
    """What the browser is told of a map in two dimensions."""
    message: dict[str, Any] = json.loads(at.get("bidi_component")[0].proto.json)
    return message


def rings(at: AppTest) -> int:
    """How many rings lie over the points."""
    marks = told(at)["marks"]
    return len(marks["ringed"]) + len(marks["ends"]) + (marks["centre"] is not None)


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("nothing is to be computed or read")


def random_rows(count: int, *, label: str = "a") -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {f"{label}/{n:02}.jpg": generator.normal(size=8).astype("f4") for n in range(count)}


def test_the_first_visit_shows_pca_while_umap_is_computed(fresh: Callable[..., Path]) -> None:
    fresh(random_rows(30))
    at = page()
    assert not at.exception and not at.error
    assert "PCA: the 2 directions shown keep" in text(at)
    assert cancel_buttons(at)[0].label == "Cancel"
    cancel_buttons(at)[0].click().run()
    at.run()
    assert "The computation was stopped" in text(at)
    again = next(button for button in at.button if button.label == "Compute it now")
    again.click().run()
    assert cancel_buttons(at)[0].label == "Cancel"


@pytest.mark.slow
def test_the_finished_map_says_how_it_was_made_and_how_far_to_trust_it(pictures: Path) -> None:
    at = settle()
    shown = text(at)
    assert "UMAP on embeddings reduced to 50 numbers by PCA" in shown
    assert "n_neighbors 15, min_dist 0.1, seed 42" in shown
    assert "**Trustworthiness 0." in shown and "from 0 to 1, higher is better" in shown
    assert "distances between clusters mean little" in shown
    assert not at.error and not at.warning


@pytest.mark.parametrize(
    "colour",
    [
        "Class",
        "Neighbours of own class",
        "Neighbours kept by the map",
        "Hubs",
        "Near-duplicates",
        "Suspected labels",
        "Query or gallery",
    ],
)
def test_a_change_of_colour_computes_no_map_and_reads_no_embedding(
    pictures: Path, colour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = settle()
    monkeypatch.setattr(cache, "project", refuse)
    monkeypatch.setattr(cache, "load_matrix", refuse)
    monkeypatch.setattr("core.projection.rows.MapRows.embeddings", refuse)
    monkeypatch.setattr("core.projection.jobs.Projector.request", refuse)
    at.selectbox(key="colour").set_value(colour).run()
    assert not at.exception and not at.error


def test_a_link_from_elsewhere_shows_the_picture_and_its_true_neighbours(pictures: Path) -> None:
    at = settle(map_class="lime", map_picture="00.jpg")
    assert "**lime\\/00\\.jpg** and its true nearest neighbours" in text(at)
    shown = labels(at, "near")
    # The picture itself, then 15 neighbours: first the other 11 limes, which point its way.
    assert len(shown) == 16
    assert shown[:12] == ["lime"] * 12
    assert "The map keeps" in text(at)


def test_a_picture_of_a_list_can_be_found_on_the_map(pictures: Path) -> None:
    at = settle(list="Outliers")
    # The last one, as any after the first would do.
    wanted = names(at, "outliers")[-1]
    find(at, "outliers", -1).click().run()
    assert not at.exception
    assert names(at, "near")[0] == wanted
    # A link to what is shown, or a reload, picks the same picture.
    address = {name: at.query_params[name] for name in ("map_class", "map_picture")}
    assert names(page(**address), "near")[0] == wanted
    next(b for b in at.button if b.label == "Clear the selection").click().run()
    assert "true nearest neighbours" not in text(at).replace("picture's true nearest", "")


def test_near_duplicates_are_the_pairs_that_were_made(pictures: Path) -> None:
    assert settle(list="Near-duplicates").slider(key="similarity").value == NEAR_DUPLICATE
    at = settle(list="Near-duplicates", similarity="0.995")
    # 0 and 1 of each class differ by 0.001 in every number.
    assert "3 groups with 6 pictures" in text(at)
    rings = [b for b in at.button if b.label.startswith("Ring group")]
    assert len(rings) == 3
    rings[0].click().run()
    assert not at.exception
    assert len(at.session_state["map"].ringed) == 2


@pytest.mark.slow
def test_a_picture_among_others_of_another_class_is_suspected(fresh: Callable[..., Path]) -> None:
    rows = {f"lime/{n:02}.jpg": map_collection.embedding_of("lime", n) for n in range(20)}
    rows["plum/00.jpg"] = map_collection.embedding_of("lime", 30)
    fresh(rows)
    at = settle(list="Suspected labels", method="PCA")
    assert labels(at, "suspects") == ["plum"]
    assert "100% lime" in text(at)


def test_a_picture_that_comes_from_another_page_is_looked_at_by_its_metric(
    pictures: Path,
) -> None:
    at = settle(map_class="lime", map_picture="00.jpg", map_metric="L2")
    assert at.segmented_control(key="map_metric").value == "L2"
    lines = [m for m in at.markdown if m.value.startswith(":small[lime]") and m.help]
    # The picture itself, then the other 11 limes.
    assert sum("distance" in m.help for m in lines) == 11
    at.button(key=find(at, "near", 1).key.replace("find_", "search_")).click().run()
    assert at.query_params["metric"] == "L2"


def test_pictures_of_a_link_are_ringed_and_those_that_are_not_there_are_named(
    pictures: Path,
) -> None:
    rows = map_rows()
    known = of_class(rows, "plum", 3)
    at = settle(ring=",".join(map(str, [*known, 12345, 678])))
    assert at.session_state["map"].ringed == known
    assert rings(at) == 3
    assert "ring: 12345, 678 is no picture" in text(at).replace("\\", "")
    # What is left is the link to this view; what was told stays until something else is marked.
    assert at.query_params["ring"] == ",".join(map(str, known))
    assert "12345" in text(at.run())
    at.session_state["map"].selected = known
    find(at.run(), "selected").click().run()
    assert "12345" not in text(at)
    assert "ring" not in at.query_params
    # Ringed are the picture and its 15 neighbours.
    assert rings(at) == 16


def test_rings_of_before_do_not_stay_when_a_link_brings_one_picture(pictures: Path) -> None:
    rows = map_rows()
    at = settle(ring=",".join(map(str, of_class(rows, "plum", 3))))
    # As a link of another page does it: the session stays, the address is another.
    at.query_params.clear()
    at.query_params.update({"map_class": "lime", "map_picture": "00.jpg"})
    at.run()
    assert at.session_state["map"].ringed == []
    assert "ring" not in at.query_params


def test_a_selection_shows_pictures_counts_and_what_is_gone(pictures: Path) -> None:
    at = settle()
    rows = map_rows()
    wanted = [row for row in range(ROWS) if rows.labels[row] == AWKWARD][:3]
    at.session_state["map"].selected = [*(int(rows.ids[row]) for row in wanted), 12345]
    at.run()
    shown = text(at)
    assert "**3 pictures selected**" in shown
    assert "No longer on the map: 1 picture of the selection" in shown
    # Every sign that Markdown could read is escaped.
    escaped = "\\<b\\>wild \\*card\\*"
    assert f"{escaped} 3" in shown
    assert labels(at, "selected") == [escaped] * 3
    # Files are behind one button a place.
    assert exports(at) == [["Map as HTML", "Positions as CSV"], ["CSV", "ZIP"]]
    before = told(at)["cleared"]
    next(b for b in at.button if b.label == "Clear").click().run()
    assert "take the lasso or the box" in text(at)
    # So the browser forgets it as well.
    assert told(at)["cleared"] != before


def test_up_to_five_of_a_selection_are_handed_to_the_search_page(pictures: Path) -> None:
    at = settle(map_metric="L2")
    rows = map_rows()
    for count, label in ((3, "these"), (7, "the first 5")):
        at.session_state["map"].selected = rows.ids[:count].tolist()
        at.run()
        assert at.button(key="search_selected").label == f"Search with {label}"
    at.button(key="search_selected").click().run()
    assert not at.exception
    assert at.query_params["queries"] == ",".join(map(str, rows.ids[:5].tolist()))
    assert at.query_params["metric"] == "L2"


def test_a_selection_leads_to_the_confusions_of_its_most_frequent_class(pictures: Path) -> None:
    at = settle()
    rows = map_rows()
    at.session_state["map"].selected = of_class(rows, "lime", 1) + of_class(rows, "plum", 2)
    at.run()
    assert "plum" in at.button(key="confusions_selected").help
    at.button(key="confusions_selected").click().run()
    assert at.query_params["asked"] == "plum"


@pytest.mark.slow
def test_a_link_finds_a_picture_of_a_dataset_that_is_split_above_its_classes(
    fresh: Callable[..., Path],
) -> None:
    rows = random_rows(6, label="train/a") | random_rows(3, label="test/a")
    fresh(rows)
    shown = map_rows()
    row = shown.paths.index("test/a/01.jpg")
    params = links.place_on_map(shown.record(row))
    at = settle(method="PCA", colour="Query or gallery", **params)
    assert not at.exception and not at.error
    assert "**test\\/a\\/01\\.jpg** and its true nearest neighbours" in text(at)


def test_values_of_a_link_that_do_not_exist_are_ignored(pictures: Path) -> None:
    at = settle(
        method="TSNE", dimensions="7", map_metric="IP", colour="x", list="y", map_class="nothing"
    )
    assert not at.exception and not at.error
    assert "n_neighbors 15, min_dist 0.1, seed 42" in text(at)


@pytest.mark.slow
def test_what_another_seed_does_not_repeat_is_pale_and_told_in_a_sentence(
    fresh: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh(random_rows(60))
    # The first map is there, then the second is asked for.
    assert told(settle(n_neighbors="2"))["pale"] is None
    at = settle(n_neighbors="2", repeated="true")
    assert not at.exception and not at.error
    maps = [
        load_projection(CachePlace(f, 60)) for f in cache.map_folder().rglob("projection-*.npz")
    ]
    seeds = {made.settings.seed: made.coordinates for made in maps if made.shown is Method.UMAP}
    assert sorted(seeds) == [42, 43]
    pale = int(compare_maps(seeds[42], seeds[43]).pale.sum())
    assert pale, "neighbourhoods of two are torn apart one way or another"
    assert f"**Pale: {pale} of 60 points" in text(at)
    assert told(at)["pale"]
    # Kept beside the first: nobody computes it again.
    monkeypatch.setattr("core.projection.jobs.Projector.request", refuse)
    assert told(page(n_neighbors="2", repeated="true"))["pale"] == told(at)["pale"]
    assert told(at.toggle(key="repeated").set_value(False).run())["pale"] is None


def test_pca_has_no_other_seed(pictures: Path) -> None:
    at = settle(method="PCA", repeated="true")
    assert not [toggle for toggle in at.toggle if toggle.key == "repeated"]
    assert told(at)["pale"] is None and "Pale:" not in text(at)


def test_three_dimensions_and_the_other_metric(pictures: Path) -> None:
    at = settle(dimensions="3", map_metric="L2")
    assert not at.exception and not at.error
    assert "Areas are selected in two dimensions" in text(at)


def uploaded(pictures: Path, monkeypatch: pytest.MonkeyPatch, *, name: str) -> AppTest:
    """The finished map with an upload that equals an indexed plum."""
    # The encoder is another test's matter: these need to know what it would say.
    embedding = map_collection.embedding_of("plum", 5)
    monkeypatch.setattr(resources, "get_upload_embedding", lambda *_, **__: (embedding, 1.0))
    at = settle(map_metric="COSINE")
    content = (pictures / "plum" / "05.jpg").read_bytes()
    return at.file_uploader(key="map_upload").set_value((name, content, "image/jpeg")).run()


def test_what_was_searched_with_is_placed_and_its_hits_are_ringed(pictures: Path) -> None:
    rows = map_rows()
    hits = of_class(rows, "plum", 3)
    query = links.Carried(
        "mine *x*.jpg", None, map_collection.embedding_of("plum", 5), b"a small jpeg"
    )
    way = links.to_ring(hits, metric=Metric.L2, carried=query)
    settle(map_metric="L2")  # so that the map is there
    at = AppTest.from_string(MAP_FIRST, default_timeout=120)
    at.session_state[links.LEAVING] = way
    at.session_state[links.CARRIED] = ("fruit_vector", query)
    at.run()
    assert not at.exception and not at.error
    assert at.segmented_control(key="map_metric").value == "L2"
    marks = told(at)["marks"]
    assert [int(rows.ids[row]) for row in marks["ringed"]] == hits
    # The embedding is that of a plum: it lies among its fifteen neighbours.
    assert len(marks["query"]) == 2 and len(marks["ends"]) == 15
    assert told(at)["placed"]
    assert "**mine \\*x\\*\\.jpg** and its nearest neighbours" in text(at)
    alts = [image.alt for element in at.get("image") for image in element.proto.imgs]
    assert "your picture, mine *x*.jpg" in alts
    next(b for b in at.button if b.label == "Remove").click().run()
    assert told(at)["marks"]["query"] is None and not told(at)["placed"]


def test_a_picture_of_the_map_that_was_searched_with_is_picked_not_placed(pictures: Path) -> None:
    rows = map_rows()
    lime = rows.record(rows.paths.index("lime/00.jpg"))
    query = links.Carried(lime.path, lime.id, map_collection.embedding_of("lime", 0), b"")
    at = AppTest.from_string(MAP_FIRST, default_timeout=120)
    at.session_state[links.LEAVING] = links.to_ring(
        of_class(rows, "plum", 2), metric=Metric.COSINE, picked=lime, carried=query
    )
    at.session_state[links.CARRIED] = ("fruit_vector", query)
    at.run()
    marks = told(at)["marks"]
    assert marks["query"] is None
    assert rows.ids[marks["centre"]] == lime.id and len(marks["ringed"]) == 2


def test_the_uploader_takes_files_called_as_the_pictures_of_a_folder_are(pictures: Path) -> None:
    uploader = settle(map_metric="COSINE").file_uploader(key="map_upload")
    assert set(uploader.proto.type) == PICTURE_SUFFIXES


def test_an_upload_is_placed_beside_its_neighbours(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = uploaded(pictures, monkeypatch, name="mine *x*.jpg")
    assert not at.exception and not at.error
    assert "**mine \\*x\\*\\.jpg** and its nearest neighbours" in text(at)
    # Its own row is nearest, then the other plums.
    assert labels(at, "placed")[:12] == ["plum"] * 12
    assert any("similarity 1.000" in m.help for m in at.markdown if m.help)


def test_an_upload_is_placed_by_umaps_transform_when_asked(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = uploaded(pictures, monkeypatch, name="mine.jpg")
    by_mean = told(at)["marks"]["query"]
    at.toggle(key="map_transform").set_value(True).run()
    deadline = time.monotonic() + 240
    while cancel_buttons(at) and time.monotonic() < deadline:
        time.sleep(0.3)
        at.run()
    assert not at.exception and not at.error
    assert "where UMAP's transform puts it" in text(at)
    query = told(at)["marks"]["query"]
    assert len(query) == 2 and query != by_mean


def test_an_upload_that_is_no_picture_is_told_and_the_map_stays(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = settle()
    at.file_uploader(key="map_upload").set_value(("x.jpg", b"no picture", "image/jpeg")).run()
    assert not at.exception
    assert "not a picture that can be read" in at.error[0].value
    assert "**Trustworthiness" in text(at)


@pytest.mark.slow
def test_files_deleted_since_are_told_in_their_place(fresh: Callable[..., Path]) -> None:
    root = fresh(random_rows(6))
    settle(method="PCA", list="Outliers")
    (root / "a" / "03.jpg").unlink()
    at = page(method="PCA", list="Outliers")
    assert not at.exception
    assert [w for w in at.warning if "03\\.jpg" in w.value]


@pytest.mark.slow
def test_a_thousand_classes_are_named_in_the_legend_as_far_as_they_are_coloured(
    fresh: Callable[..., Path],
) -> None:
    generator = np.random.default_rng(0)
    fresh({f"{n:04}/a.jpg": generator.normal(size=8).astype("f4") for n in range(1_000)})
    at = page(method="PCA")
    assert not at.exception and not at.error
    paint = told(at)["paint"]
    # Ten of a thousand classes of one picture each are highlighted until somebody chooses.
    assert [c["name"] for c in paint["categories"]] == [f"{n:04}" for n in range(10)]
    assert paint["rest"]["name"] == "other classes"


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_few_pictures(fresh: Callable[..., Path], count: int) -> None:
    fresh(random_rows(count))
    at = settle(list="Outliers", colour="Neighbours of own class")
    assert not at.exception and not at.error
    expected = "n_neighbors was lowered from 15 to 5" if count == 6 else "UMAP needs at least 5"
    assert expected in text(at)


def test_colour_by_precision_at_a_k_that_the_link_names(pictures: Path) -> None:
    at = settle(method="PCA", colour="Precision@k", precision_k="3")
    assert not at.exception and not at.error
    assert at.slider(key="precision_k").value == 3
    assert told(at)["paint"]["title"] == "Precision@3"


def test_colour_by_a_further_column(pictures: Path) -> None:
    at = settle(method="PCA", colour="series")
    assert told(at)["alt"] == f"Map of {ROWS} pictures, coloured by series"
    paint = told(at)["paint"]
    # Its text comes after none at all.
    assert [group["name"] for group in paint["categories"]] == ["no series", AWKWARD]
    assert told(at)["named"]


def test_colour_by_near_duplicates_from_a_similarity_that_the_link_names(pictures: Path) -> None:
    # In the first run already, and whichever list is shown below: the three pairs that were made.
    at = page(method="PCA", colour="Near-duplicates", similarity="0.995")
    assert at.slider(key="similarity").value == 0.995
    names = [group["name"] for group in told(at)["paint"]["categories"]]
    assert names == [f"group {number}: 2 pictures" for number in (1, 2, 3)]


@pytest.mark.parametrize("dimensions", ["2", "3"])
def test_the_camera_of_the_map_saves_in_the_format_that_is_chosen(
    pictures: Path, dimensions: str
) -> None:
    def saved(at: AppTest) -> str:
        if dimensions == "2":
            return str(told(at)["image_format"])
        config = json.loads(at.get("plotly_chart")[0].proto.config)
        return str(config["toImageButtonOptions"]["format"])

    at = page(method="PCA", dimensions=dimensions)
    assert saved(at) == "png"
    at.segmented_control(key="image_format").set_value("SVG").run()
    assert saved(at) == "svg"


def test_only_what_has_changed_is_sent_to_the_browser_again(pictures: Path) -> None:
    at = settle(method="PCA")
    before = told(at)
    at.slider(key="point_size").set_value(2.0).run()
    larger = told(at)
    assert larger["size"] == 2 * before["size"]
    assert larger | {"size": before["size"]} == before
    at.selectbox(key="colour").set_value("Hubs").run()
    hubs = told(at)
    assert hubs["paint"]["numbers"] != before["paint"]["numbers"]
    assert hubs["points"] == before["points"] and hubs["cards"] == before["cards"]
    # Another map, the same pictures.
    at.segmented_control(key="map_metric").set_value("L2").run()
    at.segmented_control(key="method").set_value("UMAP").run()
    at = settle()
    assert told(at)["points"] != before["points"] and told(at)["cards"] == before["cards"]


def test_a_message_stays_small_whatever_the_number_of_points(pictures: Path) -> None:
    at = settle(map_class="lime", map_picture="00.jpg")
    # Not a number a point: 36 points would be 36 positions and codes.
    assert len(at.get("bidi_component")[0].proto.json) < 3_000
    assert told(at)["rows"] == ROWS


def test_the_map_is_described_to_those_who_do_not_see_it(pictures: Path) -> None:
    at = settle(colour="Hubs")
    assert told(at)["alt"] == f"Map of {ROWS} pictures, coloured by hubs"


def test_a_change_of_colour_computes_no_map_and_reads_no_vectors(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = settle()

    def never(*_: object, **__: object) -> None:
        raise AssertionError("computed or read again")

    for name in ("pages.embedding_map.cache.project", "pages.embedding_map.cache.load_matrix"):
        monkeypatch.setattr(name, never)
    monkeypatch.setattr("core.projection.rows.MapRows.embeddings", never)
    monkeypatch.setattr("core.projection.jobs.Projector.request", never)
    for name in ("records", "rows_with_embeddings", "embeddings", "search"):
        monkeypatch.setattr(f"core.store.vector_store.VectorStore.{name}", never)
    for colour in Colouring:
        at.selectbox(key="colour").set_value(colour.value).run()
        assert not at.exception and not at.error


@pytest.mark.slow
def test_equal_embeddings(fresh: Callable[..., Path]) -> None:
    fresh({f"a/{n}.jpg": np.ones(4, dtype="f4") for n in range(8)})
    at = settle(colour="Neighbours kept by the map")
    assert not at.exception and not at.error
    assert "All embeddings are equal" in text(at)


def test_pictures_in_no_folder_have_no_class(fresh: Callable[..., Path]) -> None:
    fresh({f"{n}.jpg": np.random.default_rng(n).normal(size=4).astype("f4") for n in range(4)})
    at = settle(map_class="", list="Outliers")
    assert not at.exception and not at.error
    assert set(labels(at, "outliers")) == {"no class"}


def test_an_empty_collection_invites_to_build_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_environment(monkeypatch, tmp_path / "data")
    clear_caches()
    at = page()
    assert not at.exception
    assert "Nothing is indexed yet" in text(at)
    close()


def test_a_large_collection_is_sampled_and_says_so(fresh: Callable[..., Path]) -> None:
    rows = random_rows(30) | random_rows(10, label="b")
    fresh(rows, ORCHARD_MAP_LIMIT="20")
    shown = map_rows()
    everyone = shown.matrix.ids.tolist()
    at = settle(method="PCA", list="Outliers", ring=",".join(map(str, everyone)))
    assert rings(at) == 20
    told_of = text(at).replace("\\", "")
    assert "Not ringed: 20 of 40 pictures, which the sample on this map leaves out" in told_of
    assert "20 of 40 pictures: a sample in which every class keeps its share" in text(at)
    # 30 and 10 of 40 rows make 15 and 5 of 20.
    assert sorted(labels(at, "outliers")) == ["a"] * 15 + ["b"] * 5


def test_more_than_twenty_classes_ask_which_to_highlight(fresh: Callable[..., Path]) -> None:
    fresh(
        {f"c{n:02}/0.jpg": np.random.default_rng(n).normal(size=4).astype("f4") for n in range(23)}
    )
    at = settle(method="PCA")
    assert not at.exception and not at.error
    assert at.multiselect(key="highlight").value == [f"c{n:02}" for n in range(10)]


@pytest.mark.parametrize("damage", ["bytes", "version"])
def test_a_cache_that_cannot_be_used_is_computed_again_and_said(
    fresh: Callable[..., Path], damage: str
) -> None:
    fresh(random_rows(9))
    settle(method="PCA")
    table = next(cache.map_folder().rglob("neighbours-*.npz"))
    if damage == "bytes":
        table.write_bytes(b"nothing")
    else:
        table.rename(table.with_name(table.name.replace(f".v{FORMAT}.", ".v0.")))
    at = page(method="PCA")
    assert not at.exception
    expected = "is damaged and is computed again" if damage == "bytes" else "another version"
    assert expected in text(at)
    settle(method="PCA")
    assert table.stat().st_size > 100


def test_maps_of_rows_that_are_gone_are_deleted_once_nobody_has_used_them_for_a_day(
    fresh: Callable[..., Path],
) -> None:
    fresh(random_rows(9))
    settle(method="PCA")
    before = set(cache.map_folder().rglob("*.npz"))
    elsewhere = cache.map_folder() / "another_family" / "0" / f"projection-0.v{FORMAT}.npz"
    elsewhere.parent.mkdir(parents=True)
    elsewhere.write_bytes(b"of a family that is not in the database")
    day = time.time() - UNUSED_SECONDS - 60
    for file in (*before, elsewhere):
        os.utime(file, (day, day))
    # Rows are there as they were: they stay, and a visit counts as use.
    clear_caches()
    settle(method="PCA")
    assert all(file.exists() for file in before) and not elsewhere.exists()
    assert {time.time() - file.stat().st_atime < 600 for file in before} == {True}
    store = resources.get_store()
    for metric in store.metrics("fruit_vector"):
        store.delete("fruit_vector", metric, [image_id("a/00.jpg")])
    resources.forget_collections()
    settle(method="PCA")
    assert all(file.exists() for file in before), "a page may show the rows of before"
    for file in before:
        os.utime(file, (day, day))
    clear_caches()
    settle(method="PCA")
    assert not any(file.exists() for file in before)
    assert list(cache.map_folder().rglob("*.npz"))


def test_a_full_disk_costs_what_is_computed_in_the_background_not_the_page(
    fresh: Callable[..., Path], tmp_path: Path
) -> None:
    fresh({f"a/{n}.jpg": map_collection.embedding_of("lime", n) for n in range(12)})
    with small_disk.mounted(tmp_path / "data" / "projections", megabytes=1) as disk:
        small_disk.fill_up(disk)
        at = settle()
        assert "The map is shown but not kept" in text(at)
        # Of the map, and of the table of neighbours.
        assert text(at).count("the disk is full") == 2
        assert not list(disk.glob(".*"))
        close()


def test_another_class_recolours_the_map_without_a_job_and_fewer_pictures_are_laid_out_anew(
    pictures: Path,
) -> None:
    book = resources.get_store().book
    assert book
    first, second = list(resources.get_catalogue("fruit_vector").by_id.values())[:2]
    before = map_rows()
    book.change("fruit_vector", [first.path], Edit(label="another"))
    try:
        at = page(method="PCA")
        assert not cancel_buttons(at)
        after = map_rows()
        assert "another" in after.labels
        assert (after.fingerprint, after.seen != before.seen) == (before.fingerprint, True)
        book.change("fruit_vector", [second.path], Edit(excluded=True))
        assert len(map_rows()) == ROWS - 1
    finally:
        for _ in book.steps("fruit_vector"):
            book.undo("fruit_vector")
    assert map_rows().seen == before.seen


@pytest.mark.slow
def test_the_page_opens_without_torch_umap_and_sklearn(fresh: Callable[..., Path]) -> None:
    """With its map in the cache; in a process of its own, since the tests import all of them."""
    fresh(random_rows(12))
    settle()
    code = (
        "import sys\n"
        "from streamlit.testing.v1 import AppTest\n"
        f"at = AppTest.from_string({MAP_FIRST!r}, default_timeout=120)\n"
        "at.query_params['colour'] = 'Neighbours kept by the map'\n"
        "at.run()\n"
        "assert not at.exception and not at.error, at.error\n"
        "assert any('Trustworthiness' in c.value for c in at.caption)\n"
        "print(*sorted({'torch', 'torchvision', 'umap', 'sklearn', 'numba'} & sys.modules.keys()))"
    )
    # Milvus Lite serves one process: ours lets go for a while.
    resources.get_store().close()
    clear_caches()
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
