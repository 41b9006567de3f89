"""Which labels are suspected: one rule, for the Evaluation page and for the map."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.embeddings.neighbour_table import Neighbourhoods

# Of a picture's neighbours must have one other class before its label is suspected.
LEAST_SHARE = 0.8

# Pictures times classes counted at once: 8 bytes each, so 32 MB.
_VOTES = 4_000_000


@dataclass(frozen=True, slots=True)
class Suspect:
    """A picture whose neighbours agree on another class.

    Attributes:
        row: Its place among those that were asked about.
        suggested: The other class that most of its neighbours have.
        share: Share of the neighbours of that class, in [`LEAST_SHARE`, 1].
        own_share: Share of the neighbours of the picture's own class.
    """

    row: int
    suggested: str
    share: float
    own_share: float


def suspected_labels(
    own: NDArray[np.integer],
    around: NDArray[np.integer],
    classmates: NDArray[np.integer],
    *,
    names: Sequence[str],
) -> list[Suspect]:
    """Return the pictures of which `LEAST_SHARE` of the neighbours have one other class.

    The other rule there was, "more neighbours of one other class than of the own", names every
    picture of two classes that look alike. Measured with one label in twenty changed at random, 15
    neighbours and the offline encoder, the mean of 20 draws: of 1,253 photos of 19 kinds of fruit
    this rule names 49, of which 94 % were changed, and misses a quarter of the changed ones; the
    other names 124, half of them rightly. Of 1,200 photos of 52 kinds of objects, which that
    encoder was never shown, this rule names 12, the other 794.

    A class of few pictures cannot fill its own neighbourhoods. So a picture is not suspected that
    has at least half of its classmates near, where there could be more; of a class of eight
    pictures and more so few neighbours are never half.

    Args:
        own: (Q,) place of each picture's class in `names`; -1 without a label, which is suspected
            of nothing.
        around: (Q, k) the same of its nearest neighbours; -1 for none, or one without a label.
        classmates: (Q,) how many others of its class there are that could be neighbours.

    Returns:
        The largest share first; of equals the smaller share of the own class, then the first row.
    """
    suspects: list[Suspect] = []
    k = around.shape[1]
    if not k or not names:
        return suspects
    block = max(1, _VOTES // len(names))
    for start in range(0, len(own), block):
        classes = own[start : start + block]
        other, met, kept = _votes(classes, around[start : start + block], len(names))
        possible = np.minimum(classmates[start : start + block], k)
        is_at_home = (kept > 0) & (2 * kept >= possible)
        suspects += [
            Suspect(start + int(row), names[other[row]], float(met[row] / k), float(kept[row] / k))
            for row in np.flatnonzero((classes >= 0) & ~is_at_home & (met >= LEAST_SHARE * k))
        ]
    return sorted(suspects, key=lambda suspect: (-suspect.share, suspect.own_share, suspect.row))


def suspects_among(neighbours: Neighbourhoods, labels: Sequence[str]) -> list[Suspect]:
    """Return the rows of a neighbour table whose label is suspected.

    Args:
        labels: One a row; empty for a row without one.
    """
    names = sorted(set(labels) - {""})
    places = {name: place for place, name in enumerate(names)}
    own = np.array([places.get(label, -1) for label in labels], dtype=np.int32)
    others = np.bincount(own[own >= 0], minlength=len(names)) - 1
    classmates = np.where(own >= 0, others[own], 0) if names else own
    return suspected_labels(own, own[neighbours.indices], classmates, names=names)


def _votes(
    classes: NDArray[np.integer], around: NDArray[np.integer], size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return (Q,) each: the other class met most, how often it is met, how often the own one is."""
    everyone = np.arange(len(around))
    flat = everyone[:, None] * size + around
    votes = np.bincount(flat[around >= 0], minlength=len(around) * size).reshape(-1, size)
    own = np.where(classes >= 0, votes[everyone, classes], 0)
    votes[everyone[classes >= 0], classes[classes >= 0]] = -1
    other = votes.argmax(axis=1)
    return other, votes[everyone, other], own
