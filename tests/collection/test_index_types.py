"""The numbers a search may be told, by the type of the index."""

import pytest

from core.collection.index_types.kinds import EF, KINDS, NPROBE, SEARCH_PARAMETERS, IndexType
from core.collection.query import search_parameters
from core.errors import QueryError
from tests.collection.test_info import made_up_info


def test_every_type_is_in_the_table_and_says_what_it_is() -> None:
    assert list(KINDS) == list(IndexType)
    assert all(kind.what for kind in KINDS.values())


@pytest.mark.parametrize(
    ("index", "k", "told"),
    [
        ({"index_type": "FLAT"}, 10, {}),
        ({"index_type": "IVF_SQ8", "nlist": 64}, 10, {"nprobe": 16}),
        ({"index_type": "IVF_SQ8", "nlist": 7}, 10, {"nprobe": 7}),
        ({"index_type": "HNSW", "m": 16}, 10, {"ef": 64}),
        ({"index_type": "HNSW_SQ", "m": 16}, 100, {"ef": 200}),  # twice k
        ({"index_type": "SCANN", "nlist": 64}, 40, {"nprobe": 16, "reorder_k": 80}),
        ({"index_type": "IVF_RABITQ", "nlist": 64}, 40, {"nprobe": 16, "refine_k": 2}),
        ({"index_type": "DISKANN"}, 10, {"search_list": 64}),
        # Others made these: their numbers are all that is known of them.
        ({"index_type": "GPU_IVF_FLAT", "nlist": 64}, 10, {"nprobe": 16}),
        ({"index_type": "GPU_CAGRA"}, 10, {}),
        ({"index_type": "IVF_FLAT", "nlist": 0}, 10, {}),
    ],
)
def test_what_is_left_open_is_as_usual_and_only_what_the_type_knows_is_told(
    index: dict[str, object], k: int, told: dict[str, int]
) -> None:
    info = made_up_info(**{"nlist": 0, **index})
    assert search_parameters(info, k=k, effort={}) == told
    # What is for other types does not matter.
    others = {p.name: 10_000 for p in SEARCH_PARAMETERS if p.name not in told}
    assert search_parameters(info, k=k, effort=others) == told  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("index", "effort", "said"),
    [
        ({"index_type": "IVF_SQ8", "nlist": 4}, {"nprobe": 5}, "nprobe is 5, allowed are 1 to 4"),
        ({"index_type": "HNSW_SQ", "m": 8}, {"ef": 9}, r"ef is 9, allowed are k \(10\) to 32,768"),
        ({"index_type": "SCANN", "nlist": 4}, {"reorder_k": 9}, r"reorder_k is 9.* k \(10\)"),
        ({"index_type": "DISKANN"}, {"search_list": 40_000}, "search_list is 40000"),
        ({"index_type": "IVF_RABITQ", "nlist": 4}, {"refine_k": 0}, "refine_k is 0.* 1 to 64"),
    ],
)
def test_a_number_outside_its_range_is_refused(
    index: dict[str, object], effort: dict[str, int], said: str
) -> None:
    info = made_up_info(**{"nlist": 0, **index})
    with pytest.raises(QueryError, match=said):
        search_parameters(info, k=10, effort=effort)  # type: ignore[arg-type]


def test_lists_are_offered_up_to_all_and_candidates_in_steps() -> None:
    assert NPROBE.offered(nlist=5) == [1, 2, 4, 5]
    assert EF.offered(nlist=0) == [16, 32, 64, 128, 256, 512]
