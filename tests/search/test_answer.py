"""A question put to the index and to exact search, on a real Milvus Lite database."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.collection.index_choice import IndexChoice, IndexType
from core.collection.info import CollectionInfo
from core.embeddings.one_query import exact_scores
from core.errors import QueryError
from core.metric import Metric
from core.records import ImageRecord
from core.search.answer import Answer, Question, ask
from core.search.exact_index import ExactIndex, load_reference
from core.search.verdict import compare_with_exact
from core.store.vector_store import VectorStore
from tests.conftest import ColourEncoder, eventually
from tests.search.test_index_search import LISTS, ROWS, fill, nearest
from tests.support.colour_encoder import DIMENSION


def reference_of(store: VectorStore, folder: Path) -> ExactIndex:
    return load_reference(store, "fruit", [Metric.L2], folder)


def put(
    question: Question,
    query: NDArray[np.float32],
    store: VectorStore,
    info: CollectionInfo,
    reference: ExactIndex | None = None,
) -> Answer:
    def scores() -> NDArray[np.float32]:
        assert reference
        return exact_scores(reference.matrix.embeddings, query, metric=info.metric)

    return ask(query, question, store=store, info=info, reference=reference, scores=scores)


def ids(answer: Answer) -> list[int]:
    return [hit.record.id for hit in answer.hits]


def test_with_every_list_searched_index_and_exact_search_agree(
    store: VectorStore, tmp_path: Path
) -> None:
    info, records, vectors = fill(store)
    reference = reference_of(store, tmp_path)
    answer = put(Question(k=7, nprobe=LISTS), vectors[3], store, info, reference)
    assert ids(answer) == [records[n].id for n in nearest(vectors, vectors[3])[:7]]
    assert answer.exact is not None
    assert [hit.record for hit in answer.exact] == [hit.record for hit in answer.hits]
    np.testing.assert_allclose(
        [hit.score for hit in answer.exact], [hit.score for hit in answer.hits], atol=1e-4
    )
    assert compare_with_exact(answer.hits, answer.exact, expected=None, others=0).recall == 1


def test_one_list_misses_what_exact_search_finds(store: VectorStore, tmp_path: Path) -> None:
    info, _, vectors = fill(store)
    reference = reference_of(store, tmp_path)
    question = Question(k=20, nprobe=1)
    # Until the index is in use every row is searched, and all of them come back.
    every = Question(k=100, nprobe=1)
    assert eventually(lambda: len(put(every, vectors[3], store, info).hits) < min(ROWS, 100))
    answer = put(question, vectors[3], store, info, reference)
    assert answer.exact is not None
    verdict = compare_with_exact(answer.hits, answer.exact, expected="common", others=9)
    common = {h.record.id for h in answer.hits} & {h.record.id for h in answer.exact}
    assert verdict.recall == pytest.approx(len(common) / 20)
    assert verdict.recall < 1
    assert len(verdict.missed) == 20 - len(common)


def test_exactly_asked_the_index_has_no_part(store: VectorStore, tmp_path: Path) -> None:
    info, records, vectors = fill(store)
    reference = reference_of(store, tmp_path)
    answer = put(Question(k=9, nprobe=1, exact=True), vectors[3], store, info, reference)
    assert ids(answer) == [records[n].id for n in nearest(vectors, vectors[3])[:9]]
    assert answer.exact == answer.hits and answer.nprobe == 0


def test_conditions_hold_for_the_index_and_for_exact_search(
    store: VectorStore, tmp_path: Path
) -> None:
    info, records, vectors = fill(store)
    reference = reference_of(store, tmp_path)
    order = nearest(vectors, vectors[3])
    own = frozenset({records[3].id, records[order[2]].id})
    question = Question(k=5, nprobe=LISTS, labels=("common",), exclude=own)
    answer = put(question, vectors[3], store, info, reference)
    wanted = [records[n] for n in order if records[n].label == "common"]
    wanted = [record for record in wanted if record.id not in own][:5]
    assert [hit.record for hit in answer.hits] == wanted
    assert answer.exact is not None and [hit.record for hit in answer.exact] == wanted
    assert [hit.rank for hit in answer.hits] == [1, 2, 3, 4, 5]


def test_further_columns_hold_for_the_index_and_for_exact_search(
    store: VectorStore, tmp_path: Path
) -> None:
    info, records, vectors = fill(store)
    reference = reference_of(store, tmp_path)
    third = (("variety", ("third", "no such")),)
    wanted = [n for n in nearest(vectors, vectors[3]) if n % 3 == 0][:5]
    # One list may hold too few of them: more are searched.
    answer = put(Question(k=5, nprobe=1, having=third), vectors[3], store, info, reference)
    assert len(answer.hits) == 5 and all(hit.record.further for hit in answer.hits)
    answer = put(Question(k=5, nprobe=LISTS, having=third), vectors[3], store, info, reference)
    assert answer.exact is not None
    for hits in (answer.hits, answer.exact):
        assert [hit.record for hit in hits] == [records[n] for n in wanted]
    unknown = Question(k=5, nprobe=LISTS, having=(("no such", ("third",)),))
    answer = put(unknown, vectors[3], store, info, reference)
    assert answer.hits == answer.exact == ()


def test_a_limit_hides_what_is_farther_as_displayed(store: VectorStore) -> None:
    info, _, vectors = fill(store)
    gaps = np.sort(np.linalg.norm(vectors - vectors[3], axis=1))
    # Between the third and the fourth distance, not their squares.
    limit = float((gaps[2] + gaps[3]) / 2)
    answer = put(Question(k=10, nprobe=LISTS, limit=limit), vectors[3], store, info)
    assert len(answer.hits) == 3 and answer.beyond_limit is not None
    far = put(Question(k=10, nprobe=LISTS, limit=1e9), vectors[3], store, info)
    assert len(far.hits) == 10 and far.beyond_limit is None
    assert answer.exact is None


def copies(store: VectorStore) -> tuple[CollectionInfo, NDArray[np.float32]]:
    """Thirty directions, each with twenty pictures that are nearly the same."""
    random = np.random.default_rng(1)
    base = random.normal(size=(30, DIMENSION))
    vectors = np.repeat(base, 20, axis=0) + random.normal(size=(600, DIMENSION)) * 1e-3
    records = [ImageRecord(n, f"c/{n}.jpg", "c", f"{n}") for n in range(600)]
    store.create(
        "fruit",
        Metric.L2,
        encoder=ColourEncoder().identity,
        dataset="/photos",
        index=IndexChoice(IndexType.FLAT),
        expected_rows=600,
    )
    store.upsert("fruit", Metric.L2, records, vectors.astype(np.float32))
    store.finish("fruit", Metric.L2)
    return store.info("fruit", Metric.L2), vectors.astype(np.float32)


def test_of_near_duplicates_only_the_best_is_shown_and_it_is_looked_deeper_for_k(
    store: VectorStore, tmp_path: Path
) -> None:
    info, vectors = copies(store)
    reference = reference_of(store, tmp_path)
    answer = put(Question(k=5, similarity=0.999), vectors[0], store, info, reference)
    # One of each direction; five of them take more than the first five hits, all of one direction.
    assert len({hit.record.id // 20 for hit in answer.hits}) == 5 == len(answer.hits)
    assert answer.hits[0].record.id == 0
    # Four whole directions of twenty lie before the fifth hit, each with one hit that is shown.
    assert answer.duplicates == 4 * 19
    assert answer.exact is not None
    assert [hit.record for hit in answer.exact] == [hit.record for hit in answer.hits]


def test_without_near_duplicates_nothing_is_hidden(store: VectorStore, tmp_path: Path) -> None:
    info, _, vectors = fill(store)
    reference = reference_of(store, tmp_path)
    answer = put(Question(k=5, nprobe=LISTS, similarity=1.0), vectors[3], store, info, reference)
    assert len(answer.hits) == 5 and answer.duplicates == 0


def test_the_reference_knows_rows_by_id_and_says_what_it_does_not_know(
    store: VectorStore, tmp_path: Path
) -> None:
    _, records, vectors = fill(store)
    reference = reference_of(store, tmp_path)
    found = reference.embeddings([records[5].id, 12345])
    np.testing.assert_array_equal(found[0], vectors[5])
    assert np.isnan(found[1]).all()
    allowed = reference.allowed(["rare"], [records[-1].id, 12345])
    assert allowed.sum() == 4 and len(allowed) == ROWS
    assert reference.farthest_usual[Metric.L2] > 0


def test_exact_search_without_the_embeddings_is_refused(store: VectorStore) -> None:
    info, _, vectors = fill(store)
    with pytest.raises(QueryError, match=r"embeddings .* not at hand.* ask the index"):
        ask(vectors[0], Question(k=3, exact=True), store=store, info=info)


def test_exact_search_works_its_scores_out_where_nobody_has_kept_them(
    store: VectorStore, tmp_path: Path
) -> None:
    info, records, vectors = fill(store)
    reference = reference_of(store, tmp_path)
    answer = ask(vectors[3], Question(k=4, exact=True), store=store, info=info, reference=reference)
    assert ids(answer) == [records[n].id for n in nearest(vectors, vectors[3])[:4]]
    assert (answer.nprobe, answer.exact) == (0, answer.hits)
