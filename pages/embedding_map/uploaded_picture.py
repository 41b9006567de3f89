"""A picture that is no point of the map: asked for or brought along, placed, shown with others."""

from dataclasses import dataclass, replace

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.collection.info import CollectionInfo
from core.dataset.files import digest_of
from core.dataset.thumbnails import thumbnail
from core.errors import EncoderMismatchError, FileError, ImageError, WeightsError
from core.projection.placement import Placed
from core.projection.projection import Method, ProjectionSettings
from core.projection.rows import MapRows
from core.ui import links, resources
from core.ui.controls import UPLOAD_TYPES
from core.ui.text import plain
from core.ui.tiles import Width, data_url
from pages.embedding_map import cache, grid, state
from pages.embedding_map.component.cards import PlacedCard
from pages.embedding_map.keys import Key
from pages.embedding_map.progress import follow
from pages.embedding_map.view import View


@dataclass(frozen=True, slots=True)
class Own:
    """A picture to place.

    Attributes:
        content: Of an uploaded file; empty for what was searched with.
        carried: What was searched with; None for an uploaded file.
        by_umap: Whether by UMAP's own transform, where the map is drawn by UMAP.
    """

    name: str
    content: bytes
    carried: links.Carried | None
    by_umap: bool

    @property
    def digest(self) -> str:
        """What tells it from others."""
        return digest_of(self.carried.embedding.tobytes() if self.carried else self.content)


def own_control(rows: MapRows, settings: ProjectionSettings) -> Own | None:
    """Ask for a picture that is not in the collection; until then it is what was searched with."""
    by_umap = False
    with st.expander("Place a picture of yours"):
        file = st.file_uploader("Picture to place", type=UPLOAD_TYPES, key=Key.UPLOAD)
        if settings.method is Method.UMAP:
            by_umap = st.toggle(
                "By UMAP's own transform",
                key=Key.BY_UMAP,
                help="It learns the neighbourhoods again, which takes up to minutes for the first "
                "picture. Until it is done, and without it, the picture lies at the mean of its "
                "neighbours' positions.",
            )
    if file:
        return Own(file.name, file.getvalue(), None, by_umap)
    carried = links.carried()
    # A picture of the map is a point of it already, and picked.
    if carried is None or (carried.id is not None and carried.id in cache.get_places(rows)):
        return None
    return Own(carried.name, b"", carried, by_umap)


def place(view: View, own: Own) -> Placed | None:
    """Return where a picture lies; None, with a message on the page, if it cannot be used."""
    settings = view.projection.settings
    try:
        query = _embedding(own, view.info)
        placed = cache.get_placed(
            own.digest,
            f"{view.rows.fingerprint} {settings}",
            settings.metric,
            _query=query,
            _rows=view.rows,
            _coordinates=view.projection.coordinates,
        )
    except (ImageError, EncoderMismatchError, WeightsError, FileError) as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None
    if not _is_by_umap(view, own):
        return placed
    name = f" {own.digest}"
    job = cache.job_for(view.rows, settings.metric, settings, query=query, query_name=name)
    done = follow(job, or_else="the picture lies at the mean of its neighbours' positions")
    return replace(placed, position=done.position) if done and done.position else placed


def show_placed(view: View, placed: Placed, own: Own) -> None:
    """Show a placed picture beside its nearest neighbours."""
    picture = _picture(own)
    with st.container(border=True):
        with st.container(horizontal=True, gap="small", key="own"):
            if picture:
                # In straight rows with the tiles below.
                st.image(data_url(picture), width=Width.SMALL, alt=f"your picture, {own.name}")
            with st.container(gap="small"):
                st.markdown(f"**{plain(own.name)}** and its nearest neighbours")
                st.caption(
                    "The cross lies where UMAP's transform puts it, once that is done."
                    if _is_by_umap(view, own)
                    else "The cross lies at the mean of their positions, weighted by similarity."
                )
                if own.carried:
                    st.button("Remove", icon=":material/close:", on_click=links.put_down)
        captions = {
            row: grid.Caption(f"{cosine:.3f}", f"similarity {cosine:.3f}", chip=f"**{rank}**")
            for rank, (row, cosine) in enumerate(zip(placed.rows, placed.cosines, strict=True), 1)
        }
        grid.picture_grid(view, placed.rows, key="placed", captions=captions)


def card_of(placed: Placed, own: Own) -> PlacedCard:
    """Return what stands beside the cross when it is pointed at."""
    return PlacedCard(own.digest, own.name, max(placed.cosines), _picture(own))


def _embedding(own: Own, info: CollectionInfo) -> NDArray[np.float32]:
    if own.carried:
        return own.carried.embedding
    return resources.get_upload_embedding(own.content, name=own.name, info=info)[0]


def _picture(own: Own) -> bytes:
    """Return a small JPEG, made once: what people upload stays in their session."""
    if own.carried:
        return own.carried.picture
    session = state.current()
    if session.own_picture[0] != own.digest:
        session.own_picture = own.digest, thumbnail(own.content, name=own.name)
    return session.own_picture[1]


def _is_by_umap(view: View, own: Own) -> bool:
    # While UMAP runs, the first view by PCA is what is shown.
    return own.by_umap and view.projection.shown is Method.UMAP
