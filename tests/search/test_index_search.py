"""A query and its hits, on a real Milvus Lite database and on a real Milvus server."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from core.collection.index_choice import IndexChoice, IndexType
from core.collection.info import CollectionInfo
from core.dataset.files import image_id
from core.errors import EncoderMismatchError, QueryError
from core.metric import Metric
from core.records import EncoderIdentity, ImageRecord
from core.search.index_search import DEFAULT_NPROBE, search
from core.search.query_picture import encode_query
from core.store.vector_store import VectorStore
from tests.conftest import ColourEncoder, eventually
from tests.support.colour_encoder import DIMENSION

ROWS = 300
LISTS = 16


def fill(
    store: VectorStore, *, index: IndexChoice | None = None, rare: int = 5
) -> tuple[CollectionInfo, list[ImageRecord], NDArray[np.float32]]:
    """Random rows; the last `rare` of them are of the class `rare`, the others `common`."""
    vectors = np.random.default_rng(0).normal(size=(ROWS, DIMENSION)).astype(np.float32)
    records = []
    for n in range(ROWS):
        label = "rare" if n >= ROWS - rare else "common"
        told = () if n % 3 else (("variety", "third"),)
        records.append(ImageRecord(image_id(f"{label}/{n}"), f"{label}/{n}", label, "0" * 32, told))
    store.create(
        "fruit",
        Metric.L2,
        encoder=ColourEncoder().identity,
        dataset="/photos",
        index=index or IndexChoice(nlist=LISTS),
        expected_rows=ROWS,
    )
    store.upsert("fruit", Metric.L2, records, vectors)
    store.finish("fruit", Metric.L2)
    return store.info("fruit", Metric.L2), records, vectors


def nearest(vectors: NDArray[np.float32], query: NDArray[np.float32]) -> NDArray[np.int64]:
    return np.argsort(((vectors.astype(np.float64) - query) ** 2).sum(axis=1))


def test_ranks_count_from_one_best_first_and_times_are_positive(either_store: VectorStore) -> None:
    info, records, vectors = fill(either_store)
    result = search(vectors[3], store=either_store, info=info, k=6, nprobe=LISTS)
    expected = [records[n] for n in nearest(vectors, vectors[3])[:6]]
    assert [(hit.rank, hit.record) for hit in result.hits] == list(enumerate(expected, 1))
    assert [hit.score for hit in result.hits] == sorted(hit.score for hit in result.hits)
    assert (result.metric, result.k, result.nprobe) == (Metric.L2, 6, LISTS)
    assert result.search_ms > 0


def test_excluded_row_is_left_out_by_id_and_k_hits_stay(either_store: VectorStore) -> None:
    info, records, vectors = fill(either_store)
    order = nearest(vectors, vectors[3])
    result = search(
        vectors[3], store=either_store, info=info, k=5, nprobe=LISTS, exclude=[records[3].id]
    )
    assert [hit.record for hit in result.hits] == [records[n] for n in order[1:6]]
    assert [hit.rank for hit in result.hits] == [1, 2, 3, 4, 5]
    # not the first hit is left out but the row of that id, wherever it is
    second = records[order[1]].id
    result = search(vectors[3], store=either_store, info=info, k=5, nprobe=LISTS, exclude=[second])
    assert [hit.record for hit in result.hits] == [records[n] for n in order[[0, 2, 3, 4, 5]]]


def test_excluding_a_row_that_is_not_among_the_hits_still_gives_k(
    store: VectorStore,
) -> None:
    info, _, vectors = fill(store)
    result = search(vectors[3], store=store, info=info, k=5, nprobe=LISTS, exclude=[12345])
    assert len(result.hits) == 5


def test_fewer_hits_than_asked_are_reported_as_they_are(store: VectorStore) -> None:
    info, _, vectors = fill(store)
    assert eventually(
        lambda: len(search(vectors[0], store=store, info=info, k=ROWS, nprobe=1).hits) < ROWS
    )
    few = search(vectors[0], store=store, info=info, k=ROWS, nprobe=1)
    assert 0 < len(few.hits) < few.k == ROWS
    assert few.nprobe == 1
    everything = search(vectors[0], store=store, info=info, k=ROWS + 10, nprobe=LISTS)
    assert len(everything.hits) == ROWS


def test_class_filter_widens_until_all_lists_are_searched(either_store: VectorStore) -> None:
    info, records, vectors = fill(either_store, rare=5)
    result = search(vectors[0], store=either_store, info=info, k=10, nprobe=1, labels=["rare"])
    assert {hit.record for hit in result.hits} == set(records[-5:])
    assert result.nprobe == LISTS


def test_class_filter_widens_no_further_than_k_hits_need(store: VectorStore) -> None:
    info, _, vectors = fill(store, rare=150)
    result = search(vectors[0], store=store, info=info, k=20, nprobe=1, labels=["rare"])
    assert len(result.hits) == 20
    assert {hit.record.label for hit in result.hits} == {"rare"}
    assert 1 <= result.nprobe < LISTS


def test_unknown_class_gives_no_hits_from_all_lists(either_store: VectorStore) -> None:
    info, _, vectors = fill(either_store)
    result = search(vectors[0], store=either_store, info=info, k=3, nprobe=1, labels=["none"])
    assert (result.hits, result.nprobe) == ((), LISTS)


def test_nprobe_left_open_is_sixteen_or_nlist(store: VectorStore) -> None:
    info, _, vectors = fill(store, index=IndexChoice(nlist=4))
    assert search(vectors[0], store=store, info=info).nprobe == 4
    store.drop("fruit", Metric.L2)
    info, _, vectors = fill(store, index=IndexChoice(nlist=40))
    assert search(vectors[0], store=store, info=info).nprobe == DEFAULT_NPROBE == 16


def test_index_without_lists_reports_no_nprobe(store: VectorStore) -> None:
    info, records, vectors = fill(store, index=IndexChoice(IndexType.FLAT))
    result = search(vectors[3], store=store, info=info, k=4, labels=["common"])
    assert (result.nprobe, len(result.hits), result.hits[0].record) == (0, 4, records[3])


@pytest.mark.parametrize(
    ("k", "nprobe", "exclude", "said"),
    [
        (0, 1, [], "k is 0, allowed are 1 to 16,384"),
        (16_385, 1, [], "k is 16385, allowed are 1 to 16,384"),
        (16_384, 1, [5], "k is 16384, allowed are 1 to 16,383"),
        (1, 0, [], "nprobe is 0, allowed are 1 to 16"),
        (1, 17, [], "nprobe is 17, allowed are 1 to 16"),
    ],
)
def test_values_out_of_range_are_named_as_given(
    store: VectorStore, k: int, nprobe: int, exclude: list[int], said: str
) -> None:
    info, _, vectors = fill(store)
    with pytest.raises(QueryError, match=said):
        search(vectors[0], store=store, info=info, k=k, nprobe=nprobe, exclude=exclude)


def test_query_picture_is_encoded_and_timed(store: VectorStore, encoder: ColourEncoder) -> None:
    info, _, _ = fill(store)
    image = Image.new("RGB", (20, 10), (200, 100, 0))
    embedding, milliseconds = encode_query(image, encoder=encoder, info=info)
    np.testing.assert_array_equal(embedding, [200, 100, 0, 100, 100, 300, 1, 0])
    assert milliseconds > 0


@pytest.mark.parametrize("part", ["architecture", "weights", "preprocessing"])
def test_query_by_another_encoder_is_refused(
    store: VectorStore, encoder: ColourEncoder, part: str
) -> None:
    info, _, _ = fill(store)
    parts = {name: getattr(encoder.identity, name) for name in EncoderIdentity.__slots__}
    encoder.identity = EncoderIdentity(**{**parts, part: "other"})
    with pytest.raises(EncoderMismatchError) as caught:
        encode_query(Image.new("RGB", (8, 8)), encoder=encoder, info=info)
    assert str(info.encoder) in str(caught.value)
    assert str(encoder.identity) in str(caught.value)
    assert encoder.calls == 0
