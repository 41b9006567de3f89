"""Further columns of rows: counted, put in order, asked for."""

import numpy as np
import pytest

from core.collection.catalogue import catalogue_of
from core.collection.columns import columns_of, has_all, no_such_class, parse_having, searchable
from core.collection.query import row_filter
from core.collection.schema import Schema
from core.errors import QueryError
from core.records import ImageRecord

GALA = (("day", "2024-01-02"), ("variety", "Gala"))
ROWS = (GALA, (("variety", "Elstar"),), (), (("variety", "Gala"),))


def test_columns_say_which_rows_have_which_value() -> None:
    columns = columns_of(ROWS)
    assert list(columns) == ["day", "variety"]
    # Gala twice, so it comes first.
    assert list(columns["variety"].counts.items()) == [("Gala", 2), ("Elstar", 1)]
    assert columns["variety"].values == ("Gala", "Elstar", "", "Gala")
    assert columns["variety"].mask("Gala").tolist() == [True, False, False, True]
    assert columns["day"].mask("2024-01-02", "no such day").tolist() == [True, False, False, False]


def test_rows_of_which_nothing_is_known_have_no_columns() -> None:
    assert columns_of(()) == columns_of(((), ())) == {}


def test_every_column_that_is_asked_for_must_have_one_of_its_values() -> None:
    wanted = (("variety", ("Gala", "Elstar")), ("day", ("2024-01-02",)))
    assert [has_all(row, wanted) for row in ROWS] == [True, False, False, False]
    assert all(has_all(row, ()) for row in ROWS)


def test_a_catalogue_finds_pictures_by_their_columns() -> None:
    # In order of the paths, which is not that of the rows.
    records = [
        ImageRecord(9 - n, f"{9 - n}.jpg", "apple" if n % 2 else "pear", "", further)
        for n, further in enumerate(ROWS)
    ]
    catalogue = catalogue_of(records)
    gala = catalogue.matching("", having=(("variety", ("Gala",)),))
    assert [record.path for record in gala] == ["6.jpg", "9.jpg"]
    assert catalogue.matching("", label="apple", having=(("variety", ("Gala",)),)) == [records[3]]
    assert catalogue.matching("", having=(("no such", ("Gala",)),)) == []


def test_classes_and_columns_are_one_expression() -> None:
    asked = row_filter(["apple"], having=(("variety", ("Gala", 'a"b')), ("day", ("1",))))
    assert asked == (
        '(label in ["apple"]) and ($meta["variety"] == "Gala" or $meta["variety"] == "a\\"b")'
        ' and ($meta["day"] == "1")'
    )
    assert row_filter([], having=()) == ""


def test_a_fault_of_a_picture_is_found_with_whatever_others_it_comes() -> None:
    rows = (
        (("picture_pixels", "10 x 10"), ("picture_quality", "dark, blurred")),
        (("picture_pixels", "10 x 10"), ("picture_quality", "good")),
        (("variety", "Gala"),),
    )
    columns = columns_of(rows)
    assert list(columns) == ["picture_quality", "variety"]
    quality = columns["picture_quality"]
    assert quality.counts == {"blurred": 1, "dark": 1, "good": 1}
    assert (quality.title, quality.none) == ("picture quality", "not measured")
    blurred = (("picture_quality", ("blurred",)),)
    assert [has_all(row, blurred) for row in rows] == [True, False, False]
    asked = row_filter([], having=blurred)
    # Alone, or with any of five others: 32 texts.
    assert asked.count(" or ") == 31 and '== "dark, blurred"' in asked
    assert '"dark"' not in asked


def test_what_is_measured_against_all_others_cannot_be_searched_for() -> None:
    sizes = ["10 x 10"] * 8 + ["99 x 99"]
    columns = columns_of([(("picture_pixels", s), ("picture_quality", "good")) for s in sizes])
    assert columns["picture_quality"].counts == {"good": 9, "odd size": 1}
    assert searchable(columns)["picture_quality"].counts == {"good": 9}
    with pytest.raises(QueryError, match="cannot ask for odd size"):
        row_filter([], having=(("picture_quality", ("odd size",)),))


def test_classes_to_choose_are_named_without_none_and_a_long_list_says_that_it_is_cut() -> None:
    assert str(no_such_class(["kiwi"], ["pear", "", "apple"])) == (
        "no row has the class 'kiwi'. Choose among apple, pear."
    )
    # 20 of 22 are named.
    many = str(no_such_class(["kiwi"], [f"c{n:02d}" for n in range(22)]))
    assert many.endswith("c18, c19, and 2 more.")
    assert str(no_such_class(["kiwi"], [""])) == "no row has the class 'kiwi'."


def test_a_column_of_some_rows_in_another_order() -> None:
    variety = columns_of(ROWS)["variety"]
    assert variety.of_rows(np.array([3, 1, -1, 2])).values == ("Gala", "Elstar", "", "")
    assert list(variety.of_rows(np.array([0])).rows) == ["Gala"]


@pytest.mark.parametrize("text", ["variety", "=Gala", "variety=", " = "])
def test_a_filter_that_names_no_value_is_refused(text: str) -> None:
    with pytest.raises(QueryError, match="names no value of a column"):
        parse_having([text])


def test_of_several_values_of_a_column_one_is_enough() -> None:
    assert parse_having(["variety=Gala", "day = 1", "variety=a=b"]) == (
        ("variety", ("Gala", "a=b")),
        ("day", ("1",)),
    )


def test_a_collection_that_keeps_no_columns_cannot_be_asked_for_them() -> None:
    with pytest.raises(QueryError, match="keeps no further columns"):
        row_filter([], Schema(dynamic=""), having=(("variety", ("Gala",)),))
