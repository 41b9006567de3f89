"""Names compared as people read them."""

import unicodedata

import pytest

from core.collection.catalogue import catalogue_of
from core.collection.query import label_filter
from core.collection.rows import as_record
from core.collection.schema import Schema
from core.dataset.names import composed, fits, folded, forms, guessed
from core.records import ImageRecord

# An i with an accent is U+00ED, or an i and U+0301 behind it (Unicode, UAX #15).
ONE, TWO = "K\u00edwi", "Ki\u0301wi"


def test_both_forms_are_composed_to_one() -> None:
    assert composed(TWO) == composed(ONE) == ONE
    assert forms(ONE) == forms(TWO) == [ONE, TWO]
    assert forms("Kiwi") == ["Kiwi"]
    assert folded("K\u00cdWI") == folded(TWO) == "k\u00edwi"


def test_a_pattern_finds_paths_of_either_form() -> None:
    assert fits(f"{TWO}/test_1.jpg", f"{ONE}/test_*")
    assert fits(f"{ONE}/test_1.jpg", f"{TWO}/test_*")
    assert not fits(f"{ONE}/train_1.jpg", f"{ONE}/test_*")


def test_words_in_the_path_and_classes_are_found_in_either_form() -> None:
    records = [
        ImageRecord(1, f"{TWO}/gr\u00fcn.jpg", ONE, ""),
        ImageRecord(2, "Lemon/1.jpg", "", ""),
    ]
    catalogue = catalogue_of(records)
    for words in ("kíwi", unicodedata.normalize("NFD", "KÍWI GRÜN")):
        assert catalogue.matching(words) == records[:1]


@pytest.mark.parametrize("asked", [ONE, TWO])
def test_a_class_filter_takes_stored_names_of_either_form(asked: str) -> None:
    assert label_filter([asked]) == f'label in ["{ONE}", "{TWO}"]'
    said = label_filter([asked], Schema(label=""))
    assert f'path >= "{ONE}/"' in said
    assert f'path >= "{TWO}/"' in said


def test_a_stored_class_is_composed_when_it_is_read() -> None:
    row = {"path": f"{TWO}/1.jpg", "label": TWO, "digest": ""}
    assert as_record(1, row, Schema()).label == ONE
    assert as_record(1, row, Schema(label="")).label == ONE
    assert as_record(1, row, Schema()).path == f"{TWO}/1.jpg"


def test_utf8_is_read_as_such_and_bytes_of_no_language_are_still_names() -> None:
    guess = guessed(["Ärger".encode(), b"plain"])
    assert (guess.names, guess.encoding) == (("Ärger", "plain"), "UTF-8")
    assert len(guessed([b"\x81\xff\xfe"]).names) == 1
