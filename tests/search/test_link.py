"""A search as an address: read back as written, and everything unusable named."""

from core.search.crop import Crop
from core.search.link import Link, is_number, is_whole_number, read_link, unusable, write_link

KNOWN = {1, 2, 3, 2**62}


def read(limit: int = 5, **parameters: str) -> Link:
    return read_link(parameters, known=KNOWN, limit=limit)


def test_a_link_reads_back_what_it_wrote() -> None:
    link = Link(
        queries=(2**62, 1), crops={1: Crop(0, 0, 500, 500)}, more=(2,), less=(3,), notices=()
    )
    written = write_link(link)
    assert written == {
        "queries": f"{2**62},1",
        "crop": "1:0.0.500.500",
        "more": "2",
        "less": "3",
    }
    assert read(**written) == link


def test_what_is_empty_is_left_out() -> None:
    assert write_link(Link()) == {}
    assert write_link(Link(queries=(1,), crops={1: Crop(0, 0, 1000, 1000)})) == {"queries": "1"}


def test_ids_that_are_not_there_are_ignored_and_named() -> None:
    link = read(queries="1,99,x,-1,,1", more="77")
    assert link.queries == (1,)
    assert "queries: 99, x, -1 is no picture of the collection" in link.notices[0]
    assert "more: 77" in link.notices[1]


def test_a_sentence_about_a_long_value_is_short_and_counts_the_rest() -> None:
    (notice,) = read(queries=",".join(["9" * 5000] * 8)).notices
    assert len(notice) < 400 and "and others" in notice


def test_more_pictures_than_can_be_combined_are_counted() -> None:
    link = read(limit=2, queries="1,2,3")
    assert link.queries == (1, 2)
    assert link.notices == ("queries: the first 2 of 3 pictures are taken.",)


def test_a_picture_cannot_be_liked_and_disliked() -> None:
    link = read(more="1,2", less="2,3")
    assert (link.more, link.less) == ((1, 2), (3,))


def test_crops_of_other_pictures_and_impossible_ones_are_ignored_and_named() -> None:
    link = read(queries="1,2", crop="3:0.0.500.500,1:9.9.9.9,2:100.100.900.900,zzz")
    assert link.crops == {2: Crop(100, 100, 900, 900)}
    assert len(link.notices) == 3


def test_values_that_a_control_does_not_take_are_named() -> None:
    asked = {"k": ["101"], "classes": ["pear", "<b>"], "other": ["1"]}
    allowed = {"k": lambda v: is_whole_number(v, 1, 100), "classes": lambda v: v == "pear"}
    assert unusable(asked, allowed) == [
        "k=101 is not possible here and was ignored.",
        "classes=<b> is not possible here and was ignored.",
    ]


def test_numbers() -> None:
    assert is_whole_number("100", 1, 100) and not is_whole_number("0", 1, 100)
    assert not is_whole_number("1.0", 1, 100) and not is_whole_number("²", 1, 100)
    assert is_number("-1.5") and not is_number("nan") and not is_number("inf")
    assert not is_number("<b>") and not is_number("")
