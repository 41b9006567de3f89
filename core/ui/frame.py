"""The frame around a page: the product's name, one line about the collection, its notices."""

import base64
import contextlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from core.collection.info import CollectionInfo
from core.config import Settings
from core.encoder.weights import is_offline
from core.errors import CollectionNotFoundError, OrchardError
from core.ui import resources, tiles
from core.ui.choosing import looked_at
from core.ui.choosing.picker import collection_picker
from core.ui.controls import is_dark
from core.ui.correcting import dialogs
from core.ui.text import plain
from core.wording import counted, sentence

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

logger = logging.getLogger(__name__)

# In the page itself: a Material icon here would be fetched from the internet, and a file is served
# for as long as a run of the script lasts, which a browser may miss.
_ICON = (Path(__file__).resolve().parents[2] / "assets" / "orchard.png").read_bytes()
ICON_URL = f"data:image/png;base64,{base64.b64encode(_ICON).decode()}"

# Streamlit leaves six times as much empty above a page, and twice as much beside it; and it keeps
# columns beside each other in any window that is wider than a phone.
_STYLE = """
[data-testid="stMainBlockContainer"] { padding: 4.5rem 2rem 3rem; }
@media (max-width: 640px) {
  [data-testid="stMainBlockContainer"] { padding: 4rem 1rem 2rem; }
}
/* Columns that would be too narrow for a chart or for pictures stand below each other. */
[data-testid="stMain"] [data-testid="stColumn"] { min-width: min(300px, 100%); }
/* Nothing to be seen: it would take a gap's height from every page. */
.st-key-one_step_back, .st-key-theme { display: none; }
"""

# White, as Streamlit has it in both themes, has a contrast of 2.5 on the dark theme's accent. An
# accent dark enough for it would be too dark for the text that is written in it, and the theme has
# no setting for either alone.
_DARK_STYLE = """
[data-testid="stBaseButton-primary"]:not(:disabled) { color: #16171A; }
"""


def _script(name: str) -> "ComponentRenderer":
    js = Path(__file__).with_name(f"{name}.js").read_text(encoding="utf-8")
    return st.components.v2.component(f"orchard_{name}", js=js)


_history, _theme = _script("history"), _script("theme")


def style() -> None:
    """Set what the theme has no setting for: margins, tiles, and buttons that can be read."""
    st.html(
        f"<style>{_STYLE}{tiles.STYLE}{dialogs.STYLE}{_DARK_STYLE if is_dark() else ''}</style>"
    )


def history() -> None:
    """Let the browser's Back undo one step of a person at a time, see `history.js`."""
    _history(key="one_step_back")


def theme() -> None:
    """Have the page drawn anew where it shows another theme than this run has, see `theme.js`."""
    drawn = "dark" if is_dark() else "light"
    _theme(key="theme", data={"drawn": drawn}, on_changed_change=lambda: None)


def name() -> None:
    """Show the product's name in the corner of every page."""
    st.logo(_logo(dark=is_dark()), size="large", icon_image=ICON_URL)


def frame(*, is_of_collection: bool = False) -> None:
    """Draw what every page has: one line about the collection, its notices, the last correction.

    Args:
        is_of_collection: Whether it is around the Collection page, which is not to lead to itself.
    """
    looked_at.follow()
    dialogs.follow()
    if said := looked_at.notice():
        st.warning(plain(sentence(said)), icon=":material/link_off:")
        st.button("Dismiss", icon=":material/close:", key="no_such", on_click=looked_at.dismiss)
    with st.sidebar.container(key="collections"):
        collection_picker()
    settings, family = resources.get_settings(), looked_at.family()
    try:
        info = next(iter(resources.get_collections(family).values()))
    except OrchardError as error:
        logger.info("no collection to show: %s", error)
        missing = isinstance(error, CollectionNotFoundError)
        with st.sidebar.container(key="status"):
            st.caption("No collection yet" if missing else "Database not available")
        return
    with st.sidebar.container(key="status", gap=None):
        _about(info, family, settings)
        if is_offline(info.encoder):
            _offline_badge(read_only=settings.read_only)
    if not info.complete:
        _incomplete(leads=not (settings.read_only or is_of_collection))


def _logo(*, dark: bool) -> str:
    """Return icon and name as an SVG; a picture, which cannot ask the page for its colours."""
    colour = "#ECEAE6" if dark else "#121110"
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 132 32" width="132" height="32">'
        f'<image href="{ICON_URL}" width="32" height="32"/>'
        '<text x="40" y="23" font-family="sans-serif" font-size="21" font-weight="600" '
        f'fill="{colour}">Orchard</text></svg>'
    )


def _about(info: CollectionInfo, family: str, settings: Settings) -> None:
    state = "" if info.complete else " (incomplete)"
    label = f"{family}, {counted(info.rows, 'picture')}{state}"
    where = "Milvus Lite" if settings.is_lite else "Milvus server"
    facts = {
        "Dataset": info.dataset or "unknown",
        "Database": f"{where}, {settings.milvus_database}",
        "Index": info.index_text,
        "Encoder": info.encoder.title,
    }
    # Of a damaged file the page itself tells.
    with contextlib.suppress(OrchardError):
        if said := str(resources.get_catalogue(family).applied):
            facts["Corrections"] = said
    with st.popover(plain(label), icon=":material/database:", type="tertiary"):
        for fact, value in facts.items():
            st.caption(f"{fact}: **{plain(value)}**")


def _offline_badge(*, read_only: bool) -> None:
    with st.popover("Offline encoder", icon=":material/wifi_off:", type="tertiary"):
        st.write(
            "A small network for trying things out. Real photos deserve ResNet-50, or "
            "EfficientNet-Lite2 (`make app IMAGENET=1`)."
        )
        if not read_only:
            st.write("With the weights at hand, replace the collection on the Collection page.")


def _incomplete(*, leads: bool) -> None:
    text = "Indexing has not finished, so pictures may be missing."
    if leads:
        text += " The Collection page shows how far it is, and continues a run that was stopped."
    st.warning(text, icon=":material/warning:")
