"""The map on the page: what is told goes to the browser, what is selected comes back."""

import secrets
from collections.abc import Callable
from pathlib import Path

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.embedding_map.component.cards import Cards, PlacedCard
from pages.embedding_map.component.handouts import Handout
from pages.embedding_map.component.message import Message
from pages.embedding_map.component.routes import HANDOUTS, PLOTLY

# Of the points, in pixels; the legend stands below.
HEIGHT = 560

# Nothing moves when the map appears: until the browser has its code, its room is empty.
_ROOM = f"""<style>
.st-key-map_room {{ min-height: {HEIGHT}px; }}
@media (max-width: 640px) {{ .st-key-map_room {{ min-height: 320px; }} }}
</style>"""

_FOLDER = Path(__file__).parent

_component = st.components.v2.component(
    "orchard_map",
    js=(_FOLDER / "map.js").read_text(encoding="utf-8"),
    css=(_FOLDER / "map.css").read_text(encoding="utf-8"),
    # Plotly writes its styles into the page.
    isolate_styles=False,
)


def new_token() -> str:
    """Return a token that nobody can guess, for one session's `mount_map`."""
    return secrets.token_urlsafe(32)


def mount_map(
    message: Message,
    cards: Cards,
    *,
    key: str,
    token: str,
    image_format: str,
    alt: str,
    cleared: int,
    on_select: Callable[[], None],
    placed: PlacedCard | None = None,
) -> None:
    """Draw the map and hold ready what the browser will fetch for it.

    Args:
        key: Where the session finds `selection`: `rows`, a list of rows, and `cards`, the name of
            the cards of the map that they were selected on.
        token: Of this session, from `new_token`.
        image_format: What the camera saves, "png" or "svg".
        alt: The map in words.
        cleared: Another number than before forgets what is selected.
        on_select: Called when something was selected, or nothing any more.
        placed: Of the picture that the marks put on the map, if there is one.
    """
    context = get_script_run_ctx()
    session = context.session_id if context else ""
    HANDOUTS.put(token, Handout(session, message.numbers, cards, placed))
    st.html(_ROOM)
    with st.container(key="map_room"):
        _component(
            key=key,
            data={
                **message.text,
                "plotly": PLOTLY,
                "token": token,
                "cards": cards.name,
                "placed": placed.name if placed else "",
                "image_format": image_format,
                "alt": alt,
                "cleared": cleared,
                "height": HEIGHT,
            },
            on_selection_change=on_select,
        )
