"""History on the Collection page: every run that has ended, and its report."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import streamlit as st

from core.runs.history import PastRun
from core.ui.text import plain
from core.wording import counted, duration, sentence
from pages.collection import cache

MOST_RUNS = 200
# Of a report: more would make the page slow.
MOST_CHARACTERS = 20_000
_NAMED_FILES = 5


def show_history() -> None:
    """A table of runs; one that is picked shows its report."""
    history = cache.get_history()
    _show_damaged(history.damaged)
    runs = history.runs[:MOST_RUNS]
    if not runs:
        st.markdown("No run has ended yet.")
        return
    table = [
        {
            # First, so that a narrow window shows it.
            "Outcome": run.status.value,
            "Started": run.started,
            "Run": run.title,
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
        placeholder="",
        column_config={
            "Outcome": st.column_config.TextColumn(width=80),
            "Started": st.column_config.DatetimeColumn(
                "Started (UTC)", format="YYYY-MM-DD HH:mm", width=130
            ),
            # The title is whole below the table.
            "Run": st.column_config.TextColumn(width=310),
            "Took": st.column_config.TextColumn(width=70, alignment="right"),
            "Rows": st.column_config.NumberColumn(format="localized", width=80),
            "Pictures a second": st.column_config.NumberColumn(format="%.1f", width=130),
            "Skipped": st.column_config.NumberColumn(format="localized", width=80),
        },
    )
    chosen = picked.selection.rows
    _show_report(runs[chosen[0] if chosen and chosen[0] < len(runs) else 0])


def _show_damaged(files: Sequence[Path]) -> None:
    if not files:
        return
    named = ", ".join(str(file) for file in files[:_NAMED_FILES])
    more = f" and {len(files) - _NAMED_FILES:,} more" if len(files) > _NAMED_FILES else ""
    text = (
        f"Damaged or no record of a run, and left out: {counted(len(files), 'file')}, {named}"
        f"{more}. Delete or move what is not needed."
    )
    st.warning(plain(text), icon=":material/warning:")


def _show_report(run: PastRun) -> None:
    st.markdown(f"**{plain(run.title)}**, {run.started:%Y-%m-%d %H:%M} UTC: {run.status.value}")
    if run.error:
        st.error(plain(sentence(run.error)), icon=":material/error:")
    report = {"notes": run.notes, **(asdict(run.report) if run.report else {})}
    text = json.dumps(report, indent=2, ensure_ascii=False)
    st.download_button(
        "Download the report",
        text,
        file_name=f"run-{run.started:%Y%m%d-%H%M%S}.json",
        mime="application/json",
        icon=":material/download:",
        key="history_download",
    )
    with st.expander("The report"):
        st.code(text[:MOST_CHARACTERS], language="json")
        if len(text) > MOST_CHARACTERS:
            st.caption(
                f"The first {MOST_CHARACTERS:,} of {len(text):,} characters; the download has all."
            )
