"""Ranks of the same pictures under several metrics, as lines from one to the next."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from core.metric import Metric
from core.search.hits import Hit
from core.ui.charts import GREEN, GREY, VERMILION, chart_text, framed

_HEIGHT = 520
# How the lines of right, wrong and undecided hits are drawn.
_LINES = {
    "right": (GREEN, "solid"),
    "wrong": (VERMILION, "dash"),
    "hit": (GREY, "solid"),
}


def slope_chart(
    answers: Mapping[Metric, Sequence[Hit]], *, expected: str | None, ranks: int, dark: bool
) -> go.Figure:
    """Draw a line per picture from its rank under one metric to that under the next.

    Args:
        answers: Hits by metric, ranked from 1.
        expected: The class whose hits are right; None leaves all undecided.
        ranks: As deep as is drawn.
    """
    labels = {h.record.id: h.record.label for hits in answers.values() for h in hits[:ranks]}
    places = [{h.record.id: h.rank for h in hits[:ranks]} for hits in answers.values()]
    names = [str(metric) for metric in answers]
    drawn: dict[str, tuple[list[str | None], list[int | None], list[str]]] = {}
    for number, label in labels.items():
        kind = "hit" if expected is None else "right" if label == expected else "wrong"
        x, y, texts = drawn.setdefault(kind, ([], [], []))
        for name, by_id in zip(names, places, strict=True):
            # A gap where a metric does not have the picture: no line may lead past it.
            x.append(name)
            y.append(by_id.get(number))
            texts.append(chart_text(label or "no class"))
        x.append(None)
        y.append(None)
        texts.append("")
    figure = go.Figure()
    for kind, (colour, dash) in _LINES.items():
        if kind not in drawn:
            continue
        x, y, texts = drawn[kind]
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines+markers",
            name=kind,
            text=texts,
            line={"color": colour, "width": 2, "dash": dash},
            marker={"size": 7, "line": {"width": 1, "color": "#16171A" if dark else "#FFFFFF"}},
            connectgaps=False,
            hovertemplate="%{text}<br>%{x}: rank %{y}<extra></extra>",
        )
    figure.update_xaxes(
        type="category", categoryorder="array", categoryarray=names, side="top", showgrid=False
    )
    deepest = max((len(by_id) for by_id in places), default=1)
    figure.update_yaxes(range=[deepest + 0.5, 0.5], dtick=5, tick0=0, showgrid=False)
    framed(figure, height=_HEIGHT, y="rank", legend=expected is not None)
    figure.update_layout(legend={"y": 0, "yanchor": "top"})
    return figure
