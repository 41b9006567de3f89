"""A full disk: a clear error, nothing half written, and a database that still opens."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.collection.index_choice import IndexChoice, IndexType
from core.config import Settings
from core.corrections.correction import NONE
from core.dataset.archives.uploads import keep_upload
from core.dataset.files import image_id
from core.dataset.thumbnails import cached_thumbnail
from core.embeddings.kept_rows import KeptRows
from core.embeddings.matrix import load_matrix
from core.embeddings.neighbour_table import Neighbourhoods
from core.encoder.download import download
from core.errors import FileError, StoreError, StoreFullError
from core.evaluation import files as report_files
from core.evaluation import run as reports
from core.evaluation.report import Request
from core.indexing.report import IndexReport, save_index_report
from core.metric import Metric
from core.projection.cache import CachePlace, save_neighbours, save_projection
from core.projection.projection import Method, Projection, ProjectionSettings
from core.records import EncoderIdentity, ImageRecord, Reduction
from core.reduction.files import save_fitted
from core.reduction.fitted import fit
from core.runs.run_record import RunState, RunStatus, save_state
from core.runs.task import Drop
from core.sample.drawing import draw_sample
from core.store.transfer import export_rows
from core.store.vector_store import VectorStore
from core.tuning.run import tune
from core.tuning.tuning import save_tuning
from tests.support import made_up
from tests.support.bare_client import bare_client
from tests.support.small_disk import fill_up, mounted
from tests.support.web import running_server
from tests.tuning.test_limits import setting, tuning

DIMENSION = 2_048
BATCH = 250
# What waits to be flushed takes its size three times over: log, rows, index.
DISK_MB, FILLER_MB = 96, 70


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", megabytes=DISK_MB) as folder:
        yield folder


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    with mounted(tmp_path / "disk", megabytes=1) as folder:
        yield folder


def batch(number: int) -> list[ImageRecord]:
    paths = [f"a/{number}_{n}.jpg" for n in range(BATCH)]
    return [ImageRecord(image_id(path), path, "a", "d") for path in paths]


FILL = """
import sys
from tests.whole.test_full_disk import fill
fill(sys.argv[1])
"""


def fill(uri: str) -> None:
    """Write until it fails; write how many rows were acknowledged, and the message."""
    store = VectorStore(uri)
    store.create(
        "fruit", Metric.L2, encoder=EncoderIdentity("a", "b", "c", DIMENSION), dataset="/photos",
        index=IndexChoice(), expected_rows=1,
    )  # fmt: skip
    written = 0
    try:
        while True:
            embeddings = np.random.default_rng(written).normal(size=(BATCH, DIMENSION))
            store.upsert("fruit", Metric.L2, batch(written // BATCH), embeddings)
            written += BATCH
    except StoreError as error:
        sys.stdout.write(f"{written}\n{error}\n")


@pytest.mark.slow
def test_full_disk_is_said_and_no_acknowledged_row_is_lost(
    small_disk: Path, tmp_path: Path
) -> None:
    filler, database = small_disk / "filler", small_disk / "x.db"
    filler.write_bytes(bytes(FILLER_MB << 20))
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(database)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True, timeout=180,
    )  # fmt: skip
    count, said = done.stdout.split("\n", 1)
    assert int(count) >= BATCH
    assert f"the disk of the database at {database} is full (could not write to fruit_l2" in said
    assert "Make room, then do the same again." in said
    assert "Traceback" not in done.stderr

    # Still full: it opens, and every acknowledged row is there.
    written = {r.id for n in range(int(count) // BATCH) for r in batch(n)}
    store = VectorStore(str(database))
    assert {record.id for record in store.records("fruit", Metric.L2)} >= written
    # An index measured beside it has no room either, and is not left there.
    before = bare_client(store).list_collections()
    with pytest.raises(StoreFullError, match="is full"):
        tune(
            store, family="fruit", metric=Metric.L2, folder=tmp_path, cache_dir=tmp_path,
            types=[IndexType.FLAT], sample=10,
        )  # fmt: skip
    assert bare_client(store).list_collections() == before
    with pytest.raises(StoreError, match="is full"):
        store.finish("fruit", Metric.L2)
    store.close()

    # With room again the same run goes through.
    filler.unlink()
    store = VectorStore(str(database))
    store.finish("fruit", Metric.L2)
    info = store.info("fruit", Metric.L2)
    assert info.pending_rows == 0
    found = list(store.records("fruit", Metric.L2))
    assert len(found) == len({r.id for r in found}) == info.rows
    assert {r.id for r in found} >= written
    store.close()


# Every writer of files: what it writes into a folder, from a collection where it needs one.
def write_matrix(folder: Path, store: VectorStore) -> None:
    # Made again each time, as for a collection that has changed.
    for file in folder.glob("*.npy"):
        file.rename(file.with_name(f"other{file.name}"))
    load_matrix(store, "set", Metric.L2, folder)


def write_index_report(folder: Path, _: VectorStore) -> None:
    save_index_report(
        IndexReport("/photos", "a/b/c", 1, 0, 0, (), 0, 0, 0, 0, (), 1.0, 1.0), folder=folder
    )


def write_state(folder: Path, _: VectorStore) -> None:
    save_state(RunState("run-1", Drop("fruit", (Metric.L2,)), RunStatus.RUNNING, 0.0), folder)


def write_report(folder: Path, store: VectorStore) -> None:
    with TemporaryDirectory() as elsewhere:
        matrix = load_matrix(store, "set", Metric.L2, Path(elsewhere))
        report = reports.evaluate(
            matrix, store=store, info=store.info("set", Metric.L2), collection="set",
            request=Request(nprobe=8),
        )  # fmt: skip
    report_files.save_report(report, folder)


def write_upload(folder: Path, _: VectorStore) -> None:
    keep_upload(b"a zip", name="fruit.zip", settings=Settings(data_dir=folder))


def write_map(folder: Path, _: VectorStore) -> None:
    flat = np.zeros((9, 2), dtype=np.float32)
    made = Projection(ProjectionSettings(), Method.UMAP, flat, 1.0, 5, 9, 0.5, 1.0, ())
    save_projection(CachePlace(folder / "map.npz", 9), made)


def write_neighbours(folder: Path, _: VectorStore) -> None:
    table = np.zeros((9, 3), dtype=np.float32)
    save_neighbours(
        CachePlace(folder / "table.npz", 9), Neighbourhoods(table.astype(np.int32), table, table)
    )


def write_tuning(folder: Path, _: VectorStore) -> None:
    save_tuning(replace(tuning(setting()), is_complete=True), folder)


def write_reduction(folder: Path, _: VectorStore) -> None:
    rows = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    save_fitted(fit(rows, Reduction(pca=2), centred=True), folder)


def write_export(folder: Path, store: VectorStore) -> None:
    export_rows(store, folder / "rows.parquet", family="set")


def write_sample(folder: Path, _: VectorStore) -> None:
    draw_sample(folder / "sample", per_class=1, size=32, workers=1)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VectorStore]:
    store = VectorStore(str(tmp_path_factory.mktemp("store") / "test.db"))
    made_up.fill(store, "set")
    yield store
    store.close()


def files_of(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize(
    "write",
    [
        write_matrix,
        write_index_report,
        write_state,
        write_report,
        write_upload,
        write_map,
        write_neighbours,
        write_tuning,
        write_reduction,
        write_export,
        write_sample,
    ],
)
def test_every_writer_says_that_the_disk_is_full_and_leaves_what_was_there(
    tiny_disk: Path, store: VectorStore, write: Callable[[Path, VectorStore], None]
) -> None:
    folder = tiny_disk / "files"
    write(folder, store)
    assert files_of(folder)
    filler = fill_up(tiny_disk)
    before = files_of(folder)
    with pytest.raises(FileError, match=r"cannot be written: the disk is full\. Make room there"):
        write(folder, store)
    assert sorted(files_of(folder).values()) == sorted(before.values())
    assert not list(folder.rglob("*.part"))
    # With room again the same goes through.
    filler.unlink()
    write(folder, store)


def test_report_whose_second_file_does_not_fit_leaves_no_first(
    tiny_disk: Path, store: VectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = report_files.write_whole

    def write(path: Path, content: bytes) -> None:
        real(path, content)
        fill_up(tiny_disk)

    monkeypatch.setattr(report_files, "write_whole", write)
    with pytest.raises(FileError, match="the disk is full"):
        write_report(tiny_disk / "reports", store)
    assert files_of(tiny_disk / "reports") == {}


def test_download_that_does_not_fit_is_no_fault_of_the_network_and_continues(
    tiny_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    content = bytes(900_000)
    name = f"net-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    # 1,048,576 bytes less 400,000 are too few for 900,000.
    filler = tiny_disk / "filler"
    filler.write_bytes(bytes(400_000))
    with running_server() as server:
        server.content = content
        with pytest.raises(FileError, match=r"\.pth.*: the disk is full\. Make room there"):
            download(server.url(name), tiny_disk / name)
        assert not (tiny_disk / name).exists()
        filler.unlink()
        download(server.url(name), tiny_disk / name)
    assert (tiny_disk / name).read_bytes() == content
    assert server.asked[-1].startswith("bytes="), "what had arrived was kept"


def test_picture_is_shown_though_its_thumbnail_cannot_be_kept(
    tiny_disk: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "a.jpg"
    Image.new("RGB", (64, 64), "red").save(picture)
    fill_up(tiny_disk)
    assert cached_thumbnail(
        picture.parent, picture.name, key="0" * 16, cache=tiny_disk / "thumbnails"
    )
    assert files_of(tiny_disk / "thumbnails") == {}


READ = """
import sys
from tests.whole.test_full_disk import read
read(sys.argv[1])
"""


def read(folder: str) -> None:
    """Read the embeddings of a collection into a folder; write the message if that fails."""
    records = [record for number in range(4) for record in batch(number)]
    embeddings = np.zeros((len(records), 512), dtype=np.float32)
    store: Any = SimpleNamespace(
        info=lambda *_: SimpleNamespace(
            name="fruit_l2", family="fruit", dimension=512, encoder="e", metric=Metric.L2
        ),
        state=lambda _: "",
        corrections=lambda *_: NONE,
        stored=SimpleNamespace(
            records=lambda *_: iter(records),
            rows_with_embeddings=lambda *_: iter([(records, embeddings)]),
        ),
    )
    try:
        load_matrix(store, "fruit", Metric.L2, Path(folder))
    except FileError as error:
        sys.stdout.write(str(error))


def test_embeddings_too_large_for_the_disk_do_not_end_the_process(tiny_disk: Path) -> None:
    # 1,000 rows of 512 numbers are 2 MB, the disk has 1.
    done = subprocess.run(
        [sys.executable, "-c", READ, str(tiny_disk)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert "cannot be written: the disk is full. Make room there" in done.stdout
    assert list(tiny_disk.iterdir()) == []


def test_embeddings_of_a_run_that_the_disk_cannot_take_are_kept_no_longer(
    tiny_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Somebody else fills the disk after its room was looked at.
    usage = shutil.disk_usage(tiny_disk)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10**9))
    encoder = EncoderIdentity("e", "0", "p", 512)
    with KeptRows(tiny_disk, family="fruit", encoder=encoder) as kept:
        for number in range(4):
            kept.add(batch(number), np.zeros((BATCH, 512), dtype=np.float32))
        assert "cannot be written: the disk is full. Make room there" in kept.failure
        kept.make_matrix(batch(0))
        assert list(tiny_disk.iterdir()) == []
    monkeypatch.undo()
    # What was kept so far has given its room back.
    assert shutil.disk_usage(tiny_disk).free == usage.free
