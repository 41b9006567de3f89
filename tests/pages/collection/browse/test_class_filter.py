"""Bars of classes: their order and their lengths."""

from pages.collection.browse.class_filter import ordered, shares


def test_largest_class_comes_first_and_equal_ones_by_name() -> None:
    assert ordered({"pear": 2, "apple": 5, "": 2}) == ["apple", "", "pear"]


def test_a_bar_is_as_long_as_its_share_of_the_largest() -> None:
    # 1 of 3 is a third; the first option stands for all classes and has no bar.
    style = shares([3, 1])
    assert ">:nth-child(2){--share:100.0%}" in style
    assert ">:nth-child(3){--share:33.3%}" in style
    assert "nth-child(1)" not in style
    assert shares([]) == ""
