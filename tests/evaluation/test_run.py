"""Reports: run on a real database, saved, opened, refused, compared."""

import contextlib
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.collection.index_choice import IndexChoice, IndexType
from core.collection.info import CollectionInfo
from core.dataset.quality import QUALITY
from core.embeddings.matrix import Matrix, load_matrix
from core.embeddings.neighbours import Neighbours
from core.encoder.training_list import TrainingList, training_list
from core.errors import QueryError, ReportError, StoreError
from core.evaluation import run
from core.evaluation.comparison import compare
from core.evaluation.figures import NEAR_COPY, index_summary, report_summary, slices_of, summary_of
from core.evaluation.files import (
    delete_report,
    list_reports,
    load_report,
    rename_report,
    save_report,
)
from core.evaluation.notes import in_words, notes, share_of, short
from core.evaluation.report import QuerySet, Report, Request, Variant
from core.evaluation.sweep import SweepPoint, recommended, sweep, swept
from core.evaluation.tables import query_rows, slice_rows
from core.measures.bootstrap import Estimate
from core.measures.findings import Causes, causes, total
from core.metric import Metric
from core.records import EncoderIdentity, ImageRecord
from core.store.vector_store import VectorStore
from tests.collection.test_info import made_up_info
from tests.support.made_up import ENCODER, fill


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VectorStore]:
    store = VectorStore(str(tmp_path_factory.mktemp("reports") / "test.db"), database="test")
    fill(store, "set")
    yield store
    store.close()


@pytest.fixture(scope="module", params=list(Metric))
def source(
    request: pytest.FixtureRequest, store: VectorStore, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Matrix, CollectionInfo]:
    matrix = load_matrix(store, "set", request.param, tmp_path_factory.mktemp("cache"))
    return matrix, store.info("set", request.param)


@pytest.fixture(scope="module")
def cosine(
    store: VectorStore, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Matrix, CollectionInfo]:
    matrix = load_matrix(store, "set", Metric.COSINE, tmp_path_factory.mktemp("cache"))
    return matrix, store.info("set", Metric.COSINE)


def _run(source: tuple[Matrix, CollectionInfo], store: VectorStore, **wanted: object) -> Report:
    return run.evaluate(
        source[0],
        store=store,
        info=source[1],
        collection="set",
        request=replace(Request(nprobe=8), **wanted),  # type: ignore[arg-type]
    )


def test_precision_is_told_by_what_is_wrong_with_the_pictures(
    cosine: tuple[Matrix, CollectionInfo], store: VectorStore
) -> None:
    plain = _run(cosine, store)
    qualities = ["dark, blurred" if n % 3 == 0 else "good" for n in range(len(plain.ids))]
    report = replace(plain, further=tuple(((QUALITY, quality),) for quality in qualities))
    found = {
        one.value: one
        for one in slices_of(report, report.columns[QUALITY], judged=report.judged, k=5)
    }
    asked = [query for query in range(len(plain.queries)) if plain.judged.relevant[query] > 0]
    dark = [query for query in asked if plain.queries[query] % 3 == 0]
    right = plain.judged.right[:, :5].sum(axis=1) / 5
    assert found["dark"].queries == len(dark) == found["good"].other_queries
    assert found["dark"].measure.value == pytest.approx(right[dark].mean())
    assert found["blurred"].measure.value == found["dark"].measure.value
    table = {row["value"]: row for row in slice_rows(report, report.judged, k=5)}
    assert {row["column"] for row in table.values()} == {QUALITY} and set(table) == set(found)
    assert table["dark"]["precision@5"] == found["good"].others.value
    # Only the first two pictures are nearly the same.
    assert found[NEAR_COPY].queries == 2
    assert found[NEAR_COPY].measure.value == pytest.approx(right[:2].mean())


def test_all_lists_probed_is_exact_search(
    source: tuple[Matrix, CollectionInfo], store: VectorStore
) -> None:
    report = _run(source, store)
    assert report.index is not None
    np.testing.assert_array_equal(report.index.positions, report.exact.positions[:, :10])
    assert report.index.scores == pytest.approx(report.exact.scores[:, :10], abs=1e-4)
    figures = report_summary(report)
    assert figures["ann_recall"] == {"1": 1, "5": 1, "10": 1}
    assert figures["wrong_hits"]["10"]["index"] == 0
    macro = dict(figures["exact"]["macro"])
    # The index is asked for ten hits, too few for the first R.
    del macro["R-precision"], macro["MAP@R"]
    assert figures["index"]["macro"] == macro


def test_of_copies_in_two_classes_index_and_exact_search_name_the_same(tmp_path: Path) -> None:
    # Every picture three times, twice in one class and once in another, as a shop's sale has them;
    # written in an order that is not that of the ids, by which equals stand.
    random = np.random.default_rng(2)
    originals = random.normal(size=(8, 16)).astype("f4")
    records = [
        ImageRecord(int(random.integers(2**40)), f"{label}/{number}-{copy}.jpg", label, f"{number}")
        for number in range(8)
        for copy, label in enumerate(["kiwi", "kiwi", "sale"])
    ]
    with contextlib.closing(VectorStore(str(tmp_path / "test.db"), database="test")) as store:
        store.create(
            "set",
            Metric.COSINE,
            encoder=ENCODER,
            dataset="/nowhere",
            index=IndexChoice(IndexType.IVF_FLAT, 2),
            expected_rows=len(records),
        )
        store.upsert("set", Metric.COSINE, records, np.repeat(originals, 3, axis=0))
        store.finish("set", Metric.COSINE)
        store.set_complete("set", Metric.COSINE, complete=True)
        matrix = load_matrix(store, "set", Metric.COSINE, tmp_path)
        report = _run((matrix, store.info("set", Metric.COSINE)), store, nprobe=2, ks=(1, 4))
    assert report.index is not None
    np.testing.assert_array_equal(report.index.positions, report.exact.positions[:, :4])
    found = total(causes(report.index, report.judged_index, report.exact, k=1))
    assert found.index == 0 and found.encoder > 0


def test_one_list_probed_loses_neighbours_and_the_encoder_is_not_blamed(
    cosine: tuple[Matrix, CollectionInfo], store: VectorStore
) -> None:
    figures = report_summary(_run(cosine, store, nprobe=1))
    assert figures["ann_recall"]["10"] < 1
    wrong = figures["wrong_hits"]["10"]
    assert wrong["missing"] + wrong["index"] > 0
    assert sum(figures["index"]["underfilled"].values()) > 0
    assert figures["exact"]["macro"] == report_summary(_run(cosine, store))["exact"]["macro"]


def test_query_is_never_among_its_hits(
    source: tuple[Matrix, CollectionInfo], store: VectorStore
) -> None:
    report = _run(source, store)
    assert report.index is not None
    for lists in (report.exact, report.index):
        assert not (lists.positions == report.queries[:, None]).any()


def test_copy_of_the_query_stays_until_it_is_left_out(
    cosine: tuple[Matrix, CollectionInfo], store: VectorStore
) -> None:
    report = _run(cosine, store)
    assert report.exact.positions[0, 0] == 1
    assert report.variant(Variant(without_copies=True)).relevant[0] == 38
    assert report.variant(Variant(from_similarity=0.9999)).relevant[:2].tolist() == [38, 38]
    # A similarity of exactly the threshold is a near-duplicate, as on the other pages.
    threshold = float(report.similarities[5, 3])
    assert report.dropped(Variant(from_similarity=threshold))[5, 3]
    # Every similarity is at most 1, rounding aside.
    assert (
        report.variant(Variant(from_similarity=1.1)).right.tolist() == report.judged.right.tolist()
    )


def test_the_index_is_measured_without_the_neighbours_that_exact_search_leaves_out(
    source: tuple[Matrix, CollectionInfo], store: VectorStore
) -> None:
    # All lists are searched, so the index has what exact search has.
    report = _run(source, store)
    copies = Variant(without_copies=True)
    index = index_summary(report, copies, ks=(1, 5))
    assert index is not None
    exact = summary_of(report, copies, ks=(1, 5)).macro
    # Lists with ties may be summed in another order, which changes the last binary digit.
    for name, found in index.macro.items():
        expected = exact[name]
        assert (found.value, found.low, found.high) == pytest.approx(
            (expected.value, expected.low, expected.high), rel=1e-12, nan_ok=True
        ), name
    # Without its copy, the only picture so near, query 0 must find others.
    whole = index_summary(report, ks=(1, 5))
    assert whole is not None and whole.macro != index.macro


def test_the_index_has_no_figure_where_too_few_of_its_hits_are_left(
    cosine: tuple[Matrix, CollectionInfo], store: VectorStore
) -> None:
    report = _run(cosine, store)
    copies = Variant(without_copies=True)
    # It was asked for ten hits; one of query 0's is its copy, so nine are left.
    assert report.index_hits(copies, k=9) is not None
    assert report.index_hits(copies, k=10) is None
    assert index_summary(report, copies) is None
    # Nor does the table of the queries mix the index as it is with hits of which some are left out.
    assert not [name for name in query_rows(report, copies, ks=(1, 10))[0] if "index" in name]
    nine = query_rows(report, copies, ks=(1, 9))[0]
    assert (nine["index_wrong_own@9"], nine["index_empty@9"]) == (0, 0)


@pytest.mark.parametrize(
    ("precision", "k", "said"),
    [
        ((0.84, 0.81, 0.87), 10, "84 of 100 of the first 10 hits are right (81 to 87)"),
        ((0.84, 0.81, 0.87), 1, "84 of 100 of the first hits are right (81 to 87)"),
        ((0.01, 0.0, 0.02), 5, "1 of 100 of the first 5 hits is right (0 to 2)"),
        # Rounded these would be all or none.
        ((0.999, 0.998, 1.0), 5, "99 of 100 of the first 5 hits are right"),
        ((0.001, 0.0, 0.03), 5, "1 of 100 of the first 5 hits is right (0 to 3)"),
        ((1.0, 1.0, 1.0), 5, "All of the first 5 hits are right"),
        ((0.0, 0.0, 0.0), 5, "None of the first 5 hits is right"),
        ((0.5, math.nan, math.nan), 5, "50 of 100 of the first 5 hits are right"),
        ((math.nan,) * 3, 5, "How many of the first 5 hits are right is not known"),
    ],
)
def test_precision_is_told_in_a_sentence(
    precision: tuple[float, float, float], k: int, said: str
) -> None:
    assert in_words(Estimate(*precision), k=k) == said


def test_wrong_hits_are_told_by_cause_whatever_their_number(
    cosine: tuple[Matrix, CollectionInfo], store: VectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = _run(cosine, store)
    monkeypatch.setattr("core.evaluation.notes.total", lambda _: Causes(240, 1, 1))
    said = notes(report, summary_of(report))[-1]
    assert said.endswith(
        "Its wrong hits: 240 by the encoder (exact search has them too), 1 by the index alone; "
        "1 place left empty."
    )
    copies = Variant(without_copies=True)
    said = notes(report, summary_of(report, copies), copies)[-1]
    assert said.startswith("With nothing left out, the index (IVF_FLAT,")


def test_lone_and_unlabelled_pictures_are_counted(
    cosine: tuple[Matrix, CollectionInfo], store: VectorStore
) -> None:
    summary = summary_of(_run(cosine, store))
    assert (summary.lone, summary.lone_queries, summary.unlabelled) == (("lone",), 1, 2)
    assert summary.queries == 63
    # Three cherries: two to find in ten places.
    assert summary.classes[2].ceilings[10] == pytest.approx(0.2)


def test_k_beyond_the_collection(cosine: tuple[Matrix, CollectionInfo], store: VectorStore) -> None:
    report = _run(cosine, store, ks=(100,))
    summary = summary_of(report)
    assert report.exact.depth == 65
    assert dict(summary.underfilled) == {100: 63}
    # All 39 others of the class are found among everything.
    assert summary.classes[0].measures["precision@100"].value == pytest.approx(0.39)


def test_stratified_sample(cosine: tuple[Matrix, CollectionInfo], store: VectorStore) -> None:
    report = _run(cosine, store, sample=20)
    codes = report.rows.codes[report.queries]
    assert len(report.queries) == 20
    # At least two of each class that has two; the seed decides which.
    assert np.bincount(codes[codes >= 0], minlength=4).tolist()[2:] == [2, 1]
    assert report.queries.tolist() == _run(cosine, store, sample=20).queries.tolist()
    assert report.queries.tolist() != _run(cosine, store, sample=20, seed=1).queries.tolist()


def test_split_by_patterns(cosine: tuple[Matrix, CollectionInfo], store: VectorStore) -> None:
    report = _run(cosine, store, nprobe=None, query_paths="*/test_*", gallery_paths="*/train_*")
    paths = np.array(report.paths)
    assert all("/test_" in path for path in paths[report.queries])
    found = report.exact.positions[report.exact.positions >= 0]
    assert all("/train_" in path for path in paths[found])
    assert report_summary(report).get("index") is None


def test_folders_of_a_split_are_no_classes(
    cosine: tuple[Matrix, CollectionInfo], store: VectorStore
) -> None:
    matrix, info = cosine
    part = ["test" if number % 4 == 0 else "train" for number in range(len(matrix.ids))]
    paths = tuple(f"{name}/{path}" for name, path in zip(part, matrix.paths, strict=True))
    # As indexing labels them: by the first folder.
    split = replace(matrix, paths=paths, labels=tuple(part))
    wanted = {"nprobe": None, "query_paths": "test/*", "gallery_paths": "train/*"}
    report = _run((split, info), store, **wanted)
    assert report.rows.classes == ("apple", "banana", "cherry", "lone")
    assert len(report.queries) == part.count("test")
    summary = summary_of(report)
    assert {c.label for c in summary.classes} <= {"apple", "banana", "cherry"}
    found = notes(report, summary)
    assert any("split by its top folders" in line for line in found)
    assert any("those that match 'train/*', 49 of them" in line for line in found)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"ks": ()}, "no k"),
        ({"ks": (0,)}, "k is 0"),
        ({"nprobe": 9}, "nprobe is 9"),
        ({"nprobe": 0}, "nprobe is 0"),
        ({"sample": 0}, "sample is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"query_paths": "nothing*"}, "none matches 'nothing"),
        ({"gallery_paths": "*train*"}, "only exact search"),
        ({"gallery_paths": "nothing*", "nprobe": None}, "gallery is empty"),
        ({"queries": QuerySet.HELD_OUT}, "held-out"),
    ],
)
def test_requests_that_are_refused(
    cosine: tuple[Matrix, CollectionInfo],
    store: VectorStore,
    wanted: dict[str, object],
    message: str,
) -> None:
    with pytest.raises(QueryError, match=message):
        _run(cosine, store, **wanted)


def test_row_that_appeared_meanwhile_is_refused(
    cosine: tuple[Matrix, CollectionInfo], store: VectorStore
) -> None:
    matrix, info = cosine
    less = Matrix(
        matrix.ids[1:],
        matrix.paths[1:],
        matrix.labels[1:],
        matrix.digests[1:],
        matrix.embeddings[1:],
        *("other",) * 3,
    )
    with pytest.raises(StoreError, match="changed while"):
        _run((less, info), store)


def test_held_out_queries(
    cosine: tuple[Matrix, CollectionInfo],
    store: VectorStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = TrainingList(frozenset({"banana3"}), frozenset({"banana1", "apple7"}))
    monkeypatch.setattr(run, "training_list", lambda _: known)
    report = _run(cosine, store, queries=QuerySet.HELD_OUT)
    assert [report.digests[q] for q in report.queries] == ["apple7", "banana1"]
    assert report.configuration.trained_queries == 0
    said = notes(report, summary_of(report))
    assert any("their hits may be pictures it was trained on" in line for line in said)
    assert _run(cosine, store).configuration.trained_queries == 1


def test_training_list_is_found_by_the_weights(tmp_path: Path) -> None:
    file = tmp_path / "resnet14-12345678.json"
    file.write_text('{"trained_on": [{"digest": "a"}], "held_out": [{"digest": "b"}]}')
    found = training_list(ENCODER, folder=tmp_path)
    assert found == TrainingList(frozenset({"a"}), frozenset({"b"}))
    other = EncoderIdentity("resnet14", "00000000", "test", 16)
    assert training_list(other, folder=tmp_path) is None
    assert training_list(EncoderIdentity("resnet50", "12345678", "test", 16)) is None
    file.write_text('{"trained_on": 3}')
    assert training_list(ENCODER, folder=tmp_path) is None


def test_saved_report_gives_the_same_figures(
    source: tuple[Matrix, CollectionInfo], store: VectorStore, tmp_path: Path
) -> None:
    report = save_report(_run(source, store, nprobe=2), tmp_path)
    again = load_report(report.name, tmp_path)
    assert again.configuration == report.configuration
    assert report_summary(again) == report_summary(report)
    assert again.further == report.further and any(again.further)
    listing = list_reports(tmp_path)
    assert [one.name for one in listing.reports] == [report.name]
    assert listing.unreadable == ()
    # What a table of reports shows is read without the arrays.
    exact, [listed] = report_summary(report)["exact"]["macro"], listing.reports
    assert listed.macro["precision@10"] == exact["precision@10"]["value"]
    assert listed.ann_recall == {
        int(k): recall for k, recall in report_summary(report)["ann_recall"].items()
    }
    content = json.loads((tmp_path / f"{report.name}.json").read_text())
    assert content["exact"]["macro"] == report_summary(report)["exact"]["macro"]
    assert sorted(file.suffix for file in tmp_path.iterdir()) == [".json", ".npz"]


def test_of_reports_made_in_one_second_the_last_comes_first(
    cosine: tuple[Matrix, CollectionInfo], store: VectorStore, tmp_path: Path
) -> None:
    made = [save_report(_run(cosine, store, nprobe=None), tmp_path).name for _ in range(4)]
    listed = [one.name for one in list_reports(tmp_path).reports]
    # By chance alone they would come so one time of 24.
    assert listed == made[::-1]


def test_a_report_is_given_a_name_and_is_otherwise_as_it_was(
    cosine: tuple[Matrix, CollectionInfo], store: VectorStore, tmp_path: Path
) -> None:
    report = save_report(_run(cosine, store), tmp_path)
    assert list_reports(tmp_path).reports[0].title == ""
    rename_report(report.name, "  Before\nthe move  ", tmp_path)
    assert list_reports(tmp_path).reports[0].title == "Before the move"
    assert report_summary(load_report(report.name, tmp_path)) == report_summary(report)
    rename_report(report.name, "", tmp_path)
    assert list_reports(tmp_path).reports[0].title == ""
    # A name that is no text is none; the report can be opened all the same.
    file = tmp_path / f"{report.name}.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "title": [1]}))
    assert list_reports(tmp_path).reports[0].title == ""
    # Nor are figures that are none.
    spoilt = {"exact": {"macro": {"precision@10": "much"}}, "ann_recall": {"ten": 1, "5": None}}
    file.write_text(json.dumps({**json.loads(file.read_text()), **spoilt}))
    [listed] = list_reports(tmp_path).reports
    assert (listed.macro, listed.ann_recall) == ({}, {})


def test_a_report_that_is_deleted_leaves_no_file(
    cosine: tuple[Matrix, CollectionInfo], store: VectorStore, tmp_path: Path
) -> None:
    kept, gone = (save_report(_run(cosine, store), tmp_path) for _ in range(2))
    (tmp_path.parent / "secret.json").write_text("{}")
    delete_report(gone.name, tmp_path)
    assert {file.stem for file in tmp_path.iterdir()} == {kept.name}
    # Somebody else may have been faster.
    delete_report(gone.name, tmp_path)
    delete_report("../secret", tmp_path)
    assert (tmp_path.parent / "secret.json").is_file()
    with pytest.raises(ReportError, match="may have been deleted"):
        rename_report(gone.name, "x", tmp_path)


def _saved(cosine: tuple[Matrix, CollectionInfo], store: VectorStore, folder: Path) -> Path:
    return folder / f"{save_report(_run(cosine, store), folder).name}.json"


def _set_format(file: Path, number: int) -> None:
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "format": number}))


def test_newer_report_is_refused(
    cosine: tuple[Matrix, CollectionInfo], store: VectorStore, tmp_path: Path
) -> None:
    file = _saved(cosine, store, tmp_path)
    _set_format(file, 99)
    with pytest.raises(ReportError, match=r"format 99.*newer"):
        load_report(file.stem, tmp_path)
    listing = list_reports(tmp_path)
    assert listing.reports == ()
    assert "newer" in listing.unreadable[0]


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": 1, "configuration": {}}'])
def test_damaged_json_is_refused(
    cosine: tuple[Matrix, CollectionInfo], store: VectorStore, tmp_path: Path, content: str
) -> None:
    file = _saved(cosine, store, tmp_path)
    file.write_text(content)
    with pytest.raises(ReportError, match="damaged"):
        load_report(file.stem, tmp_path)
    listing = list_reports(tmp_path)
    assert listing.reports == ()
    assert file.name in listing.unreadable[0]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rows", "many"),
        ("metric", "HAMMING"),
        ("encoder", "no identity"),
        ("seconds", None),
        ("request", {"ks": [0]}),
        ("request", {"ks": ["ten"]}),
        ("versions", 3),
    ],
)
def test_a_configuration_with_a_value_of_another_kind_is_damaged(
    cosine: tuple[Matrix, CollectionInfo],
    store: VectorStore,
    tmp_path: Path,
    field: str,
    value: object,
) -> None:
    file = _saved(cosine, store, tmp_path)
    content = json.loads(file.read_text())
    content["configuration"][field] = value
    file.write_text(json.dumps(content))
    with pytest.raises(ReportError, match="damaged"):
        load_report(file.stem, tmp_path)
    assert "damaged" in list_reports(tmp_path).unreadable[0]


@pytest.mark.parametrize("content", [None, b"", b"PK no archive"])
def test_damaged_arrays_are_refused(
    cosine: tuple[Matrix, CollectionInfo], store: VectorStore, tmp_path: Path, content: bytes | None
) -> None:
    file = _saved(cosine, store, tmp_path)
    if content is None:
        file.with_suffix(".npz").unlink()
    else:
        file.with_suffix(".npz").write_bytes(content)
    with pytest.raises(ReportError, match="damaged"):
        load_report(file.stem, tmp_path)


@pytest.mark.parametrize("name", ["", "../secret", "none", "a/b", "a\0b"])
def test_names_outside_the_folder_are_refused(name: str, tmp_path: Path) -> None:
    (tmp_path.parent / "secret.json").write_text("{}")
    with pytest.raises(ReportError, match="no report"):
        load_report(name, tmp_path)


def test_comparison_is_paired(cosine: tuple[Matrix, CollectionInfo], store: VectorStore) -> None:
    report = _run(cosine, store, nprobe=1)
    same = compare(report, report, measure="precision@10")
    assert same.macro.value == 0
    assert all(c.p == 1 and not c.certain for c in same.classes)
    # One list against all lists: what the index loses is lost in every class or in none.
    full = _run(cosine, store)
    lost = compare(full, report, measure="recall@10", index=True)
    assert lost.macro.value < 0
    assert lost.classes[0].difference.value == min(c.difference.value for c in lost.classes)
    assert lost.classes[0].certain
    expected = index_summary(report), index_summary(full)
    assert expected[0] is not None
    assert expected[1] is not None
    difference = expected[0].macro["recall@10"].value - expected[1].macro["recall@10"].value
    assert lost.macro.value == pytest.approx(difference)


def test_comparison_of_a_sample_uses_the_common_queries(
    cosine: tuple[Matrix, CollectionInfo], store: VectorStore
) -> None:
    whole, part = _run(cosine, store), _run(cosine, store, sample=20)
    found = compare(whole, part, measure="precision@5")
    assert found.left_out == 66 - 20
    # The sample may contain the picture of the class that has but one, and unlabelled ones.
    assert found.queries == int((part.judged.relevant > 0).sum())


def test_reports_that_cannot_be_compared(
    cosine: tuple[Matrix, CollectionInfo], store: VectorStore
) -> None:
    report = _run(cosine, store)
    exact = _run(cosine, store, nprobe=None)
    with pytest.raises(ReportError, match="left the index out"):
        compare(report, exact, measure="precision@10", index=True)
    with pytest.raises(ReportError, match="only one of them has precision@3"):
        compare(report, _run(cosine, store, ks=(3,)), measure="precision@3")
    labels = ("pear", *report.labels[1:])
    with pytest.raises(ReportError, match="other classes"):
        compare(report, replace(report, labels=labels), measure="precision@10")
    with pytest.raises(ReportError, match="different pictures"):
        compare(report, replace(report, ids=report.ids + 1), measure="precision@10")


def test_one_picture_a_class_has_undefined_measures(
    cosine: tuple[Matrix, CollectionInfo], store: VectorStore
) -> None:
    matrix, info = cosine
    labels = tuple(f"class {number}" for number in range(len(matrix.ids)))
    other = replace(matrix, labels=labels)
    summary = summary_of(_run((other, info), store))
    assert summary.classes == ()
    assert math.isnan(summary.macro["precision@10"].value)
    assert len(summary.lone) == 66


def test_smallest_nprobe_that_reaches_the_recall_is_recommended() -> None:
    points = [
        SweepPoint(1, 0.8, 0.5, 1, 2),
        SweepPoint(2, 0.9, 0.95, 1, 2),
        SweepPoint(4, 0.9, 0.99, 1, 2),
    ]
    assert recommended(points, recall=0.9).value == 2
    # Nothing reaches it: the most lists come closest.
    assert recommended(points, recall=0.999).value == 4


def test_a_sweep_measures_every_step_and_all_lists_are_exact(
    cosine: tuple[Matrix, CollectionInfo], store: VectorStore
) -> None:
    report = _run(cosine, store)
    points = sweep(report, cosine[0], store=store, info=cosine[1], k=10)
    assert [point.value for point in points] == [1, 2, 4, 8]
    # All 63 queries that have something to find were asked, so the last is the headline: the mean
    # over classes of 40, 20 and 3 pictures, each counting the same.
    headline = summary_of(report).macro["precision@10"].value
    assert points[-1].precision == pytest.approx(headline)
    recalls = [point.recall for point in points]
    assert recalls == sorted(recalls)
    assert recalls[-1] == 1
    assert all(0 < point.p50 <= point.p95 for point in points)


def test_a_sweep_of_few_queries_still_has_every_class(
    cosine: tuple[Matrix, CollectionInfo], store: VectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = _run(cosine, store)
    asked: list[int] = []
    search = run.index_neighbours

    def watched(*args: Any, **wanted: Any) -> Neighbours:
        asked[:] = wanted["queries"].tolist()
        return search(*args, **wanted)

    monkeypatch.setattr("core.evaluation.sweep.index_neighbours", watched)
    monkeypatch.setattr("core.evaluation.sweep._QUERIES", 6)
    sweep(report, cosine[0], store=store, info=cosine[1], k=10)
    # Two of each class, though by their shares of 6 the 3 cherries of 63 would have none.
    assert sorted(report.labels[query] for query in asked) == [
        *("apple", "apple", "banana", "banana", "cherry", "cherry"),
    ]


def test_a_sweep_without_a_query_that_has_something_to_find_is_refused(
    cosine: tuple[Matrix, CollectionInfo], store: VectorStore
) -> None:
    report = _run(cosine, store)
    lone = replace(report, labels=tuple(f"class {number}" for number in range(len(report.ids))))
    with pytest.raises(ReportError, match=r"none of the 66 queries .* Run a report with more"):
        sweep(lone, cosine[0], store=store, info=cosine[1], k=10)


def test_a_sweep_over_a_changed_collection_or_a_part_of_it_is_refused(
    cosine: tuple[Matrix, CollectionInfo], store: VectorStore
) -> None:
    report = _run(cosine, store)
    changed = replace(cosine[0], fingerprint="0" * 16)
    with pytest.raises(ReportError, match="changed since"):
        sweep(report, changed, store=store, info=cosine[1], k=10)
    part = _run(cosine, store, nprobe=None, gallery_paths="*/train_*")
    with pytest.raises(ReportError, match="part of the collection"):
        sweep(part, cosine[0], store=store, info=cosine[1], k=10)


def test_a_difference_is_found_among_many_classes(
    cosine: tuple[Matrix, CollectionInfo], store: VectorStore
) -> None:
    # Forty classes; in the second report all queries of the first class have lost every right hit.
    base = _run(cosine, store, nprobe=None)
    size, each = 40, 12
    count = size * each
    labels = tuple(f"class {number // each:02d}" for number in range(count))
    ring = np.arange(count).reshape(size, each)
    lists = np.stack([np.roll(ring, -step, axis=1).ravel() for step in (1, 2)], axis=1)
    other = lists.copy()
    other[:each] = [[each, each + 1]] * each
    scores = np.tile(np.array([0.9, 0.8], dtype=np.float32), (count, 1))
    made = replace(
        base,
        ids=np.arange(count),
        paths=labels,
        labels=labels,
        digests=tuple(map(str, range(count))),
        norms=np.ones(count, dtype=np.float32),
        gallery=np.ones(count, dtype=bool),
        queries=np.arange(count),
        exact=Neighbours(lists.astype(np.int32), scores),
        configuration=replace(base.configuration, request=Request(ks=(2,), nprobe=None)),
    )
    worse = replace(made, exact=Neighbours(other.astype(np.int32), scores))
    found = compare(made, worse, measure="precision@2")
    # 1,000 resamples give no p below 0.002, and 40 times that is above 0.05.
    assert [c.label for c in found.classes if c.certain] == ["class 00"]


@pytest.mark.parametrize(
    ("share", "digits", "words"),
    [
        (1.0, "1.00", "all"),
        (0.99996, "0.99996", "over 99.9 %"),
        (0.9931, "0.993", "99.3 %"),
        (0.9996, "0.9996", "over 99.9 %"),
        (0.0, "0.00", "0 %"),
    ],
)
def test_a_share_is_never_rounded_up_to_all(share: float, digits: str, words: str) -> None:
    assert short(share) == digits
    assert share_of(share) == words


def test_what_a_sweep_measures_is_what_the_index_is_searched_by() -> None:
    assert swept(made_up_info(index_type="IVF_SQ8", nlist=8)).name == "nprobe"
    assert swept(made_up_info(index_type="HNSW", nlist=0, m=16)).name == "ef"
    for index in ({"index_type": "FLAT", "nlist": 0}, {"index_type": "IVF_FLAT", "nlist": 1}):
        with pytest.raises(ReportError, match="build another on the Collection page"):
            swept(made_up_info(**index))
