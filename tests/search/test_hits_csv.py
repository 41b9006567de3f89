"""Hits as a table: what is in it."""

from core.metric import Metric
from core.records import ImageRecord
from core.search.hits import Hit
from core.search.hits_csv import hits_as_csv


def hit(rank: int, path: str, score: float = 4.0) -> Hit:
    return Hit(rank, ImageRecord(rank, path, path.split("/", maxsplit=1)[0], "d"), score)


def test_the_table_has_displayed_and_raw_scores() -> None:
    text = hits_as_csv([hit(1, "pear/a.jpg")], metric=Metric.L2)
    assert text.removeprefix("\ufeff").splitlines() == [
        "rank,class,path,id,digest,distance,raw score",
        # The root of 4 is 2.
        "1,pear,pear/a.jpg,1,d,2,4",
    ]
