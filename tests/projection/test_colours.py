"""What colours mean: cases worked out by hand."""

import numpy as np

from core.embeddings.neighbour_table import Neighbourhoods
from core.embeddings.suspects import Suspect
from core.projection.colours import (
    MAX_COLOURED,
    Colouring,
    by_class,
    by_groups,
    by_hubs,
    by_precision,
    by_purity,
    by_survival,
    by_suspects,
    default_highlight,
)

TABLE = Neighbourhoods(
    np.int32([[1, 2], [0, 2], [0, 1]]), np.zeros((3, 2), "f4"), np.zeros((3, 2), "f4")
)
MANY = [f"c{number:02}" for number in range(25) for _ in range(number + 1)]


def test_few_classes_are_all_coloured_in_the_order_of_their_names() -> None:
    paint = by_class(["b", "a", "", "b"])
    assert paint.names == ("no class", "a", "b")
    assert paint.codes.tolist() == [2, 1, 0, 2]
    assert paint.styles == (0, 1, 2)


def test_of_many_classes_the_highlighted_are_coloured_and_keep_their_style() -> None:
    paint = by_class(MANY, ["c20", "c03"])
    assert paint.names == ("c03", "c20")
    # A class's style is its place among all classes, whatever else is highlighted.
    assert paint.styles == (3, 20)
    assert (paint.codes >= 0).sum() == 4 + 21
    assert paint.rest == "other classes"


def test_without_a_choice_the_ten_largest_are_highlighted() -> None:
    # c24 has 25 pictures, c15 has 16: ten classes.
    assert default_highlight(MANY) == [f"c{number}" for number in range(15, 25)]
    assert by_class(MANY).names == tuple(default_highlight(MANY))


def test_no_more_than_twenty_are_ever_coloured() -> None:
    assert len(by_class(MANY, sorted(set(MANY))).names) == MAX_COLOURED


def test_values_have_their_scale() -> None:
    pure = by_purity(TABLE, ["a", "a", "b"])
    # Row 0 (a): 1 (a), 2 (b). Row 1 (a): 0 (a), 2 (b). Row 2 (b): two a.
    assert pure.values.tolist() == [0.5, 0.5, 0.0]
    assert (pure.low, pure.high, pure.notable_high) == (0, 1, False)
    # Of the first neighbour alone: row 0 finds 1 (a), row 1 finds 0 (a), row 2 an a.
    first = by_precision(TABLE, ["a", "a", "b"], 1)
    assert first.values.tolist() == [1.0, 1.0, 0.0]
    assert first.title == "Precision@1"
    # Only two neighbours are kept.
    assert by_precision(TABLE, ["a", "a", "b"], 10).title == "Precision@2"
    hubs = by_hubs(TABLE)
    assert hubs.values.tolist() == [2, 2, 2]
    assert (hubs.low, hubs.high, hubs.notable_high) == (0, 2, True)
    title = by_survival(np.float32([1, 0, 0.5]), 2).title
    assert title == "Neighbours kept by the map (k = 2)"


def test_the_ten_largest_groups_have_a_colour_and_the_rest_share_one() -> None:
    groups = [np.array([2 * number, 2 * number + 1]) for number in range(12)]
    paint = by_groups(groups, 30)
    assert paint.names[0] == "group 1: 2 pictures"
    assert paint.names[10] == "2 smaller groups"
    assert paint.codes[:4].tolist() == [0, 0, 1, 1]
    # Groups 11 and 12 are rows 20 to 23; rows 24 to 29 are in none.
    assert paint.codes[20:].tolist() == [10] * 4 + [-1] * 6


def test_no_groups_and_no_suspects_leave_everything_grey() -> None:
    assert by_groups([], 3).codes.tolist() == [-1, -1, -1]
    assert by_suspects([], 2).codes.tolist() == [-1, -1]
    assert by_suspects([Suspect(1, "a", 0.9, 0.1)], 2).codes.tolist() == [-1, 0]


def test_the_class_of_a_picture_is_not_said_to_be_its_folder() -> None:
    # It may come from a table, or from a correction.
    assert Colouring.CLASS.explanation == "The class of the picture."
