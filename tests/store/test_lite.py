"""The folder of a Milvus Lite database, before it is opened."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.collection.index_choice import IndexChoice
from core.errors import StoreError, StoreUnavailableError
from core.metric import Metric
from core.records import EncoderIdentity, ImageRecord
from core.store import lite
from core.store.lite import check_openable, is_locked, lock_holder
from core.store.vector_store import VectorStore

PROJECT = Path(__file__).parents[2]

HOLD = """
import sys
from core.store.vector_store import VectorStore
store = VectorStore(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def filled(database: Path) -> Path:
    store = VectorStore(str(database))
    store.create(
        "fruit",
        Metric.L2,
        encoder=EncoderIdentity("a", "b", "c", 2),
        dataset="/photos",
        index=IndexChoice(),
        expected_rows=1,
    )
    store.upsert("fruit", Metric.L2, [ImageRecord(1, "a/b", "a", "d")], np.ones((1, 2), np.float32))
    store.close()
    return database


@pytest.fixture
def holder(filled: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the database open."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(filled)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "open\n"
        yield process
        process.kill()


def test_database_of_another_process_is_named_with_its_holder(
    filled: Path, holder: subprocess.Popen[str]
) -> None:
    with pytest.raises(StoreUnavailableError) as caught:
        VectorStore(str(filled))
    said = str(caught.value)
    assert repr(str(filled)) in said
    assert "Stop it (Ctrl-C in its terminal), then try again. Nothing is damaged." in said
    assert is_locked(filled)
    if Path("/proc/locks").exists():
        assert f"(process {holder.pid})" in said
        assert lock_holder(filled) == holder.pid


def test_rows_are_intact_after_the_holder_was_killed(
    filled: Path, holder: subprocess.Popen[str]
) -> None:
    with pytest.raises(StoreUnavailableError):
        VectorStore(str(filled))
    holder.kill()
    holder.wait()
    assert not is_locked(filled)
    store = VectorStore(str(filled))
    assert list(store.records("fruit", Metric.L2)) == [ImageRecord(1, "a/b", "a", "d")]
    store.close()


def test_database_of_this_process_may_be_opened_again(database: Path) -> None:
    first = VectorStore(str(database))
    second = VectorStore(str(database))
    first.close()
    assert is_locked(database)
    second.close()
    assert not is_locked(database)


@pytest.mark.parametrize("family", ["made", "renamed"])
def test_what_a_collection_cut_short_in_its_making_left_is_not_in_the_way(
    filled: Path, family: str
) -> None:
    # As Milvus Lite leaves it where it is killed, or the disk is full, before the schema is there.
    left = filled / "collections" / f"{family}_l2__a"
    left.mkdir()
    (left / "schema.json.tmp").touch()
    store = VectorStore(str(filled))
    try:
        if family == "made":
            store.create(
                family,
                Metric.L2,
                encoder=EncoderIdentity("a", "b", "c", 2),
                dataset="/photos",
                index=IndexChoice(),
                expected_rows=1,
            )
        else:
            store.rename("fruit", family)
        rows = store.count(family, Metric.L2)
    finally:
        store.close()
    assert rows == (1 if family == "renamed" else 0)


def test_missing_database_is_not_locked(tmp_path: Path) -> None:
    assert not is_locked(tmp_path / "none.db")
    assert lock_holder(tmp_path / "none.db") is None


def test_plain_file_in_its_place_is_told_apart_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    path.write_text("precious")
    with pytest.raises(StoreError, match=r"file\.db' is a file.*Move the file away") as caught:
        VectorStore(str(path))
    assert not isinstance(caught.value, StoreUnavailableError)
    assert path.read_text() == "precious"


def test_database_of_milvus_lite_2_is_a_file_of_its_own_kind(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    connection = sqlite3.connect(path)
    connection.execute("create table rows (id integer)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"old\.db' is a database of Milvus Lite 2.*another name"):
        VectorStore(str(path))
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["manifest", "schema"])
def test_database_of_a_newer_milvus_lite_is_not_touched(filled: Path, name: str) -> None:
    """Milvus Lite itself would open it and write its own format over it."""
    file = next(filled.glob(f"**/{name}.json"))
    content = json.loads(file.read_text())
    content[f"{name}_format_version"] += 1
    file.write_text(json.dumps(content))
    before = {f: f.read_bytes() for f in filled.rglob("*") if f.is_file()}
    with pytest.raises(StoreError, match=rf"newer Milvus Lite \({name} format 3, .* reads 2\)"):
        VectorStore(str(filled))
    assert {f: f.read_bytes() for f in filled.rglob("*") if f.is_file()} == before


def test_folder_of_something_else_is_named_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "photos.db"
    folder.mkdir()
    (folder / "holiday.jpg").write_text("precious")
    with pytest.raises(StoreError, match=r"no Milvus Lite database: it holds 'holiday\.jpg'"):
        VectorStore(str(folder))
    assert [f.name for f in folder.iterdir()] == ["holiday.jpg"]


def test_folder_below_a_plain_file_names_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"folder '.*/file/deep' .*cannot be used.*DATA_DIR"):
        VectorStore(str(tmp_path / "file" / "deep" / "x.db"))


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder even root can't write")
def test_folder_that_cannot_be_written_names_the_folder() -> None:
    with pytest.raises(StoreError, match=r"'/proc' cannot be written.*Correct its permissions"):
        VectorStore("/proc/x.db")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX permissions")
@pytest.mark.parametrize("closed", ["folder", "lock"])
def test_database_of_another_user_is_a_matter_of_permissions(tmp_path: Path, closed: str) -> None:
    """It was taken for one that is open elsewhere."""
    folder = tmp_path / "data" / "x.db"
    folder.mkdir(parents=True)
    (folder / "LOCK").touch()
    ancestors = [p for p in folder.parents if p.is_relative_to(tmp_path.parent.parent)]
    modes = {p: p.stat().st_mode for p in ancestors}
    for ancestor in ancestors:
        ancestor.chmod(0o755)
    folder.chmod(0o777)
    (folder / "LOCK").chmod(0o000 if closed == "lock" else 0o666)
    if closed == "folder":
        (tmp_path / "data").chmod(0o000)
    root = os.geteuid() == 0
    try:
        if root:
            os.seteuid(65534)
        with pytest.raises(StoreError, match="Permission denied") as caught:
            check_openable(folder)
    finally:
        if root:
            os.seteuid(0)
        for ancestor, mode in modes.items():
            ancestor.chmod(mode)
        (folder / "LOCK").chmod(0o666)
    assert not isinstance(caught.value, StoreUnavailableError)


def test_parent_folders_are_made_and_no_trace_of_the_check_stays(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "x.db"
    check_openable(path)
    assert list((tmp_path / "deep" / "er").iterdir()) == []


def test_home_folder_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert lite.acquire(Path("~/x.db")) == tmp_path / "x.db"
    lite.release(Path("~/x.db"))
    assert not (tmp_path / "~").exists()


# The store is given by its file, so that what FAISS writes past Python can be seen.
BUILD = """
import sys
import numpy as np
from core.collection.index_choice import IndexChoice, IndexType
from core.metric import Metric
from core.records import EncoderIdentity, ImageRecord
from core.store.vector_store import VectorStore
store = VectorStore(sys.argv[1])
rows = np.random.default_rng(0).normal(size=(30, 8)).astype(np.float32)
records = [ImageRecord(n, f"{n}.jpg", "", "") for n in range(30)]
for metric, index in (
    (Metric.L2, IndexChoice()),
    (Metric.IP, IndexChoice(IndexType.IVF_SQ8)),
    (Metric.COSINE, IndexChoice(nlist=3)),
)[: int(sys.argv[2])]:
    store.create("few", metric, encoder=EncoderIdentity("a", "b", "c", 8), dataset="/photos",
                 index=index, expected_rows=30)
    store.upsert("few", metric, records, rows)
    store.finish("few", metric)
    info = store.info("few", metric)
    found = store.search(info, rows[4], k=1, nprobe=info.nlist)
    print(info.nlist, found[0][0].id if metric is not Metric.IP else "")
store.close()
"""


@pytest.mark.slow
def test_an_index_of_one_list_is_built_without_a_warning_and_others_with_theirs(
    tmp_path: Path,
) -> None:
    def built(name: str, kinds: int) -> tuple[list[str], str]:
        done = subprocess.run(
            [sys.executable, "-c", BUILD, str(tmp_path / name), str(kinds)],
            cwd=PROJECT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.split(), done.stderr

    said, warned = built("one.db", 2)
    assert (said, "clustering" in warned) == (["1", "4", "1"], False)
    said, warned = built("three.db", 3)
    # Three lists that a person has asked for are learned from ten rows each.
    assert said[-2:] == ["3", "4"] and "clustering 30 points to 3 centroids" in warned
