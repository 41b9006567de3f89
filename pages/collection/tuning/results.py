"""What was measured: the recommendation under a person's limits, the figure, the table."""

from typing import cast

import streamlit as st

from core.collection.index_choice import IndexChoice
from core.collection.index_types.parameters import Effort
from core.collection.info import CollectionInfo
from core.runs.task import Reindex
from core.tuning.limits import Limits, advice, recommended, signed
from core.tuning.tuning import Measured, Tuning
from core.ui import links
from core.ui.choosing import looked_at
from core.ui.controls import is_dark
from core.ui.text import plain
from pages.collection import cache
from pages.collection.run import BUSY, is_busy
from pages.collection.tuning.chart import pareto_figure

_LOSS, _RECALL = "Precision lost", "ANN recall"


def show_results(tuning: Tuning, info: CollectionInfo) -> None:
    """Show what was measured of a collection."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        milliseconds = st.number_input(
            "95 % within (ms)", 0.1, 10_000.0, 20.0, 1.0, format="%.1f", key="tune_ms", width=150
        )
        loss = st.number_input(
            "Precision lost at most",
            0.0,
            1.0,
            0.005,
            0.005,
            format="%.3f",
            key="tune_loss",
            width=190,
            help="Against exact search, as a mean over classes.",
        )
        upwards = st.segmented_control(
            "Vertical axis", [_LOSS, _RECALL], default=_LOSS, required=True, key="tune_upwards"
        )
    limits = Limits.of(milliseconds=milliseconds, loss=loss)
    chosen = recommended(tuning, limits)
    _show_advice(tuning, info, limits, chosen)
    if tuning.measured:
        st.plotly_chart(
            pareto_figure(
                tuning.measured,
                chosen,
                by_recall=upwards == _RECALL,
                k=tuning.asked.k,
                loss=loss,
                dark=is_dark(),
            ),
            key="tune_chart",
            config={"displayModeBar": False},
            alt="what each setting finds, over milliseconds; larger dots take more memory",
        )
    _show_table(tuning)


def _show_advice(
    tuning: Tuning, info: CollectionInfo, limits: Limits, chosen: Measured | None
) -> None:
    # No line begins with the unit of the number before.
    sentence = plain(advice(tuning, limits)).replace(r" \%", "\N{NO-BREAK SPACE}\\%")
    if chosen is None:
        st.warning(sentence, icon=":material/rule:")
    else:
        st.success(sentence, icon=":material/recommend:")
    if tuning.classes == 1:
        st.info(
            "There is one class only, so every hit is right: look at recall.",
            icon=":material/info:",
        )
    has = IndexChoice.of(info)
    with st.container(horizontal=True, gap="small"):
        if chosen is not None and chosen.index == has:
            st.button(
                "Search with it",
                icon=":material/image_search:",
                type="primary",
                key="tune_search",
                on_click=links.leave,
                args=(links.to_search(metric=info.metric, **cast("Effort", chosen.effort)),),
            )
        elif chosen is not None:
            _build_button(f"Build {chosen.index.index_type}", chosen.index, info, primary=True)
        if tuning.current != has:
            _build_button(f"Back to {tuning.current.index_type}", tuning.current, info)


def _build_button(
    label: str, index: IndexChoice, info: CollectionInfo, *, primary: bool = False
) -> None:
    busy = is_busy()
    st.button(
        label,
        icon=":material/account_tree:" if primary else ":material/undo:",
        type="primary" if primary else "secondary",
        key="tune_build" if primary else "tune_back",
        disabled=busy,
        help=BUSY
        if busy
        else f"{index}, over the same rows; the old index answers until it is loaded.",
        on_click=cache.start,
        args=(Reindex(looked_at.family(), (info.metric,), index),),
    )


def _show_table(tuning: Tuning) -> None:
    k = tuning.asked.k
    rows: list[dict[str, object]] = [
        {
            "Setting": one.name,
            f"P@{k}": signed(one.difference),
            "Recall": one.recall,
            "p50": one.p50,
            "p95": one.p95,
            "1 client": one.per_second,
            "8 clients": one.per_second_of_8,
            "MB": one.memory_bytes / 1e6,
            "On disk": one.disk_bytes / 1e6,
            "Build": one.build_seconds,
            "Bytes": "computed" if one.is_computed else "measured",
        }
        for one in tuning.measured
    ]
    rows += [
        {
            "Setting": f"{less.name} (computed, no index)",
            f"P@{k}": signed(less.difference),
            "Recall": less.recall,
            "MB": less.bytes / 1e6,
            "Bytes": "computed",
        }
        for less in tuning.rounded
    ]
    number = st.column_config.NumberColumn
    st.dataframe(
        rows,
        hide_index=True,
        key="tune_table",
        placeholder="",
        column_config={
            "Setting": st.column_config.TextColumn(width=215),
            f"P@{k}": st.column_config.TextColumn(
                width=175, help=f"precision@{k} less that of exact search, with its 95 % interval."
            ),
            "Recall": number(format="%.3f", width=65, help="ANN recall: of the exact hits."),
            "p50": number(format="%.1f ms", width=72, help="Half of the searches, one at a time."),
            "p95": number(format="%.1f ms", width=72),
            "1 client": number(format="%.0f / s", width=72, help="Searches a second."),
            "8 clients": number(format="%.0f / s", width=72),
            "MB": number(format="%.1f", width=62, help="The index in memory."),
            "On disk": number(format="%.1f", width=66, help="Megabytes of the index's files."),
            "Build": number(format="%.1f s", width=66),
            "Bytes": st.column_config.TextColumn(
                width=84, help="Computed by the formula of the type where the database is silent."
            ),
        },
    )
    for refused in tuning.refused:
        st.caption(plain(f"{refused.index} could not be measured: {refused.reason}"))
    when = tuning.created[:16].replace("T", " ")
    st.caption(
        plain(
            f"{tuning.asked_queries:,} queries of {tuning.classes:,} classes among "
            f"{tuning.rows:,} pictures, {tuning.asked.engine}, {when} UTC. Exact "
            f"search has precision@{k} {tuning.exact_precision:.3f}."
        )
    )
