"""The address of one page as another page writes it; what the pages read is in their own tests."""

import numpy as np

from core.metric import Metric
from core.records import ImageRecord
from core.ui import links

PEAR = ImageRecord(3, "pear/a/1.jpg", "pear", "d3")
LOOSE = ImageRecord(4, "loose.jpg", "", "d4")


def test_a_search_link_holds_what_is_given_and_nothing_else() -> None:
    assert links.to_search().parameters == {}
    assert links.to_search([3, 2**62], metric=Metric.L2, k=5, nprobe=1).parameters == {
        "queries": "3,4611686018427387904",
        "metric": "L2",
        "k": "5",
        "nprobe": "1",
    }


def test_a_search_link_takes_the_first_five_pictures() -> None:
    assert links.to_search(range(9)).parameters == {"queries": "0,1,2,3,4"}


def test_a_map_link_names_class_and_picture_as_the_map_reads_them() -> None:
    picked = {"map_class": "pear", "map_picture": "a/1.jpg"}
    assert links.to_map(PEAR).parameters == picked
    assert links.to_map(LOOSE).parameters == {"map_class": "", "map_picture": "loose.jpg"}


def test_a_map_link_carries_the_metric_unless_no_map_can_be_drawn_by_it() -> None:
    assert links.to_map(PEAR, metric=Metric.L2).parameters["map_metric"] == "L2"
    assert "map_metric" not in links.to_map(PEAR, metric=Metric.IP).parameters


def test_a_ring_link_is_no_longer_than_an_address_may_be() -> None:
    asked = links.to_ring(range(500), metric=Metric.COSINE).parameters
    assert asked["ring"].split(",") == [str(number) for number in range(links.MAX_RINGED)]
    assert asked["map_metric"] == "COSINE"


def test_a_ring_link_may_pick_a_picture_and_takes_along_what_no_address_holds() -> None:
    query = links.Carried("mine.jpg", None, np.zeros(2, dtype="f4"), b"jpeg")
    way = links.to_ring([7], picked=PEAR, carried=query)
    assert way.parameters == {"map_class": "pear", "map_picture": "a/1.jpg", "ring": "7"}
    assert way.carried is query


def test_a_confusion_link_opens_the_view_at_a_pair_of_classes() -> None:
    assert links.to_confusions("lime", "pear").parameters == {
        "view": "Confusion",
        "asked": "lime",
        "got": "pear",
    }
    assert links.to_confusions("lime").parameters == {"view": "Confusion", "asked": "lime"}
