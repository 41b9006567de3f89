"""A family built from the embeddings of another, made smaller, on real Milvus Lite."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from core.collection.index_choice import IndexChoice, IndexType
from core.corrections.book import Book
from core.corrections.correction import Edit
from core.dataset.files import image_id
from core.embeddings.matrix import load_matrix
from core.errors import (
    CollectionNotFoundError,
    EncoderMismatchError,
    ReductionError,
    SettingsError,
    StoreError,
)
from core.indexing.reduced import build_reduced
from core.indexing.report import IndexReport
from core.metric import Metric
from core.progress import Stage
from core.records import EncoderIdentity, ImageRecord, Reduction
from core.reduction.files import file_of, load_fitted
from core.store import row_reader
from core.store.vector_store import VectorStore
from core.tuning.run import tune

ROWS, DIMENSION = 150, 140
ENCODER = EncoderIdentity("resnet14", "12345678", "test", DIMENSION)
RANDOM = np.random.default_rng(11)
EMBEDDINGS: NDArray[np.float32] = (
    RANDOM.normal(size=(3, DIMENSION))[np.arange(ROWS) % 3]
    + RANDOM.normal(size=(ROWS, DIMENSION)) * np.geomspace(3, 0.3, DIMENSION)
).astype(np.float32)


def record(number: int, *, digest: str = "") -> ImageRecord:
    label = f"c{number % 3}"
    path = f"{label}/{number}.jpg"
    return ImageRecord(
        image_id(path), path, label, digest or f"{number:032x}", (("variety", f"v{number}"),)
    )


RECORDS = [record(number) for number in range(ROWS)]


@dataclass
class Orchard:
    """A database with a family `whole`, and the folders beside it."""

    store: VectorStore
    folder: Path

    def build(self, reduction: str = "pca8", family: str = "small", **given: Any) -> IndexReport:
        usual = {"metrics": (Metric.L2,), "source": "whole", "cache_dir": self.folder / "cache"}
        return build_reduced(
            self.store, family=family, reduction=Reduction.parse(reduction),
            **{**usual, **given},
        )  # fmt: skip

    def embeddings(self, family: str, metric: Metric = Metric.L2) -> dict[str, NDArray[np.float32]]:
        batches = self.store.stored.rows_with_embeddings(family, metric)
        return {r.path: e for records, rows in batches for r, e in zip(records, rows, strict=True)}


def planted(store: VectorStore, folder: Path) -> Orchard:
    for metric in (Metric.COSINE, Metric.L2):
        store.create(
            "whole", metric, encoder=ENCODER, dataset="/x", index=IndexChoice(), expected_rows=ROWS
        )
        store.upsert("whole", metric, RECORDS, EMBEDDINGS)
        store.finish("whole", metric)
        store.set_complete("whole", metric, complete=True)
    store.reductions = folder / "reductions"
    return Orchard(store, folder)


@pytest.fixture
def orchard(tmp_path: Path) -> Iterator[Orchard]:
    store = VectorStore(
        str(tmp_path / "test.db"), database="pictures", book=Book(tmp_path / "corrections")
    )
    yield planted(store, tmp_path)
    store.close()


def test_rows_are_what_scikit_learn_makes_of_them_and_the_source_stays(
    either_store: VectorStore, tmp_path: Path
) -> None:
    orchard = planted(either_store, tmp_path)
    before = orchard.store.info("whole", Metric.L2)
    report = orchard.build(index=IndexChoice(IndexType.HNSW))
    info = orchard.store.info("small", Metric.L2)
    assert (report.copied, report.unchanged, report.reduced_from) == (ROWS, 0, "whole")
    assert (info.rows, info.dimension, info.index_type) == (ROWS, 8, "HNSW")
    assert info.complete and info.dataset == "/x"
    assert info.encoder == replace(ENCODER, dimension=8, reduction=info.encoder.reduction)
    assert str(info.encoder).startswith("resnet14/12345678/test/8/pca8-")
    assert list(orchard.store.records("small", Metric.L2)) == sorted(RECORDS, key=lambda r: r.id)
    theirs = PCA(8, svd_solver="full").fit_transform(EMBEDDINGS.astype(np.float64))
    ours = orchard.embeddings("small")
    np.testing.assert_allclose([ours[r.path] for r in RECORDS], theirs, atol=1e-3)
    assert orchard.store.info("whole", Metric.L2) == before
    assert orchard.store.metrics("whole") == [Metric.COSINE, Metric.L2]


def test_a_stored_picture_that_is_encoded_anew_finds_itself(orchard: Orchard) -> None:
    for way in ("normalised+pca8+int8", "float16"):
        orchard.build(way, "again", metrics=())
        info = orchard.store.info("again", Metric.COSINE)
        fitted = load_fitted(info.encoder.reduction, orchard.store.reductions)
        query = fitted.apply(EMBEDDINGS[[77]])[0]
        ((found, score), *_) = orchard.store.search(info, query, k=3, nprobe=info.nlist)
        assert found == RECORDS[77]
        assert score == pytest.approx(1, abs=1e-5)
        assert orchard.store.metrics("again") == [Metric.COSINE, Metric.L2]
        for metric in orchard.store.metrics("again"):
            orchard.store.drop("again", metric)


@pytest.mark.slow
@pytest.mark.parametrize("metric", [Metric.L2, Metric.COSINE])
def test_what_is_built_has_the_precision_that_the_tuner_has_computed(
    orchard: Orchard, metric: Metric
) -> None:
    def measured(family: str) -> Any:
        return tune(
            orchard.store, family=family, metric=metric, types=[IndexType.FLAT], sample=90,
            folder=orchard.folder / "tunings", cache_dir=orchard.folder / "cache",
        )  # fmt: skip

    told = {one.name: one.precision for one in measured("whole").rounded}
    for way in ("pca128", "int8"):
        orchard.build(way, way, metrics=(metric,))
        assert measured(way).exact_precision == pytest.approx(
            told[Reduction.parse(way).title], abs=1e-9
        )


def test_corrections_come_along_once(orchard: Orchard) -> None:
    book = orchard.store.book
    assert book
    book.change("whole", [RECORDS[0].path], Edit(excluded=True))
    book.change("whole", [RECORDS[1].path], Edit(label="other", tagged=("odd",)))
    orchard.build()
    said = book.of("small")
    assert said.by_path == book.of("whole").by_path
    # The rows are there all the same, as in the source, and what was fitted did not see the one.
    assert orchard.store.count("small", Metric.L2) == ROWS
    seen = load_matrix(orchard.store, "small", Metric.L2, orchard.folder / "cache").embeddings
    np.testing.assert_allclose(seen.mean(axis=0), 0, atol=1e-3)
    book.change("small", [RECORDS[0].path], Edit(excluded=False))
    orchard.build()
    assert RECORDS[0].path not in book.of("small").excluded


def test_the_same_again_writes_what_is_new_and_keeps_what_was_fitted(orchard: Orchard) -> None:
    orchard.build()
    encoder = orchard.store.info("small", Metric.L2).encoder
    added, changed = record(ROWS), record(3, digest="f" * 32)
    for metric in (Metric.COSINE, Metric.L2):
        orchard.store.upsert("whole", metric, [added, changed], EMBEDDINGS[[5, 6]])
    report = orchard.build()
    assert (report.copied, report.unchanged) == (2, ROWS - 1)
    assert orchard.store.info("small", Metric.L2).encoder == encoder
    rows = orchard.embeddings("small")
    np.testing.assert_allclose(rows[added.path], rows[RECORDS[5].path], atol=1e-6)
    np.testing.assert_allclose(rows[changed.path], rows[RECORDS[6].path], atol=1e-6)


def test_what_is_written_is_at_hand_for_exact_search(orchard: Orchard) -> None:
    orchard.build()
    told: list[Stage] = []
    cache = orchard.folder / "cache"
    matrix = load_matrix(
        orchard.store, "small", Metric.L2, cache, lambda stage, *_: told.append(stage)
    )
    assert Stage.READ not in told
    written = orchard.embeddings("small")
    np.testing.assert_array_equal(matrix.embeddings, [written[path] for path in matrix.paths])


def test_pictures_that_have_moved_are_those_of_the_new_family_too(orchard: Orchard) -> None:
    assert orchard.build(dataset=Path("/moved")).dataset == "/moved"
    assert orchard.store.info("small", Metric.L2).dataset == "/moved"


def test_a_run_that_is_stopped_is_incomplete_and_goes_on(
    orchard: Orchard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_reader, "BATCH_ROWS", 40)

    def stop(stage: Stage, done: int, _: int) -> None:
        if stage is Stage.COPY and done == 80:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        orchard.build(on_progress=stop)
    assert not orchard.store.info("small", Metric.L2).complete
    report = orchard.build()
    assert (report.copied, report.unchanged) == (ROWS - 80, 80)
    assert orchard.store.info("small", Metric.L2).complete
    assert len([*(orchard.store.reductions).iterdir()]) == 1


def test_a_run_that_is_stopped_before_its_first_row_leaves_no_collection(orchard: Orchard) -> None:
    def stop(stage: Stage, *_: int) -> None:
        if stage is Stage.FIT:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        orchard.build(on_progress=stop)
    assert orchard.store.metrics("small") == []
    assert not (orchard.store.reductions).exists()


def test_a_source_that_changes_meanwhile_is_said_to_have_changed(orchard: Orchard) -> None:
    def remove(stage: Stage, done: int, _: int) -> None:
        if stage is Stage.COPY and done == 0:
            orchard.store.delete("whole", Metric.COSINE, [RECORDS[9].id])

    with pytest.raises(StoreError, match=r"whole_cosine changed.*150 were to come, 149 came"):
        orchard.build(on_progress=remove)
    assert not orchard.store.info("small", Metric.L2).complete


def test_one_class_and_few_rows_are_reduced_all_the_same(orchard: Orchard) -> None:
    orchard.store.create(
        "few", Metric.L2, encoder=ENCODER, dataset="/x", index=IndexChoice(), expected_rows=4
    )
    orchard.store.upsert("few", Metric.L2, RECORDS[:12:3], EMBEDDINGS[:12:3])
    orchard.store.finish("few", Metric.L2)
    with pytest.raises(ReductionError, match="PCA to 4 numbers is not possible of 4 pictures"):
        orchard.build("pca4", source="few")
    assert orchard.store.metrics("small") == []
    orchard.build("pca3", source="few")
    info = orchard.store.info("small", Metric.L2)
    # The last run over the source was not whole.
    assert (info.rows, info.dimension, info.complete) == (4, 3, False)
    # Three directions hold all that four points differ in.
    small = orchard.embeddings("small")
    first, last = small[RECORDS[0].path], small[RECORDS[9].path]
    whole = np.linalg.norm(EMBEDDINGS[0] - EMBEDDINGS[9])
    assert np.linalg.norm(first - last) == pytest.approx(whole, rel=1e-4)


def test_what_cannot_be_built_is_refused_before_anything_is_written(orchard: Orchard) -> None:
    orchard.build("pca8", "small")
    cases: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"family": "whole"}, SettingsError, "another name"),
        ({"family": "no name"}, SettingsError, "'no name' is not allowed"),
        ({"source": "nothing"}, CollectionNotFoundError, "nothing"),
        ({"source": "small", "family": "less"}, EncoderMismatchError, "made smaller already"),
        ({"reduction": "pca9"}, EncoderMismatchError, r"'small' already.*PCA to 8.*PCA to 9"),
        ({"reduction": ""}, EncoderMismatchError, "'small' already"),
        ({"reduction": "", "family": "less"}, ReductionError, "nothing is asked for"),
        ({"reduction": "pca140", "family": "less"}, ReductionError, "is not possible"),
    ]
    for given, error, said in cases:
        with pytest.raises(error, match=said):
            orchard.build(**given)
    assert orchard.store.metrics("less") == []
    reduction = orchard.store.info("small", Metric.L2).encoder.reduction
    fitted = file_of(reduction, orchard.store.reductions)
    fitted.unlink()
    with pytest.raises(ReductionError, match="Copy the file"):
        orchard.build()
