"""Text of data, drawn letter by letter: it is never markup."""

import re

_MARKUP = re.compile(r"([!-/:-@\[-`{-~])")


def plain(text: str) -> str:
    """Escape text of data so that Markdown shows it letter by letter."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
