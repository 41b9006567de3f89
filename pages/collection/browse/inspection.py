"""What an inspection has found: sizes, damage, duplicates."""

from collections.abc import Sequence

import streamlit as st

from core.collection.catalogue import Catalogue
from core.collection.info import CollectionInfo
from core.health.inspection import Inspection
from core.records import ImageRecord
from core.runs.history import PastRun
from core.runs.task import InspectPictures, TaskKind
from core.ui import resources
from core.ui.choosing import looked_at
from core.ui.controls import is_dark
from core.ui.text import plain
from core.wording import counted
from pages.collection import cache
from pages.collection.browse import charts, tiles
from pages.collection.keys import Key
from pages.collection.run import run_panel

_SHOWN_GROUPS = 10


def show_inspection(catalogue: Catalogue, info: CollectionInfo) -> None:
    """The last inspection in one line, a button for the next one, and on request the details."""
    runs = cache.get_own_runs()
    past = next((run for run in runs if isinstance(run.report, Inspection)), None)
    with st.container(border=True, key="inspection"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(_headline(past), width="stretch")
            _inspect_button()
        run_panel(TaskKind.INSPECT)
        if past and isinstance(past.report, Inspection):
            # Its charts and pictures are made when somebody wants to see them.
            details = st.expander("Details", key=Key.INSPECTION, on_change="rerun")
            if details.open:
                with details:
                    _show_report(past.report, catalogue, info)


def _inspect_button() -> None:
    state = resources.get_runner().state()
    st.button(
        "Inspect the pictures",
        icon=":material/troubleshoot:",
        on_click=cache.start,
        args=(InspectPictures(looked_at.family()),),
        disabled=bool(state and state.is_open),
        help="Decodes every file and compares every picture with every other.",
        key="inspect",
    )


def _headline(past: PastRun | None) -> str:
    title = "**Sizes, damage and duplicates**"
    if past is None or not isinstance(past.report, Inspection):
        return f"{title}  \n:small[Not inspected yet]"
    report = past.report
    damaged = f"{counted(len(report.damaged), 'file')} damaged or gone"
    exact = counted(report.exact_count, "exact duplicate")
    near = counted(report.near_count, "near-duplicate")
    return f"{title}  \n:small[{damaged}, {exact}, {near}; {past.started:%Y-%m-%d %H:%M} UTC]"


def _show_report(report: Inspection, catalogue: Catalogue, info: CollectionInfo) -> None:
    if report.sizes:
        formats = ", ".join(f"{count:,} {name}" for name, count in report.formats.items())
        st.markdown(f"**Sizes** ({plain(formats)})")
        figure = charts.size_points(report.sizes, dark=is_dark())
        st.plotly_chart(figure, key="sizes", config={"displayModeBar": False})
    if report.damaged:
        st.markdown(f"**Damaged or gone: {counted(len(report.damaged), 'file')}**")
        st.dataframe(
            [{"File": one.path, "Why": one.reason} for one in report.damaged],
            hide_index=True,
            key="damaged",
        )
    by_path = {record.path: record for record in catalogue.by_id.values()}
    exact = f"{counted(report.exact_count, 'exact duplicate')} (same bytes)"
    _show_groups(exact, report.exact, key="exact", by_path=by_path, info=info)
    near = counted(report.near_count, "near-duplicate")
    near += f" (cosine similarity {report.similarity} and more)"
    _show_groups(near, report.near, key="near", by_path=by_path, info=info)


def _show_groups(
    what: str,
    groups: Sequence[Sequence[str]],
    *,
    key: str,
    by_path: dict[str, ImageRecord],
    info: CollectionInfo,
) -> None:
    more = f", the {_SHOWN_GROUPS} largest of {len(groups)} groups"
    st.markdown(f"**{what}**{more if len(groups) > _SHOWN_GROUPS else ''}")
    for number, group in enumerate(groups[:_SHOWN_GROUPS], start=1):
        here = [by_path[path] for path in group if path in by_path]
        labels = sorted({record.label or "no class" for record in here})
        also = " (in more than one class)" if len(labels) > 1 else ""
        st.caption(f"{len(group)} pictures{also}: {plain(', '.join(labels))}")
        tiles.show_tiles(here, info, key=f"group_{key}_{number}")
