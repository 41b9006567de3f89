"""The Corrections part of the Collection page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.corrections.correction import UNREADABLE, Correction, Edit
from core.runs.task import Verify
from core.ui import resources
from tests.support import dashboard
from tests.support.search_page import clear_caches, collection

PAGE = str(Path(__file__).parents[3] / "pages" / "collection" / "page.py")
FAMILY = "fruit_vector"


@pytest.fixture(scope="module")
def pictures(
    indexed: dashboard.Indexed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    yield from collection(indexed, tmp_path_factory.mktemp("corrections"))


@pytest.fixture(autouse=True)
def fresh(pictures: Path) -> None:
    for file in resources.get_settings().data.corrections.glob("*.json"):
        file.unlink()


def part() -> AppTest:
    at = AppTest.from_file(PAGE, default_timeout=60)
    at.query_params["part"] = "Corrections"
    return at.run()


def say(path: str, edit: Edit) -> None:
    book = resources.get_store().book
    assert book
    book.change(FAMILY, [path], edit)


def texts(at: AppTest) -> str:
    assert not at.exception
    shown = [*at.markdown, *at.caption, *at.info, *at.warning, *at.error]
    return "\n".join(str(element.value) for element in shown)


def said() -> dict[str, Correction]:
    return dict(resources.get_corrections("fruit_vector").by_path)


def test_where_nothing_is_corrected_it_says_how() -> None:
    assert "Nothing is corrected. The menu of every picture" in texts(part())


def test_corrected_pictures_are_shown_with_what_they_were_and_taken_back() -> None:
    say("lime/0.jpg", Edit(label="plum"))
    say("lime/1.jpg", Edit(excluded=True, tagged=("blurred",)))
    at = part()
    assert "**1 with another class, 1 left out, 1 tagged**" in texts(at)
    assert "plum \\(was lime\\)" in texts(at)
    next(b for b in at.button if b.label.startswith("Take back what is said of lime")).click().run()
    assert list(said()) == ["lime/1.jpg"]


def test_steps_are_undone_one_by_one_the_newest_first() -> None:
    say("lime/0.jpg", Edit(label="plum"))
    say("lime/0.jpg", Edit(label="pear"))
    at = part()
    text = texts(at)
    assert text.index("1 picture now pear") < text.index("1 picture now plum")
    at.button(key="undo_1").click().run()
    # Nothing has changed: a later step is about the same picture.
    assert said() == {"lime/0.jpg": Correction("pear")}
    at.button(key="undo_2").click().run()
    assert said() == {"lime/0.jpg": Correction("plum")}


def test_a_table_is_looked_at_before_it_is_taken_over(pictures: Path) -> None:
    # A file without a row: damaged ones have none, and can be left out.
    (pictures / "lime" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    try:
        table = "path,class,excluded\nlime/0.jpg,plum,\nlime/broken.jpg,,yes\ngone.jpg,plum,\n"
        at = part()
        at.file_uploader[0].set_value([("c.csv", table.encode(), "text/csv")])
        at.run()
        assert "1 row about pictures that are not there \\(gone\\.jpg\\)" in texts(at)
        assert said() == {}
        at.button(key="corrections_import").click().run()
        assert said() == {
            "lime/0.jpg": Correction("plum"),
            "lime/broken.jpg": Correction(excluded=True),
        }
        assert "Without a row\\: 1 picture \\(lime\\/broken\\.jpg\\)" in texts(part())
    finally:
        (pictures / "lime" / "broken.jpg").unlink()


def test_what_is_no_table_is_told() -> None:
    at = part()
    at.file_uploader[0].set_value([("c.csv", b"a,b\n1,2\n", "text/csv")])
    assert "The table has the columns a\\, b" in texts(at.run())


def test_words_of_browse_find_tags_and_what_is_left_out_is_not_there() -> None:
    say("lime/1.jpg", Edit(tagged=("blurred",)))
    say("lime/2.jpg", Edit(excluded=True))
    at = AppTest.from_file(PAGE, default_timeout=60)
    at.query_params["browse_words"] = "BLURRED"
    assert "1 picture" in texts(at.run())
    at = AppTest.from_file(PAGE, default_timeout=60).run()
    assert "17 pictures" in texts(at)


def test_a_read_only_dashboard_shows_corrections_and_changes_none(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say("lime/0.jpg", Edit(label="plum"))
    monkeypatch.setenv("ORCHARD_READ_ONLY", "true")
    resources.get_store().close()
    clear_caches()
    try:
        at = part()
        assert "1 with another class" in texts(at)
        assert not at.file_uploader
        assert [b.label for b in at.button if "Undo" in b.label or "back" in b.label] == []
    finally:
        monkeypatch.delenv("ORCHARD_READ_ONLY")
        resources.get_store().close()
        clear_caches()


def test_unreadable_files_that_verify_found_are_accepted_by_one_press(pictures: Path) -> None:
    broken = pictures / "lime" / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 no picture")
    try:
        resources.get_runner().start(Verify(FAMILY))
        resources.get_runner().wait(60)
        at = AppTest.from_file(PAGE, default_timeout=60)
        at.query_params["part"] = "Health"
        text = texts(at.run())
        assert "files that cannot be read\\, and have no row\\: 1 \\(lime\\/broken\\.jpg\\)" in text
        assert "\\-\\-remove\\-unreadable" in text
        at.button(key="accept_unreadable").click().run()
        assert said() == {"lime/broken.jpg": Correction(excluded=True, tags=(UNREADABLE,))}
        assert not [b for b in at.button if b.key == "accept_unreadable"]
        resources.get_runner().start(Verify(FAMILY))
        resources.get_runner().wait(60)
        text = texts(at.run())
        assert "Collections and files agree; 1 file left out" in text
        assert "Left out\\, so no fault\\: 1 file \\(lime\\/broken\\.jpg\\)" in text
        # Nor is it counted as one that a build would bring in.
        assert "Index the folder again" not in text and "without a row" not in text
    finally:
        broken.unlink()
