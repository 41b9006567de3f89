"""Folders that split a dataset are found by their names, and by nothing less."""

import pytest

from core.dataset.classes import Split, find_split, usual_paths


def test_split_above_the_classes_gives_the_classes_below() -> None:
    paths = ["train/apple/1.jpg", "train/pear/red/2.jpg", "test/apple/3.jpg"]
    assert find_split(paths) == Split("test/*", "train/*", ("apple", "pear", "apple"))


def test_split_below_the_classes_leaves_the_classes() -> None:
    paths = ["apple/Train/1.jpg", "pear/Train/2.jpg", "apple/Test/3.jpg"]
    assert find_split(paths) == Split("*/Test/*", "*/Train/*", None)


def test_test_is_preferred_to_validation_which_does_for_want_of_it() -> None:
    found = find_split(["train/a/1.jpg", "val/a/2.jpg", "test/a/3.jpg"])
    assert found
    assert found.query_paths == "test/*"
    found = find_split(["train/a/1.jpg", "val/a/2.jpg"])
    assert found
    assert found.query_paths == "val/*"


def test_a_picture_right_below_the_split_has_no_class() -> None:
    found = find_split(["train/a/1.jpg", "test/2.jpg"])
    assert found
    assert found.labels == ("a", "")


@pytest.mark.parametrize(
    "paths",
    [
        [],
        ["1.jpg"],
        ["apple/1.jpg", "pear/2.jpg"],
        # Classes of vehicles: one is called train.
        ["train/1.jpg", "bus/2.jpg", "test/3.jpg"],
        # Nothing to find, or nothing to ask with.
        ["test/a/1.jpg", "val/a/2.jpg"],
        ["train/a/1.jpg"],
        # One class without the split.
        ["a/train/1.jpg", "a/test/2.jpg", "b/3.jpg"],
    ],
)
def test_anything_else_is_no_split(paths: list[str]) -> None:
    assert find_split(paths) is None


def test_the_settings_win_over_what_is_found() -> None:
    paths = ["train/a/1.jpg", "test/a/2.jpg"]
    assert usual_paths(paths) == ("test/*", "train/*")
    assert usual_paths(paths, query_paths="*/2.*") == ("*/2.*", "")
    assert usual_paths(["a/1.jpg"]) == ("", "")
