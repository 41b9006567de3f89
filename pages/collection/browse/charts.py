"""Figures of an inspection: data -> Plotly; knows no Streamlit."""

from collections.abc import Sequence

import plotly.graph_objects as go

from core.ui.charts import accent, framed


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
