"""What of a report can be taken along, as files."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from core.collection.info import CollectionInfo
from core.evaluation.files import read_json_text
from core.evaluation.report import Hits, Report, Variant
from core.evaluation.tables import as_csv, class_rows, picture_rows, query_rows, slice_rows
from core.measures.findings import find_hubs
from core.ui import resources
from pages.evaluation.cache import Figures, reports_folder
from pages.evaluation.takeaway.html_report import html_report
from pages.evaluation.takeaway.made import made

# What it is called, its name, its kind, what it holds, and what makes it.
_File = tuple[str, str, str, str, Callable[[], str | bytes]]
_SHOWN = "for this k, without what is left out"


def downloads(
    report: Report,
    figures: Figures,
    info: CollectionInfo,
    *,
    k: int,
    target: float,
    variant: Variant,
) -> None:
    """Say how the report was made, and offer its figures as files.

    Args:
        info: The collection that the pictures of the report are taken from.
        target: The precision that every class is to reach.
    """
    ks = tuple(sorted({1, k}))

    def page() -> bytes:
        return html_report(
            report,
            figures.shown,
            Hits(figures.lists, figures.judged),
            k=k,
            target=target,
            read=partial(resources.get_thumbnail, info=info),
            index=figures.index,
            variant=variant,
        ).encode()

    def pictures() -> str:
        hubs = find_hubs(report.exact, report.judged, gallery=report.gallery)
        return as_csv(picture_rows(report, hubs))

    columns: tuple[_File, ...] = ()
    if report.columns:
        told = f"A row a value of a further column, {_SHOWN}"
        sliced = partial(slice_rows, report, figures.judged, k=k)
        columns = (("Columns (CSV)", "columns.csv", "text/csv", told, lambda: as_csv(sliced())),)
    files: tuple[_File, ...] = (
        ("Report (HTML)", "report.html", "text/html", f"What is shown, {_SHOWN}", page),
        (
            "Classes (CSV)",
            "classes.csv",
            "text/csv",
            f"A row a class, {_SHOWN}",
            lambda: as_csv(class_rows(figures.shown)),
        ),
        *columns,
        (
            "Queries (CSV)",
            "queries.csv",
            "text/csv",
            f"A row a query, {_SHOWN}",
            lambda: as_csv(query_rows(report, variant, ks=ks)),
        ),
        ("Pictures (CSV)", "pictures.csv", "text/csv", "How often each was a hit", pictures),
        (
            "Report (JSON)",
            "report.json",
            "application/json",
            "The report as it was made",
            lambda: read_json_text(report.name, reports_folder()).encode(),
        ),
    )
    with st.expander("How this report was made", icon=":material/settings:"):
        rows = [{"Setting": name, "Value": value} for name, value in made(report).items()]
        st.dataframe(rows, hide_index=True, height="content")
    with st.popover("Export", icon=":material/download:"):
        for label, name, mime, told, content in files:
            st.download_button(
                label,
                # Made when it is asked for.
                content,
                f"{report.name}-{name}",
                mime,
                help=told,
                on_click="ignore",
                width="stretch",
            )
