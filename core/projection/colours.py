"""What the colours of a map mean: categories or values, one per row."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from core.embeddings.neighbour_table import NEIGHBOURS, Neighbourhoods, purity
from core.embeddings.neighbours import occurrences
from core.embeddings.suspects import LEAST_SHARE, Suspect

# More classes at once cannot be told apart; the rest is grey.
MAX_COLOURED = 20
# The largest groups of near-duplicates get a colour each.
MAX_GROUPS = 10

REST = "rest"


class Colouring(StrEnum):
    """What a point's colour can tell."""

    CLASS = "Class"
    PRECISION = "Precision@k"
    PURITY = "Neighbours of own class"
    SURVIVAL = "Neighbours kept by the map"
    HUBS = "Hubs"
    DUPLICATES = "Near-duplicates"
    SUSPECTS = "Suspected labels"
    ROLE = "Query or gallery"

    @property
    def explanation(self) -> str:
        """What it means, with direction and range."""
        return _EXPLANATIONS[self]


_EXPLANATIONS = {
    Colouring.CLASS: "The class of the picture.",
    Colouring.PRECISION: "Share of the first k hits that have the picture's class when it is the "
    "query and search is exact, from 0 to 1, higher is better.",
    Colouring.PURITY: "Share of a picture's true nearest neighbours that have its class, from 0 to "
    "1, higher is purer: precision@k with k as large as the neighbourhood.",
    Colouring.SURVIVAL: "Share of a picture's true nearest neighbours that are also among its "
    "nearest on the map, from 0 to 1, higher is better: low points are where the map misleads.",
    Colouring.HUBS: f"How many pictures have this one among their {NEIGHBOURS} nearest neighbours, "
    "as the Evaluation page counts it. Hubs turn up in many searches.",
    Colouring.DUPLICATES: "Groups of pictures that are more alike than the similarity chosen in "
    "the list of near-duplicates.",
    Colouring.SUSPECTS: f"Pictures of which at least {LEAST_SHARE:.0%} of the {NEIGHBOURS} nearest "
    "neighbours have one other class, as on the Evaluation page: the label may be wrong, or the "
    "picture unusual.",
    Colouring.ROLE: "What an evaluation asks with, and what it searches in: by the settings, by "
    "folders such as test and train, or by what the encoder was trained on.",
}


@dataclass(frozen=True, slots=True)
class Categories:
    """Every row has a name or none.

    Attributes:
        codes: (N,) positions in `names`; -1 for the rest.
        names: In the order of the legend.
        styles: One per name: which colour and shape it has.
        rest: What the rows without a name are called.
    """

    codes: NDArray[np.int64]
    names: tuple[str, ...]
    styles: tuple[int, ...]
    rest: str = REST


@dataclass(frozen=True, slots=True)
class Values:
    """Every row has a number.

    Attributes:
        values: (N,) float; NaN where there is none.
        title: Of the scale.
        low: Lower end of the scale.
        high: Upper end of the scale, above `low`.
        notable_high: Whether the upper end is what to look at; otherwise it is the lower one.
    """

    values: NDArray[np.float64]
    title: str
    low: float
    high: float
    notable_high: bool = False


def by_class(labels: Sequence[str], highlighted: Sequence[str] = ()) -> Categories:
    """Colour the classes, or with more than `MAX_COLOURED` of them the highlighted ones.

    A class keeps its style whatever is highlighted: it follows from its place among all classes.
    """
    return by_text(labels, highlighted, none="no class", rest="other classes")


def by_text(
    texts: Sequence[str], highlighted: Sequence[str] = (), *, none: str, rest: str
) -> Categories:
    """Colour texts as `by_class` does classes.

    Args:
        texts: (N,) one a row.
        none: What rows with an empty text are called.
        rest: What the rows are called that are not coloured.
    """
    every = sorted(set(texts))
    shown = every
    if len(every) > MAX_COLOURED:
        named = set(highlighted or default_highlight(texts))
        shown = [name for name in every if name in named][:MAX_COLOURED]
    places = {name: place for place, name in enumerate(shown)}
    codes = np.array([places.get(text, -1) for text in texts], dtype=np.int64)
    styles = tuple(every.index(name) for name in shown)
    return Categories(codes, tuple(name or none for name in shown), styles, rest)


def default_highlight(labels: Sequence[str]) -> list[str]:
    """Return the ten largest classes, by name; what is coloured until somebody chooses."""
    counts = sorted(Counter(labels).items(), key=lambda item: (-item[1], item[0]))
    return sorted(name for name, _ in counts[:10])


def by_purity(neighbours: Neighbourhoods, labels: Sequence[str]) -> Values:
    """Colour by the share of neighbours of the same class."""
    values = purity(neighbours, labels).astype(np.float64)
    return Values(values, f"{Colouring.PURITY} (k = {neighbours.k})", 0, 1)


def by_precision(neighbours: Neighbourhoods, labels: Sequence[str], k: int) -> Values:
    """Colour by exact precision@k of every row as a query; k is at most the neighbours kept."""
    values = purity(neighbours, labels, k=k).astype(np.float64)
    return Values(values, f"Precision@{min(k, neighbours.k)}", 0, 1)


def by_survival(shares: NDArray[np.float32], k: int) -> Values:
    """Colour by the share of true neighbours that the map keeps: (N,) float32, 0 to 1."""
    return Values(shares.astype(np.float64), f"{Colouring.SURVIVAL} (k = {k})", 0, 1)


def by_hubs(neighbours: Neighbourhoods) -> Values:
    """Colour by how many rows name each row as a neighbour."""
    rows = len(neighbours.indices)
    counts = occurrences(neighbours.indices, rows=rows).astype(np.float64)
    return Values(counts, "Neighbour of", 0, max(1.0, float(counts.max(initial=0))), True)


def by_groups(groups: Sequence[NDArray[np.int64]], rows: int) -> Categories:
    """Colour the largest groups of near-duplicates; smaller ones share a category."""
    codes = np.full(rows, -1, dtype=np.int64)
    names = [
        f"group {number}: {len(g)} pictures" for number, g in enumerate(groups[:MAX_GROUPS], 1)
    ]
    if len(groups) > MAX_GROUPS:
        names.append(f"{len(groups) - MAX_GROUPS} smaller groups")
    for number, group in enumerate(groups):
        codes[group] = min(number, MAX_GROUPS)
    return Categories(codes, tuple(names), tuple(range(len(names))), "no near-duplicate")


def by_suspects(suspects: Sequence[Suspect], rows: int) -> Categories:
    """Colour the rows whose label is suspected."""
    codes = np.full(rows, -1, dtype=np.int64)
    codes[[suspect.row for suspect in suspects]] = 0
    # Vermilion squares: the style that stands out most from grey circles.
    return Categories(codes, (f"suspected: {len(suspects)}",), (23,), "not suspected")
