"""What a comparison says and how it is drawn."""

import math

import pytest

from core.evaluation.comparison import ClassDifference, Comparison
from core.measures.bootstrap import Estimate
from pages.evaluation.comparing.dumbbell import dumbbell_figure
from pages.evaluation.comparing.verdict import by_class, verdict


def difference(label: str, before: float, after: float, p: float) -> ClassDifference:
    return ClassDifference(label, 9, before, after, Estimate(after - before, -1, 1), p)


CLASSES = (
    difference("<b>fig", 0.9, 0.4, 0.001),
    difference("pear", 0.5, 0.4, 0.9),
    difference("plum", 0.2, 0.8, 0.01),
)


def compared(value: float, low: float, high: float) -> Comparison:
    return Comparison("precision@10", CLASSES, Estimate(value, low, high), queries=27, left_out=2)


@pytest.mark.parametrize(
    ("estimate", "said"),
    [
        (
            (0.002, -0.006, 0.010),
            "No measurable difference between A and B: +0.00 (-0.01 to +0.01)",
        ),
        # Zero has no sign of its own.
        ((-0.001, -0.02, 0.02), "No measurable difference between A and B: +0.00 (-0.02 to +0.02)"),
        ((0.05, 0.02, 0.08), "B is better than A: +0.05 (+0.02 to +0.08)"),
        ((-0.05, -0.08, -0.02), "B is worse than A: -0.05 (-0.08 to -0.02)"),
        # Two decimals would say that a difference of nothing is certain.
        ((0.002, 0.001, 0.004), "B is better than A: +0.002 (+0.001 to +0.004)"),
        ((0.1, math.nan, math.nan), "No measurable difference between A and B: +0.10"),
        ((math.nan,) * 3, "A and B have no class in common that both could measure"),
    ],
)
def test_the_verdict_is_a_sentence(estimate: tuple[float, float, float], said: str) -> None:
    assert verdict(compared(*estimate), "A", "B") == said


def test_classes_are_counted_only_where_the_difference_is_certain() -> None:
    assert by_class(compared(0.0, -0.1, 0.1)) == (
        "1 class got measurably worse, 1 class got measurably better, over 27 queries asked in "
        "both, 2 queries asked in only one left out."
    )


def test_only_certain_differences_have_a_colour() -> None:
    figure = dumbbell_figure(CLASSES, first="L2", second="IP", measure="precision@10", dark=False)
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert [line.x for line in lines] == [(0.9, 0.4), (0.5, 0.4), (0.2, 0.8)]
    worse, chance, better = (line.line.color for line in lines)
    assert len({worse, chance, better}) == 3
    points = [trace for trace in figure.data if trace.mode == "markers"]
    # Shapes tell the two apart for those who see no colours.
    assert [trace.name for trace in points] == ["L2", "IP"]
    assert points[0].marker.symbol != points[1].marker.symbol
    assert points[0].y[0] == "&lt;b&gt;fig"
