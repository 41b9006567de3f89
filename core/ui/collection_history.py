"""History on the Collection page: every run that has ended, and its report."""

import json

import streamlit as st

from core.history import PastRun, duration
from core.ui import resources_collection
from core.ui.components import plain
from core.wording import sentence

MOST_RUNS = 200


def show_history() -> None:
    """A table of runs; one that is picked shows its report."""
    runs = resources_collection.get_past_runs()[:MOST_RUNS]
    if not runs:
        st.markdown("No run has ended yet.")
        return
    table = [
        {
            "Started": run.started,
            "Run": run.title,
            "Outcome": run.status.value,
            "Took": duration(run.seconds) if run.seconds else "",
            "Rows": run.rows or None,
            "Pictures a second": run.rate or None,
            "Skipped": run.skipped,
        }
        for run in runs
    ]
    picked = st.dataframe(
        table,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row-required",
        key="history",
        column_config={
            "Started": st.column_config.DatetimeColumn("Started (UTC)", format="YYYY-MM-DD HH:mm")
        },
    )
    chosen = picked.selection.rows
    _show_report(runs[chosen[0] if chosen and chosen[0] < len(runs) else 0])


def _show_report(run: PastRun) -> None:
    st.markdown(f"**{plain(run.title)}**, {run.started:%Y-%m-%d %H:%M} UTC: {run.status.value}")
    if run.error:
        st.error(plain(sentence(run.error)), icon=":material/error:")
    text = json.dumps(run.report, indent=2, ensure_ascii=False, default=str)
    st.download_button(
        "Download the report",
        text,
        file_name=f"run-{run.started:%Y%m%d-%H%M%S}.json",
        mime="application/json",
        icon=":material/download:",
        key="history_download",
    )
    with st.expander("The report"):
        st.code(text[:20_000], language="json")
