"""Step 3 of a build: encoder, metrics and index."""

from dataclasses import dataclass

import streamlit as st

from core.collection.index_choice import IndexChoice
from core.collection.info import CollectionInfo
from core.config import ARCHITECTURES, require_name
from core.errors import SettingsError
from core.indexing.plan import index_to_build
from core.metric import Metric
from core.ui import resources
from core.ui.choosing import looked_at
from core.ui.text import plain
from core.wording import sentence
from pages.collection.index_controls import index_control, index_or_old

Infos = dict[Metric, CollectionInfo]


@dataclass(frozen=True, slots=True)
class Choice:
    """What a visitor asks of a build besides the pictures; as `Build` has it."""

    architecture: str
    metrics: tuple[Metric, ...]
    index: IndexChoice
    recreate: bool


def name_control() -> str | None:
    """Ask under which name to build; None, with a message, for one that cannot be."""
    here = looked_at.family()
    with st.container(width=640):
        # Another control for another collection: it begins with that one's name.
        name = st.text_input(
            "Collection",
            here,
            key=f"build_name_{here}",
            help="A name that is not there yet builds a collection beside the others. Letters, "
            "digits and underscores.",
        ).strip()
    try:
        return require_name(name or here)
    except SettingsError as error:
        st.error(plain(sentence(str(error))), icon=":material/error:")
        return None


def replace_control(infos: Infos) -> bool:
    """Ask whether the pictures take the place of those that are indexed."""
    return bool(infos) and st.toggle(
        "Replace what is indexed",
        key="build_replace",
        help="Off: pictures are added to the collection or brought up to date. On: its rows "
        "are dropped as soon as the first new ones are ready.",
    )


def options_control(infos: Infos, pictures: int, *, recreate: bool) -> Choice:
    """Ask for encoder, metrics and index.

    Args:
        pictures: How many there are to index; 0 where that is not known yet.
    """
    settings = resources.get_settings()
    first = next(iter(infos.values()), None)
    known = first is not None and not recreate
    default = f"As the collection ({first.encoder.architecture})" if first and known else ""
    architecture = st.selectbox(
        "Encoder",
        ["", *ARCHITECTURES],
        format_func=lambda name: name or default or f"As set ({settings.architecture})",
        key="build_architecture",
        disabled=known,
        help="A collection keeps its encoder; replace it to use another. Where the weights of "
        "resnet50 are not at hand and cannot be fetched, another encoder is used, and the run says "
        "so.",
    )
    metrics = st.segmented_control(
        "Metrics",
        list(Metric),
        default=list(Metric),
        selection_mode="multi",
        key="build_metrics",
        help="One collection for each. All hold the same rows and take the same space.",
    )
    kept = [] if recreate else list(infos.values())
    rows = max([pictures, *(info.rows for info in kept)])
    index = index_or_old("build_known", rows=rows) if kept else index_control("build", rows=rows)
    return Choice(
        architecture="" if known else architecture or "",
        metrics=tuple(metrics),
        index=index_to_build(index, kept, metrics=metrics, rows=rows),
        recreate=recreate,
    )
