"""The file of the corrections: written whole, by one at a time, undone step by step."""

import json
import multiprocessing
import threading
from pathlib import Path

import pytest

from core.corrections import book as module
from core.corrections.book import Book
from core.corrections.correction import NOTHING, Correction, Edit
from core.errors import BusyError, CorrectionError, FileError, ReadOnlyError

LIME, OUT = Edit(label="lime"), Edit(excluded=True)


def test_what_was_said_is_there_for_another_process_and_undone_step_by_step(
    tmp_path: Path,
) -> None:
    book = Book(tmp_path)
    book.change("fruit", ["a.jpg", "b.jpg"], LIME)
    book.change("fruit", ["b.jpg"], OUT)
    other = Book(tmp_path)
    assert other.of("fruit").by_path == {
        "a.jpg": Correction("lime"),
        "b.jpg": Correction("lime", excluded=True),
    }
    assert [step.said for step in other.steps("fruit")] == [
        "1 picture left out",
        "2 pictures now lime",
    ]
    assert other.undo("fruit").said == "1 picture left out"
    # The first reader sees what the second has written.
    assert book.of("fruit").by_path == dict.fromkeys(("a.jpg", "b.jpg"), Correction("lime"))
    other.undo("fruit")
    assert book.of("fruit").by_path == {}
    with pytest.raises(CorrectionError, match="nothing has been corrected"):
        book.undo("fruit")


def test_a_step_is_undone_by_its_number_unless_a_later_one_is_about_the_same_picture(
    tmp_path: Path,
) -> None:
    book = Book(tmp_path)
    first = book.change("fruit", ["a.jpg"], LIME)
    second = book.change("fruit", ["b.jpg"], OUT)
    assert first and second
    book.undo("fruit", first.number)
    assert book.of("fruit").by_path == {"b.jpg": Correction(excluded=True)}
    third = book.change("fruit", ["b.jpg"], LIME)
    # A number is never given twice, so that nobody undoes what another has done.
    assert third and third.number == 3
    with pytest.raises(CorrectionError, match="cannot be undone, since a later change"):
        book.undo("fruit", second.number)
    with pytest.raises(CorrectionError, match="there is no such change"):
        book.undo("fruit", first.number)


def test_what_somebody_has_said_since_is_not_overwritten(tmp_path: Path) -> None:
    book = Book(tmp_path)
    before = book.of("fruit")
    # Read from a table that has no column of classes.
    table = {"a.jpg": Correction(excluded=True)}
    book.change("fruit", ["a.jpg", "b.jpg"], Edit(label="plum"))
    with pytest.raises(CorrectionError, match=r"somebody else has corrected a\.jpg meanwhile"):
        book.put("fruit", table, said=str, before=before)
    assert book.of("fruit").of("a.jpg") == Correction("plum")
    # What was said of others does not matter.
    book.put("fruit", {"c.jpg": Correction(excluded=True)}, said=str, before=before)
    assert set(book.of("fruit").by_path) == {"a.jpg", "b.jpg", "c.jpg"}


def test_what_changes_nothing_is_no_step(tmp_path: Path) -> None:
    book = Book(tmp_path)
    assert book.change("fruit", ["a.jpg"], Edit(excluded=False)) is None
    book.change("fruit", ["a.jpg"], OUT)
    assert book.change("fruit", ["a.jpg", "a.jpg"], OUT) is None
    assert len(book.steps("fruit")) == 1


def test_collections_have_a_file_each(tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.change("fruit", ["a.jpg"], OUT)
    assert book.of("animals").by_path == {}
    assert [file.name for file in tmp_path.glob("*.json")] == ["fruit.json"]


def test_nothing_is_made_by_reading(tmp_path: Path) -> None:
    book = Book(tmp_path / "corrections")
    assert (book.of("fruit").by_path, book.steps("fruit")) == ({}, ())
    assert not (tmp_path / "corrections").exists()


def test_two_threads_that_change_something_at_once_lose_nothing(tmp_path: Path) -> None:
    # Ten changes each, through one book and through another, as two dashboards have it.
    books = [Book(tmp_path), Book(tmp_path)]

    def work(number: int) -> None:
        for step in range(10):
            books[number].change("fruit", [f"{number}/{step}.jpg"], OUT)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(books[0].of("fruit").excluded) == 20
    assert [step.number for step in books[1].steps("fruit")] == list(range(20, 0, -1))


def _exclude(folder: Path, name: str) -> None:
    for number in range(10):
        Book(folder).change("fruit", [f"{name}/{number}.jpg"], OUT)


def test_two_processes_that_change_something_at_once_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_exclude, args=(tmp_path, name)) for name in "ab"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(Book(tmp_path).of("fruit").excluded) == 20


def test_who_waits_too_long_for_another_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SECONDS", 0.05)
    with module.FileLock(tmp_path / ".fruit.lock"), pytest.raises(BusyError, match="Try again"):
        Book(tmp_path).change("fruit", ["a.jpg"], OUT)


def test_a_read_only_orchard_refuses_every_change_and_reads(tmp_path: Path) -> None:
    Book(tmp_path).change("fruit", ["a.jpg"], OUT)
    book = Book(tmp_path, read_only=True)
    assert book.of("fruit").excluded == {"a.jpg"}
    for change in (
        lambda: book.change("fruit", ["b.jpg"], OUT),
        lambda: book.put("fruit", {"b.jpg": NOTHING}, said=str),
        lambda: book.undo("fruit"),
    ):
        with pytest.raises(ReadOnlyError):
            change()


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"format": 1, "pictures": 3}', "\0"])
def test_a_damaged_file_is_named_and_not_taken_for_no_corrections(
    content: str, tmp_path: Path
) -> None:
    (tmp_path / "fruit.json").write_text(content)
    with pytest.raises(CorrectionError, match=r"fruit\.json.*cannot be read.*move it away"):
        Book(tmp_path).of("fruit")


def test_a_file_of_a_newer_orchard_is_not_read_wrongly(tmp_path: Path) -> None:
    (tmp_path / "fruit.json").write_text(json.dumps({"format": 2, "pictures": {}}))
    with pytest.raises(CorrectionError, match="a newer Orchard wrote it"):
        Book(tmp_path).of("fruit")


def test_a_change_that_cannot_be_written_has_not_happened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = Book(tmp_path)
    book.change("fruit", ["a.jpg"], OUT)

    def refuse(*_: object) -> None:
        raise FileError("the disk is full")

    monkeypatch.setattr(module, "write_whole", refuse)
    with pytest.raises(FileError):
        book.change("fruit", ["b.jpg"], OUT)
    assert book.of("fruit").excluded == {"a.jpg"}
    assert len(book.steps("fruit")) == 1


def test_so_many_pictures_belong_into_a_labels_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_PICTURES", 2)
    with pytest.raises(CorrectionError, match=r"3 pictures would be corrected, 2 can be"):
        Book(tmp_path).change("fruit", ["a", "b", "c"], OUT)


def test_old_steps_are_forgotten_and_what_they_said_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_STEPS", 2)
    book = Book(tmp_path)
    for path in "abc":
        book.change("fruit", [path], OUT)
    assert [step.number for step in book.steps("fruit")] == [3, 2]
    assert book.of("fruit").excluded == {"a", "b", "c"}


def test_corrections_that_the_system_does_not_let_us_see_are_not_taken_for_none(
    tmp_path: Path,
) -> None:
    (tmp_path / "corrections").write_text("a file where the folder should be")
    with pytest.raises(CorrectionError, match="cannot be read"):
        Book(tmp_path / "corrections").of("fruit_vector")
