"""Embeddings made smaller as a collection of their own: what each way costs, and a form."""

from collections.abc import Mapping

import streamlit as st

from core.collection.info import CollectionInfo
from core.config import require_name
from core.errors import SettingsError
from core.metric import Metric
from core.records import Reduction
from core.runs.task import Reduce
from core.tuning.limits import signed
from core.tuning.rounding import fewest, reductions
from core.tuning.tuning import Tuning
from core.ui.choosing import looked_at
from core.ui.text import plain
from pages.collection import cache
from pages.collection.index_controls import index_control
from pages.collection.run import BUSY, is_busy


def smaller_form(tuning: Tuning, infos: dict[Metric, CollectionInfo], info: CollectionInfo) -> None:
    """Ask which way, for which metrics and under which name, and start to build.

    Args:
        infos: Of the family.
        info: Of the metric that was measured.
    """
    if not info.encoder.reduction.is_nothing:
        st.markdown(
            plain(f"These embeddings were made smaller already: {info.encoder.reduction.title}.")
        )
        return
    family = looked_at.family()
    measured = {one.name: signed(one.difference) for one in tuning.rounded}
    ways = reductions(info.rows, info.dimension)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        way = st.selectbox(
            "What is done to the embeddings",
            ways,
            index=ways.index(fewest(ways, tuning.rounded)),
            format_func=lambda way: _label(way, measured),
            key="smaller_way",
            width=360,
            help="With what it costs in precision, as measured below exact search. Rounded numbers "
            "are stored as float32 all the same: such a collection shows what rounding costs, and "
            "takes no less room.",
        )
        name = st.text_input(
            "Name of the collection",
            f"{family}_{way}",
            max_chars=200,
            key=f"smaller_name_{way}",
            width=260,
        ).strip()
    metrics = st.segmented_control(
        "Metrics",
        list(infos),
        default=[info.metric],
        selection_mode="multi",
        key="_".join(["smaller_metrics", *infos]),
        help="With L2 alone PCA is about the mean, as it is measured for L2; IP and COSINE are "
        "about zero and leave the mean in.",
    )
    index = index_control("smaller", rows=info.rows)
    fault = _fault(name, family, metrics)
    busy = is_busy()
    st.button(
        "Build as a collection",
        icon=":material/compress:",
        type="primary",
        key="smaller_start",
        disabled=busy or bool(fault),
        help=BUSY
        if busy
        else fault
        or "Nothing is encoded. Pictures that are searched with or added later are made smaller in "
        "the same way.",
        on_click=cache.start,
        args=(Reduce(family, name, tuple(metrics), way, index),),
    )


def _label(way: Reduction, measured: Mapping[str, str]) -> str:
    title = way.title[:1].upper() + way.title[1:]
    return f"{title}: {measured[way.title]}" if way.title in measured else title


def _fault(name: str, family: str, metrics: list[Metric]) -> str:
    """Return why this cannot be built, in a sentence; empty where it can."""
    if name == family:
        return "The embeddings are taken from a collection of this name. Give another one."
    if not metrics:
        return "Choose at least one metric."
    try:
        require_name(name)
    except SettingsError as error:
        return str(error)
    return ""
