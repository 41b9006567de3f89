"""The figure: rows stay attached to points, text of data is escaped, nothing rests on colour."""

import numpy as np
import plotly.graph_objects as go
import pytest

from core.projection.colours import Categories, Values, by_class
from core.ui.charts import class_colour
from pages.embedding_map.chart import (
    SYMBOLS,
    Marks,
    hover_texts,
    map_figure,
    style_of,
)

FLAT = np.float32([[0, 0], [1, 0], [0, 2], [3, 3]])
DEEP = np.float32([[0, 0, 1], [1, 0, 1], [0, 2, 1], [3, 3, 1]])
TEXTS = np.array(["w", "x", "y", "z"])


def _points(figure: go.Figure) -> dict[int, tuple[float, str]]:
    """Row -> (x, tooltip), over all traces that carry rows."""
    return {
        int(row): (float(x), text)
        for trace in figure.data
        if trace.customdata is not None
        for row, x, text in zip(trace.customdata, trace.x, trace.hovertext, strict=True)
    }


def _tooltip(label: str, file: str, number: int, purity: float | None) -> str:
    shares = None if purity is None else np.float32([purity])
    return str(hover_texts([label], [file], np.array([number]), shares)[0])


@pytest.mark.parametrize(
    "paint",
    [
        by_class(["b", "a", "b", "a"]),
        Categories(np.array([0, -1, -1, 0]), ("one",), (0,)),
        Values(np.array([0.5, np.nan, 0.1, 0.9]), "v", 0, 1),
        Values(np.array([1.0, 5, 3, 2]), "v", 0, 5, notable_high=True),
    ],
)
def test_every_row_is_there_once_with_its_place_and_text(paint: Categories | Values) -> None:
    found = _points(map_figure(FLAT, paint, TEXTS))
    assert found == {0: (0, "w"), 1: (1, "x"), 2: (0, "y"), 3: (3, "z")}


@pytest.mark.parametrize("places", [FLAT, DEEP])
@pytest.mark.parametrize(
    "paint", [by_class(["b", "a", "b", "a"]), Values(np.array([0.5, np.nan, 0.1, 0.9]), "v", 0, 1)]
)
def test_pale_points_are_all_there_below_the_others_and_once_in_the_legend(
    places: np.ndarray, paint: Categories | Values
) -> None:
    pale = np.array([False, True, False, False])
    figure = map_figure(places, paint, TEXTS, pale=pale)
    assert _points(figure) == {0: (0, "w"), 1: (1, "x"), 2: (0, "y"), 3: (3, "z")}
    opacity = {int(row): trace.marker.opacity for trace in figure.data for row in trace.customdata}
    assert opacity[1] == pytest.approx(0.2 * opacity[0])
    assert opacity[0] == opacity[2] == opacity[3]
    half = len(figure.data) // 2
    assert all(trace.showlegend is False for trace in figure.data[:half])


def test_lines_of_equal_density_lie_over_the_points_and_are_no_points() -> None:
    lines = np.float32([[0, 0], [1, 1], [np.nan, np.nan]])
    figure = map_figure(FLAT, by_class(["a"] * 4), TEXTS, density=lines)
    assert list(figure.data[-1].x[:2]) == [0, 1] and figure.data[-1].mode == "lines"
    assert set(_points(figure)) == {0, 1, 2, 3}


def test_the_map_is_drawn_by_webgl_without_axes_and_with_one_scale() -> None:
    figure = map_figure(FLAT, by_class(["a"] * 4), TEXTS)
    assert all(isinstance(trace, go.Scattergl) for trace in figure.data)
    assert figure.layout.xaxis.visible is False
    assert figure.layout.yaxis.scaleanchor == "x"
    deep = map_figure(DEEP, by_class(["a"] * 4), TEXTS)
    assert all(isinstance(trace, go.Scatter3d) for trace in deep.data)
    assert deep.layout.scene.zaxis.visible is False
    assert deep.data[0].marker.size == figure.data[0].marker.size / 2


def test_lines_lead_from_the_picked_picture_to_its_neighbours() -> None:
    figure = map_figure(FLAT, by_class(["a"] * 4), TEXTS, marks=Marks(centre=3, ends=(0, 1)))
    lines = next(trace for trace in figure.data if trace.mode == "lines")
    assert np.array(lines.x)[[0, 1, 3, 4]].tolist() == [3, 0, 3, 1]
    # A gap after each line keeps them apart.
    assert np.isnan(np.array(lines.x)[[2, 5]]).all()
    rings = [trace for trace in figure.data if trace.marker.symbol == "circle-open"]
    assert [list(ring.x) for ring in rings] == [[0, 1], [3]]


def test_a_query_that_is_no_row_has_lines_of_its_own() -> None:
    marks = Marks(ends=(0,), query=(5.0, 6.0))
    figure = map_figure(FLAT, by_class(["a"] * 4), TEXTS, marks=marks)
    assert list(figure.data[-1].x) == [5.0]
    assert figure.data[-1].marker.symbol == "x"


def test_labels_and_files_are_escaped_for_plotly() -> None:
    text = _tooltip("<b>a</b>", "<a href='x'>/f.jpg", 7, 0.25)
    assert text.split("<br>") == [
        "<b>&lt;b&gt;a&lt;/b&gt;</b>",
        "&lt;a href='x'&gt;/f.jpg",
        "id 7",
        "purity 0.25",
    ]
    figure = map_figure(FLAT, by_class(["<i>x</i>"] * 4), TEXTS)
    assert figure.data[0].name == "&lt;i&gt;x&lt;/i&gt;"


def test_a_tooltip_without_purity_or_class() -> None:
    assert _tooltip("", "f.jpg", 1, None) == "<b>no class</b><br>f.jpg<br>id 1"
    assert "purity" not in _tooltip("a", "f.jpg", 1, float("nan"))


def test_a_hundred_styles_differ_in_colour_or_shape() -> None:
    for dark in (False, True):
        # The shape changes after ten of twenty colours, five shapes: again after lcm(20, 50) = 100.
        styles = [style_of(place, dark=dark) for place in range(200)]
        assert len(set(styles)) == 100 and styles[:100] == styles[100:]
    assert len(SYMBOLS) == 5


def test_a_class_has_the_colour_that_other_pages_give_it() -> None:
    labels = ["pear", "lime", "apple", "pear"]
    # In order: apple 0, lime 1, pear 2.
    drawn = map_figure(FLAT, by_class(labels), TEXTS).data
    assert {trace.name: trace.marker.color for trace in drawn if trace.name in labels} == {
        name: class_colour(place, dark=False) for place, name in enumerate(sorted(set(labels)))
    }


def test_what_is_notable_lies_on_top() -> None:
    low = map_figure(FLAT, Values(np.array([0.5, np.nan, 0.1, 0.9]), "v", 0, 1), TEXTS)
    # Drawn last is on top: the lowest purity; the row without a value lies below all.
    assert list(low.data[0].customdata) == [1, 3, 0, 2]
    high = map_figure(FLAT, Values(np.array([1.0, 5, 3, 2]), "v", 0, 5, True), TEXTS)
    assert list(high.data[0].customdata) == [0, 3, 2, 1]
