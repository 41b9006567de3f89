"""The overview of a report: bars per class beside pictures, precision over k, and a table."""

from functools import partial

import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from core.collection.info import CollectionInfo
from core.evaluation.report import Hits, Report
from core.evaluation.tables import worst_queries
from core.measures.curves import MACRO_MEAN, precision_curves
from core.measures.summary import ClassSummary, Summary
from core.ui import links
from core.ui.controls import is_dark
from core.ui.text import number_or_none, plain
from pages.evaluation import state
from pages.evaluation.cache import Figures
from pages.evaluation.mistakes.lists import WORST_VIEW, more_button
from pages.evaluation.overview import charts
from pages.evaluation.tiles import query_with_hits

# Classes drawn in colour on the curves when none is chosen: the worst ones.
_HIGHLIGHTED = 4
# More lines would be a grey sheet.
_LINES = 60
# Bars that stand beside the pictures without being scrolled away.
_BARS = 24
# With the query they fill three rows of the narrow column, or two beside few bars.
_HITS, _FEWER_HITS = 8, 5
_FEW_BARS = 14


def class_bars(
    report: Report,
    figures: Figures,
    info: CollectionInfo,
    *,
    k: int,
    target: float,
    focus: str,
) -> None:
    """Show precision per class against the target, worst first; beside it where it fails.

    Args:
        focus: The class that is looked at alone; empty for all, of which the worst is shown.
    """
    worst = figures.shown.worst_first(f"precision@{k}")
    bars, beside = st.columns([3, 2], gap="medium")
    with bars:
        _bars(report, worst, k=k, target=target, focus=focus)
    labels = [c.label for c in worst]
    most = _HITS if len(labels) > _FEW_BARS else _FEWER_HITS
    with beside:
        label = focus if focus in labels else labels[0]
        _worst_query(report, figures, info, label, k=k, most=most)


def _bars(report: Report, worst: list[ClassSummary], *, k: int, target: float, focus: str) -> None:
    key = f"bars {report.name}"
    shown = worst[: state.shown(key, _BARS)]
    # The class that is looked at is among them, wherever it stands.
    shown += [c for c in worst[len(shown) :] if c.label == focus]
    st.plotly_chart(
        charts.target_bars(shown, k=k, target=target, focus=focus, dark=is_dark()),
        key=key,
        on_select=partial(state.choose_bar, key),
        selection_mode="points",
        config={"displayModeBar": False},
        alt=f"Bars of precision@{k} per class with intervals against a target of {target:.2f}; "
        "the table of classes has the same numbers",
    )
    more_button(key, _BARS, len(worst))


def _worst_query(
    report: Report, figures: Figures, info: CollectionInfo, label: str, *, k: int, most: int
) -> None:
    """Show the query of a class with the fewest right hits, and lead on to its mistakes."""
    query = worst_queries(report, figures.judged, k=k, label=label)[0]
    right = int(figures.judged.right[query, :k].sum())
    st.markdown(f"Worst query of **{plain(label)}**: {right} of {k} right")
    query_with_hits(
        report,
        Hits(figures.lists, figures.judged),
        query,
        info,
        key=f"overview_{query}",
        most=min(k, most),
    )
    with st.container(horizontal=True, gap="small"):
        for view, icon, text in (
            (WORST_VIEW, "thumb_down", "Worst queries"),
            (links.CONFUSION_VIEW, "grid_on", "Confusions"),
        ):
            st.button(
                text,
                icon=f":material/{icon}:",
                help=f"{text} of {plain(label)} alone",
                on_click=state.look_into,
                args=(view, label),
            )


def class_curves(report: Report, figures: Figures, *, k: int, chosen: list[str]) -> None:
    """Show precision over k, the chosen classes or the worst ones in colour."""
    lines = precision_curves(figures.judged, report.rows)
    worst = figures.shown.worst_first(f"precision@{k}")
    st.subheader(
        "Precision over k",
        anchor=False,
        help="In colour: the classes chosen at the left, else the worst ones. Thin grey lines are "
        f"other classes, the {_LINES} worst at most; the thick line is the macro mean.",
    )
    shown = [*(chosen or [c.label for c in worst[:_HIGHLIGHTED]]), MACRO_MEAN]
    drawn = dict.fromkeys([*shown, *(c.label for c in worst[:_LINES])])
    st.plotly_chart(
        charts.curves(
            {name: lines[name] for name in drawn if name in lines},
            highlighted=[name for name in shown if name in lines],
            dark=is_dark(),
        ),
        key="curves",
        config={"displayModeBar": False},
        alt="precision at every k per class",
    )


def class_table(summary: Summary, *, k: int) -> None:
    """Show one row per class, worst first, sortable by every column; folded until wanted."""
    name, classes = f"precision@{k}", summary.worst_first(f"precision@{k}")
    all_few = all(c.few for c in classes)
    rows: list[dict[str, object]] = [
        {
            "Class": c.label,
            "n": c.queries,
            **({"P@1": number_or_none(c.measures["precision@1"].value)} if k > 1 else {}),
            f"P@{k}": number_or_none(c.measures[name].value),
            "95 % interval": c.measures[name].interval + (" *" if c.few and not all_few else ""),
            "Ceiling": c.ceilings[k],
            "Of ceiling": number_or_none(c.over_ceiling(k)),
            "MAP@R": number_or_none(c.measures["MAP@R"].value),
            "Confused with": f"{c.confused_with} ({c.confused_share:.0%})"
            if c.confused_with
            else "",
            "Chance": c.chance,
        }
        for c in classes
    ]
    with st.expander("Table of classes", icon=":material/table:"):
        st.dataframe(
            _telling(rows, by=f"P@{k}"),
            hide_index=True,
            height=min(38 + 35 * len(rows), 740),
            column_config=_columns(k),
        )
        st.caption(
            "Every class has below 30 queries: the intervals are themselves uncertain."
            if all_few
            else "A star: below 30 queries, where the interval is itself uncertain."
        )


def _telling(rows: list[dict[str, object]], *, by: str) -> list[dict[str, object]]:
    """Return rows without columns that say the same in every row, or the same as another one."""
    told = {name: [row[name] for row in rows] for name in rows[0]}
    silent = [
        name
        for name, values in told.items()
        if name not in ("Class", by)
        and ((len(rows) > 1 and len(set(values)) == 1) or values == told[by])
    ]
    return [{name: value for name, value in row.items() if name not in silent} for row in rows]


def _columns(k: int) -> dict[str, ColumnConfig]:
    helps = {
        "P@1": "precision@1, the share of queries whose first hit is right.",
        f"P@{k}": f"precision@{k}, the share of right hits among the first {k}.",
        "Ceiling": f"The most precision@{k} there can be: a class of R + 1 pictures has only R to "
        "find.",
        "Of ceiling": f"precision@{k} divided by its ceiling.",
        "Chance": "Precision of hits drawn at random.",
        "MAP@R": "Order within the first R hits; 1 is perfect.",
    }
    text = st.column_config.TextColumn
    return {
        **{
            heading: st.column_config.NumberColumn(format="%.2f", width=62, help=told)
            for heading, told in helps.items()
        },
        "Class": text(width=110),
        "n": st.column_config.NumberColumn(width=44, help="Queries of this class."),
        "95 % interval": text(width=112),
        "Confused with": text(
            width=150,
            help=f"The other class met most often, with its share of the first {k} hits.",
        ),
    }
