"""The Search page as a bench: marks, several pictures, crops, limits, duel, worth of an answer."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.dataset.files import image_id
from core.embeddings.near_duplicates import NEAR_DUPLICATE
from core.errors import EncoderMismatchError
from core.metric import Metric
from core.records import ImageRecord
from core.search.crop import Crop
from core.search.query_picture import QueryPicture
from core.ui import resources
from pages.search import state
from pages.search.answer.duel import winner
from tests.support import dashboard, search_page
from tests.support.search_page import (
    button,
    captions,
    choose,
    clear_caches,
    close_store,
    compared,
    count_line,
    figure,
    figures,
    from_collection,
    hit_alts,
    hit_labels,
    page,
    picture_bytes,
    upload,
    warnings,
)


@pytest.fixture(scope="module")
def dataset(indexed: dashboard.Indexed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from search_page.collection(indexed, tmp_path_factory.mktemp("bench"))


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    dashboard.set_environment(monkeypatch, tmp_path / "data")
    clear_caches()
    yield dashboard.draw_pictures(tmp_path / "pictures")
    close_store()


def pictures_of(at: AppTest) -> list[str]:
    return [picture.name for picture in at.session_state["search"].pictures]


def test_precision_counts_the_ticks_and_says_the_best_that_is_possible(dataset: Path) -> None:
    at = from_collection()
    ticks = sum(":material/check:" in label for label in hit_labels(at))
    assert figure(at, "precision@16") == f"{ticks / 16:.2f}"
    # Five other limes for 16 places: 5 / 16 = 0.31.
    assert "at most 0.31 here" in captions(at)
    votes = next(c for c in at.caption if c.help and c.help.startswith("Hits of each class"))
    assert f"lime {ticks}" in votes.value


def test_one_list_misses_neighbours_and_they_are_shown_exact_search_misses_none(
    dataset: Path,
) -> None:
    at = from_collection(k="17", nprobe="1")
    found = int(re.search(r"\*\*(\d+) of 17", count_line(at))[1])  # type: ignore[index]
    assert 0 < found < 17
    # All 17 other pictures are exact hits, and those that were found are among them.
    assert figure(at, "ANN recall@17") == f"{found / 17:.2f}"
    assert any(e.label == f"{17 - found} exact hits that the index missed" for e in at.expander)
    assert "hold no more" in captions(at)
    at.select_slider[0].set_value("exact").run()
    assert figure(at, "ANN recall@17") == "1.00"
    assert count_line(at) == "**17 of 17 hits**"
    assert "exact search" in captions(at)


def test_every_wrong_hit_says_whether_encoder_or_index_brought_it_in(dataset: Path) -> None:
    alts = hit_alts(from_collection("lime", "0.jpg", k="17"))
    wrong = [alt for alt in alts if "of another class" in alt]
    blamed = [alt for alt in wrong if "of another class: " in alt]
    # Every list is searched, so no wrong hit is the index's.
    assert blamed and all("the encoder's" in alt for alt in blamed)
    # The 5 other limes are found before the last hits, which are nobody's fault.
    assert len(wrong) == 17 - 5
    late = wrong[len(blamed) :]
    assert late and all("none of the query's was left to find" in alt for alt in late)


def test_search_with_a_hit_replaces_the_query_and_its_address(dataset: Path) -> None:
    at = from_collection()
    at.button(key=f"search_{image_id('lime/5.jpg')}").click().run()
    assert pictures_of(at) == ["lime/5.jpg"]
    assert at.query_params["queries"] == str(image_id("lime/5.jpg"))


def test_several_pictures_are_combined_and_removed_one_by_one(dataset: Path) -> None:
    at = choose(from_collection(), "plum/3.jpg", "Add to the query")
    assert pictures_of(at) == ["lime/2.jpg", "plum/3.jpg"]
    assert "Searching for the mix of 2 pictures" in captions(at)
    # Two classes: nothing can be right or wrong.
    assert not figures(at, "precision")
    assert "2 pictures are left out: the query, and files with the same bytes" in captions(at)
    at.toggle(key="combine").set_value(True).run()
    upload(at, picture_bytes(dataset / "plum" / "1.jpg"))
    assert pictures_of(at) == ["lime/2.jpg", "plum/3.jpg", "1.jpg"]
    at.button(key=f"remove_row{image_id('lime/2.jpg')}").click().run()
    assert pictures_of(at) == ["plum/3.jpg", "1.jpg"]
    # The upload's bytes are those of an indexed plum.
    assert figures(at, "precision")


def test_a_sixth_picture_is_refused_with_the_reason(dataset: Path) -> None:
    ids = ",".join(str(image_id(f"lime/{n}.jpg")) for n in range(5))
    at = choose(page(queries=ids).run(), "plum/3.jpg", "Add to the query")
    assert len(pictures_of(at)) == 5
    assert "plum/3.jpg was not added" in warnings(at)


def test_marked_hits_move_the_query_and_are_in_the_address(dataset: Path) -> None:
    at = from_collection()
    plum = image_id("plum/3.jpg")
    at = at.button(key=f"thumb_up_{plum}").click().run()
    assert at.query_params["more"] == str(plum)
    at.slider(key="weight_query").set_value(0.1)
    at.slider(key="weight_more").set_value(2.0)
    at.run()
    # Twenty times as much plum as lime: the plum is its own nearest picture now.
    assert " plum" in hit_labels(at)[0]
    at.button(key=f"thumb_down_{plum}").click().run()
    assert "more" not in at.query_params and at.query_params["less"] == str(plum)
    button(at, "Clear all").click().run()
    assert "less" not in at.query_params
    assert not any(s.key == "weight_query" for s in at.slider)


def test_weights_that_leave_no_query_are_explained(dataset: Path) -> None:
    at = from_collection(less=str(image_id("plum/3.jpg")), weight_query="0.1", weight_less="1.0")
    assert "leaves no query" in at.error[0].value
    assert not at.exception


def test_a_crop_in_a_link_searches_with_a_part_and_can_be_undone(dataset: Path) -> None:
    lime = image_id("lime/2.jpg")
    at = from_collection(crop=f"{lime}:0.0.500.1000")
    assert at.session_state["search"].pictures[0].crop == Crop(0, 0, 500, 1000)
    assert "a part of lime" in captions(at).replace("\\", "")
    # A part is encoded, the whole has a stored embedding.
    assert re.search(r"(encode \d+ ms|from a cache)", captions(at))
    at.button(key=f"crop_row{lime}").click().run()
    assert not at.exception
    button(at, "Whole picture").click().run()
    assert at.session_state["search"].pictures[0].crop.is_whole
    assert "crop" not in at.query_params


def test_a_limit_holds_in_the_metrics_direction(dataset: Path) -> None:
    at = from_collection(metric="L2")
    scores = [float(label.rpartition(" ")[2].replace("\\", "")) for label in hit_labels(at)]
    assert scores == sorted(scores)
    limit = (scores[2] + scores[3]) / 2
    at.number_input(key="limit_L2").set_value(limit).run()
    assert count_line(at) == "**3 of 16 hits**"
    assert "the limit hides the rest" in captions(at)
    # It is a distance, and means nothing for similarities.
    at.segmented_control(key="metric").set_value("COSINE").run()
    assert count_line(at) == "**16 of 16 hits**"


def test_near_duplicates_can_be_hidden_and_are_counted(dataset: Path) -> None:
    at = from_collection()
    at.toggle(key="hide_duplicates").set_value(True).run()
    assert at.slider(key="duplicates_from").value == NEAR_DUPLICATE
    at.slider(key="duplicates_from").set_value(0.8).run()
    assert not at.exception
    shown, asked = map(int, re.findall(r"\d+", count_line(at)))
    assert shown < asked == 16
    assert "near-duplicates of better hits" in captions(at)


def test_the_duel_shows_every_metric_with_rank_changes_and_overlap(dataset: Path) -> None:
    at = from_collection(show="Metric duel", k="6")
    assert not at.exception
    assert [m.label for m in at.metric] == ["COSINE", "L2", "IP"]
    told = [caption.help for caption in at.caption if caption.value.startswith("overlap@6")]
    assert len(told) == 2 and all("in common with COSINE" in help for help in told)
    rows = hit_labels(at)
    # Row by row: the same rank under each metric.
    assert [row[:5] for row in rows] == [f"**{rank}**" for rank in range(1, 7) for _ in range(3)]
    changed = [t for t in rows if "arrow_" in t or "same rank" in t or "*new*" in t]
    assert len(changed) == 12


def test_the_duel_says_which_metric_is_right_more_often(dataset: Path) -> None:
    at = from_collection(show="Metric duel", k="6")
    shown = {metric.label: float(metric.value) for metric in at.metric}
    [said] = [m.value for m in at.markdown if "right more often" in m.value]
    best = max(shown.values())
    ahead = [name for name, value in shown.items() if value == best]
    if len(ahead) == 3:
        assert said.startswith("**No metric is right more often** here")
    else:
        assert all(name in said.partition("right more often")[0] for name in ahead)


def test_the_winner_of_a_duel_is_named_with_those_behind() -> None:
    cosine, l2, ip = Metric.COSINE, Metric.L2, Metric.IP
    assert winner({cosine: 0.9, l2: 0.8, ip: 0.4}, k=10) == (
        "**COSINE is right more often** here: precision@10 0.90; L2 0.80 and IP 0.40."
    )
    assert winner({cosine: 0.9, l2: 0.9, ip: 0.4}, k=10) == (
        "**COSINE and L2 are right more often** here: precision@10 0.90; IP 0.40."
    )
    assert winner({cosine: 0.5, l2: 0.5}, k=4) == (
        "**No metric is right more often** here: precision@4 0.50 under each."
    )


def test_details_tell_path_id_digest_and_raw_score(dataset: Path) -> None:
    at = choose(from_collection(metric="L2"), "lime/5.jpg", "Details")
    assert not at.exception
    table = str(at.table[0].value)
    record = resources.get_catalogue("fruit_vector").by_id[image_id("lime/5.jpg")]
    assert record.digest in table and str(record.id) in table
    assert "squared" in table
    assert any("nearest neighbours" in m.value for m in at.markdown)
    # The query stands beside it.
    images: Any = at.get("image")
    assert "the query, lime/2.jpg" in [image.proto.imgs[0].alt for image in images]
    button(at, "Search with this").click().run()
    assert pictures_of(at) == ["lime/5.jpg"]


def test_details_lead_to_the_next_hit(dataset: Path) -> None:
    at = from_collection()
    first, second = (alt.split(",")[0] for alt in hit_alts(at)[:2])
    ids = [int(str(b.key).rpartition("_")[2]) for b in at.button if "thumb_up" in str(b.key)]
    at.menu_button(key=f"menu_{ids[0]}").click("Details")
    at.run()
    assert button(at, "Previous").disabled
    assert any(m.value.startswith(f"**{first.capitalize()}**") for m in at.markdown)
    button(at, "Next").click().run()
    assert any(m.value.startswith(f"**{second.capitalize()}**") for m in at.markdown)
    assert at.session_state["search"].details == ids[1]


def test_a_neighbour_in_the_details_is_searched_with_and_closes_them(dataset: Path) -> None:
    at = choose(from_collection(), "lime/5.jpg", "Details")
    near = next(b for b in at.button if b.label == "Search with neighbour 1")
    at = near.click().run()
    assert pictures_of(at) != ["lime/2.jpg"] and len(pictures_of(at)) == 1
    assert at.session_state["search"].details is None


def test_an_upload_is_not_lost_when_a_hit_is_searched_with(dataset: Path) -> None:
    at = upload(page().run(), picture_bytes(dataset / "plum" / "3.jpg"))
    at.button(key=f"search_{image_id('plum/1.jpg')}").click().run()
    assert pictures_of(at) == ["plum/1.jpg"]
    at = button(at, "Search again with 3\\.jpg").click().run()
    assert pictures_of(at) == ["3.jpg"] and not at.exception
    # And the other way round; what is searched with is not among those of before.
    before = [b.label for b in at.button if b.label.startswith("Search again")]
    assert before == ["Search again with plum\\/1\\.jpg"]


def test_no_more_than_ten_queries_and_fifty_megabytes_of_uploads_are_remembered() -> None:
    session = state.Session()
    for number in range(13):
        state._replace(session, [QueryPicture(f"{number}.jpg", f"d{number}", None)])
    # The last is searched with, the ten before it are remembered.
    assert [query[0].name for query in session.recent] == [f"{n}.jpg" for n in range(11, 1, -1)]
    for number in range(3):
        big = QueryPicture(f"big{number}", f"b{number}", None, content=bytes(30_000_000))
        state._replace(session, [big])
    assert [query[0].name for query in session.recent] == ["big1"]


def test_hits_beyond_twenty_are_on_a_second_page(own: Path) -> None:
    for number in range(10):
        (own / "plum" / f"more{number}.jpg").write_bytes((own / "plum" / "1.jpg").read_bytes())
    dashboard.build(own, "--nlist", "2")
    at = from_collection(k="27", nprobe="2")
    assert count_line(at) == "**27 of 27 hits**"
    assert len(hit_labels(at)) == 20
    at.pagination[0].set_value(2).run()
    assert len(hit_labels(at)) == 7
    assert hit_labels(at)[0].startswith("**21** ")


def test_all_copies_of_the_query_are_hidden_by_their_bytes(own: Path) -> None:
    (own / "plum" / "copy.jpg").write_bytes((own / "lime" / "2.jpg").read_bytes())
    dashboard.build(own, "--nlist", "2")
    at = from_collection(k="18", nprobe="2")
    # 19 pictures, without the query and its copy.
    assert count_line(at) == "**17 of 18 hits**"
    assert "2 pictures are left out: the query, and files with the same bytes" in captions(at)


def test_other_files_with_the_bytes_of_a_picked_picture_are_named(own: Path) -> None:
    for number in range(4):
        (own / "plum" / f"_{number}_.jpg").write_bytes((own / "lime" / "2.jpg").read_bytes())
    dashboard.build(own, "--nlist", "2")
    at = from_collection(hide_query="false")
    [said] = [c.value for c in at.caption if "in the collection:" in c.value]
    # The marks that keep names from being Markdown taken away; three are named.
    assert said.replace("\\", "") == (
        "4 files with the same bytes are in the collection: plum/_0_.jpg, plum/_1_.jpg, "
        "plum/_2_.jpg and 1 more."
    )
    assert "\\_0\\_" in said
    # Of two that were picked, and are the same, each of the others is named once.
    both = (image_id("lime/2.jpg"), image_id("plum/_0_.jpg"))
    at = compared(page(queries=",".join(map(str, both)), hide_query="false").run())
    [said] = [c.value for c in at.caption if "in the collection:" in c.value]
    assert said.replace("\\", "") == (
        "3 files with the same bytes are in the collection: plum/_1_.jpg, plum/_2_.jpg and "
        "plum/_3_.jpg."
    )


def test_an_hnsw_index_has_ef_instead_of_nprobe(own: Path) -> None:
    dashboard.build(own, "--metrics", "COSINE", "--index-type", "HNSW")
    at = from_collection(ef="16", k="17")
    assert not at.exception and not at.error
    assert at.select_slider[0].label == "ef (candidates)" and at.select_slider[0].value == 16
    assert "ef has no effect below k" in captions(at)
    assert count_line(at) == "**17 of 17 hits**"


def test_a_picture_unlike_anything_indexed_is_warned_about(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = from_collection()
    assert not any("Unlike anything indexed" in m.value for m in at.markdown)
    reference = resources.get_reference("fruit_vector")
    assert reference is not None
    st.cache_data.clear()
    usual = dict.fromkeys(reference.farthest_usual, 0.9999)
    monkeypatch.setattr(
        resources,
        "get_reference",
        lambda _: type(reference)(reference.matrix, reference.labels, usual),
    )
    assert any("Unlike anything indexed" in m.value for m in at.run().markdown)


def test_without_the_encoder_uploads_are_refused_and_stored_pictures_still_work(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise EncoderMismatchError("no such weights are at hand.")

    st.cache_data.clear()
    monkeypatch.setattr(resources, "get_encoder", refuse)
    at = upload(page().run(), picture_bytes(dataset / "plum" / "3.jpg"))
    assert "no such weights" in at.error[0].value and not at.exception
    at = from_collection()
    assert not at.error and count_line(at) == "**16 of 16 hits**"


def test_a_random_picture_and_one_found_by_its_path(dataset: Path) -> None:
    at = page(source="Collection").run()
    button(at, "Random picture").click().run()
    assert len(pictures_of(at)) == 1
    at.text_input(key="query_words").set_value("PLUM 4").run()
    assert at.selectbox(key="picture").options == ["plum/4.jpg"]
    at.selectbox(key="picture").set_value("plum/4.jpg").run()
    assert pictures_of(at) == ["plum/4.jpg"]
    assert compared(at).selectbox(key="picture").value is None


def test_a_row_that_was_deleted_since_is_no_query_any_more(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = from_collection()
    gone = ImageRecord(7, "lime/gone.jpg", "lime", "d")
    state = at.session_state["search"]
    state.pictures = [type(state.pictures[0])(gone.path, gone.digest, gone)]
    at.run()
    assert not at.exception
    assert at.subheader[0].value == "What looks like this?"
