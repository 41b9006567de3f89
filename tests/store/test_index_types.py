"""Every type of index that a database offers is built, searched, rebuilt; others are refused."""

import numpy as np
import pytest

from core.collection.index_choice import IndexChoice, IndexType
from core.collection.info import CollectionInfo
from core.errors import ReadOnlyError, StoreError
from core.metric import Metric
from core.store.vector_store import VectorStore
from tests.conftest import eventually
from tests.store.test_vector_store import FAMILY, brute_force, fill, random_rows
from tests.support.bare_client import bare_client
from tests.support.colour_encoder import DIMENSION

LITE = (
    *(IndexType.FLAT, IndexType.IVF_FLAT, IndexType.IVF_SQ8),
    *(IndexType.HNSW, IndexType.HNSW_SQ),
)


def thorough(info: CollectionInfo) -> dict[str, int]:
    return {p.name: p.offered(nlist=info.nlist)[-1] for p in info.searched_by}


def recall(
    store: VectorStore, info: CollectionInfo, vectors: np.ndarray, ids: list[int], **effort: int
) -> float:
    queries = np.random.default_rng(1).normal(size=(20, DIMENSION)).astype(np.float32)
    right = 0
    for query, hits in zip(queries, store.search_ids(info, queries, k=10, **effort), strict=True):
        scores = brute_force(info.metric, vectors, query)
        best = np.argsort(-scores if info.metric.higher_is_better else scores)[:10]
        right += len({number for number, _ in hits} & {ids[n] for n in best})
    return right / 200


def test_a_database_is_asked_what_it_can_build_and_nothing_of_that_stays(
    either_store: VectorStore,
) -> None:
    types = either_store.index_types()
    if either_store.connection.is_lite:
        assert types == LITE
    else:
        assert {*LITE[:4], IndexType.IVF_PQ, IndexType.SCANN} <= set(types)
        # Of later versions.
        assert {IndexType.HNSW_SQ, IndexType.IVF_RABITQ}.isdisjoint(types)
    assert bare_client(either_store).list_collections() == []


@pytest.mark.slow
def test_a_collection_is_rebuilt_with_every_type_in_turn_and_answers_after_each(
    either_store: VectorStore,
) -> None:
    # A server builds no index for fewer than 1,024 rows of a segment; there are two shards.
    records, vectors = random_rows(4_000)
    ids = [record.id for record in records]
    fill(either_store, Metric.COSINE, records, vectors, index=IndexChoice(IndexType.FLAT))
    either_store.set_complete(FAMILY, Metric.COSINE, complete=True)
    # A server writes to disk once in ten seconds a collection; two types show that it does.
    is_lite = either_store.connection.is_lite
    for kind in LITE if is_lite else (IndexType.IVF_SQ8, IndexType.SCANN):
        # A part for each number: eight bits a number, as the other rounding types have.
        parts = DIMENSION if kind is IndexType.IVF_PQ else None
        choice = IndexChoice(kind, subvectors=parts).explicit(4_000)
        either_store.fit_index(FAMILY, Metric.COSINE, index=choice, expected_rows=4_000)
        either_store.finish(FAMILY, Metric.COSINE)
        info = either_store.info(FAMILY, Metric.COSINE)
        assert (info.index_type, info.rows, info.complete) == (kind, 4_000, True)
        # 4,000 // 39 = 102 lists; 4 * sqrt(4,000) = 253 are more.
        assert info.nlist == (102 if choice.kind.has_lists else 0)
        assert IndexChoice.of(info) == choice
        least = 0.9 if choice.kind.rounds else 0.97
        found = recall(either_store, info, vectors, ids, **thorough(info))
        assert found >= least, kind
        # The same again changes nothing.
        slot = either_store.collections.describe(info.name)["collection_name"]
        either_store.fit_index(FAMILY, Metric.COSINE, index=choice, expected_rows=4_000)
        assert either_store.collections.describe(info.name)["collection_name"] == slot


@pytest.mark.parametrize("kind", [IndexType.IVF_SQ8, IndexType.HNSW_SQ])
def test_a_byte_a_number_is_approximate_at_little_effort_and_nearly_exact_at_much(
    store: VectorStore, kind: IndexType
) -> None:
    records, vectors = random_rows(4_000)
    ids = [record.id for record in records]
    choice = IndexChoice(kind, m=2, ef_construction=8)
    info = fill(store, Metric.L2, records, vectors, index=choice)
    least = {p.name: 10 if p.holds_k else 1 for p in info.searched_by}
    assert eventually(
        lambda: (
            recall(store, info, vectors, ids, **least)
            < recall(store, info, vectors, ids, **thorough(info))
        )
    )


def test_a_type_that_the_database_does_not_have_is_refused_before_a_row_is_written(
    store: VectorStore,
) -> None:
    records, vectors = random_rows(50)
    with pytest.raises(StoreError, match=r"no index of type SCANN\. It has FLAT, IVF_FLAT, IVF_SQ"):
        fill(store, Metric.L2, records, vectors, index=IndexChoice(IndexType.SCANN))
    assert store.metrics(FAMILY) == []
    info = fill(store, Metric.L2, records, vectors)
    with pytest.raises(StoreError, match="no index of type DISKANN"):
        store.fit_index(FAMILY, Metric.L2, index=IndexChoice(IndexType.DISKANN), expected_rows=50)
    assert store.info(FAMILY, Metric.L2) == info


def test_a_database_that_may_not_be_changed_is_not_asked(store: VectorStore) -> None:
    reader = VectorStore(store.uri, database="pictures", read_only=True)
    with pytest.raises(ReadOnlyError):
        reader.index_types()
    reader.close()


def test_rows_that_outgrow_their_lists_keep_the_type_of_their_index(store: VectorStore) -> None:
    records, vectors = random_rows(400)
    info = fill(store, Metric.L2, records[:50], vectors[:50], index=IndexChoice(IndexType.IVF_SQ8))
    assert (info.index_type, info.nlist) == ("IVF_SQ8", 1)  # 50 // 39
    store.upsert(FAMILY, Metric.L2, records, vectors)
    store.fit_index(FAMILY, Metric.L2, index=IndexChoice(), expected_rows=400)
    store.finish(FAMILY, Metric.L2)
    info = store.info(FAMILY, Metric.L2)
    assert (info.index_type, info.nlist) == ("IVF_SQ8", 10)  # 400 // 39
