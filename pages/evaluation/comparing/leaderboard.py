"""All reports in one table, and the metrics that none of them has measured."""

import math
from collections.abc import Iterable, Mapping, Sequence

import streamlit as st

from core.collection.info import CollectionInfo
from core.evaluation.files import ListedReport
from core.evaluation.report import Report
from core.metric import Metric
from core.records import EncoderIdentity
from pages.evaluation import state


def leaderboard(reports: Sequence[ListedReport], called: Mapping[str, str], *, k: int) -> None:
    """Show what every report measured, the highest precision first.

    Args:
        called: How each report is called, by its name.
    """
    name = f"precision@{k}"
    best = sorted(reports, key=lambda r: -r.macro.get(name, -math.inf))
    text, number = st.column_config.TextColumn, st.column_config.NumberColumn
    shares = {
        f"P@{k}": f"Macro {name}; empty where the report was not asked for this k.",
        "MAP@R": "Order within the first R hits; 1 is perfect.",
        f"ANN recall@{k}": "Share of the exact neighbours that the index found; empty without one.",
    }
    st.dataframe(
        [
            {
                "Report": called[r.name],
                "Metric": r.configuration.metric.value,
                "nprobe": _nprobe(r),
                "Encoder": _encoder(r),
                f"P@{k}": r.macro.get(name),
                "MAP@R": r.macro.get("MAP@R"),
                f"ANN recall@{k}": r.ann_recall.get(k),
            }
            for r in best
        ],
        hide_index=True,
        column_config={
            "Report": text(width="large"),
            "nprobe": text(width="small"),
            **{
                # Two digits would let a recall of 0.999 read like a perfect one.
                heading: number(
                    format="%.3f" if "recall" in heading else "%.2f", width="small", help=told
                )
                for heading, told in shares.items()
            },
        },
    )


def missing_metrics(
    report: Report, reports: Iterable[ListedReport], infos: Mapping[Metric, CollectionInfo]
) -> list[Metric]:
    """Return the metrics of the collection that no report has measured as this one did."""
    asked = report.configuration
    measured = {
        one.configuration.metric
        for one in reports
        if one.configuration.request == asked.request
        and one.configuration.fingerprint == asked.fingerprint
    }
    return [metric for metric in infos if metric not in {*measured, asked.metric}]


def measure_button(report: Report, missing: list[Metric]) -> None:
    """Offer to measure the metrics that are missing, as this report was."""
    if not missing:
        return
    st.button(
        f"Measure the missing metrics ({', '.join(missing)})",
        icon=":material/play_arrow:",
        help="A report for each, with the same queries, the same k and the same nprobe.",
        on_click=state.want_beside,
        args=([(report.configuration.request, metric) for metric in missing],),
    )


def _nprobe(report: ListedReport) -> str:
    nprobe = report.configuration.request.nprobe
    if nprobe is None:
        return "exact"
    return str(nprobe) if report.configuration.nlist else "no lists"


def _encoder(report: ListedReport) -> str:
    encoder = EncoderIdentity.parse(report.configuration.encoder)
    return ", ".join(filter(None, [encoder.architecture, encoder.reduction.title]))
