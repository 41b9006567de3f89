"""Reading a confusion matrix: the largest confusions, and an order that brings them together."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def errors_of(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a confusion matrix (C, C) without its diagonal; what is undefined is 0."""
    errors = np.nan_to_num(shares)
    np.fill_diagonal(errors, 0.0)
    return errors


def largest_confusions(
    shares: NDArray[np.float64], *, most: int, asked: int | None = None
) -> list[tuple[int, int]]:
    """Return up to `most` pairs (class asked, class that came back), largest share first.

    Args:
        shares: (C, C) as of `core.measures.summary.confusion`.
        asked: Only of this class; None for all.
    """
    errors = errors_of(shares)
    if asked is not None:
        errors[np.arange(len(errors)) != asked] = 0.0
    rows, columns = np.nonzero(errors)
    order = np.argsort(-errors[rows, columns], kind="stable")[:most]
    return [(int(rows[place]), int(columns[place])) for place in order]


def most_confused(shares: NDArray[np.float64], *, most: int, keep: Sequence[int] = ()) -> list[int]:
    """Return the classes of the largest confusions, ascending: all where there are no more.

    Args:
        most: How many classes there is room for.
        keep: Classes that are among them whatever they are confused with.
    """
    if len(shares) <= most:
        return list(range(len(shares)))
    chosen = dict.fromkeys(keep)
    for pair in largest_confusions(shares, most=shares.size):
        new = [number for number in pair if number not in chosen]
        if len(chosen) + len(new) > most:
            break
        chosen |= dict.fromkeys(new)
    return sorted(chosen)


def by_similarity(shares: NDArray[np.float64]) -> list[int]:
    """Return an order of the classes in which those that are confused stand together.

    The two groups with the largest mean confusion are joined until one is left (average linkage),
    each time at the ends that are confused most.
    """
    errors = errors_of(shares)
    alike = errors + errors.T
    groups = [[number] for number in range(len(alike))]
    if not groups:
        return []
    links = alike.copy()
    np.fill_diagonal(links, -1.0)
    for _ in range(len(groups) - 1):
        one, two = sorted(int(place) for place in np.unravel_index(links.argmax(), links.shape))
        sizes = len(groups[one]), len(groups[two])
        joined = (sizes[0] * links[one] + sizes[1] * links[two]) / sum(sizes)
        joined[(links[one] < 0) | (links[two] < 0)] = -1.0
        links[one], links[:, one] = joined, joined
        # The second is no more.
        links[two], links[:, two] = -1.0, -1.0
        groups[one] = _at_best_ends(groups[one], groups[two], alike)
    return groups[0]


def _at_best_ends(one: list[int], two: list[int], alike: NDArray[np.float64]) -> list[int]:
    ways = [(a, b) for a in (one, one[::-1]) for b in (two, two[::-1])]
    first, second = max(ways, key=lambda way: float(alike[way[0][-1], way[1][0]]))
    return [*first, *second]
