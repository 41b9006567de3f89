"""Pictures of a collection found without the database."""

from core.collection.catalogue import catalogue_of
from core.records import ImageRecord

RECORDS = [
    ImageRecord(7, "plum/Red Gold/b.jpg", "plum", "same"),
    ImageRecord(5, "pear/a.jpg", "pear", ""),
    ImageRecord(6, "pear/red.jpg", "pear", "same"),
]


def test_classes_and_pictures_are_in_order_of_their_names() -> None:
    catalogue = catalogue_of(RECORDS)
    assert list(catalogue.by_class) == ["pear", "plum"]
    assert [record.id for record in catalogue.by_class["pear"]] == [5, 6]
    assert list(catalogue.by_id) == [5, 6, 7]


def test_pictures_of_the_same_bytes_share_a_digest_and_rows_without_one_share_nothing() -> None:
    assert catalogue_of(RECORDS).by_digest == {"same": (6, 7)}


def test_a_search_in_paths_wants_every_word_whatever_its_case() -> None:
    catalogue = catalogue_of(RECORDS)
    assert [r.id for r in catalogue.matching("RED")] == [6, 7]
    assert [r.id for r in catalogue.matching("gold red")] == [7]
    assert catalogue.matching("apple") == []
    assert len(catalogue.matching("")) == 3


def test_words_are_looked_for_in_tags_as_well() -> None:
    catalogue = catalogue_of(RECORDS, tags={"pear/a.jpg": ("Blurred", "twice")})
    assert [r.id for r in catalogue.matching("blurred pear")] == [5]
