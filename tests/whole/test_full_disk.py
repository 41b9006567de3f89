"""A disk that runs full while rows are written: a clear error, and a database that still opens."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.collection.index import IndexChoice
from core.dataset.files import image_id
from core.embeddings.matrix import load_matrix
from core.errors import FileError, StoreError
from core.metric import Metric
from core.records import EncoderIdentity, ImageRecord
from core.store.vector_store import VectorStore

DIMENSION = 2_048
BATCH = 250
# What waits to be flushed takes its size three times over: log, rows, index.
DISK_MB, FILLER_MB = 96, 70
# Set where mounting is known to work, so that the test cannot vanish there.
REQUIRE_VARIABLE = "ORCHARD_REQUIRE_MOUNT"


@contextmanager
def mounted(folder: Path, *, megabytes: int) -> Iterator[Path]:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        problem = done.stderr if done.returncode else ""
    except OSError as error:
        problem = str(error)
    if problem:
        reason = f"a small disk cannot be mounted here: {problem.strip()}"
        if os.environ.get(REQUIRE_VARIABLE):
            pytest.fail(f"{REQUIRE_VARIABLE} is set, but {reason}")
        pytest.skip(reason)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


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


def test_full_disk_is_said_and_no_acknowledged_row_is_lost(small_disk: Path) -> None:
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
            name="fruit_l2", dimension=512, encoder="e", metric=Metric.L2
        ),
        records=lambda *_: iter(records),
        rows_with_embeddings=lambda *_: iter([(records, embeddings)]),
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
