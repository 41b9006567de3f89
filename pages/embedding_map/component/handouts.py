"""What the dashboard holds ready for each visitor's browser to fetch, and who may fetch it.

A page that was shown to a visitor puts it here under a token that nobody can guess, and the
browser fetches it under that token. So whoever was not admitted to the page has nothing to ask
with, and a token is worth nothing once the session it was given to has ended. Knows no Streamlit.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from pages.embedding_map.component.cards import Cards, PlacedCard

# A browser may still be on its way to fetch what the run before told it of: as many of those.
KEPT_NUMBERS = 2
# Tabs that were closed are not told of; what they held ready goes when as many came after them.
KEPT_VISITORS = 200


@dataclass(frozen=True, slots=True)
class Handout:
    """What one session's map needs.

    Attributes:
        session: The session that it was made for.
        numbers: Arrays by name; shared with the caches of the page, not to be written.
        cards: What stands beside a point.
        placed: What stands beside a picture that is no point.
    """

    session: str
    numbers: Mapping[str, NDArray[Any]]
    cards: Cards
    placed: PlacedCard | None = None


class Handouts:
    """Handouts by token; safe to use from several threads."""

    def __init__(self, *, is_active: Callable[[str], bool]) -> None:
        """Hold nothing yet.

        Args:
            is_active: Whether a session is going on.
        """
        self._is_active = is_active
        self._by_token: OrderedDict[str, Handout] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, token: str, handout: Handout) -> None:
        """Hold a handout ready; the numbers of the last few under this token stay as well."""
        with self._lock:
            before = self._by_token.pop(token, None)
            old = dict(before.numbers) if before and before.session == handout.session else {}
            merged = {name: old[name] for name in old if name not in handout.numbers}
            merged |= handout.numbers
            kept = dict(list(merged.items())[-(KEPT_NUMBERS + len(handout.numbers)) :])
            self._by_token[token] = replace(handout, numbers=kept)
            while len(self._by_token) > KEPT_VISITORS:
                self._by_token.popitem(last=False)

    def find(self, token: str) -> Handout | None:
        """Return what a token stands for; None if nothing, or its session has ended."""
        with self._lock:
            handout = self._by_token.get(token)
        return handout if handout and self._is_active(handout.session) else None
