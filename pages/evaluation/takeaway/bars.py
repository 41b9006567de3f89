"""Bars of a report in a file: one SVG a class, which needs no program and fits every width."""

import html
import math
from collections.abc import Sequence

from core.measures.bootstrap import Estimate
from core.measures.summary import ClassSummary
from core.measures.target import Verdict, verdict_of

# Classes with a bar; the table has all of them.
MOST_BARS = 24
# Name of the style, sign, word: told three ways, for whoever sees no colours.
_LOOKS = {
    Verdict.BELOW: ("below", "✗", "below the target"),
    Verdict.UNDECIDED: ("undecided", "~", "undecided"),
    Verdict.REACHED: ("reached", "✓", "target reached"),
    Verdict.OUT_OF_REACH: ("out", "–", "too few pictures to reach it"),  # noqa: RUF001 - a dash
}
# Of a drawing, which is stretched to the width that there is.
_WIDTH, _HEIGHT = 100, 20


def bars_html(classes: Sequence[ClassSummary], *, k: int, target: float) -> str:
    """Return a row of name, bar and number per class, and what the looks mean.

    Args:
        classes: In the order of the rows; those beyond `MOST_BARS` are counted.
    """
    rows = "".join(_row(c, k, target) for c in classes[:MOST_BARS])
    present = [verdict_of(c, k=k, target=target) for c in classes]
    keys = "".join(
        f"<span class='key'><svg viewBox='0 0 20 12' aria-hidden='true'>"
        f"<rect class='{style}' width='20' height='12'/></svg>{sign} {word} "
        f"({present.count(kind):,})</span>"
        for kind, (style, sign, word) in _LOOKS.items()
        if kind in present
    )
    more = len(classes) - MOST_BARS
    rest = f"<p class='soft'>{more:,} more classes are in the table below.</p>" if more > 0 else ""
    return (
        f"<div class='bars'>{rows}</div><p class='soft'>{keys}</p>"
        f"<p class='soft'>precision@{k} from 0 to 1 with its 95 % interval; the dashed line is the "
        f"target, {target:.2f}.</p>{rest}"
    )


def _row(one: ClassSummary, k: int, target: float) -> str:
    found = one.measures[f"precision@{k}"]
    style, sign, word = _LOOKS[verdict_of(one, k=k, target=target)]
    interval = "" if math.isnan(found.low) else f" <small>({found.interval})</small>"
    return (
        f"<span>{html.escape(one.label)}</span>{_drawing(found, style, target)}"
        f"<span class='number' title='{word}'>{sign} {found.short}{interval}</span>"
    )


def _drawing(found: Estimate, style: str, target: float) -> str:
    """Draw a track, the bar, its interval, and the target."""
    width = 0.0 if math.isnan(found.value) else _WIDTH * found.value
    stripes = ""
    if style == "below":
        stripes = "".join(
            f"<path class='stripe' d='M{x} 3V17'/>" for x in range(2, math.ceil(width), 3)
        )
    whisker = ""
    if not math.isnan(found.low):
        low, high = _WIDTH * found.low, _WIDTH * found.high
        whisker = (
            f"<path class='whisker' fill='none' d='M{low:.1f} 6V14M{low:.1f} 10H{high:.1f}"
            f"M{high:.1f} 6V14'/>"
        )
    at = _WIDTH * target
    return (
        f"<svg viewBox='0 0 {_WIDTH} {_HEIGHT}' preserveAspectRatio='none' aria-hidden='true'>"
        f"<rect class='track' y='3' width='{_WIDTH}' height='14'/>"
        f"<rect class='{style}' y='3' width='{width:.1f}' height='14'/>{stripes}{whisker}"
        f"<path class='target' d='M{at:.1f} 0V{_HEIGHT}'/></svg>"
    )
