"""What the browser is told: everything that is drawn, in few bytes, and again only what changed."""

import json

import numpy as np
import pytest

from core.projection.colours import Categories, Values, by_class
from core.ui.charts import class_colour
from pages.embedding_map.chart import Marks, style_of
from pages.embedding_map.component.message import Message, message_of

FLAT = np.float32([[0, 0], [1, 0], [0, 2], [3, 3]])


def told(paint: Categories | Values, **more: object) -> Message:
    options = {"marks": Marks(), "dark": False, "scale": 1.0} | more
    return message_of(FLAT, paint, **options)  # type: ignore[arg-type]


def test_every_point_goes_with_its_place_and_category() -> None:
    message = told(Categories(np.array([0, -1, 1, 0]), ("one", "two"), (0, 13), "others"))
    paint = message.text["paint"]
    assert message.numbers[message.text["points"]].tolist() == FLAT.tolist()
    assert message.numbers[paint["numbers"]].tolist() == [0, -1, 1, 0]
    # What map.js reads them as.
    assert [array.dtype.str for array in message.numbers.values()] == ["<f4", "<i2"]
    assert [c["name"] for c in paint["categories"]] == ["one", "two"]
    assert paint["rest"]["name"] == "others"


def test_values_go_with_their_scale_the_notable_end_in_vermilion() -> None:
    for notable_high in (False, True):
        values = Values(np.array([0.5, np.nan, 0.1, 0.9]), "v", 0, 1, notable_high)
        message = told(values)
        paint = message.text["paint"]
        found = message.numbers[paint["numbers"]]
        assert found.dtype.str == "<f4" and np.isnan(found[1])
        assert (paint["title"], paint["low"], paint["high"]) == ("v", 0, 1)
        assert paint["notable_high"] is notable_high
        assert paint["scale"].index("#D55E00") == (2 if notable_high else 0)


@pytest.mark.parametrize("dark", [False, True])
def test_a_class_has_the_colour_that_other_pages_give_it(dark: bool) -> None:
    # In order: apple 0, lime 1, pear 2.
    paint = told(by_class(["pear", "lime", "apple", "pear"]), dark=dark).text["paint"]
    assert {c["name"]: c["colour"] for c in paint["categories"]} == {
        name: class_colour(place, dark=dark) for place, name in enumerate(("apple", "lime", "pear"))
    }


def test_shapes_tell_apart_what_shares_a_colour() -> None:
    paint = told(by_class([f"{number:02}" for number in range(4)])).text["paint"]
    assert [(c["colour"], c["symbol"]) for c in paint["categories"]] == [
        style_of(place, dark=False) for place in range(4)
    ]


def test_names_keep_their_signs_and_letters() -> None:
    # They are set as text by the browser; escaping them here would show the escapes.
    names = ["", "<b>\"wild\" & 'card'</b>", "plain", "x" * 200]
    paint = told(by_class(names)).text["paint"]
    assert [c["name"] for c in paint["categories"]] == ["no class", *names[1:]]


def test_marks_name_rows_and_the_place_of_a_picture_that_is_no_row() -> None:
    picked = told(by_class(["a"] * 4), marks=Marks(ringed=(2,), centre=3, ends=(0, 1)))
    assert picked.text["marks"] == {"ringed": [2], "centre": 3, "ends": [0, 1], "query": None}
    placed = told(by_class(["a"] * 4), marks=Marks(ends=(0,), query=(5.0, 6.0)))
    assert placed.text["marks"] == {"ringed": [], "centre": None, "ends": [0], "query": [5.0, 6.0]}


def test_pale_points_are_told_one_by_one_and_nothing_where_none_was_asked_for() -> None:
    pale = told(by_class(["a"] * 4), pale=np.array([False, True, True, False]))
    assert pale.numbers[pale.text["pale"]].tobytes() == b"\0\1\1\0"
    assert told(by_class(["a"] * 4)).text["pale"] is None


def test_lines_of_equal_density_are_told_where_there_are_some() -> None:
    lines = np.float32([[0, 0], [1, 1], [np.nan, np.nan]])
    dense = told(by_class(["a"] * 4), density=lines)
    assert dense.numbers[dense.text["density"]] is lines
    assert told(by_class(["a"] * 4)).text["density"] is None


def test_numbers_have_another_name_when_they_are_others_and_the_same_when_they_are_not() -> None:
    one, same = (
        told(by_class(["a", "b", "a", "b"])),
        told(by_class(["a", "b", "a", "b"]), dark=True),
    )
    other = told(by_class(["b", "b", "a", "b"]))
    assert set(one.numbers) == set(same.numbers)
    assert one.text["points"] == other.text["points"]
    assert one.text["paint"]["numbers"] != other.text["paint"]["numbers"]
    # Values and codes of the same bytes are read in different ways.
    # Two float32 zeros are as many bytes as four int16 zeros.
    values = told(Values(np.zeros(2), "v", 0, 1)).text["paint"]["numbers"]
    codes = told(Categories(np.zeros(4, dtype=np.int64), ("a",), (0,))).text["paint"]["numbers"]
    assert values != codes


def test_the_text_is_json_of_a_length_that_the_number_of_points_does_not_change() -> None:
    lengths = []
    for rows in (100, 10_000):
        places = np.random.default_rng(0).normal(size=(rows, 2)).astype("f4")
        paint = by_class(["a", "b"] * (rows // 2))
        text = message_of(places, paint, marks=Marks(), dark=False, scale=1).text
        lengths.append(len(json.dumps(text)))
    assert max(lengths) - min(lengths) < 20
