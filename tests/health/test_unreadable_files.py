"""Files that cannot be read have an end: named, mended or left out, and verify is green again."""

from pathlib import Path

import pytest

from core.corrections.book import Book
from core.corrections.correction import UNREADABLE, Correction, Edit
from core.dataset.files import image_id
from core.errors import DatasetError
from core.health.verify import Finding, Problem, Verification, verify
from core.indexing.build import build_index
from core.indexing.report import IndexReport
from core.metric import Metric
from core.store.vector_store import VectorStore
from scripts import build_index as build_script
from scripts import corrections as corrections_script
from scripts import verify as verify_script
from tests.conftest import ColourEncoder, picture_bytes
from tests.support import dashboard

FAMILY = "fruit"
BROKEN = "apple/1.png"
METRICS = (Metric.COSINE, Metric.L2)


@pytest.fixture
def book(either_store: VectorStore, tmp_path: Path) -> Book:
    either_store.book = Book(tmp_path / "corrections")
    return either_store.book


def build(store: VectorStore, dataset: Path, **options: bool) -> IndexReport:
    return build_index(
        dataset, store=store, encoder=ColourEncoder(), family=FAMILY, metrics=METRICS, **options
    )


def spoil(dataset: Path, path: str = BROKEN) -> bytes:
    """Cut a file short, as a copy that was broken off; returns what it was."""
    content = (dataset / path).read_bytes()
    (dataset / path).write_bytes(content[:40])
    return content


def found(store: VectorStore) -> dict[Problem, tuple[str, ...]]:
    return {one.problem: one.examples for one in verify(store, family=FAMILY).findings}


def paths(store: VectorStore) -> set[str]:
    return {record.path for record in store.stored.records(FAMILY, METRICS[0])}


def test_a_picture_that_was_replaced_by_a_broken_file_has_an_end(
    either_store: VectorStore, dataset: Path, book: Book
) -> None:
    store = either_store
    build(store, dataset)
    whole = spoil(dataset)
    report = build(store, dataset)
    # Its old row is kept, and that is said.
    assert (report.kept_unreadable, report.removed_unreadable) == (1, 0)
    assert [one.path for one in report.skipped] == [BROKEN]
    assert found(store) == {Problem.BROKEN_ROW: (BROKEN,)}
    remedy = Problem.BROKEN_ROW.remedy(str(dataset))
    assert f"build_index {dataset} --remove-unreadable deletes the rows" in remedy

    report = build(store, dataset, remove_unreadable=True)
    assert (report.kept_unreadable, report.removed_unreadable) == (0, 1)
    assert len(paths(store)) == 11 and BROKEN not in paths(store)
    verified = verify(store, family=FAMILY)
    assert (verified.findings, verified.accepted) == ((), (BROKEN,))
    # The next build in the night leaves it so.
    assert build(store, dataset).kept_unreadable == 0
    assert verify(store, family=FAMILY).findings == ()

    (dataset / BROKEN).write_bytes(whole)
    assert build(store, dataset).added == 1
    assert book.of(FAMILY).by_path == {}
    verified = verify(store, family=FAMILY)
    assert (verified.findings, verified.accepted, len(paths(store))) == ((), (), 12)


def test_an_unreadable_file_without_a_row_has_an_end(
    store: VectorStore, dataset: Path, tmp_path: Path
) -> None:
    book = store.book = Book(tmp_path / "corrections")
    (dataset / "pear" / "note.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    build(store, dataset)
    assert found(store) == {Problem.UNREADABLE: ("pear/note.jpg",)}
    assert verify(store, family=FAMILY).unreadable == ("pear/note.jpg",)
    # One by name, whatever build does; what was found before is settled by it.
    before = verify(store, family=FAMILY)
    book.change(FAMILY, ["pear/note.jpg"], Edit(excluded=True))
    assert before.standing(frozenset()) == before.findings
    assert before.standing(book.of(FAMILY).excluded) == ()
    verified = verify(store, family=FAMILY)
    assert (verified.findings, verified.accepted) == ((), ("pear/note.jpg",))
    book.undo(FAMILY)
    # All of them by a build.
    assert build(store, dataset, remove_unreadable=True).removed_unreadable == 0
    assert book.of(FAMILY).of("pear/note.jpg") == Correction(excluded=True, tags=(UNREADABLE,))
    assert verify(store, family=FAMILY).findings == ()


def test_a_finding_is_settled_by_leaving_out_all_that_it_is_about_and_no_less() -> None:
    paths = ("a.jpg", "b.jpg")
    for problem, count, unreadable, is_settled in (
        (Problem.UNREADABLE, 2, paths, True),
        (Problem.NO_ROW, 2, (), True),
        # The third is not among the examples, and so may not be left out.
        (Problem.NO_ROW, 3, (), False),
        (Problem.CHANGED, 2, (), False),
    ):
        found = Finding(problem, "fruit_l2", count, paths)
        report = Verification(FAMILY, "", {"fruit_l2": 12}, True, (found,), unreadable)
        assert report.standing({"a.jpg"}) == (found,)
        assert (report.standing({*paths}) == ()) == is_settled


def test_a_row_of_a_broken_file_is_accepted_once_it_is_left_out(
    store: VectorStore, dataset: Path, tmp_path: Path
) -> None:
    store.book = Book(tmp_path / "corrections")
    build(store, dataset)
    spoil(dataset)
    store.book.change(FAMILY, [BROKEN], Edit(excluded=True))
    verified = verify(store, family=FAMILY)
    assert (verified.findings, verified.accepted) == ((), (BROKEN,))


def test_what_a_person_has_left_out_stays_so_when_it_can_be_read(
    store: VectorStore, dataset: Path, tmp_path: Path
) -> None:
    store.book = Book(tmp_path / "corrections")
    store.book.change(FAMILY, [BROKEN], Edit(excluded=True, tagged=("blurred",)))
    build(store, dataset)
    assert store.book.of(FAMILY).excluded == {BROKEN}


def test_not_every_row_is_deleted_where_no_file_can_be_read(
    store: VectorStore, dataset: Path, tmp_path: Path
) -> None:
    store.book = Book(tmp_path / "corrections")
    build(store, dataset)
    for path in sorted(dataset.rglob("*.png")):
        spoil(dataset, path.relative_to(dataset).as_posix())
    with pytest.raises(DatasetError, match=r"not one of the 12 pictures.*no row was deleted"):
        build(store, dataset, remove_unreadable=True)
    assert len(paths(store)) == 12
    assert store.book.of(FAMILY).by_path == {}


def test_a_file_that_has_changed_and_can_be_read_is_a_changed_one(
    store: VectorStore, dataset: Path
) -> None:
    build(store, dataset)
    (dataset / BROKEN).write_bytes(picture_bytes(99))
    assert found(store) == {Problem.CHANGED: (BROKEN,)}
    # To leave it out does not bring its row up to date.
    assert verify(store, family=FAMILY).standing({BROKEN}) != ()


def test_another_class_or_a_picture_left_out_is_no_finding_and_encodes_nothing(
    store: VectorStore, dataset: Path, tmp_path: Path
) -> None:
    encoder = ColourEncoder()
    book = store.book = Book(tmp_path / "corrections")
    build(store, dataset)
    book.change(FAMILY, ["apple/0.png"], Edit(label="pear"))
    book.change(FAMILY, ["apple/2.png"], Edit(excluded=True))
    again = build_index(dataset, store=store, encoder=encoder, family=FAMILY, metrics=METRICS)
    assert (again.unchanged, again.encoded, encoder.calls) == (12, 0, 0)
    assert verify(store, family=FAMILY).findings == ()
    # One more metric has all rows, as they are stored.
    build_index(dataset, store=store, encoder=encoder, family=FAMILY, metrics=[Metric.IP])
    assert encoder.calls == 0 and store.count(FAMILY, Metric.IP) == 12
    assert {r.label for r in store.stored.records(FAMILY, Metric.IP)} == {"apple", "pear", "plum"}
    key = image_id("apple/0.png")
    assert next(r for r in store.records(FAMILY, Metric.IP) if r.id == key).label == "pear"


def test_of_six_files_five_are_named_and_the_sixth_is_counted(
    store: VectorStore, dataset: Path
) -> None:
    for number in range(6):
        (dataset / "pear" / f"note{number}.jpg").write_bytes(b"no picture")
    build(store, dataset)
    [finding] = verify(store, family=FAMILY).findings
    assert finding.said.endswith(
        "have no row: 6 ("
        + ", ".join(f"pear/note{number}.jpg" for number in range(5))
        + ", and 1 more)"
    )


def test_the_commands_that_verify_names_make_it_green(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dashboard.set_environment(monkeypatch, tmp_path / "data")
    photos = dashboard.draw_pictures(tmp_path / "my photos")
    dashboard.build(photos, "--metrics", "COSINE")
    spoil(photos, "lime/0.jpg")
    (photos / "plum" / "text.jpg").write_text("no picture")
    assert build_script.main([str(photos), "--metrics", "COSINE"]) == 0
    assert "1 row of files that can no longer be read (kept, and still found" in (
        capsys.readouterr().out
    )
    assert verify_script.main([]) == verify_script.WRONG
    said = capsys.readouterr().out
    command = f"python -m scripts.build_index '{photos}' --remove-unreadable"
    assert "rows whose file can no longer be read: 1 (lime/0.jpg)" in said
    assert "files that cannot be read, and have no row: 1 (plum/text.jpg)" in said
    assert said.count(command) == 2
    assert build_script.main([str(photos), "--metrics", "COSINE", "--remove-unreadable"]) == 0
    assert "1 picture removed, since their files can no longer be read" in capsys.readouterr().out
    assert verify_script.main([]) == 0
    assert "left out, so no fault: 2 files (lime/0.jpg, plum/text.jpg)" in capsys.readouterr().out
    # One by one, the other way.
    assert corrections_script.main(["--include", "lime/0.jpg", "plum/text.jpg"]) == 0
    assert verify_script.main([]) == verify_script.WRONG
    assert corrections_script.main(["--exclude", "lime/0.jpg", "plum/text.jpg"]) == 0
    assert verify_script.main([]) == 0
