"""A report as one HTML file that needs nothing else: figures, table, charts. No Streamlit."""

import html
import math
from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.evaluation.notes import left_out, notes, training_note
from core.evaluation.report import Report, Variant
from core.measures.bootstrap import Estimate
from core.measures.judgement import Judgement
from core.measures.summary import ClassSummary, Summary, confusion
from pages.evaluation.mistakes.matrix import confusion_figure
from pages.evaluation.overview import charts

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #22211F; max-width: 60rem; margin: 2rem auto;
       padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .25rem .5rem; border-bottom: 1px solid #DDD6CB; text-align: right; }
th:first-child, td:first-child, th:last-child, td:last-child { text-align: left; }
.note { color: #5F5B55; }
.warning { border-left: 4px solid #E69F00; padding-left: .75rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; }
dd { margin: 0; overflow-wrap: anywhere; }
"""


def html_report(
    report: Report,
    summary: Summary,
    judged: Judgement,
    *,
    k: int,
    curves: Mapping[str, NDArray[np.float64]],
    index: Summary | None = None,
    variant: Variant = Variant(),  # noqa: B008 - frozen
) -> str:
    """Return the report as HTML; the charts' program is part of it (about 5 MB).

    Args:
        summary: What is shown, with k among its cut-offs.
        judged: The hits behind it.
        curves: As `pages.evaluation.charts.curves` takes them.
        index: Under the index; None where it was left out, or its hits are too few.
        variant: What both summaries leave out.
    """
    name, gone = f"precision@{k}", left_out(variant)
    worst = summary.worst_first(name)
    highlighted = [c.label for c in worst[:4]]
    figures = [charts.target_bars(worst, k=k, target=0.8, focus="", dark=False)]
    if curves:
        shown = [*highlighted, "macro mean"]
        figures.append(charts.curves(curves, highlighted=shown, dark=False))
    shares = confusion(judged, report.rows, k=k)
    classes = report.rows.classes
    figures.append(confusion_figure(shares, classes, chosen=("", ""), dark=False))
    warning = training_note(report)
    parts = [
        f"<h1>{_text(report.configuration.collection)}: how often the hits are right</h1>",
        f"<p class='warning'>{_text(warning)}</p>" if warning else "",
        f"<p><b>{_text(gone)} left out.</b></p>" if gone else "",
        _means(summary, index),
        *(f"<p class='note'>{_text(note)}</p>" for note in notes(report, summary, variant)),
        "<h2>Classes, worst first</h2>",
        _table(worst, k),
        "<h2>Charts</h2>",
        *(_chart(figure, first=place == 0) for place, figure in enumerate(figures)),
        "<h2>How this report was made</h2>",
        _configuration(report),
    ]
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        f"<title>Orchard report {_text(report.name)}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>"
    )


def _means(summary: Summary, index: Summary | None) -> str:
    """Macro, micro, and macro under the index where that is known."""
    columns = [("macro: mean over classes", summary.macro)]
    columns.append(("micro: mean over queries", summary.micro))
    if index:
        columns.append(("macro under the index", index.macro))
    heads = "".join(f"<th>{head}</th>" for head, _ in columns)
    rows = "".join(
        f"<tr><td>{_text(name)}</td>"
        + "".join(
            f"<td>{_estimate(values[name]) if name in values else ''}</td>" for _, values in columns
        )
        + "</tr>"
        for name in summary.macro
    )
    return (
        "<table><tr><th>measure (0 to 1, higher is better; 95 % intervals)</th>"
        f"{heads}</tr>{rows}</table>"
    )


def _table(classes: list[ClassSummary], k: int) -> str:
    rows = "".join(
        f"<tr><td>{_text(c.label)}</td><td>{c.queries:,}{' (few)' if c.few else ''}</td>"
        f"<td>{_estimate(c.measures[f'precision@{k}'])}</td><td>{c.ceilings[k]:#.3g}</td>"
        f"<td>{_estimate(c.measures['MAP@R'])}</td><td>{c.chance:#.3g}</td>"
        f"<td>{_text(c.confused_with)}</td></tr>"
        for c in classes
    )
    return (
        f"<table><tr><th>class</th><th>queries</th><th>precision@{k}</th><th>ceiling</th>"
        f"<th>MAP@R</th><th>chance</th><th>most confused with</th></tr>{rows}</table>"
        "<p class='note'>few: below 30 queries, where the interval is itself uncertain.</p>"
    )


def _chart(figure: go.Figure, *, first: bool) -> str:
    figure.update_layout(template="plotly_white")
    # The program is written once, before the first chart.
    text: str = figure.to_html(
        full_html=False, include_plotlyjs=first, config={"displayModeBar": False}
    )
    return text


def _configuration(report: Report) -> str:
    configuration = report.configuration
    request = configuration.request
    values = {
        "made": configuration.created,
        "dataset": configuration.dataset,
        "rows": f"{configuration.rows:,}",
        "fingerprint": configuration.fingerprint,
        "encoder": configuration.encoder,
        "metric": configuration.metric.value,
        "index": f"{configuration.index_type}, nlist {configuration.nlist}",
        "nprobe": str(request.nprobe or "exact search only"),
        "cut-offs": ", ".join(map(str, request.ks)),
        "queries": f"{len(report.queries):,} ({request.queries})",
        "sample": str(request.sample or "none"),
        "seed": str(request.seed),
        "query paths": request.query_paths or "all",
        "gallery paths": request.gallery_paths or "all",
        "versions": ", ".join(f"{k} {v}" for k, v in configuration.versions.items()),
    }
    items = (f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in values.items())
    return f"<dl>{''.join(items)}</dl>"


def _estimate(estimate: Estimate) -> str:
    return "undefined" if math.isnan(estimate.value) else str(estimate)


def _text(value: str) -> str:
    return html.escape(value)
