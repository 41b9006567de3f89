"""Text of data, drawn letter by letter: it is never markup."""

import re

from core.wording import visible

_MARKUP = re.compile(r"([!-/:-@\[-`{-~])")


def plain(text: str) -> str:
    """Escape text of data so that Markdown shows it letter by letter, control characters too."""
    return _MARKUP.sub(r"\\\1", visible(" ".join(text.split())))
