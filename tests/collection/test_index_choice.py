"""Index choices: the parameters Milvus gets, and the numbers offered to a person."""

from typing import Any

import pytest

from core.collection.index_choice import MAX_NLIST, IndexChoice, IndexType, auto_nlist, nprobe_steps
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
        ({"index_type": "DISKANN"}, IndexChoice()),  # others made it
    ],
)
def test_the_index_of_a_collection_can_be_asked_for_again(
    described: dict[str, Any], choice: IndexChoice
) -> None:
    assert IndexChoice.of(made_up_info(**{"nlist": 0, **described})) == choice


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
