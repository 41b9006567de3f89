"""Vector indexes as typed objects that build their own Milvus parameters."""

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from core.errors import SettingsError

if TYPE_CHECKING:
    from core.collection.info import CollectionInfo

# Milvus takes no more lists.
MAX_NLIST = 65_536
# Milvus's own bounds of HNSW.
M_RANGE = (2, 2_048)
EF_CONSTRUCTION_RANGE = (8, 32_768)
MAX_EF = 32_768


class IndexType(StrEnum):
    """The kinds of index that can be built."""

    FLAT = "FLAT"
    IVF_FLAT = "IVF_FLAT"
    HNSW = "HNSW"


@dataclass(frozen=True, slots=True)
class IndexChoice:
    """What index to build.

    Attributes:
        nlist: Number of lists an IVF index divides the rows into, 1 to 65,536; None lets
            `auto_nlist` decide.
        m: Neighbours a row of an HNSW index is linked to, 2 to 2,048.
        ef_construction: Candidates looked at for each link while HNSW is built, 8 to 32,768;
            more make a better graph and take longer.
    """

    index_type: IndexType = IndexType.IVF_FLAT
    nlist: int | None = None
    m: int = 16
    ef_construction: int = 200

    def __post_init__(self) -> None:
        _check_range("M", self.m, M_RANGE)
        _check_range("efConstruction", self.ef_construction, EF_CONSTRUCTION_RANGE)
        if self.nlist is not None and not 1 <= self.nlist <= MAX_NLIST:
            raise SettingsError(
                f"nlist {self.nlist} is not allowed: give 1 to {MAX_NLIST:,}, or leave it to be "
                "chosen from the number of rows."
            )

    @classmethod
    def of(cls, info: "CollectionInfo") -> "IndexChoice":
        """Return what to ask for to get the index that a collection has.

        One that others made may have an index that cannot be built here; that asks for nothing in
        particular.
        """
        if info.index_type == IndexType.HNSW:
            return cls(IndexType.HNSW, m=info.m, ef_construction=info.ef_construction)
        if info.index_type in set(IndexType):
            return cls(IndexType(info.index_type), nlist=info.nlist or None)
        return cls()

    def explicit(self, rows: int) -> "IndexChoice":
        """Return the same choice with the nlist for `rows` rows written out, if it was left open.

        `IndexChoice()` says nothing, and leaves an index as it is; written out, it is built.
        """
        if self.index_type is IndexType.IVF_FLAT and self.nlist is None:
            return replace(self, nlist=auto_nlist(rows))
        return self

    def parameters(self, rows: int) -> dict[str, Any]:
        """Return the `params` of Milvus's `add_index` for a collection of `rows` rows.

        The nested form is the only one that Milvus Lite honours; servers take it as well.
        """
        if self.index_type is IndexType.FLAT:
            return {}
        if self.index_type is IndexType.HNSW:
            return {"params": {"M": self.m, "efConstruction": self.ef_construction}}
        return {"params": {"nlist": self.explicit(rows).nlist}}


def auto_nlist(rows: int) -> int:
    """Return 4 * sqrt(rows), between 1 and rows / 39, at most 65,536.

    The rule of thumb is Milvus's own; below 39 rows a list k-means is trained on too few points
    (FAISS warns under that number).
    """
    return max(1, min(round(4 * math.sqrt(rows)), rows // 39, MAX_NLIST))


def default_ef(k: int) -> int:
    """Return the candidates an HNSW search looks at unless told: 64, or 2 * k if that is more."""
    return min(max(64, 2 * k), MAX_EF)


def _check_range(name: str, value: int, allowed: tuple[int, int]) -> None:
    least, most = allowed
    if not least <= value <= most:
        raise SettingsError(f"{name} {value} is not allowed: give {least} to {most:,}.")


def nprobe_steps(nlist: int) -> list[int]:
    """Return the values worth offering for nprobe: powers of two up to nlist, and nlist."""
    steps = [2**power for power in range(nlist.bit_length()) if 2**power < nlist]
    return [*steps, max(nlist, 1)]
