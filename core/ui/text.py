"""Text of data, drawn letter by letter: it is never markup."""

import math
import re

from core.wording import visible

_MARKUP = re.compile(r"([!-/:-@\[-`{-~])")


def plain(text: str) -> str:
    """Escape text of data so that Markdown shows it letter by letter, control characters too."""
    return _MARKUP.sub(r"\\\1", visible(" ".join(text.split())))


def number_or_none(value: float) -> float | None:
    """Return the number for a table, which leaves the cell of an undefined one, NaN, empty."""
    return None if math.isnan(value) else value
