"""The address of one page as another page writes it; what the pages read is in their own tests."""

import pytest

from core.collection.catalogue import catalogue_of
from core.metric import Metric
from core.records import ImageRecord
from core.ui import links, resources

RECORDS = [ImageRecord(3, "pear/a/1.jpg", "pear", "d3"), ImageRecord(4, "loose.jpg", "", "d4")]


def test_a_search_link_holds_what_is_given_and_nothing_else() -> None:
    assert links.search_parameters() == {}
    assert links.search_parameters([3, 2**62], metric=Metric.L2, k=5, nprobe=1) == {
        "queries": "3,4611686018427387904",
        "metric": "L2",
        "k": "5",
        "nprobe": "1",
    }


def test_a_search_link_takes_the_first_five_pictures() -> None:
    assert links.search_parameters(range(9)) == {"queries": "0,1,2,3,4"}


def test_a_map_link_names_class_and_picture_as_the_map_reads_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resources, "get_catalogue", lambda: catalogue_of(RECORDS))
    assert links.map_parameters(3) == {"map_class": "pear", "map_picture": "a/1.jpg"}
    assert links.map_parameters(4) == {"map_class": "", "map_picture": "loose.jpg"}
    assert links.map_parameters(99) == {}
