"""The same query under every metric of the collection, side by side."""

from collections.abc import Mapping, Sequence

import streamlit as st

from core.metric import Metric
from core.search.hits import Hit
from core.search.verdict import overlap, rank_changes
from core.ui.text import plain
from core.ui.tiles import Width
from core.wording import counted
from pages.search.answer import grid
from pages.search.answer.grid import score_of, tick
from pages.search.cache import Thumbnails
from pages.search.view import View

_SHOWN = 20


def duel(view: View, answers: Mapping[Metric, Sequence[Hit]], thumbnails: Thumbnails) -> None:
    """Show the hits of every metric, and how they differ from those of the chosen one.

    Args:
        answers: Hits by metric, ranked from 1.
    """
    own, k, before = view.info.metric, view.question.k, answers[view.info.metric]
    st.caption(
        f"Rank changes are against {own}: :material/arrow_upward: 2 stands two ranks higher than "
        f"there, *new* is not among its {counted(len(before), 'hit')}. overlap@{k} is the share of "
        "hits in common, 0 to 1."
        + ("" if view.question.limit is None else f" The limit on {own} is not applied here.")
    )
    for column, (metric, hits) in zip(st.columns(len(answers)), answers.items(), strict=True):
        with column:
            st.markdown(f"**{metric}**")
            st.caption(metric.direction)
            if metric is own:
                st.markdown("the chosen metric")
            elif hits or before:
                st.markdown(f"overlap@{k} with {own}: **{overlap(hits, before):.2f}**")
            changes = rank_changes(hits, before)
            for hit, change in list(zip(hits, changes, strict=True))[:_SHOWN]:
                _row(hit, change, metric, view=view, thumbnails=thumbnails)
            if len(hits) > _SHOWN:
                st.caption(f"The first {_SHOWN} of {len(hits)} are shown.")


def change_text(change: int | None) -> str:
    """Return a rank change as an arrow with a number, or a word."""
    if change is None:
        return "*new*"
    if change == 0:
        return "same rank"
    return f":material/arrow_{'upward' if change > 0 else 'downward'}: {abs(change)}"


def _row(
    hit: Hit, change: int | None, metric: Metric, *, view: View, thumbnails: Thumbnails
) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="center", wrap=False):
        shown = grid.tile(hit, metric, thumbnails, width=Width.LINE).shown
        sign = ""
        if view.expected is not None:
            sign = f"{tick(right=hit.record.label == view.expected)} "
        lines = [f"{sign}**{hit.rank}** {plain(hit.record.label or 'no class')}"]
        lines.append(plain(score_of(hit, metric)))
        # An empty line, so that the rows of all columns stand side by side.
        lines.append("\u00a0" if metric is view.info.metric else change_text(change))
        if not shown:
            lines.append(plain(hit.record.path))
        st.markdown("  \n".join(lines))
