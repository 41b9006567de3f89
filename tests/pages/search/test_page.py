"""The Search page through Streamlit's AppTest, on a real Milvus Lite file and real encoder."""

import io
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.dataset.files import image_id
from core.errors import StoreUnavailableError
from core.store.vector_store import VectorStore
from core.ui import links, resources
from pages.search import cache
from tests.support import dashboard, search_page
from tests.support.exports import exports
from tests.support.search_page import (
    button,
    captions,
    clear_caches,
    close_store,
    compared,
    count_line,
    from_collection,
    hit_labels,
    page,
    picture_bytes,
    upload,
    warnings,
)


@pytest.fixture(scope="module")
def dataset(indexed: dashboard.Indexed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from search_page.collection(indexed, tmp_path_factory.mktemp("page"))


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    dashboard.set_environment(monkeypatch, tmp_path / "data")
    clear_caches()
    yield tmp_path
    close_store()


def copies(at: AppTest) -> list[str]:
    """What is said of files with the query's bytes."""
    return [c.value.replace("\\", "") for c in at.caption if "in the collection:" in c.value]


def starters(at: AppTest) -> list[str]:
    return [str(b.key) for b in at.button if str(b.key).startswith("pressed_start_")]


def test_without_a_query_the_page_invites_to_upload(dataset: Path) -> None:
    at = page().run()
    assert not at.exception
    assert at.subheader[0].value == "What looks like this?"
    assert "18" in at.markdown[0].value  # 3 classes of 6 pictures


def test_without_a_query_a_picture_of_every_class_is_offered_and_a_click_searches(
    dataset: Path,
) -> None:
    at = page().run()
    offered = starters(at)
    assert len(offered) == 3
    button(at, "Search with this picture of lime").click().run()
    assert not at.exception
    assert count_line(at) == "**16 of 16 hits**"
    assert not starters(at)


def test_several_pictures_of_one_class_are_offered_once_it_is_chosen(dataset: Path) -> None:
    at = page().run()
    at.selectbox(key="start_class").set_value("lime").run()
    assert not at.exception
    limes = {f"pressed_start_{image_id(f'lime/{n}.jpg')}" for n in range(dashboard.PER_CLASS)}
    assert set(starters(at)) == limes


def test_other_pictures_to_start_with_are_drawn_when_they_are_shuffled(dataset: Path) -> None:
    at = page().run()
    seen = set()
    for _ in range(6):
        seen.add(tuple(starters(at)))
        button(at, "Shuffle").click().run()
    # Six pictures a class: that six draws of three are all alike has a chance of 1 in 216 ** 5.
    assert len(seen) > 1


def test_an_uploaded_picture_of_the_collection_is_its_own_first_hit_unless_it_is_hidden(
    dataset: Path,
) -> None:
    at = upload(page().run(), picture_bytes(dataset / "plum" / "3.jpg"))
    assert not at.exception and not at.error
    assert count_line(at) == "**16 of 16 hits**"
    assert "The query itself is left out." in captions(at)
    assert not any(label.endswith("1\\.000") for label in hit_labels(at))
    at.toggle(key="hide_query").set_value(False).run()
    # The class is known by the bytes, and the same bytes have the cosine 1.
    assert hit_labels(at)[0] == "**1** :material/check: plum 1\\.000"


def test_an_upload_that_is_in_the_collection_is_said_to_be_and_shown_by_a_press(
    dataset: Path,
) -> None:
    at = upload(page().run(), picture_bytes(dataset / "plum" / "3.jpg"))
    is_there = "This picture is in the collection: plum/3.jpg."
    assert copies(at) == [f"{is_there} Left out by *Hide the query itself*."]
    at.button(key="show_query").click().run()
    assert not at.exception and not at.toggle(key="hide_query").value
    assert hit_labels(at)[0] == "**1** :material/check: plum 1\\.000"
    assert copies(at) == [is_there]
    # Of two there is no "this picture".
    two = [picture_bytes(dataset / path) for path in ("plum/3.jpg", "lime/2.jpg")]
    at = upload(page().run(), *two)
    assert copies(at) == [
        "2 files with the same bytes are in the collection: plum/3.jpg and lime/2.jpg. "
        "Left out by *Hide the query itself*."
    ]


def test_of_a_picture_that_was_picked_or_is_new_nothing_is_said(dataset: Path) -> None:
    assert copies(from_collection()) == []
    name, content, kind = picture_bytes(dataset / "plum" / "3.jpg")
    # Bytes behind the end of a JPEG change nothing but the digest.
    assert copies(upload(page().run(), (name, content + b"0", kind))) == []


def test_a_picture_of_the_collection_is_left_out_of_its_own_hits(dataset: Path) -> None:
    at = from_collection()
    assert count_line(at) == "**16 of 16 hits**"
    assert "1 of 1 query embeddings from a cache or stored" in captions(at)
    assert not any(label.endswith("1\\.000") for label in hit_labels(at))
    assert "The query itself is left out." in captions(at)


def test_all_that_an_answer_is_taken_away_as_is_behind_one_button(dataset: Path) -> None:
    at = from_collection()
    assert exports(at) == [["Hits (CSV)", "Pictures (ZIP)"]]
    assert "The same view for a colleague:" in captions(at)


def test_one_press_leads_to_the_map_with_the_query_and_its_hits(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone: list[links.Destination] = []
    monkeypatch.setattr(links, "leave", gone.append)
    at = from_collection(metric="L2", k="5")
    at.button(key="hits_on_map").click().run()
    way = gone[-1]
    assert way.page == links.MAP_PAGE
    assert way.parameters["map_metric"] == "L2"
    # Five hits, and the query beside them.
    assert len(way.parameters["ring"].split(",")) == 5
    assert (way.parameters["map_class"], way.parameters["map_picture"]) == ("lime", "2.jpg")
    assert way.carried is not None and way.carried.id == image_id("lime/2.jpg")


def test_an_upload_goes_to_the_map_with_its_picture_and_what_it_was_compared_by(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone: list[links.Destination] = []
    monkeypatch.setattr(links, "leave", gone.append)
    at = compared(upload(page().run(), picture_bytes(dataset / "plum" / "3.jpg")))
    at.button(key="hits_on_map").click().run()
    [way] = gone
    assert "map_picture" not in way.parameters and way.carried is not None
    assert (way.carried.name, way.carried.id) == ("3.jpg", None)
    assert Image.open(io.BytesIO(way.carried.picture)).format == "JPEG"
    # The bytes are those of a stored picture, and so is the embedding, as far as a batch goes.
    info = next(iter(resources.get_collections("fruit_vector").values()))
    stored = resources.get_stored_embedding(info, image_id("plum/3.jpg"))
    assert way.carried.embedding == pytest.approx(stored, abs=1e-3)


def test_an_upload_has_no_link(dataset: Path) -> None:
    at = upload(page().run(), picture_bytes(dataset / "plum" / "3.jpg"))
    assert exports(at) == [["Hits (CSV)", "Pictures (ZIP)"]]
    assert "An upload never leaves your session" in captions(at)
    assert not at.code


def test_a_link_restores_every_control(dataset: Path) -> None:
    at = from_collection("plum", "4.jpg", metric="L2", k="3", nprobe="1", classes="lime")
    assert not at.exception and not at.warning
    assert count_line(at) == "**3 of 3 hits**"
    assert all(" lime " in label for label in hit_labels(at))
    assert "lower is more alike" in captions(at)
    assert at.slider(key="k").value == 3
    assert at.select_slider[0].value == 1


def test_values_of_a_link_that_do_not_exist_are_ignored_and_named(dataset: Path) -> None:
    at = from_collection(
        metric="HAMMING", k="100000", nprobe="3", classes="kiwi", crop="7:1.2.3", limit_L2="<b>"
    )
    assert not at.exception and not at.error
    assert count_line(at) == "**16 of 16 hits**"
    said = warnings(at)
    for value in ("metric=HAMMING", "k=100000", "nprobe=3", "classes=kiwi", "crop: 7:1.2.3"):
        assert value in said
    assert "limit_L2=<b>" in said
    button(at, "Dismiss").click().run()
    assert not at.warning


def test_a_link_to_pictures_that_are_not_there_says_so(dataset: Path) -> None:
    at = page(queries="12345,../../etc/passwd,-1").run()
    assert not at.exception and not at.error
    assert at.subheader[0].value == "What looks like this?"
    assert "12345" in warnings(at) and "../../etc/passwd" in warnings(at)


def test_wrong_hits_are_crossed_and_right_ones_ticked_by_a_sign_not_only_a_colour(
    dataset: Path,
) -> None:
    labels = hit_labels(from_collection("lime", "0.jpg"))
    right = [" lime " in label for label in labels]
    # The class has 6 pictures, the query is one of them: 5 of the 17 others can be right, and all
    # of them are among these. What stands behind the last one could not be.
    assert sum(right) == 5
    last = max(place for place, is_right in enumerate(right) if is_right)
    assert 5 <= last < len(labels) - 1
    for place, label in enumerate(labels):
        assert (":material/check:" in label) == right[place]
        assert (":material/close:" in label) == (not right[place] and place < last)


def test_only_the_chosen_classes_are_found(dataset: Path) -> None:
    at = from_collection()
    at.multiselect[0].set_value(["plum"]).run()
    assert len(hit_labels(at)) == dashboard.PER_CLASS
    assert all(" plum" in label for label in hit_labels(at))
    assert count_line(at) == "**6 of 16 hits**"
    assert "Fewer hits than asked for" in captions(at)


def test_every_metric_says_its_direction(dataset: Path) -> None:
    at = from_collection()
    for metric, words in {
        "L2": "lower is more alike",
        "IP": "no limits",
        "COSINE": "from -1 to 1",
    }.items():
        at.segmented_control(key="metric").set_value(metric)
        at.run()
        assert words in captions(at)


def test_moving_a_slider_encodes_nothing_and_reads_no_picture_again(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = compared(upload(page().run(), picture_bytes(dataset / "plum" / "3.jpg")))

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a slider must not do this")

    searches: list[int] = []
    search = VectorStore.search

    def counted(self: VectorStore, *args: object, **kwargs: object) -> object:
        searches.append(1)
        return search(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(VectorStore, "search", counted)
    for name in ("encode_query", "open_query", "preview", "cached_thumbnail", "exact_scores"):
        monkeypatch.setattr(cache, name, refuse)
    at.select_slider[0].set_value(1)
    at.slider(key="k").set_value(5)
    at.run()
    assert not at.error
    assert count_line(at) == "**5 of 5 hits**"
    assert len(searches) == 1


def test_labels_are_shown_as_text_never_as_markup(dataset: Path) -> None:
    label = dashboard.AWKWARD.replace("/", ":")
    at = from_collection(label, "0.jpg")
    assert not at.exception
    shown = [m.value for m in at.markdown if "script" in m.value]
    assert shown
    assert all("\\<script\\>" in value and "\\*\\*bold\\*\\*" in value for value in shown)
    assert all(not m.allow_html for m in at.markdown)


def huge_png() -> bytes:
    """The header of a 20,000 x 20,000 PNG, which is refused before anything is decoded."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return len(data).to_bytes(4) + kind + data + check.to_bytes(4)

    size = (20_000).to_bytes(4)
    header = chunk(b"IHDR", size + size + bytes([8, 2, 0, 0, 0]))
    rows = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + header + rows + chunk(b"IEND", b"")


def half_a_jpeg() -> bytes:
    out = io.BytesIO()
    Image.effect_noise((400, 400), 80).save(out, "JPEG")
    return out.getvalue()[:3000]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.jpg", b"", "is empty (0 bytes)"),
        ("notes.jpg", b"not a picture", "is not a picture"),
        ("script.png", b"<svg onload='alert(1)'/>", "is not a picture"),
        ("half.jpg", half_a_jpeg(), "is damaged"),
        ("huge.png", huge_png(), "20,000 x 20,000 pixels"),
    ],
    ids=["empty", "text", "svg", "damaged", "huge"],
)
def test_a_bad_upload_is_named_and_the_page_stays_usable(
    dataset: Path, name: str, content: bytes, words: str
) -> None:
    at = upload(page().run(), (name, content, "image/jpeg"))
    assert not at.exception
    assert words in warnings(at) and name in warnings(at)
    assert at.subheader[0].value == "What looks like this?"
    upload(at, picture_bytes(dataset / "plum" / "3.jpg"))
    assert not at.error and not at.warning
    assert count_line(at) == "**16 of 16 hits**"


def test_text_inside_an_uploaded_picture_is_shown_nowhere(dataset: Path) -> None:
    """The description, artist and copyright of EXIF, and a comment, hold markup."""
    markup = "<img src=x onerror=alert(1)> **bold**"
    exif = Image.Exif()
    for tag in (0x010E, 0x013B, 0x8298):
        exif[tag] = markup
    content = io.BytesIO()
    with Image.open(dataset / "plum" / "3.jpg") as picture:
        picture.save(content, "JPEG", exif=exif, comment=markup.encode())
    at = upload(page().run(), ("mine.jpg", content.getvalue(), "image/jpeg"))
    assert count_line(at) == "**16 of 16 hits**"
    shown = str(at)
    # The whole page is looked through.
    assert "similarity" in shown
    assert "onerror" not in shown


def test_of_thirty_uploads_five_are_searched_with_and_the_rest_is_counted(dataset: Path) -> None:
    files = []
    for number in range(30):
        out = io.BytesIO()
        Image.new("RGB", (20, 20), (8 * number, 90, 30)).save(out, "PNG")
        files.append((f"{number}.png", out.getvalue(), "image/png"))
    at = upload(page().run(), *files)
    assert not at.exception and not at.error
    assert "25 of 30 pictures left out" in warnings(at)
    assert "Searching for the mix of 5 pictures" in captions(at)
    assert sum(b.label == "Remove" for b in at.button) == 5


def test_a_hit_whose_file_is_gone_leaves_a_placeholder_with_its_path(
    dataset: Path, tmp_path: Path
) -> None:
    gone = dataset / "lime" / "5.jpg"
    moved = tmp_path / "5.jpg"
    gone.rename(moved)
    clear_caches()
    try:
        at = from_collection()
    finally:
        moved.rename(gone)
    assert not at.exception and not at.error
    assert "lime/5.jpg" in warnings(at)
    assert len(hit_labels(at)) == 16


def test_a_hit_whose_path_leads_outside_is_never_opened_and_says_so(
    dataset: Path, tmp_path: Path
) -> None:
    own = dataset / "lime" / "5.jpg"
    moved = tmp_path / "outside.jpg"
    own.rename(moved)
    own.symlink_to(moved)
    clear_caches()
    try:
        at = from_collection()
    finally:
        own.unlink()
        moved.rename(own)
    assert not at.exception and not at.error
    assert "'lime/5.jpg' leads outside the dataset folder and is not opened" in warnings(at)


def test_two_sessions_do_not_see_each_others_queries(dataset: Path) -> None:
    first, second = page().run(), page().run()
    upload(first, picture_bytes(dataset / "plum" / "3.jpg"))
    upload(second, picture_bytes(dataset / "lime" / "3.jpg"))
    first.slider(key="k").set_value(2).run()
    second.run()
    assert len(hit_labels(first)) == 2 and len(hit_labels(second)) == 16
    names = [[p.name for p in at.session_state["search"].pictures] for at in (first, second)]
    contents = [at.session_state["search"].pictures[0].content for at in (first, second)]
    assert names == [["3.jpg"], ["3.jpg"]]
    assert contents == [(dataset / label / "3.jpg").read_bytes() for label in ("plum", "lime")]
    assert "queries" not in first.query_params


def test_with_one_metric_and_a_flat_index_there_is_no_nprobe_to_set(empty: Path) -> None:
    pictures = dashboard.draw_pictures(empty / "pictures")
    dashboard.build(pictures, "--metrics", "L2", "--index-type", "FLAT")
    at = from_collection()
    assert not at.exception and not at.error
    assert at.segmented_control(key="metric").options == ["L2"]
    assert len(at.select_slider) == 0
    assert "nprobe has no effect" in captions(at)
    # 18 pictures without the query, 16 of them asked for.
    assert count_line(at) == "**16 of 16 hits**"


def test_an_empty_collection_says_so_and_offers_to_build_one(empty: Path) -> None:
    at = page().run()
    assert not at.exception
    assert "Nothing is indexed yet" in at.markdown[0].value
    assert at.button[0].label == "Build a collection"


def test_a_database_that_is_down_gives_a_message_and_a_retry_button(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHARD_MILVUS_URI", "http://127.0.0.1:1")
    monkeypatch.setenv("ORCHARD_MILVUS_TOKEN", "root:secret")
    at = page().run()
    assert not at.exception
    assert "does not answer" in at.error[0].value
    assert "secret" not in at.error[0].value
    assert at.button[0].label == "Try again"
    monkeypatch.delenv("ORCHARD_MILVUS_URI")
    clear_caches()


def test_a_database_that_goes_away_between_two_clicks_is_survived(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = from_collection()

    def down(*_: object, **__: object) -> None:
        raise StoreUnavailableError("the database does not answer. Try again.")

    monkeypatch.setattr(VectorStore, "search", down)
    at.slider(key="k").set_value(7).run()
    assert not at.exception
    assert "does not answer" in at.error[0].value
    monkeypatch.undo()
    button(at, "Try again").click().run()
    assert not at.error
    assert count_line(at) == "**7 of 7 hits**"


def test_an_unexpected_fault_never_shows_a_traceback_but_the_log_keeps_it(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(VectorStore, "search", broken)
    at = from_collection()
    assert not at.exception
    assert "Something went wrong" in at.error[0].value
    assert "ZeroDivisionError" not in at.error[0].value
    log = resources.get_settings().data_dir / "orchard.log"
    assert "ZeroDivisionError: oops" in log.read_text(encoding="utf-8")
