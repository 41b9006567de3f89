"""A report as one page of HTML that needs nothing else, no program either. No Streamlit."""

import html
import math
from collections.abc import Callable
from datetime import datetime
from pathlib import PurePath

from core.evaluation.notes import in_words, left_out, notes, training_note
from core.evaluation.report import Configuration, Hits, Report, Variant
from core.measures.bootstrap import Estimate
from core.measures.summary import ClassSummary, Summary
from core.measures.target import Verdict, verdict_of
from core.records import EncoderIdentity, ImageRecord
from core.wording import classes as classes_text
from core.wording import counted, queries
from pages.evaluation.takeaway.bars import bars_html
from pages.evaluation.takeaway.made import made
from pages.evaluation.takeaway.pictures import Album, confusions_html, worst_html
from pages.evaluation.takeaway.style import STYLE


def html_report(
    report: Report,
    summary: Summary,
    hits: Hits,
    *,
    k: int,
    target: float,
    read: Callable[[ImageRecord], bytes],
    index: Summary | None = None,
    variant: Variant = Variant(),  # noqa: B008 - frozen
) -> str:
    """Return the report as HTML, well below a megabyte.

    Args:
        summary: What is shown, with k among its cut-offs.
        hits: The hits behind it.
        target: The precision that every class is to reach.
        read: Returns the thumbnail of a picture.
        index: Under the index; None where it was left out, or its hits are too few.
        variant: What both summaries leave out.
    """
    # The line about the index is the last one.
    *known, of_index = notes(report, summary, variant)
    worst = summary.worst_first(f"precision@{k}")
    parts = [_head(report, summary, k=k, target=target), _caveats(report, known, variant)]
    if worst:
        album = Album(report, hits, read)
        parts += [
            f"<section><h2>Classes, worst first</h2>{bars_html(worst, k=k, target=target)}"
            "</section>",
            f"<h2>Worst queries of the worst classes</h2>{worst_html(album, summary, k=k)}",
        ]
        pairs = confusions_html(album, k=k)
        parts.append(f"<h2>Confused most</h2>{pairs}" if pairs else "")
    parts += [
        f"<h2>Index</h2><p>{_text(of_index)}</p>",
        _folded("All measures", _means(summary, index)),
        _folded("All classes", _table(worst, k)) if worst else "",
        _folded("How this report was made", _list(made(report))),
    ]
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>Orchard report {_text(report.name)}</title><style>{STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>"
    )


def _head(report: Report, summary: Summary, *, k: int, target: float) -> str:
    """The sentence, the number, how many classes reach the target, and what was measured."""
    configuration, found = report.configuration, summary.macro[f"precision@{k}"]
    encoder = EncoderIdentity.parse(configuration.encoder)
    percent = "?" if math.isnan(found.value) else f"{100 * found.value:.0f} %"
    facts = {
        "Date": _day(configuration),
        "Dataset": f"{PurePath(configuration.dataset).name or configuration.dataset}, "
        f"{counted(configuration.rows, 'picture')}",
        "Encoder": encoder.title,
        "Asked": f"{queries(len(report.queries))} ({configuration.request.queries}), "
        f"compared by {configuration.metric}",
    }
    return (
        f"<header><div class='head'><div class='big'>{percent}</div><div>"
        f"<h1>{_text(in_words(found, k=k))}</h1>"
        f"<p class='soft'>Mean over {classes_text(len(summary.classes))}, precision@{k}, 95 % "
        f"interval. {_text(_reached(summary, k, target))}</p></div></div>{_list(facts)}</header>"
    )


def _reached(summary: Summary, k: int, target: float) -> str:
    verdicts = [verdict_of(c, k=k, target=target) for c in summary.classes]
    reached, below = verdicts.count(Verdict.REACHED), verdicts.count(Verdict.BELOW)
    return (
        f"Target {100 * target:.0f} %: reached for certain by {reached:,}, missed for certain by "
        f"{below:,}."
    )


def _caveats(report: Report, known: list[str], variant: Variant) -> str:
    """What flatters, is doubtful or was left out."""
    gone = left_out(variant)
    lines = [training_note(report), f"{gone} left out." if gone else "", *known]
    told = "".join(f"<p>{_text(line)}</p>" for line in lines if line)
    return f"<div class='caveat'>{told}</div>" if told else ""


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
        f"<table><tr><th>measure</th>{heads}</tr>{rows}</table>"
        "<p class='soft'>From 0 to 1, higher is better; 95 % intervals.</p>"
    )


def _table(classes: list[ClassSummary], k: int) -> str:
    rows = "".join(
        f"<tr><td>{_text(c.label)}</td><td>{c.queries:,}{' *' if c.few else ''}</td>"
        f"<td>{_estimate(c.measures[f'precision@{k}'])}</td><td>{c.ceilings[k]:.2f}</td>"
        f"<td>{_estimate(c.measures['MAP@R'])}</td><td>{c.chance:.2f}</td>"
        f"<td>{_text(c.confused_with)}</td></tr>"
        for c in classes
    )
    return (
        f"<table><tr><th>class</th><th>queries</th><th>precision@{k}</th><th>ceiling</th>"
        f"<th>MAP@R</th><th>chance</th><th>confused with</th></tr>{rows}</table>"
        "<p class='soft'>A star: below 30 queries, where the interval is itself uncertain.</p>"
    )


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary><div class='wide'>{content}</div></details>"


def _list(values: dict[str, str]) -> str:
    items = (f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in values.items())
    return f"<dl>{''.join(items)}</dl>"


def _day(configuration: Configuration) -> str:
    try:
        moment = datetime.fromisoformat(configuration.created)
    except ValueError:
        # As it stands in a file that somebody else has written.
        return configuration.created[:16]
    return f"{moment.day} {moment:%B %Y}"


def _estimate(estimate: Estimate) -> str:
    return "undefined" if math.isnan(estimate.value) else str(estimate)


def _text(value: str) -> str:
    return html.escape(value)
