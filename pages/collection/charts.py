"""Figures of the Collection page: data -> Plotly; knows no Streamlit."""

import html
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from core.ui.charts import accent, framed

# A bar needs a line of text; more classes than this scroll no page, the rest is summed up.
MOST_BARS = 60


def class_bars(counts: Mapping[str, int], *, dark: bool) -> go.Figure:
    """Draw pictures a class, the largest on top; those beyond 60 classes are summed up."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = [(html.escape(label) or "no class", count) for label, count in ordered[:MOST_BARS]]
    if rest := ordered[MOST_BARS:]:
        shown.append((f"{len(rest)} smaller classes", sum(count for _, count in rest)))
    shown.reverse()
    figure = go.Figure(
        go.Bar(
            x=[count for _, count in shown],
            y=[label for label, _ in shown],
            text=[f"{count:,}" for _, count in shown],
            textposition="outside",
            textangle=0,
            cliponaxis=False,
            orientation="h",
            marker={"color": accent(dark=dark)},
            hovertemplate="%{y}<br>%{x:,} pictures<extra></extra>",
        )
    )
    figure.update_yaxes(type="category")
    # The longest bar needs room for its number.
    figure.update_xaxes(range=[0, 1.15 * max(count for _, count in shown)])
    return framed(figure, height=70 + 24 * len(shown), x="pictures", legend=False)


def size_points(sizes: Sequence[tuple[int, int, int]], *, dark: bool) -> go.Figure:
    """Draw picture sizes as points, (width, height, pictures), larger where there are more."""
    most = max(count for _, _, count in sizes)
    figure = go.Figure(
        go.Scatter(
            x=[width for width, _, _ in sizes],
            y=[height for _, height, _ in sizes],
            mode="markers",
            marker={
                "color": accent(dark=dark),
                "opacity": 0.7,
                # The area is what is compared.
                "size": [6 + 24 * (count / most) ** 0.5 for _, _, count in sizes],
            },
            customdata=[count for _, _, count in sizes],
            hovertemplate="%{x} x %{y} pixels<br>%{customdata:,} pictures<extra></extra>",
        )
    )
    figure.update_xaxes(rangemode="tozero")
    figure.update_yaxes(rangemode="tozero")
    return framed(figure, height=320, x="width (pixels)", y="height (pixels)", legend=False)
