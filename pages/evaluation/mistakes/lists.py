"""Lists of pictures of the Evaluation page: worst queries, suspected labels, hubs."""

import math
from collections.abc import Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.collection.info import CollectionInfo
from core.embeddings.index_errors import exact_too
from core.embeddings.neighbour_table import NEIGHBOURS
from core.embeddings.suspects import LEAST_SHARE
from core.evaluation.report import Hits, Report
from core.evaluation.tables import worst_queries
from core.measures.findings import Hubs, find_hubs, suspects
from core.records import ImageRecord
from core.ui.correcting import actions
from core.ui.text import plain
from core.wording import counted, queries
from pages.evaluation import state
from pages.evaluation.cache import Figures
from pages.evaluation.corrections import if_as_suggested, labels_since
from pages.evaluation.keys import Key
from pages.evaluation.tiles import picture, query_record, query_with_hits

WORST_VIEW = "Worst queries"

# With the query they fill a row beside the controls at 1,400 pixels.
_HITS = 7
# More rows have more buttons than a page can draw at once.
_ROWS = 4
_HUBS = 8


def worst_section(
    report: Report, figures: Figures, info: CollectionInfo, *, k: int, focus: str
) -> None:
    """Show the queries with the fewest right hits, each with its first hits.

    Args:
        focus: Only of this class; empty for all.
    """
    st.subheader("Worst queries")
    hits, known = Hits(figures.lists, figures.judged), None
    if figures.index_hits:
        help_text = "A wrong hit that exact search has too is the encoder's."
        if st.toggle("Hits of the index", key=Key.WORST_INDEX, help=help_text):
            hits = figures.index_hits
            known = exact_too(hits.lists, figures.lists, k=k)
    worst = worst_queries(report, hits.judged, k=k, label=focus)
    key = f"worst {report.name} {k} {focus}"
    for query in worst[: state.shown(key, _ROWS)]:
        record = query_record(report, query)
        count = int(hits.judged.right[query, :k].sum())
        st.markdown(f"**{plain(record.label)}**, {count} of {k} right")
        query_with_hits(
            report,
            hits,
            query,
            info,
            key=f"worst_{query}",
            most=min(k, _HITS),
            shared=None if known is None else known[query],
        )
    more_button(key, _ROWS, len(worst))


def suspects_section(report: Report, info: CollectionInfo, *, k: int, focus: str) -> None:
    """Show pictures whose neighbours agree on another class."""
    listed = [
        suspect
        for suspect in suspects(report.judged, report.rows)
        if focus in ("", query_record(report, suspect.row).label)
    ]
    st.subheader(
        counted(len(listed), "suspected label"),
        help=f"At least {LEAST_SHARE:.0%} of the {NEIGHBOURS} nearest neighbours have one other "
        "class, whatever k is: a reason to look, not a proof. Most certain first. The map lists "
        "by the same rule.",
    )
    if listed:
        suggested = {int(report.queries[s.row]): s.suggested for s in listed}
        told = if_as_suggested(report.name, suggested, k=k, _report=report)
        st.caption(plain(f"If all had the class of their neighbours, {told}."))
    hits, since = Hits(report.exact, report.judged), labels_since(report)
    key = f"suspects {report.name} {focus}"
    for suspect in listed[: state.shown(key, _ROWS)]:
        record = query_record(report, suspect.row)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(
                f"**{plain(record.label)}**, or {plain(suspect.suggested)}? "
                f"{suspect.share:.0%} of its neighbours against {suspect.own_share:.0%}",
                width="content",
            )
            now = since[int(report.queries[suspect.row])]
            _relabel_button(record, now, suspect.suggested, key=f"relabel_{suspect.row}")
        query_with_hits(report, hits, suspect.row, info, key=f"suspect_{suspect.row}", most=_HITS)
    more_button(key, _ROWS, len(listed))


def _relabel_button(record: ImageRecord, now: str | None, label: str, *, key: str) -> None:
    """Offer to give a picture a class; where it is corrected by now, say what it is."""
    if now is None:
        st.caption("Left out since", width="content")
    elif now != record.label:
        st.caption(f"Now {plain(now) or 'without a class'}", width="content")
    elif actions.ways():
        st.button(
            f"Relabel as {plain(label)}",
            icon=":material/drive_file_move:",
            type="tertiary",
            key=key,
            on_click=actions.give_class,
            args=([record.path], label),
        )


def hubs_section(report: Report, info: CollectionInfo, *, focus: str) -> None:
    """Show how unevenly pictures are retrieved, the top hubs, the bad ones and the unseen."""
    hubs = find_hubs(report.exact, report.judged, gallery=report.gallery)
    k = min(NEIGHBOURS, report.exact.depth)
    expected = len(report.queries) * k / max(1, int(report.gallery.sum()))
    skew = (
        "Every picture is retrieved equally often"
        if math.isnan(hubs.skew)
        else f"The skew of that number is {hubs.skew:.2f} (0 is even, above 1 few pictures answer "
        "many queries)"
    )
    st.subheader(
        "Hubs",
        anchor=False,
        help=f"A picture is among the {k} nearest neighbours of {expected:.1f} of "
        f"{queries(len(report.queries))} on average, whatever k is. {skew}.",
    )
    often = _most(report, hubs.occurrences, focus)
    _hub_row("Retrieved most often", often, report, hubs, info, counts=hubs.occurrences)
    bad = _most(report, hubs.bad, focus)
    title = "Bad hubs: retrieved most often for queries of other classes"
    _hub_row(title, bad, report, hubs, info, counts=hubs.bad)
    unseen = [
        int(place)
        for place in (hubs.occurrences == 0).nonzero()[0]
        if report.gallery[place] and focus in ("", report.labels[place])
    ]
    _hub_row(f"Never retrieved ({len(unseen):,})", unseen[:_HUBS], report, hubs, info)


def more_button(key: str, step: int, total: int) -> None:
    """Offer the next ones of a list, where there are more than are shown."""
    shown = state.shown(key, step)
    if total <= shown:
        return
    st.button(
        f"Show more of {total:,}",
        key=f"more {key}",
        on_click=state.show_more,
        args=(key, shown + step),
    )


def _most(report: Report, counts: NDArray[np.int64], focus: str) -> list[int]:
    """Return the pictures with the highest counts, of a class if one is looked at."""
    order = (int(place) for place in counts.argsort(kind="stable")[::-1])
    found = [p for p in order if counts[p] and focus in ("", report.labels[p])]
    return found[:_HUBS]


def _hub_row(
    title: str,
    places: Sequence[int],
    report: Report,
    hubs: Hubs,
    info: CollectionInfo,
    *,
    counts: NDArray[np.int64] | None = None,
) -> None:
    """Show pictures in a row, each with its count where `counts` has them."""
    if not places:
        return
    st.markdown(f"**{title}**")
    with st.container(horizontal=True, gap="xsmall"):
        for place in places:
            times, wrong = int(hubs.occurrences[place]), int(hubs.bad[place])
            picture(
                report.record(place),
                info,
                key=f"hub_{title.split(maxsplit=1)[0]}_{place}",
                name="this picture",
                chip="" if counts is None else f"{counts[place]:,} ×",  # noqa: RUF001 - times
                detail=f"{counted(times, 'time')}, {wrong:,} for queries of other classes",
            )
