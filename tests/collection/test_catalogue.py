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


def test_pictures_of_a_class_are_counted_without_some_and_with_a_column() -> None:
    ripe = (("ripe", "yes"),)
    records = [ImageRecord(n, f"pear/{n}.jpg", "pear", "", ripe * (n % 2)) for n in range(5)]
    catalogue = catalogue_of([*records, ImageRecord(9, "plum/9.jpg", "plum", "")])
    assert catalogue.count("pear") == 5
    # A plum, and an id that is no row, are none of them.
    assert catalogue.count("pear", without=[0, 1, 9, 77]) == 3
    # 1 and 3 are ripe; 0 is not, and so is left out already.
    assert catalogue.count("pear", having=(("ripe", ("yes",)),), without=[0, 1]) == 1
    assert catalogue.count("quince") == 0


def test_digest_that_many_pictures_share_names_all_of_them_in_order() -> None:
    records = [ImageRecord(n, f"{n:03}.jpg", "", f"{n % 2}") for n in range(100)]
    copies = catalogue_of(records).by_digest
    assert copies == {"0": tuple(range(0, 100, 2)), "1": tuple(range(1, 100, 2))}
