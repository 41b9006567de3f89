"""The Search page through Streamlit's AppTest, on a real Milvus Lite file and real encoder."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.dataset import image_id
from core.store import VectorStore
from core.ui import resources
from tests import dashboard

PAGE = str(Path(__file__).parent.parent / "views" / "search.py")


def page() -> AppTest:
    return AppTest.from_file(PAGE, default_timeout=60)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        dashboard.set_environment(patch, root / "data")
        pictures = dashboard.draw_pictures(root / "pictures")
        dashboard.build(pictures)
        clear_caches()
        yield pictures
        close_store()


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    dashboard.set_environment(monkeypatch, tmp_path / "data")
    clear_caches()
    yield tmp_path
    close_store()


def clear_caches() -> None:
    st.cache_resource.clear()
    st.cache_data.clear()


def close_store() -> None:
    try:
        resources.get_store().close()
    finally:
        clear_caches()


def picture_bytes(path: Path) -> tuple[str, bytes, str]:
    return path.name, path.read_bytes(), "image/jpeg"


def from_collection(label: str = "lime", name: str = "2.jpg") -> AppTest:
    at = page()
    at.query_params.update({"source": "Collection", "query_class": label, "picture": name})
    return at.run()


def captions(at: AppTest) -> str:
    return "\n".join(caption.value for caption in at.caption)


def hit_labels(at: AppTest) -> list[str]:
    """The line under each tile is '[mark] **rank** class'."""
    return [m.value for m in at.markdown if "**" in m.value and " hits**" not in m.value]


def test_without_a_query_the_page_invites_to_upload(dataset: Path) -> None:
    at = page().run()
    assert not at.exception
    assert at.subheader[0].value == "What looks like this?"
    assert "18" in at.markdown[0].value  # 3 classes of 6 pictures


def test_an_uploaded_picture_of_the_collection_is_its_own_first_hit(dataset: Path) -> None:
    at = page().run()
    at.file_uploader[0].set_value(picture_bytes(dataset / "plum" / "3.jpg"))
    at.run()
    assert not at.exception and not at.error
    assert at.markdown[0].value.startswith("**16 of 16 hits**, encode ")
    assert hit_labels(at)[0] == "**1** plum"
    assert "similarity 1\\.000" in captions(at)  # the same bytes: the cosine is 1


def test_a_picture_of_the_collection_is_left_out_of_its_own_hits(dataset: Path) -> None:
    at = from_collection()
    assert at.markdown[0].value.startswith("**16 of 16 hits**, stored embedding")
    assert "similarity 1\\.000" not in captions(at)
    assert "the query itself is left out" in captions(at)


def test_a_link_restores_every_control(dataset: Path) -> None:
    at = page()
    at.query_params.update(
        {
            "source": "Collection",
            "query_class": "plum",
            "picture": "4.jpg",
            "metric": "L2",
            "k": "3",
            "nprobe": "1",
            "classes": "lime",
        }
    )
    at.run()
    assert not at.exception
    assert at.markdown[0].value.startswith("**3 of 3 hits**")
    assert all(label.endswith(" lime") for label in hit_labels(at))
    assert "lower is more alike" in captions(at)
    assert at.slider[0].value == 3
    assert at.select_slider[0].value == 1


def test_values_of_a_link_that_do_not_exist_are_ignored(dataset: Path) -> None:
    at = page()
    at.query_params.update(
        {"source": "Collection", "metric": "HAMMING", "k": "100000", "picture": "../../etc/passwd"}
    )
    at.run()
    assert not at.exception and not at.error
    assert at.markdown[0].value.startswith("**16 of 16 hits**")


def test_wrong_hits_are_crossed_and_right_ones_ticked_by_a_sign_not_only_a_colour(
    dataset: Path,
) -> None:
    labels = hit_labels(from_collection())
    # The class has 6 pictures, the query is one of them: 5 of the 17 others can be right.
    assert sum(":material/check:" in label for label in labels) <= 5
    for label in labels:
        assert (":material/check:" in label) == label.endswith(" lime")
        assert (":material/check:" in label) != (":material/close:" in label)


def test_only_the_chosen_classes_are_found(dataset: Path) -> None:
    at = from_collection()
    at.multiselect[0].set_value(["plum"])
    at.run()
    labels = hit_labels(at)
    assert len(labels) == dashboard.PER_CLASS
    assert all(label.endswith(" plum") for label in labels)
    assert "6 of 16 hits" in at.markdown[0].value
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


def test_moving_a_slider_encodes_nothing(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = page().run()
    at.file_uploader[0].set_value(picture_bytes(dataset / "plum" / "3.jpg"))
    at.run()

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a slider must not encode")

    monkeypatch.setattr(resources, "encode_query", refuse)
    monkeypatch.setattr(resources, "decode", refuse)
    at.select_slider[0].set_value(1)
    at.slider[0].set_value(5)
    at.run()
    assert not at.error
    assert at.markdown[0].value.startswith("**5 of 5 hits**")


def test_labels_are_shown_as_text_never_as_markup(dataset: Path) -> None:
    label = dashboard.AWKWARD.replace("/", ":")
    at = from_collection(label, "0.jpg")
    assert not at.exception
    shown = [m.value for m in at.markdown if "script" in m.value]
    assert shown
    assert all("\\<script\\>" in value and "\\*\\*bold\\*\\*" in value for value in shown)
    assert all(not m.allow_html for m in at.markdown)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.jpg", b"", "is empty"),
        ("notes.jpg", b"not a picture", "is not a picture"),
        ("script.png", b"<svg onload='alert(1)'/>", "is not a picture"),
    ],
)
def test_a_bad_upload_is_named_and_the_page_stays_usable(
    dataset: Path, name: str, content: bytes, words: str
) -> None:
    at = page().run()
    at.file_uploader[0].set_value((name, content, "image/jpeg"))
    at.run()
    assert not at.exception
    assert words in at.error[0].value.replace("\\", "")
    assert name in at.error[0].value.replace("\\", "")
    at.file_uploader[0].set_value(picture_bytes(dataset / "plum" / "3.jpg"))
    at.run()
    assert not at.error and "16 of 16" in at.markdown[0].value


def test_a_truncated_upload_is_named_as_damaged(dataset: Path) -> None:
    out = io.BytesIO()
    Image.effect_noise((400, 400), 80).save(out, "JPEG")
    at = page().run()
    at.file_uploader[0].set_value(("half.jpg", out.getvalue()[:3000], "image/jpeg"))
    at.run()
    assert not at.exception
    assert "damaged" in at.error[0].value


def test_a_hit_whose_file_is_gone_leaves_a_placeholder_with_its_path(
    dataset: Path, tmp_path: Path
) -> None:
    gone = dataset / "lime" / "5.jpg"
    moved = tmp_path / "5.jpg"
    gone.rename(moved)
    try:
        at = from_collection()
    finally:
        moved.rename(gone)
    assert not at.exception and not at.error
    assert any("lime/5.jpg" in w.value.replace("\\", "") for w in at.warning)


def test_two_sessions_do_not_see_each_others_queries(dataset: Path) -> None:
    first, second = page().run(), page().run()
    first.file_uploader[0].set_value(picture_bytes(dataset / "plum" / "3.jpg"))
    second.file_uploader[0].set_value(picture_bytes(dataset / "lime" / "3.jpg"))
    first.slider[0].set_value(2)
    first.run()
    second.run()
    assert hit_labels(first)[0] == "**1** plum" and len(hit_labels(first)) == 2
    assert hit_labels(second)[0] == "**1** lime" and len(hit_labels(second)) == 16
    assert first.session_state["upload_preview"] != second.session_state["upload_preview"]


def test_with_one_metric_and_a_flat_index_there_is_no_nprobe_to_set(empty: Path) -> None:
    pictures = dashboard.draw_pictures(empty / "pictures")
    dashboard.build(pictures, "--metrics", "L2", "--index-type", "FLAT")
    at = from_collection()
    assert not at.exception and not at.error
    assert at.segmented_control(key="metric").options == ["L2"]
    assert len(at.select_slider) == 0
    assert "nprobe has no effect" in captions(at)
    # 18 pictures without the query, 16 of them asked for.
    assert at.markdown[0].value.startswith("**16 of 16 hits**")


def test_an_empty_collection_says_which_command_fills_it(empty: Path) -> None:
    at = page().run()
    assert not at.exception
    assert "make app" in at.code[0].value


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
    from core.errors import StoreUnavailableError

    def down(*_: object, **__: object) -> None:
        raise StoreUnavailableError("the database does not answer. Try again.")

    monkeypatch.setattr(VectorStore, "search", down)
    at.slider[0].set_value(7)
    at.run()
    assert not at.exception
    assert "does not answer" in at.error[0].value
    monkeypatch.undo()
    next(button for button in at.button if button.label == "Try again").click()
    at.run()
    assert not at.error
    assert at.markdown[0].value.startswith("**7 of 7 hits**")


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


def test_a_link_with_the_id_of_a_picture_searches_with_it(dataset: Path) -> None:
    at = page()
    at.query_params["queries"] = f"12345,{image_id('lime/2.jpg')}"
    at.run()
    assert not at.exception
    assert "lime" in captions(at)
    assert at.markdown[0].value.startswith("**16 of 16 hits**, stored embedding")
