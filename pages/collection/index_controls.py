"""Controls for an index: its type and parameters, or the one that a collection has."""

from typing import Any

import streamlit as st

from core.collection.index_choice import IndexChoice, IndexType, auto_nlist
from core.collection.index_types.kinds import KINDS
from core.collection.index_types.parameters import BuildParameter
from pages.collection import cache

AS_IT_IS = "As the collection"


def index_control(key: str, *, rows: int) -> IndexChoice:
    """Ask for an index type and its parameters.

    Args:
        rows: How many it is for; 0 where that is not known yet.
    """
    return _parameters(key, IndexType(_type(key, [])), rows)


def index_or_old(key: str, *, rows: int) -> IndexChoice | None:
    """Ask for an index as `index_control` does; None leaves that of the collection."""
    kind = _type(key, [AS_IT_IS])
    return None if kind == AS_IT_IS else _parameters(key, IndexType(kind), rows)


def _type(key: str, first: list[str]) -> str:
    types = cache.get_index_types()
    usual = first[0] if first else IndexType.IVF_FLAT
    chosen = st.segmented_control(
        "Index type",
        [*first, *types],
        default=usual,
        required=True,
        key=f"{key}_index",
        help="  \n".join(f"**{kind}** {KINDS[kind].what}." for kind in types),
    )
    return chosen or usual


def _parameters(key: str, kind: IndexType, rows: int) -> IndexChoice:
    asked: dict[str, Any] = {
        parameter.field: _number(key, parameter, rows) for parameter in KINDS[kind].build
    }
    return IndexChoice(kind, **asked)


def _number(key: str, parameter: BuildParameter, rows: int) -> int | None:
    is_lists = parameter.field == "nlist"
    what = parameter.what if parameter.usual else f"empty: from {parameter.follows}"
    number = st.number_input(
        f"{parameter.name} ({what})",
        parameter.least,
        parameter.most,
        parameter.usual,
        key=f"{key}_{parameter.field}",
        placeholder=f"{auto_nlist(rows):,}, for {rows:,} rows" if rows and is_lists else "",
        help="Left empty, it is 4 times the square root of the number of rows, but at most "
        "one list for every 39 rows."
        if is_lists
        else None,
    )
    return None if number is None else int(number)
