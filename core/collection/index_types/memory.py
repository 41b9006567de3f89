"""How many bytes an index takes, by the formulas of its type: for databases that do not tell."""

from dataclasses import dataclass

from core.collection.index_choice import IndexChoice
from core.collection.index_types.kinds import IndexType
from core.collection.index_types.parameters import auto_subvectors

_FLOAT, _ID, _LINK = 4, 8, 4
# Links of a row of DISKANN, as Milvus builds it, and the share of the numbers in memory.
_DISK_LINKS, _DISK_SHARE = 56, 0.125


@dataclass(frozen=True, slots=True)
class IndexBytes:
    """Bytes in memory and on disk."""

    memory: int
    disk: int


def computed_bytes(choice: IndexChoice, *, rows: int, dimension: int) -> IndexBytes:
    """Return what an index takes: its numbers, its lists' centres and ids, its links.

    Args:
        choice: With its numbers written out.
        dimension: Numbers of an embedding.
    """
    whole = rows * dimension * _FLOAT
    lists = (choice.nlist or 0) * dimension * _FLOAT + rows * _ID
    # The lowest layer has 2 M links a row, those above M for a row in M; FAISS keeps 12 bytes more.
    links = rows * (2 * choice.m * _LINK + _LINK + 12)
    match choice.index_type:
        case IndexType.FLAT:
            taken = whole
        case IndexType.IVF_FLAT:
            taken = whole + lists
        case IndexType.IVF_SQ8:
            taken = rows * dimension + lists
        case IndexType.IVF_PQ:
            parts = choice.subvectors or auto_subvectors(dimension)
            # 256 centres of each part.
            taken = rows * parts + lists + 256 * dimension * _FLOAT
        case IndexType.IVF_RABITQ:
            # A bit a number, and a byte to compare the best by.
            taken = rows * dimension // 8 + rows * dimension + lists
        case IndexType.SCANN:
            # Half a byte for two numbers, and all numbers to compare the best by.
            taken = rows * dimension // 4 + whole + lists
        case IndexType.HNSW:
            taken = whole + links
        case IndexType.HNSW_SQ:
            taken = rows * dimension + links
        case IndexType.DISKANN:
            return IndexBytes(int(whole * _DISK_SHARE), whole + rows * _DISK_LINKS * _LINK)
    return IndexBytes(taken, taken)
