"""Folders that split a dataset are found by their names, and by nothing less."""

import pytest

from core.dataset.classes import Split, classes_by_folder, find_split, usual_paths


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


@pytest.mark.parametrize(
    ("paths", "labels", "found_by"),
    [
        (["apple/1.jpg", "pear/red/2.jpg", "3.jpg"], ["apple", "pear", ""], "the folders"),
        # A split, in any letter case and below wrappers, as archives from the net have it.
        (
            ["archive/fruits-360/Training/apple/1.jpg", "archive/fruits-360/Test/pear/2.jpg"],
            ["apple", "pear"],
            "the folders below Training and Test",
        ),
        (["val/a/1.jpg", "test/b/2.jpg"], ["a", "b"], "the folders below test and val"),
        # A stray picture beside the split is no class and does not hide it.
        (
            ["train/a/1.jpg", "test/b/2.jpg", "cover.jpg"],
            ["a", "b", ""],
            "the folders below train and test",
        ),
        (
            ["dataset/images/a/1.jpg", "dataset/images/b/2.jpg"],
            ["a", "b"],
            "the folders below dataset/images",
        ),
        (["a/train/1.jpg", "a/test/2.jpg", "b/train/3.jpg"], ["a", "a", "b"], "the folders"),
        # Pictures of trains; a split without classes.
        (["train/1.jpg", "bus/2.jpg"], ["train", "bus"], "the folders"),
        (["train/1.jpg", "test/2.jpg"], ["", ""], "the folders below train and test"),
        (["train/1.jpg", "train/2.jpg"], ["train", "train"], "the folders"),
        (["apple/red/1.jpg", "apple/green/2.jpg"], ["apple", "apple"], "the folders"),
    ],
)
def test_the_class_is_the_folder_that_people_mean(
    paths: list[str], labels: list[str], found_by: str
) -> None:
    found = classes_by_folder(paths)
    assert [found.of(path) for path in paths] == labels
    assert found.found_by == found_by


def test_a_folder_called_like_the_dataset_stands_around_the_classes() -> None:
    assert classes_by_folder(["shoes/a/1.jpg", "shoes/b/2.jpg"], name="Shoes").counts == {
        "a": 1,
        "b": 1,
    }


@pytest.mark.parametrize(
    ("paths", "doubt"),
    [
        (["1.jpg", "2.jpg"], "so none has one"),
        (["2025/11/01/a.jpg", "2026/12/01/b.jpg"], "look like dates (2025, 2026)"),
        (["2026/11/01/a.jpg"], "look like dates (2026)"),
        (["2026-11-01/a.jpg", "20261102/b.jpg"], "look like dates"),
        (["fruits/a/1.jpg", "fruits/b/2.jpg"], "(a, b), give the folder fruits itself"),
        (["a/1.jpg", "a/2.jpg"], "a is the only class"),
    ],
)
def test_what_may_not_be_meant_is_said(paths: list[str], doubt: str) -> None:
    [said] = classes_by_folder(paths).doubts
    assert doubt in said


def test_a_dataset_of_two_classes_raises_no_doubt_and_is_told_in_a_line() -> None:
    found = classes_by_folder(["kiwi/1.jpg", "kiwi/2.jpg", "lemon/1.jpg", "1.jpg"])
    assert found.doubts == ()
    assert found.described() == (
        "2 classes: kiwi 2, lemon 1; 1 picture without a class; by the folders"
    )
