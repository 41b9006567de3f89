"""Health: what the database says, what lies on disk, what a person should look at."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.config import load_settings
from core.errors import StoreUnavailableError
from core.health.status import (
    Checks,
    CollectionHealth,
    DatabaseHealth,
    FilesHealth,
    collections_health,
    concerns,
    database_health,
    disk_usage,
    files_and_rows,
    files_health,
    public_address,
    size_below,
)
from core.health.verify import Finding, Problem
from core.indexing.build import build_index
from core.metric import Metric
from core.store.vector_store import VectorStore
from tests.conftest import ColourEncoder

WELL = DatabaseHealth("Milvus Lite", "3", "/x.db", "d", 1.0, "")


@pytest.fixture
def built(store: VectorStore, dataset: Path, encoder: ColourEncoder) -> list[CollectionHealth]:
    build_index(dataset, store=store, encoder=encoder, family="fruit")
    return collections_health(store, "fruit")


def test_a_built_collection_is_well(built: list[CollectionHealth], dataset: Path) -> None:
    assert [one.info.metric for one in built] == list(Metric)
    assert all(one.loaded and one.info.rows == 12 for one in built)
    files = files_health(dataset)
    assert (files.pictures, files.skipped, files.other, files.error) == (12, 0, 0, "")
    assert concerns(WELL, built, files) == []


def test_each_trouble_is_named(built: list[CollectionHealth], dataset: Path) -> None:
    first = built[0].info
    troubled = [
        CollectionHealth(replace(first, complete=False, pending_rows=5, rows=11), loaded=False),
        CollectionHealth(replace(first, encoder=ColourEncoder("11111111").identity), loaded=True),
    ]
    said = " ".join(concerns(WELL, troubled, FilesHealth(str(dataset), 13)))
    for words in (
        "incomplete", "5 rows", "not loaded", "different numbers of rows", "different encoders",
        "13 pictures",
    ):  # fmt: skip
        assert words in said
    assert concerns(replace(WELL, error="away"), troubled, None) == ["away"]


@pytest.mark.parametrize(
    ("pictures", "unreadable", "advice"),
    [
        # 12 rows. 13 files, of which one cannot be read, leave 12; without that, one is missing.
        (13, 1, None),
        (13, 0, "Index the folder again for the 1 missing"),
        (20, 3, "Index the folder again for the 5 missing"),
        # Damaged after it was indexed: it has its row.
        (12, 1, None),
        (11, 0, "Prune the rows of deleted files"),
    ],
)
def test_rows_and_pictures_are_compared_and_the_right_way_named(
    *, built: list[CollectionHealth], pictures: int, unreadable: int, advice: str | None
) -> None:
    files = FilesHealth("/photos", pictures, unreadable=unreadable)
    said = concerns(WELL, built, files, Checks(()))
    assert [advice in one for one in said] == ([True] if advice else [])


def test_files_that_could_not_be_read_and_what_checks_have_found_are_concerns(
    built: list[CollectionHealth],
) -> None:
    files = FilesHealth("/photos", 13, unreadable=1)
    assert concerns(WELL, built, files) == [
        "the last build could not read 1 file. Mend them, or verify and leave them out."
    ]
    # Among the findings it is told once.
    found = Finding(Problem.UNREADABLE, "fruit", 1, ("a.jpg",))
    assert concerns(WELL, built, files, Checks((found,), passed=False)) == [
        "files against rows: 1 finding, see below.",
        "the self-test has failed, see below.",
    ]
    assert concerns(WELL, built, files, Checks((found,)), is_changing=True) == []
    assert concerns(WELL, built, FilesHealth("/photos", 13, accepted=1)) == []
    # 20 - 3 - 4 - 12 = 1.
    several = FilesHealth("/photos", 20, unreadable=3, accepted=4)
    (said,) = concerns(WELL, built, several, Checks(()))
    assert said.startswith("the folder holds 20 pictures (3 unreadable, 4 left out), the")
    assert "for the 1 missing" in said


def test_files_that_are_gone_count_neither_as_unreadable_nor_as_left_out(dataset: Path) -> None:
    files = files_health(
        dataset, unreadable={"apple/0.png", "gone.png"}, accepted={"pear/0.png", "away.png"}
    )
    assert (files.pictures, files.unreadable, files.accepted) == (12, 1, 1)


def test_nothing_is_left_to_check_once_both_checks_were_made() -> None:
    found = [Checks(), Checks(()), Checks(passed=True), Checks((), passed=True)]
    assert [checks.are_all_made for checks in found] == [False, False, False, True]


def finding(problem: Problem, count: int, where: str = "fruit_l2") -> Finding:
    return Finding(problem, where, count, ())


@pytest.mark.parametrize(
    ("files", "findings", "is_well", "said"),
    [
        # Numbers that agree tell of no row that has its file.
        ((12, 0, 0, 0), None, True, "12 rows, 12 files."),
        ((12, 0, 0, 0), (), True, "12 pictures, each with its row."),
        ((13, 1, 0, 0), None, False, "12 rows, 13 files: 1 unreadable."),
        # 15 - 1 - 12 = 2 are without a row; more, where rows are without a file.
        (
            (15, 0, 1, 0),
            None,
            False,
            "12 rows, 15 files: at least 2 files without a row, 1 left out.",
        ),
        ((11, 0, 0, 0), None, False, "12 rows, 11 files: at least 1 row without a file."),
        # Every metric has its own, which are the same files.
        (
            (12, 1, 0, 0),
            (
                finding(Problem.NO_ROW, 1),
                finding(Problem.NO_ROW, 1, "fruit_ip"),
                finding(Problem.NO_FILE, 2),
                finding(Problem.CHANGED, 3),
            ),
            False,
            "12 rows, 12 files: 1 file without a row, 2 rows without a file, 3 files changed, "
            "1 unreadable.",
        ),
        # What a person has left out is no fault, nor what no name or kind makes a picture.
        ((13, 0, 1, 0), (), True, "12 rows, 13 files: 1 left out."),
        ((12, 0, 0, 2), (), True, "12 rows, 12 files: 2 unusable."),
    ],
)
def test_of_files_and_rows_no_more_is_said_than_is_known(
    files: tuple[int, int, int, int], findings: tuple[Finding, ...] | None, is_well: bool, said: str
) -> None:
    pictures, unreadable, accepted, skipped = files
    there = FilesHealth("/photos", pictures, skipped, unreadable=unreadable, accepted=accepted)
    assert files_and_rows(there, 12, findings) == (is_well, said)


def test_what_is_half_done_is_no_concern_while_a_run_goes_on(
    built: list[CollectionHealth],
) -> None:
    half = [CollectionHealth(replace(one.info, complete=False, rows=5), False) for one in built]
    files = FilesHealth("/photos", 12)
    assert concerns(WELL, half, files, is_changing=True) == []
    assert len(concerns(WELL, half, files)) > 1
    away = FilesHealth("/photos", None, error="gone")
    assert concerns(WELL, half, away, is_changing=True) == ["gone"]


def test_missing_dataset_folder_is_a_concern_not_a_failure(
    built: list[CollectionHealth], tmp_path: Path
) -> None:
    files = files_health(tmp_path / "gone")
    assert files.pictures is None
    assert "does not exist" in concerns(WELL, built, files)[0]


def test_database_that_answers_and_one_that_does_not(
    store: VectorStore, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(milvus_uri=str(database))
    health = database_health(store, settings)
    assert (health.kind, health.error) == ("Milvus Lite", "")
    assert health.milliseconds is not None
    assert "3.2.2" in health.version

    def away() -> float:
        raise StoreUnavailableError("gone")

    monkeypatch.setattr(store, "ping", away)
    health = database_health(store, settings)
    assert (health.milliseconds, health.error) == (None, "gone")


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://localhost:19530", "http://localhost:19530"),
        ("https://root:secret@host:443/x?token=secret", "https://host:443/x"),
        ("/data/orchard.db", "/data/orchard.db"),
    ],
)
def test_address_is_shown_without_secrets(uri: str, shown: str) -> None:
    assert public_address(uri) == shown


def test_disk_usage_counts_files_by_purpose(no_settings: None) -> None:
    settings = load_settings()
    for name, size in {"thumbnails/a/1.jpg": 10, "index_reports/r.json": 3, "runs/r": 4}.items():
        file = settings.data_dir / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * size)
    used = disk_usage(settings)
    assert (used["Thumbnails"], used["Reports"], used["Maps"], used["Database"]) == (10, 7, 0, 0)
    assert size_below(settings.data_dir) == 17
