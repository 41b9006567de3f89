"""The numbers an index is built with and searched with: names, ranges, what is usual."""

import math
from dataclasses import dataclass
from typing import Literal, TypedDict

from core.errors import QueryError, SettingsError

# Milvus takes no more lists.
MAX_NLIST = 65_536
# FAISS trains a list well with so many rows, and warns below.
ROWS_A_LIST = 39

_LARGEST = 32_768


@dataclass(frozen=True, slots=True)
class BuildParameter:
    """A number that an index is built with.

    Attributes:
        name: Milvus's, such as `efConstruction`.
        field: Of `IndexChoice` and `CollectionInfo` that holds it.
        least, most: The range that Milvus takes.
        usual: What is taken unless somebody says otherwise; None is worked out from the rows.
        what: What it counts, in a few words.
        follows: What it is worked out from, where `usual` is None.
    """

    name: str
    field: str
    least: int
    most: int
    usual: int | None
    what: str
    follows: str = ""

    def check(self, value: int | None) -> None:
        """Refuse a value outside the range; None is allowed where it can be worked out.

        Raises:
            SettingsError: It is outside.
        """
        if value is None or self.least <= value <= self.most:
            return
        left = f", or leave it to be chosen from {self.follows}" if self.usual is None else ""
        raise SettingsError(
            f"{self.name} {value} is not allowed: give {self.least} to {self.most:,}{left}."
        )


class Effort(TypedDict, total=False):
    """How thoroughly an index is searched; what is missing or None is as usual.

    An index ignores what is not for its type.

    Attributes:
        nprobe: Lists to search, 1 to nlist.
        ef: Candidates a graph is followed for, k to 32,768.
        reorder_k: Candidates of SCANN that are compared with the whole numbers, k to 32,768.
        search_list: Candidates that DISKANN keeps, k to 32,768.
        refine_k: How many times k rows are compared with the finer numbers, 1 to 64.
    """

    nprobe: int | None
    ef: int | None
    reorder_k: int | None
    search_list: int | None
    refine_k: int | None


EffortName = Literal["nprobe", "ef", "reorder_k", "search_list", "refine_k"]


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """A number that says how thoroughly to search.

    Attributes:
        name: Milvus's.
        what: What it counts, in a word.
        usual: What is taken unless somebody says otherwise, at least.
        steps: Worth offering; those of lists follow nlist, see `offered`.
        most: Milvus takes no more; of lists there are nlist.
        is_lists: Whether it counts the lists of the index, of which there are nlist.
        holds_k: Whether it must not be below the number of hits.
    """

    name: EffortName
    what: str
    usual: int
    steps: tuple[int, ...] = ()
    most: int = _LARGEST
    is_lists: bool = False
    holds_k: bool = False

    def usual_for(self, k: int, *, nlist: int) -> int:
        """Return what is taken for `k` hits unless somebody says otherwise."""
        if self.is_lists:
            return min(self.usual, nlist)
        return min(max(self.usual, 2 * k), self.most) if self.holds_k else self.usual

    def offered(self, *, nlist: int) -> list[int]:
        """Return the values worth offering, ascending."""
        return nprobe_steps(nlist) if self.is_lists else list(self.steps)

    def check(self, value: int, *, k: int, nlist: int, collection: str) -> None:
        """Refuse a value that Milvus would refuse, or would answer with nonsense.

        Raises:
            QueryError: It is outside its range.
        """
        least, most = k if self.holds_k else 1, nlist if self.is_lists else self.most
        if least <= value <= most:
            return
        allowed = f"{f'k ({k})' if self.holds_k else least} to {most:,}"
        if self.is_lists:
            allowed += f": {collection} has that many lists (nlist)"
        raise QueryError(f"{self.name} is {value}, allowed are {allowed}.")


def auto_nlist(rows: int) -> int:
    """Return 4 * sqrt(rows), between 1 and rows / 39, at most 65,536.

    The rule of thumb is Milvus's own; below 39 rows a list k-means is trained on too few points
    (FAISS warns under that number).
    """
    return max(1, min(round(4 * math.sqrt(rows)), rows // ROWS_A_LIST, MAX_NLIST))


def auto_subvectors(dimension: int) -> int:
    """Return into how many parts of a byte each IVF_PQ cuts an embedding.

    It has to divide the dimension; of those that do, the largest with 8 numbers a part or more.
    """
    return next(parts for parts in range(max(1, dimension // 8), 0, -1) if dimension % parts == 0)


def nprobe_steps(nlist: int) -> list[int]:
    """Return the values worth offering for nprobe: powers of two up to nlist, and nlist."""
    steps = [2**power for power in range(nlist.bit_length()) if 2**power < nlist]
    return [*steps, max(nlist, 1)]
