"""A folder of pictures and the collections that follow it, against a real Milvus Lite database."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core.collection.index_choice import IndexChoice, IndexType
from core.corrections.book import Book
from core.corrections.correction import Edit
from core.dataset import listing
from core.dataset.files import digest_of, image_id, is_gone
from core.dataset.quality import told
from core.errors import (
    CollectionNotFoundError,
    DatasetError,
    EncoderMismatchError,
    FileError,
    SettingsError,
    StoreError,
)
from core.health.verify import verify
from core.indexing import picture_run
from core.indexing.build import add_metric, build_index
from core.indexing.report import IndexReport, save_index_report
from core.metric import Metric
from core.progress import Stage
from core.records import ImageRecord
from core.store.vector_store import VectorStore, collection_name
from tests.conftest import ColourEncoder, draw_dataset, picture_bytes
from tests.support.bare_client import bare_client

FAMILY = "fruit"
L2 = (Metric.L2,)
PROJECT = Path(__file__).parents[2]


def run(dataset: Path, store: VectorStore, encoder: ColourEncoder, **options: Any) -> IndexReport:
    options.setdefault("metrics", L2)
    return build_index(dataset, store=store, encoder=encoder, family=FAMILY, **options)


def stored(store: VectorStore, metric: Metric = Metric.L2) -> dict[str, ImageRecord]:
    return {record.path: record for record in store.records(FAMILY, metric)}


def files_accounted(report: IndexReport) -> int:
    used = report.added + report.updated + report.relabelled + report.unchanged
    return used + len(report.skipped) + report.ignored


# --- the happy path


def test_every_picture_becomes_one_row_in_every_metric(
    store: VectorStore, encoder: ColourEncoder, dataset: Path
) -> None:
    report = run(dataset, store, encoder, metrics=tuple(Metric))
    assert (report.added, report.updated, report.unchanged) == (12, 0, 0)
    assert [info.metric for info in report.collections] == list(Metric)
    assert all(info.rows == 12 and info.complete for info in report.collections)
    expected = {
        f"{label}/{n}.png": ImageRecord(
            image_id(f"{label}/{n}.png"),
            f"{label}/{n}.png",
            label,
            digest_of((dataset / label / f"{n}.png").read_bytes()),
        )
        for label in ("apple", "pear", "plum")
        for n in range(4)
    }
    for metric in Metric:
        rows = stored(store, metric)
        assert {p: replace(r, further=told(r.further)) for p, r in rows.items()} == expected
        assert {dict(record.further)["picture_pixels"] for record in rows.values()} == {"12 x 12"}


def test_stored_embedding_is_the_encoders_bit_for_bit(
    store: VectorStore, encoder: ColourEncoder, dataset: Path
) -> None:
    run(dataset, store, encoder)
    from PIL import Image

    picture = Image.open(dataset / "pear" / "2.png")
    key = image_id("pear/2.png")
    found = store.embeddings(FAMILY, Metric.L2, [key])[key]
    assert found.tobytes() == encoder.encode([picture])[0].tobytes()


def test_second_run_encodes_nothing(
    store: VectorStore, encoder: ColourEncoder, dataset: Path
) -> None:
    run(dataset, store, encoder)
    encoder.calls = 0
    report = run(dataset, store, encoder)
    assert encoder.calls == 0
    assert (report.added, report.updated, report.unchanged) == (0, 0, 12)
    assert report.collections[0].rows == 12
    assert report.collections[0].complete


def test_new_picture_alone_is_encoded(
    store: VectorStore, encoder: ColourEncoder, dataset: Path
) -> None:
    run(dataset, store, encoder)
    draw_dataset(dataset, ["plum/new.png"], first_seed=99)
    encoder.calls = 0
    report = run(dataset, store, encoder)
    assert (encoder.calls, report.added, report.unchanged) == (1, 1, 12)
    assert report.collections[0].rows == 13


def test_changed_bytes_replace_the_row(
    store: VectorStore, encoder: ColourEncoder, dataset: Path
) -> None:
    run(dataset, store, encoder)
    before = stored(store)["apple/0.png"]
    (dataset / "apple" / "0.png").write_bytes(picture_bytes(77))
    encoder.calls = 0
    report = run(dataset, store, encoder)
    after = stored(store)["apple/0.png"]
    assert (encoder.calls, report.updated, report.added, report.unchanged) == (1, 1, 0, 11)
    assert (after.id, after.digest) == (before.id, digest_of(picture_bytes(77)))
    assert report.collections[0].rows == 12


def test_where_only_the_labels_file_changes_nothing_is_encoded(
    store: VectorStore, encoder: ColourEncoder, dataset: Path
) -> None:
    table = dataset / "labels.csv"
    table.write_text("path,class,variety\napple/0.png,apple,Gala\napple/1.png,apple,Gala\n")
    run(dataset, store, encoder, metrics=tuple(Metric))
    before = {m: store.embeddings(FAMILY, m, list(map(image_id, stored(store)))) for m in Metric}
    calls = encoder.calls
    # Another variety, another class, and a column more.
    table.write_text(
        "path,class,variety,day\napple/0.png,apple,Boskoop,\napple/1.png,pear,Gala,Monday\n"
    )
    report = run(dataset, store, encoder, metrics=tuple(Metric))
    assert encoder.calls == calls
    assert (report.added, report.updated, report.relabelled, report.unchanged) == (0, 0, 2, 10)
    for metric in Metric:
        rows = stored(store, metric)
        assert told(rows["apple/0.png"].further) == (("variety", "Boskoop"),)
        assert rows["apple/1.png"].label == "pear"
        assert told(rows["apple/1.png"].further) == (("day", "Monday"), ("variety", "Gala"))
        after = store.embeddings(FAMILY, metric, list(map(image_id, rows)))
        assert {i: e.tobytes() for i, e in after.items()} == {
            i: e.tobytes() for i, e in before[metric].items()
        }
    assert verify(store, family=FAMILY, dataset=dataset).findings == ()
    # Without the table all are told by their folders again.
    table.unlink()
    report = run(dataset, store, encoder, metrics=tuple(Metric))
    assert (encoder.calls, report.relabelled, report.unchanged) == (calls, 12, 0)
    assert {r.label for r in stored(store).values()} == {"apple", "pear", "plum"}


def test_rows_of_before_pictures_were_measured_are_measured_once_without_encoding(
    store: VectorStore, encoder: ColourEncoder, dataset: Path
) -> None:
    run(dataset, store, encoder)
    new = stored(store)
    [(records, embeddings)] = store.rows_with_embeddings(FAMILY, Metric.L2)
    store.upsert(FAMILY, Metric.L2, [replace(r, further=()) for r in records], embeddings)
    calls = encoder.calls
    report = run(dataset, store, encoder)
    assert (encoder.calls, report.relabelled, report.unchanged) == (calls, 12, 0)
    assert stored(store) == new
    assert run(dataset, store, encoder).unchanged == 12
    assert verify(store, family=FAMILY, dataset=dataset).findings == ()


def test_a_damaged_file_whose_row_was_never_measured_keeps_its_row(
    store: VectorStore, encoder: ColourEncoder, dataset: Path
) -> None:
    run(dataset, store, encoder)
    # As if its bytes could be decoded once, and no longer.
    (dataset / "apple" / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n cut off")
    digest = digest_of((dataset / "apple" / "0.png").read_bytes())
    [(records, embeddings)] = store.rows_with_embeddings(FAMILY, Metric.L2)
    before = [replace(r, further=(), digest=digest) for r in records if r.path == "apple/0.png"]
    place = [record.path for record in records].index("apple/0.png")
    store.upsert(FAMILY, Metric.L2, before, embeddings[place : place + 1])
    report = run(dataset, store, encoder)
    assert (report.unchanged, report.skipped) == (12, ())
    assert stored(store)["apple/0.png"] == before[0]


def test_a_row_that_corrections_leave_out_follows_the_labels_file_all_the_same(
    store: VectorStore, encoder: ColourEncoder, dataset: Path, tmp_path: Path
) -> None:
    run(dataset, store, encoder)
    store.book = Book(tmp_path / "corrections")
    store.book.change(FAMILY, ["apple/0.png"], Edit(excluded=True))
    (dataset / "labels.csv").write_text("path,class,variety\napple/0.png,apple,Gala\n")
    assert run(dataset, store, encoder).relabelled == 12
    [kept] = [r for r in store.stored.records(FAMILY, Metric.L2) if r.path == "apple/0.png"]
    assert told(kept.further) == (("variety", "Gala"),)
    assert run(dataset, store, encoder).unchanged == 12


def test_more_rows_than_a_batch_are_relabelled(
    store: VectorStore, encoder: ColourEncoder, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(dataset, store, encoder)
    monkeypatch.setattr(picture_run, "BATCH_ROWS", 5)
    (dataset / "labels.csv").write_text(
        "path,class\n" + "".join(f"{path},new\n" for path in stored(store))
    )
    assert run(dataset, store, encoder).relabelled == 12
    assert {record.label for record in stored(store).values()} == {"new"}


def test_rows_whose_file_is_gone_are_counted_and_kept(
    store: VectorStore, encoder: ColourEncoder, dataset: Path
) -> None:
    run(dataset, store, encoder)
    (dataset / "apple" / "0.png").unlink()
    (dataset / "apple" / "1.png").unlink()
    report = run(dataset, store, encoder)
    assert (report.without_file, report.unchanged) == (2, 10)
    assert report.collections[0].rows == 12


def test_more_pictures_than_a_batch_and_the_window(
    store: VectorStore, encoder: ColourEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_run, "BATCH_ROWS", 32)
    names = [f"c{n % 5}/{n}.png" for n in range(150)]
    report = run(draw_dataset(tmp_path / "many", names), store, encoder)
    assert (report.added, report.collections[0].rows, encoder.calls) == (150, 150, 150)


def test_progress_reaches_the_total(
    store: VectorStore, encoder: ColourEncoder, dataset: Path
) -> None:
    (dataset / "apple" / "bad.png").write_text("no picture")
    seen = []
    run(dataset, store, encoder, on_progress=lambda *step: seen.append(step))
    encoded = {(done, total): None for stage, done, total in seen if stage == "encode"}
    # None, then the one that is no picture, then the twelve others, which are a batch.
    assert list(encoded) == [(0, 13), (1, 13), (13, 13)]
    # The index covers none of the 12 rows, then all.
    assert [step for step in seen if step[0] == "index"] == [("index", 0, 12), ("index", 12, 12)]


# --- odd folders


def test_unusable_files_are_skipped_with_a_reason_while_the_rest_lands(
    store: VectorStore, encoder: ColourEncoder, dataset: Path
) -> None:
    whole = picture_bytes(5, side=64, format="JPEG")
    (dataset / "apple" / "cut.jpg").write_bytes(whole[:-20])
    (dataset / "apple" / "text.jpg").write_text("this is no picture")
    (dataset / "pear" / "empty.png").write_bytes(b"")
    (dataset / "notes.txt").write_text("other file")
    report = run(dataset, store, encoder)
    reasons = {skipped.path: skipped.reason for skipped in report.skipped}
    assert reasons.keys() == {"apple/cut.jpg", "apple/text.jpg", "pear/empty.png"}
    assert "damaged" in reasons["apple/cut.jpg"]
    assert "not a picture" in reasons["apple/text.jpg"]
    assert "empty (0 bytes)" in reasons["pear/empty.png"]
    assert (report.added, report.ignored, report.collections[0].rows) == (12, 1, 12)
    assert files_accounted(report) == sum(1 for p in dataset.rglob("*") if p.is_file()) == 16


def test_names_of_any_kind_and_lone_pictures(
    store: VectorStore, encoder: ColourEncoder, tmp_path: Path
) -> None:
    names = [
        "one/only.png",
        "apple/same.png",
        "pear/same.png",
        "香蕉/图 片.png",
        'it\'s/a "quoted" & <script>.png',
        "a b/c d/e.f.png",
        "back\\slash/x.png",
        "top level.png",
    ]
    report = run(draw_dataset(tmp_path / "odd", names), store, encoder)
    assert report.skipped == ()
    rows = stored(store)
    assert rows.keys() == set(names)
    assert len({record.id for record in rows.values()}) == len(names)
    assert [rows[name].label for name in names] == [
        "one", "apple", "pear", "香蕉", "it's", "a b", "back\\slash", "",
    ]  # fmt: skip


def test_picture_damaged_since_keeps_its_row_and_is_reported(
    store: VectorStore, encoder: ColourEncoder, dataset: Path
) -> None:
    run(dataset, store, encoder)
    (dataset / "apple" / "0.png").write_bytes(b"broken")
    report = run(dataset, store, encoder)
    assert [skipped.path for skipped in report.skipped] == ["apple/0.png"]
    assert (report.unchanged, report.without_file, report.collections[0].rows) == (11, 0, 12)


def test_embedding_that_is_not_finite_is_skipped(
    store: VectorStore, encoder: ColourEncoder, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = encoder.encode

    def broken(images: Sequence[object]) -> NDArray[np.float32]:
        out = real(images)
        out[0, 3] = np.nan
        return out

    monkeypatch.setattr(encoder, "encode", broken)
    report = run(dataset, store, encoder)
    assert (report.added, len(report.skipped)) == (11, 1)
    assert "not finite; check the weights" in report.skipped[0].reason


def test_nothing_but_damaged_pictures_leaves_no_collection_behind(
    store: VectorStore, encoder: ColourEncoder, tmp_path: Path
) -> None:
    (tmp_path / "bad" / "a").mkdir(parents=True)
    (tmp_path / "bad" / "a" / "x.jpg").write_text("no picture")
    with pytest.raises(DatasetError, match=r"none of the 1 pictures.*'a/x\.jpg'"):
        run(tmp_path / "bad", store, encoder, metrics=tuple(Metric))
    assert store.metrics(FAMILY) == []


@pytest.mark.parametrize("case", ["missing", "empty", "damaged"])
def test_unusable_folder_leaves_the_old_collection_untouched(
    store: VectorStore, encoder: ColourEncoder, dataset: Path, tmp_path: Path, case: str
) -> None:
    run(dataset, store, encoder)
    before = store.info(FAMILY, Metric.L2), stored(store)
    folder = tmp_path / "other"
    if case != "missing":
        folder.mkdir()
    if case == "damaged":
        (folder / "x.jpg").write_text("no picture")
    with pytest.raises(DatasetError):
        run(folder, store, encoder, recreate=True)
    assert (store.info(FAMILY, Metric.L2), stored(store)) == before


# --- what does not belong together


def test_another_encoder_is_refused_and_the_collection_unchanged(
    store: VectorStore, encoder: ColourEncoder, dataset: Path
) -> None:
    run(dataset, store, encoder)
    before = store.info(FAMILY, Metric.L2), stored(store)
    other = ColourEncoder("11111111")
    draw_dataset(dataset, ["apple/new.png"], first_seed=50)
    with pytest.raises(EncoderMismatchError) as caught:
        run(dataset, store, other)
    for words in (str(encoder.identity), str(other.identity), "--recreate", "fruit_l2"):
        assert words in str(caught.value)
    assert (store.info(FAMILY, Metric.L2), stored(store)) == before
    assert other.calls == 0


def test_another_dataset_is_refused_and_the_collection_unchanged(
    store: VectorStore, encoder: ColourEncoder, dataset: Path, tmp_path: Path
) -> None:
    run(dataset, store, encoder)
    before = store.info(FAMILY, Metric.L2), stored(store)
    other = draw_dataset(tmp_path / "cars", ["audi/1.png", "bmw/2.png"])
    with pytest.raises(DatasetError) as caught:
        run(other, store, encoder)
    for words in (repr(str(dataset)), repr(str(other)), "--collection", "--recreate"):
        assert words in str(caught.value)
    assert (store.info(FAMILY, Metric.L2), stored(store)) == before


def test_moved_dataset_is_followed(
    store: VectorStore, encoder: ColourEncoder, dataset: Path, tmp_path: Path
) -> None:
    run(dataset, store, encoder)
    moved = tmp_path / "elsewhere" / "香 photos"
    moved.parent.mkdir()
    shutil.move(dataset, moved)
    encoder.calls = 0
    report = run(moved, store, encoder)
    assert (encoder.calls, report.unchanged) == (0, 12)
    assert report.collections[0].dataset == report.dataset == str(moved)
    assert store.info(FAMILY, Metric.L2).dataset == str(moved)


def test_recreate_drops_rows_metrics_and_encoder(
    store: VectorStore, encoder: ColourEncoder, dataset: Path
) -> None:
    run(dataset, store, encoder, metrics=tuple(Metric))
    (dataset / "apple" / "0.png").unlink()
    other = ColourEncoder("11111111")
    report = run(dataset, store, other, recreate=True, metrics=[Metric.IP])
    assert (report.added, report.without_file) == (11, 0)
    assert store.metrics(FAMILY) == [Metric.IP]
    assert store.info(FAMILY, Metric.IP).encoder == other.identity


def test_replacement_goes_on_only_with_its_own_token_and_encoder(
    store: VectorStore, encoder: ColourEncoder, dataset: Path
) -> None:
    run(dataset, store, encoder, recreate=True, token="one")
    assert run(dataset, store, encoder, recreate=True, token="one").unchanged == 12
    assert run(dataset, store, encoder, recreate=True, token="two").added == 12
    assert run(dataset, store, encoder, recreate=True).added == 12
    run(dataset, store, encoder, recreate=True, token="two")
    other = ColourEncoder("11111111")
    report = run(dataset, store, other, recreate=True, token="two")
    assert (report.added, report.collections[0].encoder) == (12, other.identity)


def test_replacement_that_goes_on_drops_what_came_in_between(
    store: VectorStore, encoder: ColourEncoder, dataset: Path
) -> None:
    run(dataset, store, encoder, recreate=True, token="one")
    add_metric(Metric.IP, store=store, family=FAMILY)
    report = run(dataset, store, encoder, recreate=True, token="one", metrics=L2)
    assert [info.metric for info in report.collections] == [Metric.L2]
    assert store.metrics(FAMILY) == [Metric.L2]


def test_no_metric_at_all_is_refused(
    store: VectorStore, encoder: ColourEncoder, dataset: Path
) -> None:
    with pytest.raises(SettingsError, match="no metric was chosen"):
        run(dataset, store, encoder, metrics=())


# --- several metrics


def test_added_metric_gets_the_same_rows_without_encoding(
    store: VectorStore, encoder: ColourEncoder, dataset: Path
) -> None:
    run(dataset, store, encoder)
    (dataset / "apple" / "0.png").unlink()
    draw_dataset(dataset, ["plum/new.png"], first_seed=99)
    encoder.calls = 0
    report = run(dataset, store, encoder, metrics=[Metric.COSINE])
    # 12 rows are copied, that of the lost file as well; only the new picture is encoded
    assert (encoder.calls, report.added, report.unchanged, report.without_file) == (1, 1, 11, 1)
    assert {info.metric: info.rows for info in report.collections} == {
        Metric.COSINE: 13,
        Metric.L2: 13,
    }
    assert stored(store) == stored(store, Metric.COSINE)
    ids = [record.id for record in stored(store).values()]
    one, other = (store.embeddings(FAMILY, m, ids) for m in (Metric.L2, Metric.COSINE))
    assert all(one[i].tobytes() == other[i].tobytes() for i in ids)


def test_run_for_one_metric_brings_the_others_up_to_date(
    store: VectorStore, encoder: ColourEncoder, dataset: Path
) -> None:
    run(dataset, store, encoder, metrics=tuple(Metric))
    draw_dataset(dataset, ["plum/new.png"], first_seed=99)
    (dataset / "apple" / "0.png").write_bytes(picture_bytes(77))
    report = run(dataset, store, encoder, metrics=[Metric.COSINE])
    assert (report.added, report.updated, report.unchanged) == (1, 1, 11)
    assert stored(store, Metric.L2) == stored(store, Metric.IP) == stored(store, Metric.COSINE)
    assert len(stored(store)) == 13


# --- nlist


def test_automatic_nlist_grows_with_the_collection(
    store: VectorStore, encoder: ColourEncoder, tmp_path: Path
) -> None:
    """3 pictures: one list. 120 pictures: 120 // 39 = 3 lists."""
    root = draw_dataset(tmp_path / "growing", [f"a/{n}.png" for n in range(3)])
    assert run(root, store, encoder).collections[0].nlist == 1
    draw_dataset(root, [f"b/{n}.png" for n in range(117)], first_seed=3)
    info = run(root, store, encoder).collections[0]
    assert (info.nlist, info.rows) == (3, 120)


def test_nlist_that_was_asked_for_is_built_and_then_stays(
    store: VectorStore, encoder: ColourEncoder, dataset: Path
) -> None:
    assert run(dataset, store, encoder, index=IndexChoice(nlist=5)).collections[0].nlist == 5
    assert run(dataset, store, encoder).collections[0].nlist == 5
    assert run(dataset, store, encoder, index=IndexChoice(nlist=2)).collections[0].nlist == 2
    flat = run(dataset, store, encoder, index=IndexChoice(IndexType.FLAT)).collections[0]
    assert (flat.index_type, flat.rows) == ("FLAT", 12)


# --- stopping half-way


@pytest.mark.parametrize("stop_with", [KeyboardInterrupt, MemoryError])
def test_stopped_run_keeps_what_was_encoded_and_the_next_completes_it(
    store: VectorStore, encoder: ColourEncoder, tmp_path: Path, stop_with: type[BaseException]
) -> None:
    root = draw_dataset(tmp_path / "many", [f"c{n % 5}/{n}.png" for n in range(60)])
    encoder.stop_after, encoder.stop_with = 32, stop_with
    with pytest.raises(stop_with):
        run(root, store, encoder, metrics=tuple(Metric))
    for metric in Metric:
        info = store.info(FAMILY, metric)
        assert (info.rows, info.complete) == (32, False)
    encoder.stop_after, encoder.calls = None, 0
    report = run(root, store, encoder, metrics=tuple(Metric))
    assert (encoder.calls, report.added, report.unchanged) == (28, 28, 32)
    for info in report.collections:
        assert (info.rows, info.complete) == (60, True)
    paths = [record.path for record in store.records(FAMILY, Metric.IP)]
    assert len(paths) == len(set(paths)) == 60


def test_a_run_can_be_stopped_at_every_picture_also_within_a_batch(
    store: VectorStore, encoder: ColourEncoder, tmp_path: Path
) -> None:
    # Sixteen make a batch, so that neither the fourth nor the twentieth ends one.
    root = draw_dataset(tmp_path / "many", [f"a/{n}.png" for n in range(40)])
    for pictures, encoded in ((4, 0), (20, 16)):
        calls = iter(range(pictures))

        def stop(stage: Stage, *_: int, calls: Iterator[int] = calls) -> None:
            if stage is Stage.ENCODE and next(calls, None) is None:
                raise KeyboardInterrupt

        encoder.calls = 0
        with pytest.raises(KeyboardInterrupt):
            run(root, store, encoder, recreate=True, on_progress=stop)
        assert encoder.calls == encoded


def test_stop_between_two_metrics_is_made_good(
    store: VectorStore, encoder: ColourEncoder, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = store.upsert

    def once(family: str, metric: Metric, *rows: object) -> None:
        if metric is Metric.IP:
            raise KeyboardInterrupt
        real(family, metric, *rows)

    monkeypatch.setattr(store, "upsert", once)
    with pytest.raises(KeyboardInterrupt):
        run(dataset, store, encoder, metrics=tuple(Metric))
    monkeypatch.undo()
    report = run(dataset, store, encoder, metrics=tuple(Metric))
    assert [info.rows for info in report.collections] == [12, 12, 12]
    assert stored(store, Metric.L2) == stored(store, Metric.IP) == stored(store, Metric.COSINE)


def test_stop_between_a_collection_and_its_index_is_made_good(
    store: VectorStore, encoder: ColourEncoder, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bare_client(store), "create_index", stop)
    with pytest.raises(KeyboardInterrupt):
        run(dataset, store, encoder)
    monkeypatch.undo()
    info = run(dataset, store, encoder).collections[0]
    assert (info.rows, info.index_type, info.complete) == (12, "IVF_FLAT", True)


def test_failing_database_keeps_earlier_batches_and_stays_incomplete(
    store: VectorStore, encoder: ColourEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_run, "BATCH_ROWS", 16)
    root = draw_dataset(tmp_path / "many", [f"a/{n}.png" for n in range(48)])
    real, calls = store.upsert, []

    def twice(*arguments: object) -> None:
        calls.append(1)
        if len(calls) > 2:
            raise StoreError("disk full")
        real(*arguments)

    monkeypatch.setattr(store, "upsert", twice)
    with pytest.raises(StoreError, match="disk full"):
        run(root, store, encoder)
    info = store.info(FAMILY, Metric.L2)
    assert (info.rows, info.complete) == (32, False)


def test_complete_is_true_only_at_the_end(
    store: VectorStore, encoder: ColourEncoder, dataset: Path
) -> None:
    run(dataset, store, encoder)
    draw_dataset(dataset, ["plum/new.png"], first_seed=99)
    seen = []

    def look(stage: str, done: int, total: int) -> None:
        if store.metrics(FAMILY):
            seen.append((stage, done, store.info(FAMILY, Metric.L2).complete))

    run(dataset, store, encoder, on_progress=look)
    assert [complete for *_, complete in seen] == [False] * (len(seen) - 1) + [True]
    # Twelve rows and the new one.
    assert seen[-1][:2] == ("index", 13)


KILLED = """
import os, signal, sys
from pathlib import Path
from typing import Any
from core.indexing import picture_run, build
from core.metric import Metric
from core.progress import Stage
from core.store.vector_store import VectorStore
from tests.conftest import ColourEncoder

picture_run.BATCH_ROWS = 16
class Dying(ColourEncoder):
    def encode(self, images):
        if self.calls >= 48:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().encode(images)

build.build_index(
    Path(sys.argv[1]), store=VectorStore(sys.argv[2], database="pictures"), encoder=Dying(),
    family="fruit", metrics=tuple(Metric),
)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_killed_process_loses_no_written_row_and_the_next_run_completes(
    database: Path, encoder: ColourEncoder, tmp_path: Path
) -> None:
    root = draw_dataset(tmp_path / "many", [f"c{n % 5}/{n}.png" for n in range(80)])
    died = subprocess.run(
        [sys.executable, "-c", KILLED, str(root), str(database)],
        cwd=PROJECT, capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    assert died.returncode == -signal.SIGKILL, died.stderr
    store = VectorStore(str(database), database="pictures")
    try:
        infos = [store.info(FAMILY, metric) for metric in Metric]
        assert [(info.rows, info.complete) for info in infos] == [(48, False)] * 3
        report = run(root, store, encoder, metrics=tuple(Metric))
        assert (encoder.calls, report.added, report.unchanged) == (32, 32, 48)
        assert [(info.rows, info.complete) for info in report.collections] == [(80, True)] * 3
    finally:
        store.close()


def test_search_goes_on_while_a_run_adds_pictures(
    store: VectorStore, encoder: ColourEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_run, "BATCH_ROWS", 16)
    root = draw_dataset(tmp_path / "many", [f"c{n % 5}/{n}.png" for n in range(100)])
    run(root, store, encoder)
    draw_dataset(root, [f"new/{n}.png" for n in range(200)], first_seed=500)
    problems, done = [], threading.Event()
    key = image_id("c0/0.png")
    query = store.embeddings(FAMILY, Metric.L2, [key])[key]

    def read() -> None:
        try:
            while not done.is_set():
                info = store.info(FAMILY, Metric.L2)
                if store.search(info, query, k=1, nprobe=info.nlist)[0][0].id != key:
                    problems.append("another picture")
        except Exception as error:
            problems.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    report = run(root, store, encoder)
    done.set()
    reader.join()
    assert problems == []
    assert report.collections[0].rows == 300


# --- the report


def test_report_adds_up_and_is_plain_data(
    store: VectorStore, encoder: ColourEncoder, dataset: Path
) -> None:
    (dataset / "apple" / "bad.jpg").write_text("no picture")
    (dataset / "readme.md").write_text("text")
    run(dataset, store, encoder)
    (dataset / "apple" / "0.png").write_bytes(picture_bytes(77))
    draw_dataset(dataset, ["plum/new.png"], first_seed=99)
    report = run(dataset, store, encoder)
    assert (report.added, report.updated, report.unchanged) == (1, 1, 11)
    assert files_accounted(report) == sum(1 for p in dataset.rglob("*") if p.is_file()) == 15
    assert report.seconds >= 0
    assert report.images_per_second > 0
    plain = json.loads(json.dumps(report.to_dict()))
    assert plain["skipped"] == [
        {"path": "apple/bad.jpg", "reason": report.skipped[0].reason},
    ]
    assert plain["collections"][0]["name"] == collection_name(FAMILY, Metric.L2)
    assert os.fspath(dataset) == plain["dataset"]


# --- rows whose files are gone, metrics added later, the saved report


def test_prune_removes_exactly_the_rows_whose_files_are_gone(
    store: VectorStore, encoder: ColourEncoder, dataset: Path
) -> None:
    run(dataset, store, encoder, metrics=tuple(Metric))
    (dataset / "apple" / "0.png").unlink()
    shutil.rmtree(dataset / "plum")
    (dataset / "pear" / "1.png").write_bytes(b"damaged, not gone")
    encoder.calls = 0
    report = run(dataset, store, encoder, prune=True)
    assert (report.removed, report.without_file, encoder.calls) == (5, 0, 0)
    expected = {"apple/1.png", "apple/2.png", "apple/3.png"} | {f"pear/{n}.png" for n in range(4)}
    for metric in Metric:
        assert stored(store, metric).keys() == expected
        assert store.count(FAMILY, metric) == 7


def test_prune_removes_rows_of_thumbnails_that_were_indexed_as_pictures(
    store: VectorStore, encoder: ColourEncoder, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thumbnail = dataset / "apple" / "@eaDir" / "SYNOPHOTO_THUMB_M.png"
    thumbnail.parent.mkdir()
    shutil.copy(dataset / "apple" / "0.png", thumbnail)
    with monkeypatch.context() as before:  # as an earlier version listed them
        before.setattr(listing, "_FOLDERS_OF_PROGRAMS", {})
        assert run(dataset, store, encoder).added == 13
    report = run(dataset, store, encoder)
    assert (report.added, report.without_file, report.left_out.count) == (0, 1, 1)
    assert run(dataset, store, encoder, prune=True).removed == 1
    assert len(stored(store)) == 12


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX permissions")
def test_a_file_that_cannot_be_looked_at_is_not_gone(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "x.png").touch()
    assert is_gone(tmp_path, "none.png")
    assert is_gone(tmp_path, "none/deep.png")
    assert not is_gone(tmp_path / "drive that is away", "x.png")
    ancestors = [p for p in tmp_path.parents if p.is_relative_to(tmp_path.parent.parent)]
    modes = {p: p.stat().st_mode for p in (tmp_path, *ancestors)}
    root = os.geteuid() == 0
    try:
        for folder in modes:
            folder.chmod(0o755)
        (tmp_path / "closed").chmod(0)
        if root:
            os.seteuid(65534)
        assert not is_gone(tmp_path, "closed/x.png")
    finally:
        if root:
            os.seteuid(0)
        for folder, mode in modes.items():
            folder.chmod(mode)
        (tmp_path / "closed").chmod(0o755)


def test_metric_is_added_without_folder_or_encoder(
    either_store: VectorStore, encoder: ColourEncoder, dataset: Path
) -> None:
    run(dataset, either_store, encoder)
    shutil.rmtree(dataset)
    report = add_metric(Metric.IP, store=either_store, family=FAMILY)
    assert (report.copied, report.unchanged, report.added) == (12, 12, 0)
    assert {info.metric: (info.rows, info.complete) for info in report.collections} == {
        Metric.L2: (12, True),
        Metric.IP: (12, True),
    }
    ids = [record.id for record in stored(either_store).values()]
    one, other = (either_store.embeddings(FAMILY, m, ids) for m in (Metric.L2, Metric.IP))
    assert all(one[i].tobytes() == other[i].tobytes() for i in ids)
    again = add_metric(Metric.IP, store=either_store, family=FAMILY)
    assert (again.copied, again.collections[0].rows) == (0, 12)


def test_metric_added_to_an_unfinished_family_is_unfinished(
    store: VectorStore, encoder: ColourEncoder, dataset: Path
) -> None:
    run(dataset, store, encoder)
    store.set_complete(FAMILY, Metric.L2, complete=False)
    report = add_metric(Metric.IP, store=store, family=FAMILY)
    assert [info.complete for info in report.collections] == [False, False]


def test_metric_cannot_be_added_to_nothing(store: VectorStore) -> None:
    with pytest.raises(CollectionNotFoundError, match=r"scripts\.build_index DATASET"):
        add_metric(Metric.IP, store=store, family="nuts")


def test_report_is_saved_under_its_time(
    store: VectorStore, encoder: ColourEncoder, dataset: Path, tmp_path: Path
) -> None:
    report = run(dataset, store, encoder, index=IndexChoice(IndexType.HNSW, m=8))
    path = save_index_report(report, folder=tmp_path / "reports")
    saved = json.loads(path.read_text())
    assert saved == json.loads(json.dumps(report.to_dict()))
    built = saved["collections"][0]
    assert (built["index_type"], built["m"], built["ef_construction"]) == ("HNSW", 8, 200)
    assert [p.name for p in (tmp_path / "reports").iterdir()] == [path.name]
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match=r"file/index-.*cannot be written"):
        save_index_report(report, folder=tmp_path / "file")


def test_index_of_another_type_is_built_without_encoding(
    store: VectorStore, encoder: ColourEncoder, dataset: Path
) -> None:
    run(dataset, store, encoder)
    encoder.calls = 0
    for choice in (IndexChoice(IndexType.HNSW, m=4), IndexChoice(IndexType.HNSW, m=6)):
        info = run(dataset, store, encoder, index=choice).collections[0]
        assert (info.index_type, info.m, info.rows) == ("HNSW", choice.m, 12)
    assert encoder.calls == 0
