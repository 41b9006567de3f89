"""Figures of the Collection page: what is drawn, and that labels stay text."""

from pages.collection.charts import MOST_BARS, class_bars, size_points


def test_classes_are_ordered_and_labels_are_escaped() -> None:
    bars = class_bars({"pear": 2, "<b>apple</b>": 5, "": 2}, dark=False).data[0]
    # Plotly draws from the bottom up: the largest comes last.
    assert list(bars.y) == ["pear", "no class", "&lt;b&gt;apple&lt;/b&gt;"]
    assert list(bars.x) == [2, 2, 5]


def test_classes_beyond_the_limit_are_summed_up_and_none_is_lost() -> None:
    counts = {f"c{n:03d}": 1_000 - n for n in range(MOST_BARS + 3)}
    bars = class_bars(counts, dark=True).data[0]
    assert len(bars.x) == MOST_BARS + 1
    assert bars.y[0] == "3 smaller classes"
    assert sum(bars.x) == sum(counts.values())


def test_area_of_a_size_grows_with_its_pictures() -> None:
    points = size_points([(10, 20, 100), (30, 40, 25)], dark=False).data[0]
    assert (list(points.x), list(points.y)) == ([10, 30], [20, 40])
    # 25 of 100 is a quarter of the area above the smallest, so half of the width: 6 + 24, 6 + 12.
    assert list(points.marker.size) == [30, 18]
