"""Every type of index: what it is, what it is built with, how it is searched, what it takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from core.collection.index_types.parameters import MAX_NLIST, BuildParameter, SearchParameter


class IndexType(StrEnum):
    """The types of index that Orchard can ask for; which of them a database has, it tells."""

    FLAT = "FLAT"
    IVF_FLAT = "IVF_FLAT"
    IVF_SQ8 = "IVF_SQ8"
    IVF_PQ = "IVF_PQ"
    IVF_RABITQ = "IVF_RABITQ"
    SCANN = "SCANN"
    HNSW = "HNSW"
    HNSW_SQ = "HNSW_SQ"
    DISKANN = "DISKANN"


_NLIST = BuildParameter("nlist", "nlist", 1, MAX_NLIST, None, "lists", "the number of rows")
_LINKS = BuildParameter("M", "m", 2, 2_048, 16, "links a row")
_CANDIDATES = BuildParameter(
    "efConstruction", "ef_construction", 8, 32_768, 200, "candidates while it is built"
)
_PARTS = BuildParameter(
    "m", "subvectors", 1, 65_536, None, "parts of a byte each", "the numbers of an embedding"
)

_STEPS = (16, 32, 64, 128, 256, 512)
NPROBE = SearchParameter("nprobe", "lists", 16, is_lists=True)
EF = SearchParameter("ef", "candidates", 64, _STEPS, holds_k=True)
REORDER = SearchParameter("reorder_k", "candidates", 64, _STEPS, holds_k=True)
SEARCH_LIST = SearchParameter("search_list", "candidates", 64, _STEPS, holds_k=True)
REFINE = SearchParameter("refine_k", "times k", 2, (1, 2, 4, 8, 16), most=64)


@dataclass(frozen=True, slots=True)
class IndexKind:
    """One type of index.

    Attributes:
        what: How it works, in a sentence.
        build: What it is built with.
        search: How thoroughly it is searched; the first is what most depends on.
        fixed: What else Milvus is told when it is built.
        is_whole: Whether it keeps the numbers as they are, so that a search of all its lists finds
            what exact search finds.
        rounds: Whether it knows the numbers of an embedding only roughly, and so their scores.
    """

    type: IndexType
    what: str
    build: tuple[BuildParameter, ...] = ()
    search: tuple[SearchParameter, ...] = ()
    fixed: Mapping[str, Any] | None = None
    is_whole: bool = False
    rounds: bool = False

    @property
    def has_lists(self) -> bool:
        """Whether rows that become many times more call for more lists, and so for a new index."""
        return _NLIST in self.build


KINDS: Mapping[IndexType, IndexKind] = {
    kind.type: kind
    for kind in (
        IndexKind(IndexType.FLAT, "compares with every row: exact", is_whole=True),
        IndexKind(
            IndexType.IVF_FLAT,
            "searches nprobe of nlist lists",
            (_NLIST,),
            (NPROBE,),
            is_whole=True,
        ),
        IndexKind(
            IndexType.IVF_SQ8,
            "the same lists with a byte a number: a quarter of the memory",
            (_NLIST,),
            (NPROBE,),
            rounds=True,
        ),
        IndexKind(
            IndexType.IVF_PQ,
            "the same lists with a byte for several numbers: the smallest, and the coarsest",
            (_NLIST, _PARTS),
            (NPROBE,),
            {"nbits": 8},
            rounds=True,
        ),
        IndexKind(
            IndexType.IVF_RABITQ,
            "the same lists with a bit a number, the best compared once more with a byte each",
            (_NLIST,),
            (NPROBE, REFINE),
            {"refine": True, "refine_type": "SQ8"},
            rounds=True,
        ),
        IndexKind(
            IndexType.SCANN,
            "the same lists with half a byte for two numbers, the best compared once more",
            (_NLIST,),
            (NPROBE, REORDER),
            {"with_raw_data": True},
        ),
        IndexKind(
            IndexType.HNSW,
            "follows links between neighbours: fast, and the largest",
            (_LINKS, _CANDIDATES),
            (EF,),
        ),
        IndexKind(
            IndexType.HNSW_SQ,
            "the same links with a byte a number",
            (_LINKS, _CANDIDATES),
            (EF,),
            {"sq_type": "SQ8"},
            rounds=True,
        ),
        IndexKind(
            IndexType.DISKANN,
            "follows links on the disk, for more rows than memory holds",
            (),
            (SEARCH_LIST,),
        ),
    )
}
BUILD_PARAMETERS = tuple(dict.fromkeys(p for kind in KINDS.values() for p in kind.build))
SEARCH_PARAMETERS = tuple(dict.fromkeys(p for kind in KINDS.values() for p in kind.search))


def kind_of(index_type: str) -> IndexKind | None:
    """Return what is known of an index type; None of one that others have built."""
    return KINDS[IndexType(index_type)] if index_type in set(IndexType) else None
