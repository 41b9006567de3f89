"""Reading a confusion matrix."""

import numpy as np

from core.measures.confusions import by_similarity, largest_confusions, most_confused

NAN = np.nan
# Rows are asked, columns came back: 0 and 2 are confused most, 3 was never asked.
SHARES = np.array(
    [
        [0.5, 0.0, 0.4, 0.1],
        [0.0, 0.9, 0.1, 0.0],
        [0.3, 0.2, 0.5, 0.0],
        [NAN, NAN, NAN, NAN],
    ]
)


def test_the_largest_confusions_come_first_and_right_hits_are_none() -> None:
    assert largest_confusions(SHARES, most=3) == [(0, 2), (2, 0), (2, 1)]
    # 0.1 twice: in the order of the classes.
    assert largest_confusions(SHARES, most=9)[3:] == [(0, 3), (1, 2)]
    assert largest_confusions(np.eye(3), most=8) == []


def test_the_confusions_of_one_class_are_its_row() -> None:
    assert largest_confusions(SHARES, most=8, asked=2) == [(2, 0), (2, 1)]
    assert largest_confusions(SHARES, most=8, asked=3) == []


def test_of_many_classes_those_of_the_largest_confusions_are_kept() -> None:
    assert most_confused(SHARES, most=4) == [0, 1, 2, 3]
    # (0, 2), (2, 0), then (2, 1); a fourth would not fit.
    assert most_confused(SHARES, most=3) == [0, 1, 2]
    assert most_confused(SHARES, most=3, keep=[3]) == [0, 2, 3]


def test_classes_that_are_confused_stand_together() -> None:
    # 0.4 + 0.3 joins 0 and 2; 1 is like 2 alone, so it stands beside that one; 3 like 0.
    assert by_similarity(SHARES) in ([3, 0, 2, 1], [1, 2, 0, 3])
    assert by_similarity(np.zeros((0, 0))) == []
    assert by_similarity(np.eye(1)) == [0]
    assert sorted(by_similarity(np.eye(5))) == [0, 1, 2, 3, 4]
