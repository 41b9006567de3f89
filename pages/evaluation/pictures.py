"""Sections of the Evaluation page with pictures: confusion, worst queries, suspects, hubs."""

import math
from functools import partial

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator

from core.collection.info import CollectionInfo
from core.embeddings.index_errors import exact_too
from core.embeddings.neighbour_table import NEIGHBOURS
from core.embeddings.neighbours import Neighbours
from core.embeddings.suspects import LEAST_SHARE
from core.evaluation.report import Report
from core.evaluation.tables import confused_pairs, worst_queries
from core.measures.findings import find_hubs, suspects
from core.measures.judgement import Judgement
from core.measures.summary import confusion
from core.records import ImageRecord
from core.ui import resources
from core.ui.controls import is_dark
from core.ui.text import plain
from core.ui.tiles import Width, draw_tile
from core.wording import counted, queries
from pages.evaluation import charts, state
from pages.evaluation.cache import Figures
from pages.evaluation.keys import Address, Key

_HITS = 11
_QUERIES = 6
_PAIRS = 12
_PICTURES = 24


def confusion_section(report: Report, figures: Figures, info: CollectionInfo, *, k: int) -> None:
    """Show the confusion matrix; a click on a cell shows its pairs."""
    st.subheader("What gets confused with what")
    st.caption(
        f"Rows: class of the query. Columns: class of its first {k} hits. A row adds up to 1, less "
        "what came back empty or without a class. Click a cell to see its pictures; at first those "
        "of the two classes confused most are shown."
    )
    classes = report.rows.classes
    shares = confusion(figures.judged, report.rows, k=k)
    event = st.plotly_chart(
        charts.heat_map(shares, classes, k=k, dark=is_dark()),
        key=f"confusion {report.name}",
        on_select="rerun",
        selection_mode="points",
        config={"displayModeBar": False},
        alt="Share of hits by class of the query and class of the hit",
    )
    asked, got = _cell(event, classes) or _worst_cell(shares, classes)
    if not asked:
        return
    pairs = confused_pairs(figures.judged, classes, asked=asked, got=got, k=k)
    found = counted(len(pairs), "hit")
    st.markdown(f"**{plain(asked)}** pictures that brought back **{plain(got)}**: {found}")
    key = f"pairs {report.name} {k} {asked} {got}"
    with st.container(horizontal=True, gap="medium"):
        for query, rank in pairs[: state.shown(key, _PAIRS)]:
            with picture_pair():
                picture(_query(report, query), info, "query")
                hit = report.record(int(figures.lists.positions[query, rank]))
                picture(hit, info, f"rank {rank + 1}", right=asked == got)
    _more(key, _PAIRS, len(pairs))


def worst_section(report: Report, figures: Figures, info: CollectionInfo, *, k: int) -> None:
    """Show the queries with the fewest right hits, each with its first hits."""
    st.subheader("Worst queries")
    labels = ["", *(c.label for c in figures.shown.worst_first(f"precision@{k}"))]
    label = st.selectbox(
        "Class of the query",
        labels,
        format_func=lambda name: name or "All classes",
        key=Address.WORST_CLASS,
        bind="query-params",
        width=280,
    )
    judged, lists, known = figures.judged, figures.lists, None
    if figures.index_hits:
        help_text = "A wrong hit that exact search has too is the encoder's."
        if st.toggle("Hits of the index", key=Key.WORST_INDEX, help=help_text):
            judged, lists = figures.index_hits.judged, figures.index_hits.lists
            known = exact_too(lists, figures.lists, k=k)
    worst = worst_queries(report, judged, k=k, label=label or "")
    key = f"worst {report.name} {k} {label}"
    for query in worst[: state.shown(key, _QUERIES)]:
        record = _query(report, query)
        count = int(judged.right[query, :k].sum())
        st.markdown(f"**{plain(record.label)}**, {count} of {k} right")
        shared = None if known is None else known[query]
        _query_with_hits(report, judged, lists, query, info, most=min(k, _HITS), shared=shared)
        st.caption(plain(record.path))
    _more(key, _QUERIES, len(worst))


def suspects_section(report: Report, info: CollectionInfo) -> None:
    """Show pictures whose neighbours agree on another class."""
    listed = suspects(report.judged, report.rows)
    st.subheader(counted(len(listed), "suspected label"))
    st.caption(
        f"At least {LEAST_SHARE:.0%} of the {NEIGHBOURS} nearest neighbours have one other class, "
        "whatever k is: a reason to look, not a proof. Most certain first. The map lists by the "
        "same rule."
    )
    key = f"suspects {report.name}"
    for suspect in listed[: state.shown(key, _QUERIES)]:
        record = _query(report, suspect.row)
        st.markdown(
            f"**{plain(record.label)}**, or {plain(suspect.suggested)}? "
            f"{suspect.share:.0%} of its neighbours against {suspect.own_share:.0%}"
        )
        _query_with_hits(report, report.judged, report.exact, suspect.row, info, most=5)
        st.caption(plain(record.path))
    _more(key, _QUERIES, len(listed))


def hubs_section(report: Report, info: CollectionInfo) -> None:
    """Show how unevenly pictures are retrieved, the top hubs, the bad ones and the unseen."""
    hubs = find_hubs(report.exact, report.judged, gallery=report.gallery)
    k = min(NEIGHBOURS, report.exact.depth)
    expected = len(report.queries) * k / max(1, int(report.gallery.sum()))
    st.subheader("Hubs")
    skew = (
        "Every picture is retrieved equally often"
        if math.isnan(hubs.skew)
        else f"The skew of that number is {hubs.skew:.2f} (0 is even, above 1 few pictures answer "
        "many queries)"
    )
    st.write(
        f"A picture is among the {k} nearest neighbours of {expected:.1f} of "
        f"{queries(len(report.queries))} on average, whatever k is. {skew}. Never retrieved: "
        f"{counted(hubs.never, 'picture')}."
    )
    top = hubs.occurrences.argsort(kind="stable")[::-1][: _PICTURES // 2]
    bad = hubs.bad.argsort(kind="stable")[::-1][: _PICTURES // 2]
    never = [p for p in (hubs.occurrences == 0).nonzero()[0] if report.gallery[p]]
    for title, positions in (
        ("Retrieved most often", [p for p in top if hubs.occurrences[p]]),
        (
            "Bad hubs: retrieved most often for queries of other classes",
            [p for p in bad if hubs.bad[p]],
        ),
        ("Never retrieved", never[: _PICTURES // 2]),
    ):
        if len(positions):
            st.markdown(f"**{title}**")
            with st.container(horizontal=True, gap="small"):
                for p in positions:
                    record = report.record(int(p))
                    times = int(hubs.occurrences[p])
                    detail = f"{counted(times, 'time')}, {hubs.bad[p]} wrong" if times else ""
                    picture(record, info, record.label or "no class", detail=detail)


def picture(
    record: ImageRecord,
    info: CollectionInfo,
    text: str,
    *,
    right: bool | None = None,
    detail: str = "",
) -> None:
    """Show one small thumbnail with a line below; a tick or a cross where `right` is known."""
    read = partial(resources.get_thumbnail, info=info)
    tile = draw_tile(record, read, alt=f"{record.path}, {text}", width=Width.SMALL)
    if not tile.shown:
        tile.below.caption(plain(record.path))
    mark = ""
    if right is not None:
        mark = ":green[:material/check:] " if right else ":red[:material/close:] "
    tile.below.caption(mark + plain(text) + (f"  \n{plain(detail)}" if detail else ""))


def picture_pair() -> DeltaGenerator:
    """Return a container with room for two pictures and the gap between them."""
    return st.container(horizontal=True, gap="small", width=2 * Width.SMALL + 16)


def _query_with_hits(
    report: Report,
    judged: Judgement,
    lists: Neighbours,
    query: int,
    info: CollectionInfo,
    *,
    most: int,
    shared: NDArray[np.bool_] | None = None,
) -> None:
    """Show a query and its first hits in a row; `shared` marks those that exact search has too."""
    with st.container(horizontal=True, gap="small"):
        picture(_query(report, query), info, "query")
        for rank in range(min(most, lists.depth)):
            position = int(lists.positions[query, rank])
            if position < 0:
                continue
            hit, right = report.record(position), bool(judged.right[query, rank])
            detail = ""
            if shared is not None and not right:
                detail = "exact search too" if shared[rank] else "the index alone"
            picture(hit, info, f"{rank + 1} {hit.label or 'no class'}", right=right, detail=detail)


def _more(key: str, step: int, total: int) -> None:
    """Offer the next ones, where there are more than are shown."""
    shown = state.shown(key, step)
    if total <= shown:
        return
    st.button(
        f"Show more of {total:,}",
        key=f"more {key}",
        on_click=state.show_more,
        args=(key, shown + step),
    )


def _query(report: Report, query: int) -> ImageRecord:
    return report.record(int(report.queries[query]))


def _cell(event: object, classes: tuple[str, ...]) -> tuple[str, str] | None:
    """Return the classes of the cell that was clicked."""
    try:
        point = event["selection"]["points"][0]["customdata"]  # type: ignore[index]
        return classes[int(point[0])], classes[int(point[1])]
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def _worst_cell(shares: NDArray[np.float64], classes: tuple[str, ...]) -> tuple[str, str]:
    """Return the two classes that are confused most; empty texts when none are."""
    others = np.nan_to_num(shares.copy())
    np.fill_diagonal(others, 0)
    if not others.any():
        return "", ""
    asked, got = np.unravel_index(others.argmax(), others.shape)
    return classes[int(asked)], classes[int(got)]
