"""What an answer is taken away as: CSV, ZIP, and a link to the same view."""

from collections.abc import Sequence
from urllib.parse import urlencode

import streamlit as st

from core.collection.info import CollectionInfo
from core.dataset.archives.pictures_zip import MAX_ZIP_BYTES, pictures_as_zip
from core.errors import ImageError
from core.search.hits import Hit
from core.search.hits_csv import hits_as_csv
from core.ui import resources
from core.ui.text import plain
from core.wording import counted
from pages.search.state import Session


def take_away(hits: Sequence[Hit], info: CollectionInfo, session: Session) -> None:
    """Offer the hits as CSV and ZIP, and the address of this view."""
    with st.popover("Export", icon=":material/download:"):
        st.download_button(
            "Hits (CSV)",
            # Made when it is asked for.
            lambda: hits_as_csv(hits, metric=info.metric),
            file_name="hits.csv",
            mime="text/csv",
            on_click="ignore",
            help="Rank, class, path, id, digest and scores of all hits",
            width="stretch",
        )
        _zip_button(hits, info)
        _link(session)


def _zip_button(hits: Sequence[Hit], info: CollectionInfo) -> None:
    try:
        root = resources.dataset_folder(info)
    except ImageError as error:
        st.caption(plain(f"No ZIP of the pictures: {error}"))
        return
    st.download_button(
        "Pictures (ZIP)",
        lambda: pictures_as_zip((hit.record.path for hit in hits), root=root),
        file_name="hits.zip",
        mime="application/zip",
        on_click="ignore",
        help=f"Up to {MAX_ZIP_BYTES // 1_000_000} MB; what does not fit is named inside",
        width="stretch",
    )


def _link(session: Session) -> None:
    uploads = sum(picture.record is None for picture in session.pictures)
    if uploads == len(session.pictures):
        st.caption(
            "An upload never leaves your session, so there is no link to this view. Search with a "
            "picture of the collection to get one."
        )
        return
    without = f", without {counted(uploads, 'uploaded picture')}" if uploads else ""
    st.caption(f"The same view for a colleague{without}:")
    st.code(_address(), language=None, wrap_lines=True)


def _address() -> str:
    base = (st.context.url or "").partition("?")[0]
    pairs = [(name, value) for name in st.query_params for value in st.query_params.get_all(name)]
    return f"{base}?{urlencode(pairs)}" if pairs else base
