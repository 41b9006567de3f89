"""Index choices: the parameters Milvus gets, and the numbers offered to a person."""

from typing import Any

import pytest

from core.collection.index_choice import MAX_NLIST, IndexChoice, IndexType, auto_nlist, nprobe_steps
from core.collection.index_types.kinds import KINDS
from core.errors import SettingsError
from tests.collection.test_info import made_up_info


@pytest.mark.parametrize(
    ("rows", "nlist"),
    [
        (0, 1),
        (1, 1),
        (77, 1),  # 77 // 39 = 1 is below 4 * sqrt(77) = 35
        (78, 2),  # 78 // 39 = 2
        (10_000, 256),  # 10,000 // 39 = 256 is below 4 * 100 = 400
        (25_600, 640),  # 4 * 160 = 640 is below 25,600 // 39 = 656
        (1_000_000, 4_000),  # 4 * 1,000
        (10**12, 65_536),  # 4 * 1,000,000 is more than Milvus takes
    ],
)
def test_the_automatic_nlist_is_four_roots_of_the_rows_within_its_bounds(
    rows: int, nlist: int
) -> None:
    assert auto_nlist(rows) == nlist


def test_a_given_nlist_is_taken_and_a_missing_one_is_chosen_from_the_rows() -> None:
    assert IndexChoice(nlist=7).parameters(10_000) == {"params": {"nlist": 7}}
    assert IndexChoice().parameters(10_000) == {"params": {"nlist": 256}}


def test_an_open_nlist_is_written_out_and_a_choice_that_was_made_stays() -> None:
    # 4 * 100 = 400 is more than 10,000 // 39 = 256.
    assert IndexChoice().explicit(10_000) == IndexChoice(nlist=256)
    for made in (IndexChoice(nlist=7), IndexChoice(IndexType.FLAT), IndexChoice(IndexType.HNSW)):
        assert made.explicit(10_000) == made


@pytest.mark.parametrize(
    ("described", "choice"),
    [
        ({"index_type": "IVF_FLAT", "nlist": 7}, IndexChoice(nlist=7)),
        ({"index_type": "FLAT"}, IndexChoice(IndexType.FLAT)),
        (
            {"index_type": "HNSW", "m": 6, "ef_construction": 50},
            IndexChoice(IndexType.HNSW, m=6, ef_construction=50),
        ),
        ({"index_type": ""}, IndexChoice()),  # there is none yet
        ({"index_type": "AUTOINDEX"}, IndexChoice()),  # others made it
    ],
)
def test_the_index_of_a_collection_can_be_asked_for_again(
    described: dict[str, Any], choice: IndexChoice
) -> None:
    assert IndexChoice.of(made_up_info(**{"nlist": 0, **described})) == choice


@pytest.mark.parametrize("kind", [k for k in IndexType if KINDS[k].has_lists])
def test_every_type_with_lists_has_as_many_as_the_rows_call_for(kind: IndexType) -> None:
    # 10,000 // 39 = 256 is below 4 * 100 = 400.
    assert IndexChoice(kind).parameters(10_000, dimension=64)["params"]["nlist"] == 256


@pytest.mark.parametrize(
    ("dimension", "parts"),
    [
        (2_048, 256),  # 2,048 / 8
        (2_000, 250),  # 2,000 / 8
        (1_408, 176),
        (100, 10),  # 12 to 11 do not divide 100
        (8, 1),
        (7, 1),
    ],
)
def test_parts_of_an_embedding_divide_it_and_have_eight_numbers_or_more(
    dimension: int, parts: int
) -> None:
    told = IndexChoice(IndexType.IVF_PQ).parameters(10_000, dimension=dimension)["params"]
    assert (told["m"], told["nbits"]) == (parts, 8)
    assert dimension % parts == 0


def test_parts_that_do_not_divide_an_embedding_are_refused_with_some_that_do() -> None:
    with pytest.raises(SettingsError, match=r"m 7 does not divide the 64 numbers.* such as 8"):
        IndexChoice(IndexType.IVF_PQ, subvectors=7).parameters(10_000, dimension=64)


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (IndexChoice(), "IVF_FLAT"),
        (IndexChoice(nlist=1_024), "IVF_FLAT with nlist 1,024"),
        (IndexChoice(IndexType.FLAT, nlist=3), "FLAT"),
        (IndexChoice(IndexType.HNSW_SQ, m=8), "HNSW_SQ with M 8 and efConstruction 200"),
        (IndexChoice(IndexType.IVF_PQ, 4, subvectors=2), "IVF_PQ with nlist 4 and m 2"),
    ],
)
def test_a_choice_says_its_type_and_the_numbers_that_matter_to_it(
    choice: IndexChoice, said: str
) -> None:
    assert str(choice) == said


def test_a_flat_index_has_no_parameters() -> None:
    assert IndexChoice(IndexType.FLAT, nlist=7).parameters(10_000) == {}


@pytest.mark.parametrize("nlist", [0, -1, MAX_NLIST + 1])
def test_an_nlist_outside_its_range_is_refused_not_replaced(nlist: int) -> None:
    with pytest.raises(SettingsError, match=r"1 to 65,536") as caught:
        IndexChoice(nlist=nlist)
    assert str(nlist) in str(caught.value)


@pytest.mark.parametrize(
    ("nlist", "steps"),
    [
        (0, [1]),
        (1, [1]),
        (2, [1, 2]),
        (7, [1, 2, 4, 7]),
        (8, [1, 2, 4, 8]),
        (100, [1, 2, 4, 8, 16, 32, 64, 100]),
    ],
)
def test_nprobe_is_offered_in_powers_of_two_up_to_all_lists(nlist: int, steps: list[int]) -> None:
    assert nprobe_steps(nlist) == steps
