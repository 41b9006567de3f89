"""Correcting from a menu: what is asked, what is told, the way back; read-only offers nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from core.corrections.correction import Correction, Edit
from core.ui import resources
from core.ui.correcting.actions import Way
from core.ui.tile_actions import Lead, choices
from tests.support import dashboard
from tests.support.made_up import make_database

FAMILY = "fruit_vector"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("correcting")
    with pytest.MonkeyPatch.context() as patch:
        dashboard.set_environment(patch, folder)
        make_database(folder)
        clear()
        yield folder
        resources.get_store().close()
        clear()


@pytest.fixture(autouse=True)
def fresh(shared: Path) -> None:
    for file in (shared / "corrections").glob("*.json"):
        file.unlink()


def clear() -> None:
    st.cache_resource.clear()
    st.cache_data.clear()


def script(way: str, count: int = 1, path: str = "") -> None:
    import streamlit as st

    from core.ui import resources
    from core.ui.correcting import actions, dialogs

    dialogs.follow()
    catalogue = resources.get_catalogue("fruit_vector")
    records = list(catalogue.by_class["apple"])[:count]
    if path:
        records = [one for one in catalogue.by_id.values() if one.path == path]
    st.button("go", on_click=actions.take, args=(actions.Way(way), records))
    st.caption(
        str({c: len(r) for c, r in resources.get_catalogue("fruit_vector").by_class.items()})
    )


def asked(way: Way, count: int = 1) -> AppTest:
    at = AppTest.from_function(script, kwargs={"way": way.value, "count": count})
    return press(at.run(timeout=60), "go")


def press(at: AppTest, label: str) -> AppTest:
    return next(b for b in at.button if b.label == label).click().run(timeout=60)


def give(at: AppTest) -> Button:
    return next(b for b in at.button if b.label == "Give this class")


def told(at: AppTest) -> list[str]:
    assert not at.exception
    return [str(element.value) for element in at.markdown]


def said() -> dict[str, Correction]:
    return dict(resources.get_corrections("fruit_vector").by_path)


def test_leaving_out_takes_one_press_and_so_does_the_way_back() -> None:
    at = asked(Way.EXCLUDE, 2)
    assert told(at) == ["2 pictures left out"]
    assert [one.excluded for one in said().values()] == [True, True]
    # What pages show is without them in the same run.
    assert "'apple': 38" in at.caption[0].value
    press(at, "Undo")
    assert told(at) == ["Undone\\: 2 pictures left out"]
    assert said() == {} and "'apple': 40" in at.caption[0].value
    press(at, "Close")
    assert told(at) == []


def test_another_class_is_chosen_among_those_there_are() -> None:
    at = asked(Way.RELABEL)
    [box] = at.selectbox
    assert box.options == ["apple", "banana", "cherry", "lone"]
    # A part of a name and Enter must not be a class.
    assert not box.proto.accept_new_options and not at.text_input
    assert give(at).disabled
    box.set_value("banana").run()
    press(at, "Give this class")
    assert told(at) == ["1 picture now banana"]
    assert [one.label for one in said().values()] == ["banana"]
    assert "'apple': 39" in at.caption[0].value and "'banana': 21" in at.caption[0].value


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (" sunfl ", "1 picture now sunfl, a new class"),
        # There is one of that name.
        ("banana", "1 picture now banana"),
    ],
)
def test_a_new_class_is_asked_for_on_purpose_told_to_be_new_and_undone(
    typed: str, words: str
) -> None:
    at = asked(Way.RELABEL)
    at.checkbox[0].check().run()
    assert not at.selectbox and give(at).disabled
    at.text_input[0].set_value("  ").run()
    assert give(at).disabled
    at.text_input[0].set_value(typed).run()
    press(at, "Give this class")
    assert [line.replace("\\", "") for line in told(at)] == [words]
    assert [one.label for one in said().values()] == [typed.strip()]
    press(at, "Undo")
    assert said() == {}


def test_a_class_that_was_given_is_taken_back_as_indexed() -> None:
    at = asked(Way.RELABEL)
    assert "As indexed" not in [b.label for b in at.button]
    at.selectbox[0].set_value("banana").run()
    press(at, "Give this class")
    [path] = said()
    at = AppTest.from_function(script, kwargs={"way": Way.RELABEL.value, "path": path})
    press(press(at.run(timeout=60), "go"), "As indexed")
    assert said() == {} and "'apple': 40" in at.caption[0].value


def test_without_any_class_a_name_is_asked_for_at_once() -> None:
    def bare() -> None:
        from core.ui.correcting import dialogs

        dialogs._class_control([])

    at = AppTest.from_function(bare).run(timeout=60)
    assert not at.exception and not at.checkbox and not at.selectbox
    assert at.text_input[0].label == "New class"


def test_tags_of_several_pictures_are_those_they_share() -> None:
    first, second = resources.get_catalogue("fruit_vector").by_class["apple"][:2]
    book = resources.get_store().book
    assert book
    book.change(FAMILY, [first.path, second.path], Edit(tagged=("round",)))
    book.change(FAMILY, [first.path], Edit(tagged=("red",)))
    at = asked(Way.TAG, 2)
    [pills] = at.button_group
    assert pills.value == ["round"]
    at.text_input[0].set_value("small, green").run()
    press(at, "Save")
    tags = {path: one.tags for path, one in said().items()}
    assert tags == {
        first.path: ("round", "red", "small", "green"),
        second.path: ("round", "small", "green"),
    }


def test_what_cannot_be_done_is_told_and_nothing_is_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("core.corrections.book.MOST_PICTURES", 1)
    at = asked(Way.EXCLUDE, 2)
    assert "nothing was changed" in told(at)[0]
    assert said() == {} and [b.label for b in at.button] == ["Close", "go"]


def test_a_read_only_dashboard_offers_no_correction(monkeypatch: pytest.MonkeyPatch) -> None:
    [record, *_] = resources.get_catalogue("fruit_vector").by_class["apple"]
    assert choices(record) == [*Lead, *Way]
    read_only = resources.get_settings().model_copy(update={"read_only": True})
    monkeypatch.setattr(resources, "get_settings", lambda: read_only)
    assert choices(record) == list(Lead)
    # A stale page that asks all the same is refused by the book.
    monkeypatch.setattr(resources.get_store().book, "_read_only", True)
    at = asked(Way.EXCLUDE)
    assert "nothing was changed" in told(at)[0]
    assert said() == {}


def test_a_damaged_file_is_told_by_the_page_and_breaks_no_frame(shared: Path) -> None:
    (shared / "corrections").mkdir(exist_ok=True)
    (shared / "corrections" / f"{FAMILY}.json").write_text("{")

    def framed() -> None:
        from core.ui import resources
        from core.ui.errors import page_errors
        from core.ui.frame import frame

        frame()
        with page_errors():
            resources.get_catalogue("fruit_vector")

    at = AppTest.from_function(framed).run(timeout=60)
    assert not at.exception
    assert "cannot be read" in at.error[0].value and "move it away" in at.error[0].value
