"""Pictures that stand for what is about to be indexed."""

from pages.collection.build.preview import samples
from pages.collection.build.source import Source


def test_samples_come_from_all_over_the_classes() -> None:
    paths = tuple(f"c{number}/{copy}.jpg" for number in range(6) for copy in "ab")
    chosen = samples(Source("/photos", paths), most=3)
    # Of 6 classes the ones at 0, 2 and 4, each with its first picture.
    assert [record.path for record in chosen] == ["c0/a.jpg", "c2/a.jpg", "c4/a.jpg"]


def test_few_classes_have_a_sample_each() -> None:
    chosen = samples(Source("/photos", ("1.jpg", "pear/1.jpg")))
    assert [record.label for record in chosen] == ["", "pear"]
