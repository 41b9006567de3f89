"""Runs keep what they write: the matrix and the listing are what reading the database gives."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.embeddings.fingerprint import fingerprint
from core.embeddings.listing import load_listing
from core.embeddings.matrix import load_matrix
from core.embeddings.matrix_file import matrix_file
from core.indexing.build import add_metric, build_index
from core.indexing.removal import remove_rows
from core.indexing.report import IndexReport
from core.metric import Metric
from core.progress import Stage
from core.store.row_reader import RowBatch, RowReader
from core.store.vector_store import VectorStore
from tests.conftest import ColourEncoder, draw_dataset, picture_bytes

FAMILY = "fruit"
BOTH = (Metric.L2, Metric.COSINE)


@dataclass
class Kept:
    """A dataset, its collections, and the folder in which runs keep what they write."""

    store: VectorStore
    encoder: ColourEncoder
    dataset: Path
    folder: Path

    def run(self, **options: Any) -> IndexReport:
        options = {"metrics": BOTH, "cache_dir": self.folder, **options}
        return build_index(
            self.dataset, store=self.store, encoder=self.encoder, family=FAMILY, **options
        )

    def matrix(self, metric: Metric = Metric.L2) -> bytes:
        """The file of the rows that are in the database now; empty where there is none."""
        rows = self.store.stored.records(FAMILY, metric)
        mark = fingerprint(rows, self.store.info(FAMILY, metric).encoder)
        file = matrix_file(self.folder, family=FAMILY, fingerprint=mark)
        return file.read_bytes() if file.exists() else b""

    def read(self, metric: Metric) -> bytes:
        """The file that reading the database gives."""
        elsewhere = self.folder.with_name("elsewhere")
        shutil.rmtree(elsewhere, ignore_errors=True)
        load_matrix(self.store, FAMILY, metric, elsewhere)
        return next(elsewhere.glob("*.npy")).read_bytes()

    def check(self) -> None:
        """Matrix and listing are those that reading gives, for every metric and byte for byte."""
        metrics = self.store.metrics(FAMILY)
        stored = {metric: tuple(self.store.stored.records(FAMILY, metric)) for metric in metrics}
        for metric in metrics:
            assert self.matrix(metric) == self.read(metric)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(RowReader, "records", lambda *_: pytest.fail("rows were read"))
            for metric, rows in stored.items():
                info = self.store.info(FAMILY, metric)
                assert load_listing(self.store, info, self.folder).records == rows
        assert len(list(self.folder.glob("*.npy"))) == 1


@pytest.fixture
def kept(store: VectorStore, encoder: ColourEncoder, dataset: Path, tmp_path: Path) -> Kept:
    return Kept(store, encoder, dataset, tmp_path / "embeddings")


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Embeddings cannot be read from the database until this is undone."""

    def never(*_: object, ids: Sequence[int] | None = None) -> Iterator[RowBatch]:
        assert ids == [], "embeddings were read"
        return iter(())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RowReader, "rows_with_embeddings", never)
        yield patch


def test_first_run_leaves_what_reading_gives_and_reads_nothing(
    kept: Kept, unread: pytest.MonkeyPatch
) -> None:
    assert kept.run().unkept == ""
    assert len(load_matrix(kept.store, FAMILY, Metric.COSINE, kept.folder).embeddings) == 12
    unread.undo()
    kept.check()


def test_run_over_a_changed_folder_takes_the_rest_from_the_last_matrix(kept: Kept) -> None:
    kept.run()
    draw_dataset(kept.dataset, ["quince/0.png", "quince/1.png"], first_seed=50)
    (kept.dataset / "apple" / "0.png").write_bytes(picture_bytes(60))
    (kept.dataset / "apple" / "1.png").unlink()
    report = kept.run(prune=True)
    assert (report.added, report.updated, report.removed) == (2, 1, 1)
    kept.check()
    # Another class for the same bytes, and something more that is known of all of them.
    rows = [f"{path.relative_to(kept.dataset)},x,a\n" for path in kept.dataset.rglob("*.png")]
    (kept.dataset / "labels.csv").write_text("path,class,variety\n" + "".join(rows))
    assert kept.run().relabelled == 13
    kept.check()


def test_unchanged_rows_are_not_read_for_one_more_picture(
    kept: Kept, unread: pytest.MonkeyPatch
) -> None:
    kept.run()
    draw_dataset(kept.dataset, ["quince/0.png"], first_seed=50)
    assert kept.run().added == 1
    unread.undo()
    kept.check()


def test_rows_of_a_run_that_kept_nothing_are_read_while_they_are_few(kept: Kept) -> None:
    # As after a run that was killed.
    kept.run(cache_dir=None)
    draw_dataset(kept.dataset, ["quince/0.png"], first_seed=50)
    kept.run()
    kept.check()


@pytest.mark.parametrize("is_kept", [True, False])
def test_one_more_metric_has_the_matrix_of_the_others(kept: Kept, is_kept: bool) -> None:
    kept.run(cache_dir=kept.folder if is_kept else None)
    add_metric(Metric.IP, store=kept.store, family=FAMILY, cache_dir=kept.folder)
    assert len(kept.store.metrics(FAMILY)) == 3
    kept.check()


def test_removed_rows_leave_the_matrix_of_the_others(
    kept: Kept, unread: pytest.MonkeyPatch
) -> None:
    kept.run()
    gone = remove_rows(
        kept.store, FAMILY, BOTH, lambda record: record.label == "pear", cache_dir=kept.folder
    )
    assert sorted(gone.values()) == [f"pear/{n}.png" for n in range(4)]
    unread.undo()
    kept.check()


def test_replaced_rows_have_the_embeddings_of_the_run_that_replaced_them(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.run()
    # Of the same name with other numbers, as at another precision: no fingerprint tells them apart.
    encode = ColourEncoder.encode
    monkeypatch.setattr(ColourEncoder, "encode", lambda self, images: encode(self, images) + 1)
    kept.run(recreate=True)
    kept.check()


@pytest.mark.parametrize(
    ("stage", "done", "written"), [(Stage.ENCODE, 8, 8), (Stage.KEEP, 0, 12), (Stage.INDEX, 0, 12)]
)
def test_stopped_run_keeps_what_it_has_written_and_the_next_goes_on_from_it(
    kept: Kept, unread: pytest.MonkeyPatch, stage: Stage, done: int, written: int
) -> None:
    # Two batches of three.
    kept.encoder.batch_size = 4

    def stop(*told: object) -> None:
        if told[:2] == (stage, done):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept.run(on_progress=stop)
    assert kept.store.count(FAMILY, Metric.L2) == written
    assert kept.matrix()
    kept.encoder.calls = 0
    kept.run()
    assert kept.encoder.calls == 12 - written
    unread.undo()
    kept.check()


def test_disk_without_room_keeps_nothing_and_the_run_says_so_and_goes_on(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(kept.dataset)
    with monkeypatch.context() as patch:
        # Twelve rows of eight numbers are 384 bytes.
        patch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=500))
        report = kept.run()
    assert report.added == 12
    assert all(info.complete for info in report.collections)
    assert "which the database may need" in report.unkept
    assert list(kept.folder.glob("*.npy")) == []
    # Whoever asks for them has them read.
    assert len(load_matrix(kept.store, FAMILY, Metric.L2, kept.folder).embeddings) == 12


def test_listed_record_is_the_one_that_was_written(kept: Kept) -> None:
    # The same letters as two systems write them in the name of a file.
    draw_dataset(kept.dataset, ["gru\u0308n/0.png", "gr\u00fcn/1.png"], first_seed=50)
    kept.run()
    kept.check()
    listed = load_listing(kept.store, kept.store.info(FAMILY, Metric.L2), kept.folder).records
    assert len([record for record in listed if record.label == "gr\u00fcn"]) == 2
