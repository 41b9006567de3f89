"""A tuning on real Milvus Lite: right figures, nothing left behind, stopped and gone on with."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.collection.index_choice import IndexChoice, IndexType
from core.embeddings.against_exact import index_neighbours
from core.embeddings.index_errors import ann_recall
from core.embeddings.matrix import load_matrix
from core.embeddings.neighbours import exact_neighbours
from core.errors import (
    QueryError,
    ReadOnlyError,
    ReportError,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
)
from core.metric import Metric
from core.progress import Stage
from core.records import EncoderIdentity, ImageRecord
from core.store.alias import candidate_name
from core.store.trials.candidates import Bench
from core.store.vector_store import VectorStore
from core.tuning import run as run_module
from core.tuning.run import tune
from core.tuning.tuning import load_tuning, save_tuning, tuning_file
from tests.support.bare_client import bare_client

FAMILY, DIMENSION, ROWS = "tuned", 16, 1_200
ROUNDING = (IndexType.FLAT, IndexType.IVF_SQ8)


def write(store: VectorStore, family: str, *, labels: int = 4, rows: int = ROWS) -> None:
    """Clouds that overlap, one a class."""
    random = np.random.default_rng(7)
    centres = random.normal(size=(labels, DIMENSION))
    codes = np.arange(rows) % labels
    embeddings = (centres[codes] + 1.5 * random.normal(size=(rows, DIMENSION))).astype(np.float32)
    records = [
        ImageRecord(n + 1, f"c{code}/{n}.jpg", f"c{code}", f"{n:032x}")
        for n, code in enumerate(codes)
    ]
    store.create(
        family, Metric.COSINE, encoder=EncoderIdentity("made", "00000000", "none", DIMENSION),
        dataset="/x", index=IndexChoice(), expected_rows=rows,
    )  # fmt: skip
    store.upsert(family, Metric.COSINE, records, embeddings)
    store.finish(family, Metric.COSINE)


@pytest.fixture(autouse=True)
def timed_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a search takes is nobody's concern here, only that it is told."""
    monkeypatch.setattr(run_module, "TIMED", 3)
    monkeypatch.setattr(run_module, "TOGETHER", 8)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VectorStore]:
    store = VectorStore(str(tmp_path_factory.mktemp("tune") / "test.db"), database="pictures")
    write(store, FAMILY)
    yield store
    store.close()


@pytest.fixture
def measure(filled: VectorStore, tmp_path: Path) -> Any:
    def run(**wanted: Any) -> Any:
        given = {"types": ROUNDING, "sample": 60, **wanted}
        return tune(
            filled, family=FAMILY, metric=Metric.COSINE, folder=tmp_path, cache_dir=tmp_path,
            **given,
        )  # fmt: skip

    return run


@pytest.mark.slow
def test_a_setting_has_the_figures_of_exactly_that_index_built_by_hand(
    measure: Any, filled: VectorStore, tmp_path: Path
) -> None:
    tuning = measure(types=(IndexType.IVF_SQ8,))
    write(filled, "by_hand")
    # 1,200 // 39 = 30 lists; 4 * sqrt(1,200) = 139 are more.
    choice = IndexChoice(IndexType.IVF_SQ8, nlist=30)
    filled.fit_index("by_hand", Metric.COSINE, index=choice, expected_rows=ROWS)
    filled.finish("by_hand", Metric.COSINE)
    info = filled.info("by_hand", Metric.COSINE)
    matrix = load_matrix(filled, "by_hand", Metric.COSINE, tmp_path)
    # 60 queries of four classes of the same size: 15 of each.
    assert (tuning.asked_queries, tuning.classes) == (60, 4)
    assert [one.effort["nprobe"] for one in tuning.measured] == [1, 4, 8, 16, 30]
    assert {one.index for one in tuning.measured} == {choice}
    queries = np.arange(ROWS)
    exact = exact_neighbours(matrix.embeddings, queries=queries, metric=Metric.COSINE, k=60)
    found = {
        nprobe: index_neighbours(
            matrix, store=filled, info=info, queries=queries, k=10, exact=exact, nprobe=nprobe
        )
        for nprobe in (1, 30)
    }
    # Over all rows by hand, over 60 of them by the tuner: within three deviations of such a mean.
    for one in (tuning.measured[0], tuning.measured[-1]):
        recalls = ann_recall(found[one.effort["nprobe"]], exact, k=10)
        assert abs(one.recall - recalls.mean()) < 3 * recalls.std() / np.sqrt(60)
    first, last = tuning.measured[0], tuning.measured[-1]
    assert first.recall < last.recall < 1
    assert first.difference.low <= first.difference.value <= first.difference.high
    # A byte a number, 30 centres of 16 floats, an id a row, and what FAISS writes about it.
    assert 0 < last.memory_bytes - (ROWS * DIMENSION + 30 * DIMENSION * 4 + ROWS * 8) < 1_500
    assert not last.is_computed
    filled.drop("by_hand", Metric.COSINE)


def test_exact_search_by_the_database_loses_nothing(measure: Any) -> None:
    flat = measure(types=(IndexType.FLAT,)).measured[0]
    assert (flat.recall, flat.effort) == (1.0, {})
    assert (flat.difference.value, flat.difference.low, flat.difference.high) == (0, 0, 0)
    assert 0 < flat.p50 <= flat.p95 and flat.per_second == pytest.approx(1000 / flat.p50)
    assert flat.per_second_of_8 > 0 and flat.build_seconds > 0


def test_numbers_that_are_rounded_are_measured_beside_the_indexes(measure: Any) -> None:
    rounded = {one.name: one for one in measure(types=(IndexType.FLAT,)).rounded}
    # PCA to 128 numbers and more has no sense for 16.
    assert list(rounded) == ["float16 numbers", "int8 numbers", "normalised vectors"]
    assert [one.bytes for one in rounded.values()] == [ROWS * 32, ROWS * 16, ROWS * 64]
    # Lengths do not matter to COSINE.
    assert rounded["normalised vectors"].recall == 1
    assert rounded["int8 numbers"].recall < rounded["float16 numbers"].recall


def test_what_is_searched_is_never_touched_and_nothing_is_left_behind(
    measure: Any, filled: VectorStore
) -> None:
    before = filled.info(FAMILY, Metric.COSINE)
    answers: list[int] = []

    def search(stage: Stage, *_: int) -> None:
        hits = filled.search(before, np.ones(DIMENSION, np.float32), k=5, nprobe=1)
        answers.append(len(hits))

    tuning = measure(on_progress=search)
    assert tuning.is_complete and set(answers) == {5} and len(answers) > 10
    assert filled.info(FAMILY, Metric.COSINE) == before
    assert bare_client(filled).list_collections() == ["tuned_cosine__a"]


def test_a_run_that_was_cancelled_goes_on_with_what_is_not_measured_yet(
    measure: Any, filled: VectorStore, tmp_path: Path
) -> None:
    class CancelledError(Exception):
        pass

    def cancel(stage: Stage, done: int, total: int) -> None:
        if stage is Stage.TUNE and done > 1:
            raise CancelledError

    with pytest.raises(CancelledError):
        measure(on_progress=cancel)
    assert bare_client(filled).list_collections() == ["tuned_cosine__a"]
    kept = load_tuning(tmp_path, "tuned_cosine")
    assert kept and [one.index.index_type for one in kept.measured] == ["FLAT"]
    assert not kept.is_complete
    stages: list[tuple[Stage, int]] = []
    done = measure(on_progress=lambda stage, _, total: stages.append((stage, total)))
    assert done.is_complete and done.measured[0] == kept.measured[0]
    assert load_tuning(tmp_path, "tuned_cosine") == done
    # FLAT is not measured again: five steps of nprobe are left.
    assert {total for stage, total in stages if stage is Stage.TUNE} == {5}


@pytest.mark.slow
def test_a_whole_tuning_stands_until_the_next_one_is_whole(measure: Any, tmp_path: Path) -> None:
    class CancelledError(Exception):
        pass

    def cancel(stage: Stage, done: int, total: int) -> None:
        if stage is Stage.TUNE and done > 1:
            raise CancelledError

    before = measure()
    with pytest.raises(CancelledError):
        measure(k=3, on_progress=cancel)
    assert load_tuning(tmp_path, "tuned_cosine") == before
    after = measure(k=3)
    assert load_tuning(tmp_path, "tuned_cosine") == after
    assert [file.name for file in tmp_path.glob("*.json")] == ["tuned_cosine.json"]
    # Of one type alone the others stay as they were measured; date and duration are new.
    save_tuning(replace(after, created="2020-01-01T00:00:00+00:00", seconds=1e6), tmp_path)
    again = measure(k=3, types=(IndexType.FLAT,))
    assert {one.index.index_type for one in again.measured} == {"FLAT", "IVF_SQ8"}
    assert again.created > "2026" and again.seconds < 1e6


def test_a_copy_that_a_killed_process_left_is_recognised_and_dropped(
    measure: Any, filled: VectorStore
) -> None:
    info = filled.info(FAMILY, Metric.COSINE)
    left = candidate_name(info.name)
    bare_client(filled).create_collection(left, dimension=3)
    assert measure(types=(IndexType.FLAT,)).is_complete
    assert left not in bare_client(filled).list_collections()


def test_a_type_that_is_refused_is_named_and_the_others_are_measured(measure: Any) -> None:
    tuning = measure(types=(IndexType.SCANN, IndexType.FLAT))
    assert [one.index.index_type for one in tuning.measured] == ["FLAT"]
    (refused,) = tuning.refused
    assert refused.index.index_type == "SCANN" and "no index of type SCANN" in refused.reason


@pytest.mark.parametrize(
    "error", [StoreFullError("full"), StoreUnavailableError("gone"), StoreError("odd")]
)
def test_a_full_disk_or_a_dead_server_ends_a_run_and_an_odd_index_does_not(
    measure: Any, filled: VectorStore, monkeypatch: pytest.MonkeyPatch, error: StoreError
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Bench, "build", fail)
    if type(error) is not StoreError:
        with pytest.raises(type(error)):
            measure()
    else:
        assert [one.reason for one in measure().refused] == ["odd", "odd"]
    assert bare_client(filled).list_collections() == ["tuned_cosine__a"]


@pytest.mark.parametrize("replaced", [False, True], ids=["a row less", "another picture"])
def test_a_collection_that_changes_meanwhile_is_said_to_have_changed(
    measure: Any, filled: VectorStore, tmp_path: Path, *, replaced: bool
) -> None:
    record = next(r for r in filled.records(FAMILY, Metric.COSINE) if r.id == 1)
    embedding = filled.embeddings(FAMILY, Metric.COSINE, [1])[1]

    def change(stage: Stage, done: int, _: int) -> None:
        if stage is Stage.TUNE and done == 0:
            if replaced:
                other = replace(record, digest="f" * 32)
                filled.upsert(FAMILY, Metric.COSINE, [other], -embedding[None])
            else:
                filled.delete(FAMILY, Metric.COSINE, [1])

    with pytest.raises(StoreError, match="tuned_cosine changed while indexes were measured"):
        measure(types=(IndexType.FLAT,), on_progress=change)
    kept = load_tuning(tmp_path, "tuned_cosine")
    assert kept and not kept.is_complete
    filled.upsert(FAMILY, Metric.COSINE, [record], embedding[None])
    filled.finish(FAMILY, Metric.COSINE)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [({"k": 0}, "k is 0"), ({"k": 101}, "k is 101"), ({"sample": 0}, "the sample is 0")],
)
def test_values_out_of_range_are_refused(measure: Any, wanted: Any, said: str) -> None:
    with pytest.raises(QueryError, match=said):
        measure(**wanted)


def test_pictures_that_are_alone_in_their_classes_cannot_tell_settings_apart(
    store: VectorStore, tmp_path: Path
) -> None:
    write(store, "lone", labels=30, rows=30)
    with pytest.raises(QueryError, match="none of the 30 pictures has another one of its class"):
        tune(store, family="lone", metric=Metric.COSINE, folder=tmp_path, cache_dir=tmp_path)


def test_one_class_and_fewer_rows_than_candidates_are_measured_all_the_same(
    store: VectorStore, tmp_path: Path
) -> None:
    write(store, "one", labels=1, rows=8)
    tuning = tune(store, family="one", metric=Metric.COSINE, folder=tmp_path, cache_dir=tmp_path)
    # Every hit is of the class; seven are there, of ten.
    assert tuning.exact_precision == pytest.approx(0.7)
    assert {one.difference.value for one in tuning.measured} == {0}
    assert {one.index.index_type for one in tuning.measured} == set(store.index_types())
    reader = VectorStore(store.uri, database="pictures", read_only=True)
    with pytest.raises(ReadOnlyError):
        tune(reader, family="one", metric=Metric.COSINE, folder=tmp_path, cache_dir=tmp_path)
    reader.close()


def test_a_file_that_is_damaged_is_said_to_be_and_is_replaced(measure: Any, tmp_path: Path) -> None:
    tuning = measure(types=(IndexType.FLAT,))
    tuning_file(tmp_path, "tuned_cosine").write_text("{")
    with pytest.raises(ReportError, match="Measure again"):
        load_tuning(tmp_path, "tuned_cosine")
    assert load_tuning(tmp_path, "another") is None
    assert measure(types=(IndexType.FLAT,)).is_complete
    save_tuning(replace(tuning, rows=5), tmp_path)
    again = load_tuning(tmp_path, "tuned_cosine")
    assert again and again.rows == 5


@pytest.mark.server
def test_a_server_is_measured_as_well_and_what_it_does_not_tell_is_computed(
    server_store: VectorStore, tmp_path: Path
) -> None:
    # It builds no index for fewer than 1,024 rows of a segment; there are two shards.
    write(server_store, "far", rows=2_600)
    tuning = tune(
        server_store, family="far", metric=Metric.COSINE, folder=tmp_path, cache_dir=tmp_path,
        types=(IndexType.IVF_SQ8, IndexType.SCANN, IndexType.HNSW_SQ), sample=60,
    )  # fmt: skip
    assert {one.index.index_type for one in tuning.measured} == {"IVF_SQ8", "SCANN"}
    assert all(one.is_computed and one.recall > 0.2 for one in tuning.measured)
    # 2,600 // 39 = 66 lists of 16 floats; a byte a number, an id of eight bytes a row.
    sq8 = next(one for one in tuning.measured if one.index.index_type == "IVF_SQ8")
    assert sq8.memory_bytes == 2_600 * 16 + 66 * 16 * 4 + 2_600 * 8
    assert [one.index.index_type for one in tuning.refused] == ["HNSW_SQ"]
    assert bare_client(server_store).list_collections() == ["far_cosine__a"]
