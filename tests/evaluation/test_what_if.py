"""What a report would say with corrections: the same as a new one, without asking anything."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.corrections.book import Book
from core.corrections.correction import Applied, Edit
from core.dataset.classes import split_classes
from core.embeddings.matrix import load_matrix
from core.embeddings.neighbours import Neighbours
from core.errors import ReportError
from core.evaluation.figures import summary_of
from core.evaluation.files import load_report, save_report
from core.evaluation.notes import notes
from core.evaluation.report import Configuration, Report, Request
from core.evaluation.run import evaluate
from core.evaluation.sweep import sweep
from core.evaluation.what_if import labels_now, what_if
from core.measures.bootstrap import Estimate
from core.metric import Metric
from core.store.vector_store import VectorStore
from tests.support.made_up import fill

KS = (1, 5, 10)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VectorStore]:
    store = VectorStore(str(tmp_path_factory.mktemp("what_if") / "test.db"), database="test")
    fill(store, "set")
    yield store
    store.close()


@pytest.fixture
def store(filled: VectorStore, tmp_path: Path) -> VectorStore:
    filled.book = Book(tmp_path / "corrections")
    return filled


def report_of(
    store: VectorStore, folder: Path, metric: Metric = Metric.COSINE, **wanted: object
) -> Report:
    return evaluate(
        load_matrix(store, "set", metric, folder),
        store=store,
        info=store.info("set", metric),
        collection="set",
        request=replace(Request(nprobe=8), **wanted),  # type: ignore[arg-type]
    )


def now(store: VectorStore, report: Report) -> list[str | None]:
    seen = {record.id: record for record in store.records("set", Metric.COSINE)}
    return labels_now(report, seen, given=store.corrections("set").labels)


def numbers(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.value, estimate.low, estimate.high


def small_report() -> Report:
    """Two apples (0, 1), two pears (2, 3); each finds the other fruit first, then its own."""
    positions = np.array([[2, 1, 3], [3, 0, 2], [0, 3, 1], [1, 2, 0]], dtype=np.int32)
    return Report(
        configuration=Configuration(
            created="2026-03-01T12:30:05+00:00",
            collection="fruit",
            dataset="/photos",
            encoder="resnet14/12345678/test/16",
            metric=Metric.COSINE,
            index_type="FLAT",
            nlist=0,
            fingerprint="0",
            rows=4,
            request=Request(ks=(1, 2), nprobe=None),
            trained_queries=None,
            versions={},
            seconds=1.0,
        ),
        ids=np.arange(4),
        paths=("apple/0", "apple/1", "pear/2", "pear/3"),
        labels=("apple", "apple", "pear", "pear"),
        digests=("", "", "", ""),
        norms=np.ones(4, dtype=np.float32),
        gallery=np.ones(4, dtype=bool),
        queries=np.arange(4),
        exact=Neighbours(positions, np.tile(np.float32([0.9, 0.8, 0.7]), (4, 1))),
        index=None,
    )


def test_figures_worked_out_by_hand() -> None:
    report = small_report()
    # Of the first hit none is right.
    assert summary_of(report).macro["precision@1"].value == 0
    # If picture 2 is an apple, pictures 0 and 2 find each other: of the apples 0, 1, 2 two of
    # three first hits are right; 3 is the only pear and has nothing to find.
    found = what_if(report, ["apple", "apple", "apple", "pear"])
    assert (found.relabelled, found.excluded) == (1, 0)
    assert found.after.macro["precision@1"].value == pytest.approx(2 / 3)
    assert found.said("precision@1") == (
        "with 1 relabelled: macro precision@1 0.000 → 0.667 (without pear: nothing is left to find)"
    )
    # Without 2 and 3 the apples find each other first.
    found = what_if(report, ["apple", "apple", None, None])
    assert found.after.queries == 2
    assert found.after.macro["precision@1"].value == 1
    assert found.said("precision@1").endswith(
        "0.000 → 1.000 (without pear: nothing is left to find)"
    )
    # Every class is there still: nothing is said of them.
    swapped = what_if(report, ["pear", "apple", "apple", "pear"])
    assert "without" not in swapped.said("precision@1")
    # Without one of each there is nothing to find.
    lonely = what_if(report, ["apple", None, "pear", None])
    assert lonely.said("precision@1").endswith(
        "nothing is left to find, so there is no precision@1"
    )
    with pytest.raises(ReportError, match="every picture that was asked with is left out"):
        what_if(report, [None] * 4)


@pytest.mark.parametrize("metric", list(Metric))
def test_it_equals_a_new_report_under_the_same_corrections(
    metric: Metric, store: VectorStore, tmp_path: Path
) -> None:
    before = report_of(store, tmp_path, metric)
    assert store.book
    book = store.book
    # Two relabelled, one into a class there was not, with a second of it; three left out, one of
    # them the only picture of its class, so that the class is gone.
    book.change("set", ["apple/train_1.jpg", "apple/train_2.jpg"], Edit(label="quince"))
    book.change("set", ["banana/test_0.jpg"], Edit(label="apple"))
    out = ["lone/test_0.jpg", "cherry/test_0.jpg", "apple/test_4.jpg"]
    book.change("set", out, Edit(excluded=True))
    after = summary_of(report_of(store, tmp_path, metric))
    found = what_if(before, now(store, before))
    assert (found.relabelled, found.excluded) == (3, 3)
    assert found.unknown == () and set(found.known) == set(after.macro)
    assert [c.label for c in found.after.classes] == [c.label for c in after.classes]
    assert "quince" in {c.label for c in after.classes}
    for name in found.known:
        # To the last digit, intervals included: the very same hits are counted.
        assert numbers(found.after.macro[name]) == numbers(after.macro[name]), name
        for one, other in zip(found.after.classes, after.classes, strict=True):
            assert numbers(one.measures[name]) == pytest.approx(
                numbers(other.measures[name]), nan_ok=True
            )
    assert found.after.macro["precision@10"].value != found.before.macro["precision@10"].value


def test_what_the_kept_neighbours_do_not_reach_is_left_out_by_name(
    store: VectorStore, tmp_path: Path
) -> None:
    before = report_of(store, tmp_path)
    # Sixty neighbours of 65 are kept; without 52 pictures at most 14 others can be found, and of
    # most queries fewer than ten are among those that are kept.
    assert before.exact.depth == 60
    assert store.book
    kept = set(before.paths[:7]) | set(before.paths[40:47])
    store.book.change("set", [p for p in before.paths if p not in kept], Edit(excluded=True))
    found = what_if(before, now(store, before))
    after = summary_of(report_of(store, tmp_path))
    assert "precision@10" in found.unknown and "precision@1" in found.known
    assert "cannot be told" in found.said("precision@10")
    for name in found.known:
        assert numbers(found.after.macro[name]) == numbers(after.macro[name]), name


def test_pictures_that_are_back_need_a_new_report(store: VectorStore, tmp_path: Path) -> None:
    assert store.book
    store.book.change("set", ["apple/test_0.jpg"], Edit(excluded=True))
    report = report_of(store, tmp_path)
    assert len(report.ids) == 65
    store.book.undo("set")
    with pytest.raises(ReportError, match="1 picture that this report left out is back"):
        now(store, report)


def test_a_report_keeps_and_says_which_corrections_it_used(
    store: VectorStore, tmp_path: Path
) -> None:
    plain = report_of(store, tmp_path)
    assert plain.configuration.corrections == Applied()
    assert not [line for line in notes(plain, summary_of(plain)) if "orrection" in line]
    assert store.book
    store.book.change("set", ["apple/test_0.jpg"], Edit(label="banana"))
    store.book.change("set", ["apple/test_4.jpg", "gone.jpg"], Edit(excluded=True))
    report = load_report(
        save_report(report_of(store, tmp_path), tmp_path / "reports").name, tmp_path / "reports"
    )
    used = report.configuration.corrections
    assert (used.relabelled, used.excluded, len(used.fingerprint)) == (1, 1, 32)
    assert report.configuration.stored == plain.configuration.stored
    assert "Corrections: 1 relabelled, 1 left out." in notes(report, summary_of(report))
    # The index is asked for the same pictures.
    assert report.index is not None
    assert summary_of(report).underfilled == {1: 0, 5: 0, 10: 0}
    with pytest.raises(ReportError, match="collection has changed"):
        sweep(
            plain,
            load_matrix(store, "set", Metric.COSINE, tmp_path),
            store=store,
            info=store.info("set", Metric.COSINE),
            k=5,
        )


def test_a_class_that_was_given_stays_where_folders_split_the_rows() -> None:
    paths = ["train/a/1.jpg", "train/b/2.jpg", "test/a/3.jpg"]
    labels = ["train", "train", "test"]
    assert split_classes(paths, labels, given={}) == ("a", "b", "a")
    given = {"train/b/2.jpg": "a"}
    assert split_classes(paths, ["train", "a", "test"], given=given) == ("a", "a", "a")
    # Classes that somebody has decided are not touched.
    assert split_classes(paths, ["x", "train", "test"], given={}) == ("x", "train", "test")
