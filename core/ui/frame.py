"""The frame around a page: the status strip, its notices, and buttons that can be read."""

import logging

import streamlit as st

from core.collection.info import CollectionInfo
from core.encoder.weights import is_offline
from core.errors import CollectionNotFoundError, OrchardError
from core.ui import links, resources
from core.ui.controls import is_dark
from core.ui.keys import Handed
from core.ui.text import plain

logger = logging.getLogger(__name__)


_DARK_TEXT = """
<style>
[data-testid="stBaseButton-primary"]:not(:disabled) { color: #16171A; }
</style>
"""


def readable_buttons() -> None:
    """Draw the text of primary buttons dark in the dark theme, where Streamlit has it white.

    White on the accent has a contrast of 2.5; an accent dark enough for it would be too dark for
    the text that is written in it. The theme has no setting for either alone.
    """
    if is_dark():
        st.html(_DARK_TEXT)


def frame() -> None:
    """Draw what every page has: the status strip, and the notice of the offline encoder."""
    try:
        infos = resources.get_collections()
        settings = resources.get_settings()
    except OrchardError as error:
        logger.info("no collection to show: %s", error)
        with st.sidebar:
            missing = isinstance(error, CollectionNotFoundError)
            _strip({"State": "no collection yet" if missing else "database not available"})
        return
    chosen = links.handed(Handed.METRIC)
    info = next((i for m, i in infos.items() if m == chosen), next(iter(infos.values())))
    where = "Milvus Lite" if settings.is_lite else "Milvus server"
    with st.sidebar:
        _strip(
            {
                "Database": f"{where}, {settings.milvus_database}",
                "Collection": settings.collection,
                "Rows": f"{info.rows:,}" + ("" if info.complete else " (incomplete)"),
                "Metric": info.metric.value,
                "Index": info.index_type or "none",
                "nlist": str(info.nlist) if info.nlist else "none",
                "Encoder": f"{info.encoder.architecture} ({info.encoder.weights})",
            }
        )
    _notices(info, read_only=settings.read_only)


def _strip(lines: dict[str, str]) -> None:
    with st.container(key="status", gap=None):
        for name, value in lines.items():
            st.caption(f"{name}: **{plain(value)}**")


def _notices(info: CollectionInfo, *, read_only: bool) -> None:
    if is_offline(info.encoder):
        st.info(
            "**Offline encoder.** It knows groceries only; for pictures of anything else use "
            "ResNet-50, or EfficientNet-Lite2 (`make app IMAGENET=1`)."
            + (
                ""
                if read_only
                else " With the weights at hand, replace the collection on the Collection page."
            ),
            icon=":material/wifi_off:",
        )
    if not info.complete:
        st.warning(
            "Indexing has not finished, so pictures may be missing."
            + (
                ""
                if read_only
                else " The Collection page shows how far it is, and continues a "
                "run that was stopped."
            ),
            icon=":material/warning:",
        )
