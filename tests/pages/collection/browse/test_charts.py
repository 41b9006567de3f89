"""Figures of an inspection: what is drawn."""

from pages.collection.browse.charts import size_points


def test_area_of_a_size_grows_with_its_pictures() -> None:
    points = size_points([(10, 20, 100), (30, 40, 25)], dark=False).data[0]
    assert (list(points.x), list(points.y)) == ([10, 30], [20, 40])
    # 25 of 100 is a quarter of the area above the smallest, so half of the width: 6 + 24, 6 + 12.
    assert list(points.marker.size) == [30, 18]
