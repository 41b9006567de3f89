"""What is said of pictures, and rows with that taken into account."""

import pytest

from core.corrections.correction import (
    NOTHING,
    Applied,
    Correction,
    Corrections,
    Edit,
    applied_to,
)
from core.errors import CorrectionError
from core.records import ImageRecord


def record(path: str) -> ImageRecord:
    return ImageRecord(len(path), path, path.partition("/")[0], "d")


ROWS = [record("kiwi/1.jpg"), record("kiwi/02.jpg"), record("lime/003.jpg")]


def test_a_row_has_the_class_it_was_given_and_one_that_is_left_out_is_not_there() -> None:
    said = Corrections(
        {
            "kiwi/1.jpg": Correction(label="lime", tags=("small",)),
            "kiwi/02.jpg": Correction(label="lime", excluded=True),
        }
    )
    assert [(r.path, r.label) for r in said.all_seen(ROWS)] == [
        ("kiwi/1.jpg", "lime"),
        ("lime/003.jpg", "lime"),
    ]
    # A tag changes no figure; the class of what is left out does not count either.
    assert (applied_to(ROWS, said).relabelled, applied_to(ROWS, said).excluded) == (1, 1)
    assert str(applied_to(ROWS, said)) == "1 relabelled, 1 left out"


def test_only_what_changes_a_row_counts_as_applied() -> None:
    # A picture that is not there, one that is of the class anyway, and a tag.
    said = Corrections(
        {
            "gone.jpg": Correction(excluded=True),
            "kiwi/1.jpg": Correction(label="kiwi"),
            "lime/003.jpg": Correction(tags=("green",)),
        }
    )
    assert applied_to(ROWS, said) == Applied()
    assert str(Applied()) == ""
    assert applied_to(ROWS, Corrections({})) == Applied()


def test_the_fingerprint_follows_classes_and_exclusions_and_not_the_order_or_tags() -> None:
    one, two = Correction(label="lime"), Correction(excluded=True)
    said = Corrections({"a": one, "b": two})
    assert said.fingerprint == Corrections({"b": two, "a": one}).fingerprint
    assert said.fingerprint != Corrections({"a": two, "b": one}).fingerprint
    assert Corrections({"a": Correction(tags=("x",))}).fingerprint == ""
    # What pages show has another name with every tag.
    marks = {
        Corrections({"a": Correction(tags=tags)}).mark for tags in [("x",), ("y",), ("x", "y")]
    }
    assert len(marks) == 3


def test_a_collection_of_which_all_is_left_out_says_how_to_get_it_back() -> None:
    said = Corrections({row.path: Correction(excluded=True) for row in ROWS})
    with pytest.raises(CorrectionError, match=r"all 3 pictures are left out.*--undo"):
        said.all_seen(ROWS)
    assert Corrections({}).all_seen([]) == []


def test_an_edit_changes_what_it_names_and_leaves_the_rest() -> None:
    known = Correction(label="lime", tags=("small",))
    assert Edit(excluded=True).of(known) == Correction("lime", excluded=True, tags=("small",))
    assert Edit(tagged=("green, round", "small")).of(known).tags == ("small", "green", "round")
    assert Edit(untagged=("small",)).of(known) == Correction("lime")
    # Taken away as it is given: several in one text, in whatever form and with whatever spaces.
    words = "cafe\u0301; two  words"
    tagged = Edit(tagged=(words,)).of(NOTHING)
    assert tagged.tags == ("caf\u00e9", "two words")
    assert Edit(untagged=(words,)).of(tagged) == NOTHING
    # An empty class gives back that of the folder.
    assert Edit(label=" ", untagged=("small",)).of(known) == NOTHING


def test_classes_and_tags_are_kept_in_one_line_and_one_form() -> None:
    # The same letter as one sign and as two, as a Mac types it.
    assert Edit(label=" Cafe\u0301\n au lait ").of(NOTHING).label == "Caf\u00e9 au lait"
    assert Edit(tagged=("cafe\u0301", "caf\u00e9")).of(NOTHING).tags == ("caf\u00e9",)
    for edit in (Edit(label="x" * 201), Edit(tagged=("x" * 201,))):
        with pytest.raises(CorrectionError, match="201 characters, allowed are 200"):
            edit.of(NOTHING)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (Edit(label="lime"), "3 pictures now lime"),
        (Edit(label=""), "3 pictures back to the class they were indexed with"),
        (Edit(excluded=True), "3 pictures left out"),
        (Edit(excluded=False), "3 pictures no longer left out"),
        (Edit(tagged=("a;b",)), "3 pictures tagged a, b"),
        (Edit(untagged=("a;b",)), "3 pictures no longer tagged a, b"),
    ],
)
def test_an_edit_is_told_in_words(edit: Edit, said: str) -> None:
    assert edit.said(3) == said
