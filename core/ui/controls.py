"""Controls that pages share, bound to the link and never without a value; what a browser shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import streamlit as st

from core.collection.columns import Column, Having
from core.dataset.formats.kinds import PICTURE_SUFFIXES
from core.search.link import is_number
from core.ui.text import plain

T = TypeVar("T")

# More options than that make a page slow.
_MOST_VALUES = 1_000

# What an uploader of pictures takes, in a browser that goes by names.
UPLOAD_TYPES = sorted(suffix.removeprefix(".") for suffix in PICTURE_SUFFIXES)


def is_dark() -> bool:
    """Whether the browser shows the dark theme."""
    return bool(st.context.theme.type == "dark")


@dataclass(frozen=True, slots=True)
class Range:
    """The ends of a slider, to which a number in the address must keep as well."""

    least: float
    most: float

    def takes(self, text: str) -> bool:
        """Whether a text of the address is a number the slider can show."""
        return is_number(text, self.least, self.most)


def segmented(
    label: str,
    options: Sequence[T],
    *,
    key: str,
    default: T | None = None,
    help: str | None = None,
    inline: bool = False,
) -> T:
    """Ask for exactly one of a few options; the link carries it.

    Args:
        default: The first option if not given.
        inline: As wide as its words, the label for those alone who do not see it.
    """
    fallback = options[0] if default is None else default
    chosen = st.segmented_control(
        label,
        options,
        default=fallback,
        required=True,
        key=key,
        bind="query-params",
        width="content" if inline else "stretch",
        label_visibility="collapsed" if inline else "visible",
        help=help,
    )
    # A link with an empty value (`?metric=`) clears even a control that requires one.
    return fallback if chosen is None else chosen


def where_options(columns: Mapping[str, Column]) -> dict[str, tuple[str, str]]:
    """Return column and value by what stands in the control for them, and in the address."""
    return {
        f"{column.title}: {value}": (name, value)
        for name, column in columns.items()
        for value in list(column.rows)[:_MOST_VALUES]
    }


def where_control(columns: Mapping[str, Column], *, key: str, inline: bool = False) -> Having:
    """Ask for values of further columns; the link carries them. Nothing where there are none.

    Args:
        inline: With the label for those alone who do not see it.
    """
    options = where_options(columns)
    if not options:
        return ()
    long = [one.title for one in columns.values() if len(one.rows) > _MOST_VALUES]
    cut = f" Of {', '.join(long)} the {_MOST_VALUES:,} most frequent are here." if long else ""
    chosen = st.multiselect(
        "Only where",
        list(options),
        placeholder=f"Any {' or '.join(one.title for one in columns.values())}",
        key=key,
        bind="query-params",
        label_visibility="collapsed" if inline else "visible",
        help="What is known of a picture besides its class. Of several values of a column one is "
        "enough." + plain(cut),
    )
    having: dict[str, tuple[str, ...]] = {}
    for name, value in map(options.__getitem__, chosen):
        having[name] = (*having.get(name, ()), value)
    return tuple(having.items())
