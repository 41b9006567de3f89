"""Everything about one hit: the full picture, where it is, its scores, its own neighbours."""

import streamlit as st

from core.collection.info import CollectionInfo
from core.errors import OrchardError
from core.metric import Metric
from core.search.exact_index import ExactIndex
from core.search.hits import Hit
from core.search.query_picture import full_picture
from core.ui import links, resources
from core.ui.text import plain
from core.ui.tiles import data_url, with_path
from pages.search import cache, state
from pages.search.answer import grid
from pages.search.cache import Thumbnails

_NEIGHBOURS = 8


@st.dialog("Details of a hit", width="large", icon=":material/info:")
def details_dialog(hit: Hit, info: CollectionInfo, reference: ExactIndex | None) -> None:
    """Show one hit in full."""
    record, metric = hit.record, info.metric
    try:
        st.image(
            data_url(full_picture(record, root=resources.dataset_folder(info))),
            alt=f"rank {hit.rank}, {record.label or 'no class'}, in full",
        )
    except OrchardError as error:
        st.warning(with_path(error, record.path), icon=":material/broken_image:")
    st.table(
        {
            "Rank": str(hit.rank),
            "Class": plain(record.label or "no class"),
            "Path": plain(record.path),
            "Id": str(record.id),
            "Digest": plain(record.digest or "none"),
            metric.noun.capitalize(): f"{metric.formatted(hit.score)} ({metric.direction})",
            _raw_name(metric): f"{hit.score:.6g}",
        },
        border="horizontal",
    )
    with st.container(horizontal=True):
        searched = st.button(
            "Search with this",
            icon=":material/image_search:",
            type="primary",
            on_click=state.search_with,
            args=(record,),
        )
        mapped = st.button(
            "Show on the map",
            icon=":material/scatter_plot:",
            on_click=links.leave,
            args=(links.to_map(record, metric=metric),),
        )
        if searched or mapped:
            st.rerun()
    _neighbours(hit, info, reference)


def _raw_name(metric: Metric) -> str:
    return "As Milvus returns it" + (", squared" if metric is Metric.L2 else "")


def _neighbours(hit: Hit, info: CollectionInfo, reference: ExactIndex | None) -> None:
    st.markdown("**Its own nearest neighbours**, by exact search")
    embedding = resources.get_stored_embedding(info.name, hit.record.id)
    if reference is None or embedding is None:
        st.caption("They can be shown as soon as the embeddings have been read.")
        return
    scores = cache.get_scores(embedding, metric=info.metric, reference=reference)
    near = reference.best(scores, metric=info.metric, k=_NEIGHBOURS, exclude=[hit.record.id])
    thumbnails = Thumbnails(info)
    with st.container(horizontal=True, gap="small", key="neighbours"):
        for neighbour in near:
            grid.tile(neighbour, info.metric, thumbnails).below.caption(
                f"**{neighbour.rank}** {plain(neighbour.record.label or 'no class')}  \n"
                f"{plain(grid.score_of(neighbour, info.metric))}"
            )
