"""Controls for an index: its type and parameters, or the one that a collection has."""

import streamlit as st

from core.collection.index_choice import MAX_NLIST, IndexChoice, IndexType, auto_nlist

AS_IT_IS = "As the collection"


def index_control(key: str, *, rows: int) -> IndexChoice:
    """Ask for an index type and its parameters.

    Args:
        rows: How many it is for; 0 where that is not known yet.
    """
    return _parameters(key, IndexType(_type(key, list(IndexType))), rows)


def index_or_old(key: str, *, rows: int) -> IndexChoice | None:
    """Ask for an index as `index_control` does; None leaves that of the collection."""
    kind = _type(key, [AS_IT_IS, *IndexType])
    return None if kind == AS_IT_IS else _parameters(key, IndexType(kind), rows)


def _type(key: str, options: list[str]) -> str:
    usual = AS_IT_IS if AS_IT_IS in options else IndexType.IVF_FLAT
    chosen = st.segmented_control(
        "Index type",
        options,
        default=usual,
        required=True,
        key=f"{key}_index",
        help="**FLAT** compares with every row: exact. **IVF_FLAT** searches nprobe of nlist "
        "lists. **HNSW** follows links between neighbours.",
    )
    return chosen or usual


def _parameters(key: str, kind: IndexType, rows: int) -> IndexChoice:
    if kind is IndexType.IVF_FLAT:
        nlist = st.number_input(
            "nlist (empty: from the number of rows)",
            1,
            MAX_NLIST,
            None,
            key=f"{key}_nlist",
            placeholder=f"{auto_nlist(rows):,}, for {rows:,} rows" if rows else "",
            help="Left empty, it is 4 times the square root of the number of rows, but at most "
            "one list for every 39 rows.",
        )
        return IndexChoice(kind, None if nlist is None else int(nlist))
    if kind is IndexType.HNSW:
        m = st.number_input("M, links a row", 2, 2_048, 16, key=f"{key}_m")
        ef = st.number_input("efConstruction", 8, 32_768, 200, key=f"{key}_ef")
        return IndexChoice(kind, m=int(m), ef_construction=int(ef))
    return IndexChoice(kind)
