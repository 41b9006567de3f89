"""The part of the Collection page that measures indexes: results first, then what to measure."""

import streamlit as st

from core.collection.index_choice import IndexType
from core.collection.info import CollectionInfo
from core.errors import ReportError
from core.metric import Metric
from core.runs.history import how_long
from core.runs.task import TaskKind, Tune
from core.tuning.tuning import Tuning
from core.ui import resources
from core.ui.choosing import looked_at
from core.ui.text import plain
from pages.collection import cache
from pages.collection.run import BUSY, is_busy, run_panel
from pages.collection.tuning.results import show_results
from pages.collection.tuning.smaller import smaller_form

RUNS = (TaskKind.TUNE, TaskKind.REINDEX, TaskKind.REDUCE)


def show_tuning() -> None:
    """What was measured last, and the way to measure anew."""
    infos = cache.find_infos()
    if not infos:
        st.markdown("Nothing is indexed yet, so there is nothing to measure.")
        return
    if any(info.is_foreign for info in infos.values()):
        st.info(
            "Others made this collection, so no index is built beside it.",
            icon=":material/info:",
        )
        return
    metric = Metric(
        st.segmented_control(
            "Metric",
            list(infos),
            default=next(iter(infos)),
            required=True,
            key="_".join(["tune_metric", *infos]),
            label_visibility="collapsed",
        )
    )
    info = infos[metric]
    tuning = _last(info)
    run_panel(TaskKind.TUNE, TaskKind.REINDEX)
    if tuning:
        _say_what_changed(tuning)
        show_results(tuning, info)
        with st.expander(
            "Smaller embeddings as a collection", icon=":material/compress:", key="smaller"
        ):
            smaller_form(tuning, infos, info)
    run_panel(TaskKind.REDUCE, tells_end=True)
    with st.expander(
        "Measure again" if tuning else "Measure", icon=":material/speed:", expanded=tuning is None
    ):
        _form(info)


def _last(info: CollectionInfo) -> Tuning | None:
    try:
        return cache.get_tuning(info.name)
    except ReportError as error:
        st.warning(plain(str(error)), icon=":material/warning:")
        return None


def _say_what_changed(tuning: Tuning) -> None:
    if tuning.asked.fingerprint != resources.get_catalogue(looked_at.family()).fingerprint:
        st.warning(
            f"The pictures have changed since this was measured (then {tuning.rows:,}). Measure "
            "again for figures of those of now.",
            icon=":material/history:",
        )
    elif not tuning.is_complete:
        st.info(
            "Not everything is measured yet; to measure again goes on from here.",
            icon=":material/pause_circle:",
        )


def _form(info: CollectionInfo) -> None:
    offered = cache.get_index_types()
    st.caption(
        "Builds each type over a copy of the embeddings, asks it what exact search is asked, and "
        "drops the copy. What is searched stays as it is."
    )
    usual = [kind for kind in offered if kind is not IndexType.DISKANN]
    types = st.pills(
        "Index types", offered, default=usual, selection_mode="multi", key="tune_types"
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        k = st.number_input("Top k", 1, 100, 10, key="tune_k", width=150)
        sample = st.number_input(
            "Queries, about",
            10,
            10_000,
            200,
            50,
            key="tune_sample",
            width=150,
            help="Drawn from every class in proportion; more give narrower intervals.",
        )
    if known := how_long(cache.get_history().runs, TaskKind.TUNE):
        st.caption(known)
    busy = is_busy()
    st.button(
        "Measure indexes",
        icon=":material/play_arrow:",
        type="primary",
        key="tune_start",
        disabled=busy or not types,
        help=BUSY if busy else None,
        on_click=cache.start,
        args=(
            Tune(
                looked_at.family(),
                info.metric,
                tuple(types),
                k=int(k),
                sample=int(sample),
            ),
        ),
    )
