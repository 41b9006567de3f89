"""Figures of the overview."""

import math

from core.measures.bootstrap import Estimate
from core.measures.summary import ClassSummary
from pages.evaluation.overview.charts import target_bars


def a_class(label: str, low: float, value: float, high: float, ceiling: float = 1) -> ClassSummary:
    return ClassSummary(
        label=label,
        queries=9,
        pictures=10,
        measures={"precision@5": Estimate(value, low, high)},
        ceilings={5: ceiling},
        chance=0.1,
        confused_with="",
        confused_share=0,
    )


CLASSES = [
    a_class("<b>lime", 0.1, 0.2, 0.3),
    a_class("plum", 0.4, 0.5, 0.5, ceiling=0.5),
    a_class("pear", math.nan, 0.7, math.nan),
    a_class("fig", 0.9, 1.0, 1.0),
]


def test_bars_tell_the_verdict_by_colour_by_pattern_and_in_words() -> None:
    figure = target_bars(CLASSES, k=5, target=0.8, focus="", dark=False)
    bars = {bar.name: bar for bar in figure.data if bar.type == "bar"}
    assert list(bars) == ["below (1)", "undecided (1)", "reached (1)", "out of reach (1)"]
    looks = {(bar.marker.color, bar.marker.pattern.shape) for bar in bars.values()}
    assert len(looks) == 4
    # To be clicked: the class as it is, not as it is drawn.
    assert bars["below (1)"].customdata[0][0] == "<b>lime"
    assert bars["below (1)"].y == ("&lt;b&gt;lime",)
    # Without an interval there are no whiskers.
    assert bars["undecided (1)"].error_x.array == (0.0,)
    # The first stands on top, which is the end of Plotly's axis.
    assert figure.layout.yaxis.categoryarray == ("fig", "pear", "plum", "&lt;b&gt;lime")


def test_the_class_that_is_looked_at_stands_out() -> None:
    figure = target_bars(CLASSES, k=5, target=0.8, focus="fig", dark=True)
    opacity = {bar.customdata[0][0]: bar.marker.opacity[0] for bar in figure.data[:4]}
    assert opacity.pop("fig") == 1
    assert set(opacity.values()) == {0.35}
