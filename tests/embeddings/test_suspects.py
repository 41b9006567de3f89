"""Suspected labels: votes of neighbours counted by hand."""

import numpy as np
import pytest

from core.embeddings import suspects
from core.embeddings.neighbour_table import Neighbourhoods
from core.embeddings.suspects import Suspect, suspected_labels, suspects_among

NAMES = ["apple", "pear", "plum"]
A, B, C, NONE = 0, 1, 2, -1


def _suspects(own: list[int], around: list[list[int]], *, classmates: int = 99) -> list[Suspect]:
    others = np.full(len(own), classmates)
    return suspected_labels(np.array(own), np.array(around), others, names=NAMES)


def test_a_label_is_suspected_from_four_of_five_neighbours_of_one_other_class() -> None:
    found = _suspects([A, A, A], [[B, B, B, B, A], [B, B, B, A, C], [B, B, C, C, C]])
    # 4 of 5 is 80 %. Of the others no class has more than 3 of 5, though most are not apples.
    assert found == [Suspect(0, "pear", 0.8, 0.2)]


def test_the_most_certain_come_first() -> None:
    around = [[B, B, B, B, A], [C, C, C, C, B], [B, B, B, B, B], [C, C, C, C, B]]
    found = _suspects([A, A, A, A], around)
    # All five, then four of which none is left for the own class, then four and one of the own.
    assert [(s.row, s.suggested) for s in found] == [
        (2, "pear"),
        (1, "plum"),
        (3, "plum"),
        (0, "pear"),
    ]


def test_places_left_empty_count_against_a_suspicion() -> None:
    # 3 of the 5 places; 3 of 3 would be suspicious.
    assert _suspects([A], [[B, B, B, NONE, NONE]]) == []


def test_a_picture_without_a_label_is_suspected_of_nothing() -> None:
    assert _suspects([NONE], [[B, B, B, B, B]]) == []
    assert suspected_labels(np.array([NONE]), np.array([[NONE]]), np.array([0]), names=[]) == []
    nobody = np.zeros((1, 0), dtype=int)
    assert suspected_labels(np.array([A]), nobody, np.array([0]), names=NAMES) == []


@pytest.mark.parametrize(
    ("classmates", "is_suspected"),
    [
        (0, True),  # perhaps a slip of the pen: nobody else is called so
        (1, False),  # the only other one is near: nothing more could be
        (2, False),  # one of two is half of them
        (3, True),  # two of three are elsewhere
    ],
)
def test_a_picture_whose_few_classmates_are_near_is_not_suspected(
    classmates: int, is_suspected: bool
) -> None:
    near = [A] if classmates else [C]
    found = _suspects([A], [[*near, B, B, B, B]], classmates=classmates)
    assert [s.suggested for s in found] == (["pear"] if is_suspected else [])


def test_blocks_keep_the_rows_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = _suspects([A, B, C, A], [[B] * 5, [B] * 5, [A] * 5, [C] * 5])
    assert [s.row for s in whole] == [0, 2, 3]
    monkeypatch.setattr(suspects, "_VOTES", 3)
    assert _suspects([A, B, C, A], [[B] * 5, [B] * 5, [A] * 5, [C] * 5]) == whole


def test_a_neighbour_table_is_read_by_labels() -> None:
    # Row 0 is an apple among pears; row 5 has no label.
    labels = ["apple", "pear", "pear", "pear", "pear", ""]
    around = [[1, 2, 3, 4], [2, 3, 4, 0], [1, 3, 4, 0], [1, 2, 4, 0], [1, 2, 3, 0], [1, 2, 3, 4]]
    half = np.full((6, 4), 0.5, dtype=np.float32)
    table = Neighbourhoods(np.array(around, dtype=np.int32), half, half)
    assert suspects_among(table, labels) == [Suspect(0, "pear", 1.0, 0.0)]
    # Two plums among seven pears, each the nearest neighbour of the other.
    labels = ["plum", "plum", *["pear"] * 7]
    around = [[1, 2, 3, 4, 5], [0, 2, 3, 4, 5], *[[2, 3, 4, 5, 6]] * 7]
    half = np.full((9, 5), 0.5, dtype=np.float32)
    table = Neighbourhoods(np.array(around, dtype=np.int32), half, half)
    assert suspects_among(table, labels) == []
