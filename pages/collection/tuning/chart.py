"""The figure of what was measured: data -> Plotly; knows no Streamlit."""

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from core.collection.index_choice import IndexType
from core.tuning.limits import front, signed
from core.tuning.tuning import Measured
from core.ui.charts import GREY, class_colour, framed

# A colour and a shape for each type, the same whichever were measured; the usual ones first.
_TYPES = (
    *(IndexType.FLAT, IndexType.IVF_FLAT, IndexType.IVF_SQ8, IndexType.HNSW, IndexType.HNSW_SQ),
    *(IndexType.IVF_PQ, IndexType.SCANN, IndexType.IVF_RABITQ, IndexType.DISKANN),
)
_SHAPES = (
    *("circle", "diamond", "square", "triangle-up", "x", "cross", "pentagon", "star"),
    "triangle-down",
)
# One alone tells no distance.
_LEAST_TICKS = 2
_LEAST_DOT, _LARGEST_DOT = 7.0, 22.0


def pareto_figure(
    measured: Sequence[Measured],
    chosen: Measured | None,
    *,
    by_recall: bool,
    k: int,
    loss: float,
    dark: bool,
) -> go.Figure:
    """Draw every setting by its milliseconds and by what it finds; a line joins the best.

    Args:
        chosen: Ringed; None where nothing is recommended.
        by_recall: Upwards is ANN recall, else the difference of precision to exact search.
        loss: Most precision that may be lost, a dashed line.
    """
    figure = go.Figure()
    best = front(measured, by_recall=by_recall)
    figure.add_scatter(
        x=[one.p50 for one in best],
        y=[_height(one, by_recall) for one in best],
        mode="lines",
        name="best",
        line={"color": GREY, "width": 2},
        hoverinfo="skip",
    )
    largest = max(one.memory_bytes for one in measured)
    for kind in dict.fromkeys(one.index.index_type for one in measured):
        points = [one for one in measured if one.index.index_type is kind]
        place = _TYPES.index(kind)
        figure.add_scatter(
            x=[one.p50 for one in points],
            y=[_height(one, by_recall) for one in points],
            mode="markers",
            name=kind.value,
            marker={
                "size": [_size(one, largest) for one in points],
                "color": class_colour(place, dark=dark),
                "symbol": _SHAPES[place],
                "opacity": 0.8,
                "line": {"width": 1, "color": "#121110" if dark else "#FFFFFF"},
            },
            text=[_told(one, k) for one in points],
            hovertemplate="%{text}<extra></extra>",
        )
    if chosen is not None:
        figure.add_scatter(
            x=[chosen.p50],
            y=[_height(chosen, by_recall)],
            mode="markers",
            name="recommended",
            marker={
                "size": _size(chosen, largest) + 10,
                "symbol": "circle-open",
                "color": "#ECEAE6" if dark else "#121110",
                "line": {"width": 2.5},
            },
            hoverinfo="skip",
        )
    if not by_recall:
        figure.add_hline(y=-loss, line={"dash": "dash", "color": GREY, "width": 1})
    upwards = f"ANN recall@{k}" if by_recall else f"precision@{k}, less exact search"
    framed(figure, height=420, x="milliseconds of one search (median)", y=upwards)
    figure.update_layout(legend={"itemsizing": "constant"})
    figure.update_xaxes(_time_axis([one.p50 for one in measured]))
    figure.update_yaxes(tickformat=".3~f" if by_recall else "+.3f")
    return figure


def _time_axis(times: Sequence[float]) -> dict[str, object]:
    """Return a logarithmic axis with a tick at each 1, 2 and 5 of a power of ten, two or more.

    Plotly's own ticks leave one or none where all times lie close together.
    """
    known = [time for time in times if time > 0] or [1.0]
    first, last = math.log10(min(known)), math.log10(max(known))
    # Dots at the ends are drawn in full.
    room = max(0.05, 0.05 * (last - first))
    low, high = first - room, last + room
    powers = range(math.floor(low) - 1, math.ceil(high) + 2)
    ticks = {
        math.log10(tick): tick
        for power in powers
        for tick in (float(f"{digit}e{power}") for digit in (1, 2, 5))
    }
    while sum(low <= place <= high for place in ticks) < _LEAST_TICKS:
        outside = (place for place in ticks if not low <= place <= high)
        nearest = min(outside, key=lambda place: max(low - place, place - high))
        low, high = min(low, nearest), max(high, nearest)
    shown = [tick for place, tick in ticks.items() if low <= place <= high]
    return {
        "type": "log",
        "range": [low, high],
        "tickvals": shown,
        "ticktext": [f"{tick:,.6g}" for tick in shown],
    }


def _height(one: Measured, by_recall: bool) -> float:
    return one.recall if by_recall else one.difference.value


def _size(one: Measured, largest: int) -> float:
    """Return a diameter: the area follows the bytes."""
    share = one.memory_bytes / max(1, largest)
    return max(_LEAST_DOT, _LARGEST_DOT * math.sqrt(share))


def _told(one: Measured, k: int) -> str:
    computed = " (computed)" if one.is_computed else ""
    return "<br>".join(
        [
            f"<b>{one.name}</b>",
            f"precision@{k} {signed(one.difference)}",
            f"ANN recall@{k} {one.recall:.3f}",
            f"{one.p50:.1f} ms, 95 % within {one.p95:.1f} ms",
            f"{one.memory_bytes / 1e6:,.1f} MB{computed}, built in {one.build_seconds:.1f} s",
        ]
    )
