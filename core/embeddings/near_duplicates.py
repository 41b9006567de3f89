"""Pictures that are nearly the same: from which similarity on, and in which groups."""

import numpy as np
from numpy.typing import NDArray

from core.embeddings.neighbour_table import Neighbourhoods

# Cosine similarity from which two pictures count as near-duplicates, on every page that is not told
# otherwise. Of 1,200 photos of 52 kinds of objects 19 pairs reach 0.98 by the offline encoder, 1 of
# them of two kinds; 67 pairs reach 0.97, 27 of them of two kinds, and 29 pictures hang together.
NEAR_DUPLICATE = 0.98


def near_duplicates(neighbours: Neighbourhoods, *, similarity: float) -> list[NDArray[np.int64]]:
    """Return groups of rows linked by a cosine similarity of `similarity` and more.

    Rows are linked to those among their k nearest that are alike enough; linked rows share a
    group, also over steps, so the first and last of a chain may be less alike than `similarity`.

    Args:
        similarity: In [-1, 1].

    Returns:
        Arrays of two or more rows each, the largest group first, rows in ascending order.
    """
    parents = list(range(len(neighbours.indices)))
    for row, place in np.argwhere(neighbours.cosines >= similarity):
        own = _root(parents, int(row))
        other = _root(parents, int(neighbours.indices[row, place]))
        parents[max(own, other)] = min(own, other)
    members: dict[int, list[int]] = {}
    for row in range(len(parents)):
        members.setdefault(_root(parents, row), []).append(row)
    groups = [np.array(rows) for rows in members.values() if len(rows) > 1]
    return sorted(groups, key=lambda rows: (-len(rows), int(rows[0])))


def _root(parents: list[int], row: int) -> int:
    while parents[row] != row:
        parents[row] = parents[parents[row]]
        row = parents[row]
    return row
