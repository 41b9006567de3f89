"""A picture of the visitor's on the map: asked for, placed, shown with its neighbours."""

from dataclasses import dataclass, replace

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.dataset.files import digest_of
from core.errors import EncoderMismatchError, FileError, ImageError, WeightsError
from core.projection.placement import Placed
from core.projection.projection import Method, ProjectionSettings
from core.ui import resources
from core.ui.controls import UPLOAD_TYPES
from core.ui.text import plain
from pages.embedding_map import cache, grid
from pages.embedding_map.keys import Key
from pages.embedding_map.progress import follow
from pages.embedding_map.view import View


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture to place.

    Attributes:
        by_umap: Whether by UMAP's own transform, where the map is drawn by UMAP.
    """

    file: UploadedFile
    by_umap: bool


def query_control(settings: ProjectionSettings) -> Upload | None:
    """Ask for a picture that is not in the collection."""
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
    return Upload(file, by_umap) if file else None


def place(view: View, upload: Upload) -> Placed | None:
    """Return where an upload lies; None, with a message on the page, if it cannot be used."""
    content = upload.file.getvalue()
    digest = digest_of(content)
    settings = view.projection.settings
    try:
        query, _ = resources.get_upload_embedding(content, name=upload.file.name, info=view.info)
        placed = cache.get_placed(
            digest,
            f"{view.rows.fingerprint} {settings}",
            settings.metric,
            _query=query,
            _rows=view.rows,
            _coordinates=view.projection.coordinates,
        )
    except (ImageError, EncoderMismatchError, WeightsError, FileError) as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None
    if not _is_by_umap(view, upload):
        return placed
    job = cache.job_for(view.rows, settings.metric, settings, query=query, query_name=f" {digest}")
    state = follow(job, or_else="the picture lies at the mean of its neighbours' positions")
    return replace(placed, position=state.position) if state and state.position else placed


def show_placed(view: View, placed: Placed, upload: Upload) -> None:
    """Show an uploaded picture's nearest neighbours."""
    with st.container(border=True):
        st.markdown(f"**{plain(upload.file.name)}** and its nearest neighbours")
        st.caption(
            "The cross on the map lies where UMAP's transform puts it, once that is done; the map "
            "itself is not computed again."
            if _is_by_umap(view, upload)
            else "The cross on the map lies at the mean of their positions, weighted by "
            "similarity; the map itself is not computed again."
        )
        captions = {
            row: grid.Caption(f"{cosine:.3f}", f"similarity {cosine:.3f}", chip=f"**{rank}**")
            for rank, (row, cosine) in enumerate(zip(placed.rows, placed.cosines, strict=True), 1)
        }
        grid.picture_grid(view, placed.rows, key="placed", captions=captions)


def _is_by_umap(view: View, upload: Upload) -> bool:
    # While UMAP runs, the first view by PCA is what is shown.
    return upload.by_umap and view.projection.settings.method is Method.UMAP
