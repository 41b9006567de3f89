"""What every Plotly figure shares: colours, shapes, sizes. Knows no Streamlit.

Background, font and text colour come from Streamlit's own theme, which follows light and dark.
"""

import html
from collections.abc import Sequence

import plotly.graph_objects as go

from core.wording import visible

# Okabe and Ito's colours, which colour-blind readers can tell apart; readable on both themes.
BLUE, ORANGE, GREEN, VERMILION, PINK = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7"
GREY = "#8A8780"
PALETTE = (BLUE, ORANGE, GREEN, VERMILION, PINK)
# The same hues, lighter: on a dark background the blue would drown.
DARK_BLUE = "#4FA8DC"

# Six of Okabe and Ito's, then each the farthest from all before it in Oklab, for usual eyes and for
# three kinds of colour blindness as Machado, Oliveira and Fernandes simulate them (2009).
LIGHT_COLOURS = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7",
    "#56B4E9", "#551100", "#001188", "#880055", "#005500",
    "#8866FF", "#6611AA", "#77CC77", "#441155", "#885577",
    "#0044DD", "#FFAAAA", "#666633", "#CC22AA", "#FF3366",
)  # fmt: skip
# The dark ones would drown in a dark background: the first six lighter, the others chosen for it.
DARK_COLOURS = (
    "#3D9BD6", "#E69F00", "#1FBF91", "#F07A2B", "#CC79A7",
    "#8CCBF0", "#446622", "#EEFF00", "#7733CC", "#884466",
    "#FFDDAA", "#006699", "#1166FF", "#77FFDD", "#997744",
    "#FF3366", "#BB2200", "#00EE66", "#DD77FF", "#BB0099",
)  # fmt: skip
COLOURS = len(LIGHT_COLOURS)

# Of a name in a figure, where a phone has room for no more; longer ones are cut in the middle.
_MOST_LETTERS = 24

# Lines and points are told apart by dash and shape as well.
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x")


def accent(*, dark: bool) -> str:
    """Return the colour of the main series."""
    return DARK_BLUE if dark else BLUE


def class_colour(place: int, *, dark: bool) -> str:
    """Return the colour of the class at this place among all in order, the same on every page.

    After twenty they repeat; shapes and names tell those apart.
    """
    return (DARK_COLOURS if dark else LIGHT_COLOURS)[place % COLOURS]


def chart_text(text: str) -> str:
    """Return text of data for a figure, which takes tags and a few entities for its own.

    Plotly knows `&amp;`, `&lt;` and `&gt;`; quotes written as entities it would show as such.
    """
    return html.escape(visible(text), quote=False)


def short_text(text: str) -> str:
    """Return text of data for the legend of a figure: of a long name its begin and its end."""
    is_long = len(text) > _MOST_LETTERS
    return chart_text(f"{text[:15]}…{text[-8:]}" if is_long else text)


def class_ticks(labels: Sequence[str]) -> dict[str, object]:
    """Return what an axis of classes, whose places are their `chart_text`, writes beside them.

    A name of 200 letters would leave no room for what the axis is about. The place keeps its whole
    name, so that classes which differ in the middle stay two.
    """
    if max(map(len, labels), default=0) <= _MOST_LETTERS:
        return {"dtick": 1}
    return {
        "tickmode": "array",
        "tickvals": list(map(chart_text, labels)),
        "ticktext": list(map(short_text, labels)),
    }


def framed(
    figure: go.Figure, *, height: int, x: str = "", y: str = "", legend: bool = True
) -> go.Figure:
    """Give a figure the margins, titles and legend that all figures have."""
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 36 if legend else 8, "b": 8},
        showlegend=legend,
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0, "title": None},
        hoverlabel={"namelength": -1},
        dragmode=False,
    )
    figure.update_xaxes(title=x, automargin=True)
    figure.update_yaxes(title=y, automargin=True)
    return figure
