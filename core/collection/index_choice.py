"""What index to build: its type and its numbers, as a person has chosen them or as is usual."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from core.collection.index_types.kinds import BUILD_PARAMETERS, KINDS, IndexKind, IndexType, kind_of
from core.collection.index_types.parameters import (
    MAX_NLIST,
    auto_nlist,
    auto_subvectors,
    nprobe_steps,
)
from core.errors import SettingsError

if TYPE_CHECKING:
    from core.collection.info import CollectionInfo

__all__ = [
    "MAX_NLIST",
    "IndexChoice",
    "IndexType",
    "auto_nlist",
    "nprobe_steps",
]


@dataclass(frozen=True, slots=True)
class IndexChoice:
    """What index to build; numbers that its type has no use for are ignored.

    Attributes:
        nlist: Number of lists an IVF index divides the rows into, 1 to 65,536; None lets
            `auto_nlist` decide.
        m: Neighbours a row of an HNSW index is linked to, 2 to 2,048.
        ef_construction: Candidates looked at for each link while HNSW is built, 8 to 32,768;
            more make a better graph and take longer.
        subvectors: Parts that IVF_PQ keeps a byte of, a divisor of the dimension; None lets
            `auto_subvectors` decide.
    """

    index_type: IndexType = IndexType.IVF_FLAT
    nlist: int | None = None
    m: int = 16
    ef_construction: int = 200
    subvectors: int | None = None

    def __post_init__(self) -> None:
        for parameter in BUILD_PARAMETERS:
            parameter.check(getattr(self, parameter.field))

    @classmethod
    def of(cls, info: "CollectionInfo") -> "IndexChoice":
        """Return what to ask for to get the index that a collection has.

        One that others made may have an index that cannot be built here; that asks for nothing in
        particular.
        """
        kind = kind_of(info.index_type)
        if kind is None:
            return cls()
        built: dict[str, Any] = {p.field: getattr(info, p.field) or p.usual for p in kind.build}
        return cls(kind.type, **built)

    @property
    def kind(self) -> IndexKind:
        """What is known of its type."""
        return KINDS[self.index_type]

    def explicit(self, rows: int) -> "IndexChoice":
        """Return the same choice with the nlist for `rows` rows written out, if it was left open.

        `IndexChoice()` says nothing, and leaves an index as it is; written out, it is built.
        """
        if self.kind.has_lists and self.nlist is None:
            return replace(self, nlist=auto_nlist(rows))
        return self

    def parameters(self, rows: int, *, dimension: int = 0) -> dict[str, Any]:
        """Return the `params` of Milvus's `add_index` for a collection of `rows` rows.

        The nested form is the only one that Milvus Lite honours; servers take it as well.

        Args:
            dimension: Numbers of an embedding; needed where `subvectors` is set or needed.

        Raises:
            SettingsError: `subvectors` does not divide the dimension.
        """
        numbers = {p.name: getattr(self.explicit(rows), p.field) for p in self.kind.build}
        if self.index_type is IndexType.IVF_PQ:
            numbers["m"] = self._parts(dimension)
        told = {**numbers, **(self.kind.fixed or {})}
        return {"params": told} if told else {}

    def __str__(self) -> str:
        """Return such as `IVF_FLAT with nlist 1,024`; what is left open is left out."""
        numbers = ((p.name, getattr(self, p.field)) for p in self.kind.build)
        said = [f"{name} {value:,}" for name, value in numbers if value]
        return f"{self.index_type} with {' and '.join(said)}" if said else self.index_type.value

    def _parts(self, dimension: int) -> int:
        parts = self.subvectors or auto_subvectors(dimension)
        if dimension % parts:
            raise SettingsError(
                f"m {parts} does not divide the {dimension:,} numbers of an embedding. Give a "
                f"divisor, such as {auto_subvectors(dimension)}, or leave it open."
            )
        return parts
