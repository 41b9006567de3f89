"""Queries and gallery on the map: settings before folders before the list of training pictures."""

import numpy as np

from core.embeddings.matrix import Matrix
from core.encoder.training_list import TrainingList
from core.projection.roles import by_role
from core.projection.rows import MapRows, choose_rows

FLAT = ("a/1.jpg", "a/2.jpg", "b/3.jpg")
SPLIT = ("test/a/1.jpg", "train/a/2.jpg", "train/b/3.jpg")
KNOWN = TrainingList(trained_on=frozenset({"d1"}), held_out=frozenset({"d2"}))


def _rows(paths: tuple[str, ...]) -> MapRows:
    count = len(paths)
    digests = tuple(f"d{number}" for number in range(count))
    empty = np.zeros((count, 2), dtype="f4")
    matrix = Matrix(np.arange(count), paths, ("a",) * count, digests, empty, "f", "f", "f")
    return choose_rows(matrix, limit=10)


def test_folders_that_split_the_dataset_name_queries_and_gallery() -> None:
    found = by_role(_rows(SPLIT), query_paths="", gallery_paths="", known=KNOWN)
    # The last are drawn last: queries, which are fewer, lie on top.
    assert found.codes.tolist() == [1, 0, 0]
    assert found.names == ("gallery: train/*", "query: test/*")
    # The two differ in shape as well: 0 is a circle, 11 a diamond.
    assert found.styles == (0, 11)


def test_the_settings_come_first_and_a_picture_that_is_both_is_a_query() -> None:
    found = by_role(_rows(SPLIT), query_paths="*/a/*", gallery_paths="", known=None)
    assert found.codes.tolist() == [1, 1, 0]
    assert found.names == ("gallery: every path", "query: */a/*")


def test_without_a_split_the_held_out_pictures_are_the_queries() -> None:
    found = by_role(_rows(FLAT), query_paths="", gallery_paths="", known=KNOWN)
    assert found.codes.tolist() == [-1, 0, 1]
    assert found.names[1] == "query: held out from training"


def test_where_nothing_tells_them_apart_every_picture_is_both() -> None:
    strangers = TrainingList(trained_on=frozenset({"x"}), held_out=frozenset({"y"}))
    for known in (None, strangers):
        found = by_role(_rows(FLAT), query_paths="", gallery_paths="", known=known)
        assert found.codes.tolist() == [-1, -1, -1] and not found.names
        assert found.rest == "query and gallery alike"
