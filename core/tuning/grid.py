"""What is measured: each type of index once, at several efforts."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from core.collection.index_choice import IndexChoice, IndexType
from core.collection.index_types.kinds import KINDS, IndexKind

# Milvus 2.3.5 takes it and never builds it where its machine is not made for it; it is measured
# where it is asked for.
_ON_REQUEST = (IndexType.DISKANN,)
_LISTS = (1, 4, 8, 16, 32, 64, 128)
_CANDIDATES = (16, 32, 64, 128, 256)
_TIMES_K = (1, 2, 4)


@dataclass(frozen=True, slots=True)
class Trial:
    """One index to build, and how thoroughly to search it.

    Attributes:
        index: With its numbers written out.
        efforts: Each a setting; at least one.
    """

    index: IndexChoice
    efforts: tuple[dict[str, int], ...]


def default_grid(
    offered: Sequence[IndexType], *, rows: int, k: int, wanted: Sequence[IndexType] = ()
) -> list[Trial]:
    """Return what is measured for a collection, from little effort to much within each index.

    Args:
        offered: What the database can build.
        wanted: Measured instead, whether offered or not; empty takes what is offered, DISKANN
            left out.
    """
    types = wanted or [kind for kind in offered if kind not in _ON_REQUEST]
    trials = []
    for kind in types:
        index = IndexChoice(kind).explicit(rows)
        trials.append(Trial(index, _efforts(KINDS[kind], index.nlist or 0, k)))
    return trials


def _efforts(kind: IndexKind, nlist: int, k: int) -> tuple[dict[str, int], ...]:
    values: dict[str, list[int]] = {}
    for parameter in kind.search:
        if parameter.is_lists:
            # All of them too: what is then missed, the rounding of numbers misses.
            values[parameter.name] = sorted({n for n in _LISTS if n < nlist} | {nlist})
        elif parameter.holds_k:
            # One hit more is asked for, since the query itself is among them.
            usable = [n for n in _CANDIDATES if n > k]
            values[parameter.name] = usable or [parameter.usual_for(k + 1, nlist=nlist)]
        else:
            values[parameter.name] = list(_TIMES_K)
    # Of two numbers the second stays as usual, but for the first step of the other.
    names = list(values)
    if len(names) > 1:
        second = kind.search[1].usual_for(k + 1, nlist=nlist)
        values[names[1]] = [second]
    return tuple(dict(zip(names, one, strict=True)) for one in product(*values.values()))
