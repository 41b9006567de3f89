"""Controls that pages share, bound to the link and never without a value; what a browser shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import streamlit as st

from core.dataset.formats.kinds import PICTURE_SUFFIXES
from core.search.link import is_number

T = TypeVar("T")

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
