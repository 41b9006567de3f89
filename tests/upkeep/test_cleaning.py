"""What is of no use any more goes; what a person made, or somebody uses, stays whatever its age."""

import logging
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from core.collection.index_choice import IndexChoice, IndexType
from core.data_folder import DataFolder
from core.errors import StoreUnavailableError
from core.indexing.report import IndexReport, save_index_report
from core.metric import Metric
from core.records import EncoderIdentity
from core.runs.reports import Dropped, Renamed
from core.runs.run_record import RunState, RunStatus, save_state
from core.runs.task import Build, Drop, Rename
from core.store.vector_store import VectorStore
from core.upkeep import cleaning
from core.upkeep.cleaning import DAY, clean_up

NOW = time.time()
ENCODER = EncoderIdentity("resnet14", "12345678", "test", 4)


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "data")


@pytest.fixture(autouse=True)
def fruit(store: VectorStore) -> None:
    """The database has one family of one metric."""
    store.create(
        "fruit", Metric.L2, encoder=ENCODER, dataset="/nowhere",
        index=IndexChoice(IndexType.FLAT), expected_rows=1,
    )  # fmt: skip


def put(file: Path, *, days: float) -> Path:
    """Write a file of ten bytes that nobody has used for so many days."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(bytes(10))
    return age(file, days=days)


def age(path: Path, *, days: float) -> Path:
    os.utime(path, (NOW - days * DAY, NOW - days * DAY))
    return path


def left(folder: Path) -> set[str]:
    return {file.name for file in folder.rglob("*") if file.is_file()}


def test_thumbnails_go_that_nobody_has_seen_for_long_and_those_of_other_versions(
    data: DataFolder, store: VectorStore
) -> None:
    for name, days in (
        ("seen_320_4.jpg", 89), ("unseen_320_4.jpg", 91), ("old_320_3.jpg", 2),
        ("beside_320_3.jpg", 0.5),
    ):  # fmt: skip
        put(data.thumbnails / "ab" / name, days=days)
    cleaned = clean_up(data, store, now=NOW)
    assert left(data.thumbnails) == {"seen_320_4.jpg", "beside_320_3.jpg"}
    assert (cleaned.files, cleaned.size) == ({"thumbnails": 2}, 20)
    assert str(cleaned) == "thumbnails 2; 0.0 MB"


def test_copies_go_with_their_collection_and_with_their_version(
    data: DataFolder, store: VectorStore
) -> None:
    kept = [
        "fruit-00ff-v2.npy", "fruit-00ff-a0-v2.npy", "fruit-00ff-v2.usual-v1.json",
        "fruit_l2.rows-v1.parquet",
        # Whatever it is, it is not ours.
        "notes.txt", "mine.npy",
    ]  # fmt: skip
    gone = [
        "pears-00ff-v2.npy", "pears-00ff-v2.usual-v1.json", "pears_l2.rows-v1.parquet",
        # The family has no such metric.
        "fruit_ip.rows-v1.parquet",
        # As earlier versions called them.
        "fruit_l2-00ff-v1.npy", "fruit_l2.rows-v0.parquet",
    ]  # fmt: skip
    for name in (*kept, *gone):
        put(data.embeddings / name, days=2)
    put(data.embeddings / "plums-00ff-v2.npy", days=0.5)
    assert clean_up(data, store, now=NOW).files == {"embeddings": len(gone)}
    assert left(data.embeddings) == {*kept, "plums-00ff-v2.npy"}


def test_collection_of_others_keeps_its_copies(
    data: DataFolder, store: VectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "metrics", lambda f: [Metric.COSINE] if f == "theirs" else [])
    put(data.embeddings / "theirs-00ff-v2.npy", days=9)
    put(data.embeddings / "theirs.rows-v1.parquet", days=9)
    assert clean_up(data, store, now=NOW).files == {}


def test_maps_and_tunings_go_some_time_after_their_collection(
    data: DataFolder, store: VectorStore
) -> None:
    from core.projection.cache import FORMAT

    for family in ("fruit", "pears"):
        put(data.projections / family / "00ff" / f"projection-1.v{FORMAT}.npz", days=2)
    for collection in ("fruit_l2", "pears_l2"):
        put(data.tunings / f"{collection}.json", days=91)
        put(data.tunings / f"{collection}.begun.json", days=91)
    put(data.tunings / "plums_l2.json", days=89)
    assert clean_up(data, store, now=NOW - 1.5 * DAY).files == {}
    assert clean_up(data, store, now=NOW).files == {"projections": 1, "tunings": 2}
    assert not (data.projections / "pears").exists()
    assert left(data.tunings) == {"fruit_l2.json", "fruit_l2.begun.json", "plums_l2.json"}


def test_history_keeps_its_newest_files_and_all_young_ones(
    data: DataFolder, store: VectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleaning, "HISTORY_FILES", 2)
    for folder, kind in ((data.runs, "run"), (data.index_reports, "index")):
        for number, days in enumerate((200, 100, 80, 70, 60), start=1):
            put(folder / f"{kind}-2026010{number}-000000-000000.json", days=days)
    assert clean_up(data, store, now=NOW).files == {"runs": 2, "index_reports": 2}
    assert len(left(data.runs)) == 3


def test_what_a_process_has_left_half_written_goes_a_day_later(
    data: DataFolder, store: VectorStore
) -> None:
    hexadecimal = "0123456789abcdef" * 2
    thumbnails = data.thumbnails / "ab"
    for folder in (data.corrections, data.embeddings, thumbnails, data.reports, data.reductions):
        put(folder / f".a.json.{hexadecimal}.part", days=1.1)
        put(folder / f".b.json.{hexadecimal}.part", days=0.9)
        put(folder / "mine.part", days=9)
    assert sum(clean_up(data, store, now=NOW).files.values()) == 5
    assert left(data.reports) == {f".b.json.{hexadecimal}.part", "mine.part"}


def test_what_a_person_has_made_stays_however_old_it_is(
    data: DataFolder, store: VectorStore
) -> None:
    made = [
        data.corrections / "pears.json", data.reports / "evaluation-1.json",
        data.reports / "evaluation-1.npz", data.sample / "apple" / "1.jpg", data.log, data.app,
        data.database / "LOCK", data.uploads / "pears-0123" / "1.jpg", data.root / "notes.txt",
    ]  # fmt: skip
    for file in made:
        put(file, days=5000)
    assert clean_up(data, store, now=NOW).files == {}
    assert all(file.exists() for file in made)


def uploaded(data: DataFolder, name: str, *runs: RunState) -> Path:
    """An unpacked upload, long ago, and what was done with it."""
    folder = data.uploads / name
    put(folder / "apple" / "1.jpg", days=400)
    age(folder, days=400)
    for run in runs:
        save_state(run, data.runs)
    return folder


def build(data: DataFolder, name: str, family: str, *, days: float, **more: object) -> RunState:
    task = Build(family, str((data.uploads / name).absolute()), (Metric.L2,))
    state = RunState(f"run-{family}-{days}", task, RunStatus.DONE, NOW - days * DAY)
    return replace(state, **more)  # type: ignore[arg-type]


def drop(family: str, *, days: float) -> RunState:
    report = Dropped(1, (Metric.L2,))
    task = Drop(family, (Metric.L2,))
    started = NOW - days * DAY
    return RunState(f"run-d-{family}", task, RunStatus.DONE, started, report=report)


def renamed(family: str, *, days: float) -> RunState:
    task = Rename(family, f"{family}_too")
    report, started = Renamed(1, task.name), NOW - days * DAY
    return RunState(f"run-r-{family}", task, RunStatus.DONE, started, report=report)


def test_unpacked_upload_goes_a_month_after_its_collection_was_dropped(
    data: DataFolder, store: VectorStore
) -> None:
    gone = uploaded(data, "a", build(data, "a", "pears", days=300), drop("pears", days=31))
    waits = uploaded(data, "b", build(data, "b", "plums", days=300), drop("plums", days=29))
    again = uploaded(data, "c", build(data, "c", "figs", days=20), drop("figs", days=60))
    both = uploaded(
        data, "d", build(data, "d", "limes", days=300), drop("limes", days=200),
        build(data, "d", "dates", days=250),
    )  # fmt: skip
    cleaned = clean_up(data, store, now=NOW)
    assert cleaned.files == {"uploads": 1}
    assert not gone.exists()
    assert waits.exists() and again.exists() and both.exists()


def test_unpacked_upload_stays_while_anybody_may_need_it(
    data: DataFolder, store: VectorStore
) -> None:
    stays = [
        # Nobody knows what it is for.
        uploaded(data, "a"),
        # The database has the family again.
        uploaded(data, "b", build(data, "b", "fruit", days=300), drop("fruit", days=200)),
        # It can be continued.
        uploaded(
            data, "c", drop("figs", days=100),
            build(data, "c", "figs", days=300, status=RunStatus.CANCELLED),
        ),
        # What was dropped is another one of its name: its own rows are called otherwise.
        uploaded(
            data, "f", build(data, "f", "kiwis", days=300), renamed("kiwis", days=250),
            drop("kiwis", days=200),
        ),
        # The database may be another one than then.
        uploaded(data, "d", build(data, "d", "plums", days=300)),
        uploaded(data, "e", build(data, "e", "limes", days=300), drop("limes", days=200)),
    ]  # fmt: skip
    # A script has indexed it, into whatever collection.
    dataset = str((data.uploads / "e").absolute())
    report = IndexReport(dataset, "a/b/c/4", 1, 0, 0, (), 0, 0, 0, 0, (), 1.0, 1.0)
    save_index_report(report, folder=data.index_reports)
    assert clean_up(data, store, now=NOW).files == {}
    assert all(folder.exists() for folder in stays)


def test_unpacked_upload_stays_while_a_collection_of_which_no_run_tells_is_of_it(
    data: DataFolder, store: VectorStore
) -> None:
    folder = uploaded(data, "a", build(data, "a", "pears", days=300), drop("pears", days=200))
    # As rows that were brought in under another name, or were built so long ago.
    store.create(
        "quinces", Metric.L2, encoder=ENCODER, dataset=str(folder.absolute()),
        index=IndexChoice(), expected_rows=1,
    )  # fmt: skip
    assert clean_up(data, store, now=NOW).files == {}
    assert (folder / "apple" / "1.jpg").exists()
    store.drop("quinces", Metric.L2)
    assert clean_up(data, store, now=NOW).files == {"uploads": 1}


def test_archives_go_that_nobody_has_had_unpacked(data: DataFolder, store: VectorStore) -> None:
    wanted = put(data.uploads / ".wanted-0123.zip", days=300)
    put(data.uploads / ".forgotten-0123.zip", days=8)
    put(data.uploads / ".new-0123.zip", days=6)
    stopped = build(data, "x", "figs", days=200, status=RunStatus.CANCELLED)
    task = replace(stopped.task, archive=str(wanted.absolute()))  # type: ignore[type-var]
    save_state(replace(stopped, task=task), data.runs)
    assert clean_up(data, store, now=NOW).files == {"uploads": 1}
    assert left(data.uploads) == {".wanted-0123.zip", ".new-0123.zip"}


def test_nothing_that_depends_on_the_database_goes_while_it_is_away(
    data: DataFolder, store: VectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: str) -> list[Metric]:
        raise StoreUnavailableError("the database does not answer.")

    monkeypatch.setattr(store, "metrics", away)
    copy = put(data.embeddings / "pears-00ff-v2.npy", days=9)
    tuning = put(data.tunings / "pears_l2.json", days=900)
    upload = uploaded(data, "a", build(data, "a", "pears", days=300), drop("pears", days=200))
    put(data.thumbnails / "ab" / "unseen_320_4.jpg", days=91)
    assert clean_up(data, store, now=NOW).files == {"thumbnails": 1}
    assert copy.exists() and tuning.exists() and upload.exists()


def test_what_was_deleted_is_named_and_counted_in_the_log(
    data: DataFolder, store: VectorStore, caplog: pytest.LogCaptureFixture
) -> None:
    file = put(data.embeddings / "pears-00ff-v2.npy", days=9)
    caplog.set_level(logging.INFO)
    clean_up(data, store, now=NOW)
    assert f"{file} is of no use any more and was deleted" in caplog.text
    assert "deleted: embeddings 1; 0.0 MB" in caplog.text
    caplog.clear()
    clean_up(data, store, now=NOW)
    assert caplog.text == ""


def test_file_that_cannot_be_deleted_is_told_and_the_others_go(
    data: DataFolder, store: VectorStore, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    for name in ("pears-00ff-v2.npy", "plums-00ff-v2.npy"):
        put(data.embeddings / name, days=9)
    unlink = Path.unlink

    def refuse(self: Path, **options: bool) -> None:
        if self.name.startswith("pears"):
            raise PermissionError("it is open")
        unlink(self, **options)

    monkeypatch.setattr(Path, "unlink", refuse)
    assert clean_up(data, store, now=NOW).files == {"embeddings": 1}
    assert "pears-00ff-v2.npy is of no use any more and cannot be deleted" in caplog.text


def test_file_that_vanishes_while_it_is_deleted_does_not_keep_the_others(
    data: DataFolder, store: VectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [
        uploaded(data, name, build(data, name, "pears", days=days))
        for name, days in (("a", 300), ("b", 299))
    ]
    save_state(drop("pears", days=200), data.runs)
    is_file = Path.is_file

    def vanish(self: Path) -> bool:
        found = is_file(self)
        if self == folders[0] / "apple" / "1.jpg":
            self.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(Path, "is_file", vanish)
    assert clean_up(data, store, now=NOW).files == {"uploads": 1}
    assert not folders[1].exists()


def test_link_among_the_uploads_is_left_alone(
    data: DataFolder, store: VectorStore, tmp_path: Path
) -> None:
    pictures = put(tmp_path / "pictures" / "1.jpg", days=900)
    data.uploads.mkdir(parents=True)
    (data.uploads / "link").symlink_to(tmp_path / "pictures")
    save_state(build(data, "link", "pears", days=300), data.runs)
    save_state(drop("pears", days=200), data.runs)
    assert clean_up(data, store, now=NOW).files == {}
    assert pictures.exists()


def test_empty_data_folder_is_in_order(data: DataFolder, store: VectorStore) -> None:
    assert str(clean_up(data, store)) == ""
    assert not data.root.exists()
