"""The self-test passes on a sound collection and fails on each thing it is there to notice."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core.collection.index_choice import IndexChoice, IndexType
from core.collection.info import CollectionInfo
from core.dataset.files import image_id
from core.embeddings.matrix import Matrix, load_matrix
from core.errors import CollectionNotFoundError
from core.health import self_test
from core.health.self_test import Outcome, SelfTest, run_self_test
from core.metric import Metric
from core.records import EncoderIdentity, ImageRecord
from core.store.vector_store import VectorStore

FAMILY = "made_up"
DIMENSION = 16
ITSELF, NPROBE, EXACT = range(3)
FOUR_LISTS = IndexChoice(IndexType.IVF_FLAT, 4)


def fill(
    store: VectorStore,
    embeddings: NDArray[np.float32],
    *,
    metrics: Sequence[Metric] = tuple(Metric),
    index: IndexChoice = FOUR_LISTS,
) -> None:
    records = [
        ImageRecord(image_id(f"a/{n}.png"), f"a/{n}.png", "a", f"{n:032x}")
        for n in range(len(embeddings))
    ]
    identity = EncoderIdentity("made", "00000000", "none", embeddings.shape[1])
    for metric in metrics:
        store.create(
            FAMILY, metric, encoder=identity, dataset="/x", index=index,
            expected_rows=len(embeddings),
        )  # fmt: skip
        store.upsert(FAMILY, metric, records, embeddings)
        store.finish(FAMILY, metric)


def random_rows(count: int = 300) -> NDArray[np.float32]:
    return np.random.default_rng(1).normal(size=(count, DIMENSION)).astype(np.float32)


def outcome(store: VectorStore, cache: Path) -> SelfTest:
    return run_self_test(store, family=FAMILY, cache_dir=cache)


def verdicts(test: SelfTest) -> list[list[Outcome]]:
    """One list of three a metric."""
    flat = [check.verdict for check in test.checks]
    return [flat[start : start + 3] for start in range(0, len(flat), 3)]


def test_sound_collection_passes_under_every_metric(store: VectorStore, tmp_path: Path) -> None:
    fill(store, random_rows())
    seen: list[str] = []
    test = run_self_test(
        store, family=FAMILY, cache_dir=tmp_path, on_progress=lambda stage, *_: seen.append(stage)
    )
    assert test.passed
    assert test.queries == 20
    assert verdicts(test) == [[Outcome.PASSED] * 3] * 3
    said = [check.detail for check in test.checks]
    assert any(text.startswith("nprobe 1 gives other hits than nprobe ") for text in said)
    # At nprobe = nlist every row is compared.
    assert "recall@10 is 1.000 over 20 queries" in said
    assert {"read", "check"} <= set(seen)


def test_flat_and_hnsw_say_why_nprobe_cannot_matter(store: VectorStore, tmp_path: Path) -> None:
    fill(store, random_rows(), metrics=[Metric.L2], index=IndexChoice(IndexType.FLAT))
    fill(store, random_rows(), metrics=[Metric.COSINE], index=IndexChoice(IndexType.HNSW))
    test = outcome(store, tmp_path)
    assert test.passed
    # COSINE first.
    hnsw, flat = test.checks[NPROBE], test.checks[3 + NPROBE]
    assert (flat.verdict, flat.detail) == (Outcome.NOT_APPLICABLE, "FLAT has no lists")
    assert hnsw.verdict is Outcome.NOT_APPLICABLE
    assert "ef" in hnsw.detail
    assert test.checks[3 + EXACT].verdict is Outcome.PASSED


@pytest.mark.parametrize("kind", [IndexType.IVF_SQ8, IndexType.HNSW_SQ])
def test_rounded_numbers_do_not_fail_it_and_are_said_to_miss_some(
    store: VectorStore, tmp_path: Path, kind: IndexType
) -> None:
    # Two of each picture, and a step of half a number between two far ones: which of the two is
    # nearer is lost by rounding.
    rows = random_rows(150)
    far = np.full((1, DIMENSION), 64, np.float32)
    twins = np.concatenate([rows, rows * np.float32(1.05), far, -far])
    fill(store, twins, metrics=[Metric.L2], index=IndexChoice(kind, nlist=1))
    test = outcome(store, tmp_path)
    assert test.passed, test.checks
    assert "rounds the numbers" in test.checks[ITSELF].detail
    exact = test.checks[EXACT]
    assert exact.verdict is Outcome.NOT_APPLICABLE and f"{kind} may miss some" in exact.detail


def test_equal_embeddings_and_longer_ones_do_not_fail_it(
    store: VectorStore, tmp_path: Path
) -> None:
    """Twins tie, and under IP the row three times as long wins by right: a . 3a > a . a."""
    rows = random_rows(40)
    fill(store, np.concatenate([rows, rows, 3 * rows]), index=IndexChoice(IndexType.FLAT))
    test = outcome(store, tmp_path)
    assert test.passed, test.checks
    ip = next(check for check in test.checks if check.metric is Metric.IP)
    assert "rightly behind" in ip.detail


class Wrong(VectorStore):
    """Answers with scores or rows that are not those of the collection."""

    def __init__(self, uri: str, *, shift: int = 0, ignore_nprobe: bool = False) -> None:
        super().__init__(uri, database="pictures")
        self._shift, self._ignore = shift, ignore_nprobe

    def search_ids(
        self, info: CollectionInfo, embeddings: NDArray[np.float32], *, k: int, nprobe: int
    ) -> list[list[tuple[int, float]]]:
        nprobe = info.nlist if self._ignore else nprobe
        found = super().search_ids(info, embeddings, k=k, nprobe=nprobe)
        return found[self._shift :] + found[: self._shift]


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough rows that even a server would have built the index, and lists of few rows."""
    database = tmp_path_factory.mktemp("big") / "test.db"
    store = VectorStore(str(database), database="pictures")
    index = IndexChoice(IndexType.IVF_FLAT, 16)
    fill(store, random_rows(2_100), metrics=[Metric.L2], index=index)
    store.close()
    return database


@pytest.mark.slow
def test_answers_that_belong_to_other_queries_fail(big: Path, tmp_path: Path) -> None:
    wrong = Wrong(str(big), shift=1)
    test = outcome(wrong, tmp_path)
    wrong.close()
    assert not test.passed
    found = verdicts(test)[0]
    assert (found[ITSELF], found[EXACT]) == (Outcome.FAILED, Outcome.FAILED)
    assert "a/" in test.checks[ITSELF].detail


@pytest.mark.slow
def test_database_that_ignores_nprobe_fails(
    big: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.health.self_test._PATIENCE", 0.0)
    wrong = Wrong(str(big), ignore_nprobe=True)
    test = outcome(wrong, tmp_path)
    wrong.close()
    assert verdicts(test)[0] == [Outcome.PASSED, Outcome.FAILED, Outcome.PASSED]


def test_missing_and_single_row_collections(store: VectorStore, tmp_path: Path) -> None:
    with pytest.raises(CollectionNotFoundError):
        outcome(store, tmp_path)
    fill(store, random_rows(1), metrics=[Metric.L2], index=IndexChoice(IndexType.FLAT))
    assert verdicts(outcome(store, tmp_path)) == [
        [Outcome.PASSED, Outcome.NOT_APPLICABLE, Outcome.NOT_APPLICABLE]
    ]


def test_a_picture_added_after_the_embeddings_were_read_is_no_error(
    store: VectorStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = random_rows(40)
    fill(store, rows, metrics=[Metric.L2], index=IndexChoice(IndexType.FLAT))

    def read_and_add(*arguments: Any) -> Matrix:
        matrix = load_matrix(*arguments)
        # A copy of every picture, of a lower id: each stands before its original.
        for number, own in enumerate(matrix.ids.tolist()):
            copy = ImageRecord(own - 1, f"a/copy {number}.png", "a", f"{number:032x}")
            store.upsert(FAMILY, Metric.L2, [copy], np.array(matrix.embeddings[[number]]))
        return matrix

    monkeypatch.setattr(self_test, "load_matrix", read_and_add)
    test = outcome(store, tmp_path)
    assert test.passed, test.checks
    assert test.checks[ITSELF].detail == "20 of 20 at rank 1"
    assert "pictures were added meanwhile" in test.checks[EXACT].detail
