"""The same query under every metric of the collection: which is right more often, rank by rank."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import streamlit as st

from core.metric import Metric
from core.search.hits import Hit
from core.search.verdict import overlap, precision, rank_changes
from core.ui import links
from core.ui.controls import is_dark
from core.ui.text import plain
from core.ui.tiles import Frame, Width
from core.wording import listed
from pages.search.answer import grid
from pages.search.answer.grid import frame_of
from pages.search.answer.slope_chart import slope_chart
from pages.search.cache import Thumbnails
from pages.search.view import View

T = TypeVar("T", bound=str)

_SHOWN = 20
# Three columns beside each other on a phone.
_LEAST_COLUMN = 100
# A smaller difference would read 0.00.
_SHOWN_GAP = 0.005


def duel(view: View, answers: Mapping[Metric, Sequence[Hit]], thumbnails: Thumbnails) -> None:
    """Show the hits of every metric side by side, and how they differ from the chosen one's.

    Args:
        answers: Hits by metric, ranked from 1.
    """
    k = view.question.k
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="verdict"):
        if view.judged is not None:
            found = {m: precision(h, expected=view.judged, k=k) for m, h in answers.items()}
            st.markdown(winner(found, k=k), width="content")
        st.button(
            "Compare over all pictures",
            icon=":material/fact_check:",
            type="tertiary",
            help="The metrics compared on the Evaluation page: one query is one case.",
            on_click=links.leave,
            args=(links.to_comparison(),),
        )
    rows, chart = st.columns([3, 2])
    with rows:
        _rows(view, answers, thumbnails)
    with chart:
        st.caption("Ranks of the same pictures under each metric")
        st.plotly_chart(
            slope_chart(answers, expected=view.judged, ranks=_SHOWN, dark=is_dark()),
            key="slopes",
            config={"displayModeBar": False},
            alt="Ranks of the same pictures under each metric; the tiles have the same ranks",
        )


def winner(found: Mapping[T, float], *, k: int, noun: str = "metric") -> str:
    """Return in words which of several is right most often.

    Args:
        found: precision@k by name, each in [0, 1].
        noun: What is compared.
    """
    best = max(found.values())
    ahead = [name for name, value in found.items() if value == best]
    if len(ahead) == len(found):
        return f"**No {noun} is right more often** here: precision@{k} {best:.2f} under each."
    behind = [f"{name} {value:.2f}" for name, value in found.items() if value < best]
    verb = "is" if len(ahead) == 1 else "are"
    return (
        f"**{listed(ahead)} {verb} right more often** here: precision@{k} {best:.2f}; "
        f"{listed(behind)}."
    )


def change_text(change: int | None) -> str:
    """Return a rank change as an arrow with a number, or a word."""
    if change is None:
        return "*new*"
    if change == 0:
        return "same rank"
    return f":material/arrow_{'upward' if change > 0 else 'downward'}: {abs(change)}"


def _rows(view: View, answers: Mapping[Metric, Sequence[Hit]], thumbnails: Thumbnails) -> None:
    before = answers[view.info.metric]
    changes = {metric: rank_changes(hits, before) for metric, hits in answers.items()}
    late = {metric: view.beyond(hits) for metric, hits in answers.items()}
    # A grid has rows: what has the same rank stands at the same height.
    with st.grid(len(answers), min_column_width=_LEAST_COLUMN, wrap=False, gap="small", key="duel"):
        for metric, hits in answers.items():
            with st.container(gap=None):
                _heading(view, metric, hits, before)
        for place in range(min(_SHOWN, max(map(len, answers.values())))):
            for metric, hits in answers.items():
                with st.container(horizontal=True, gap="xsmall"):
                    if place < len(hits):
                        hit = hits[place]
                        frame = frame_of(hit, view.judged, None, late=late[metric])
                        change = changes[metric][place]
                        is_own = metric is view.info.metric
                        _hit(hit, metric, thumbnails, frame, "" if is_own else change_text(change))
    if max(map(len, answers.values())) > _SHOWN:
        st.caption(f"The first {_SHOWN} ranks are shown.")


def _heading(view: View, metric: Metric, hits: Sequence[Hit], before: Sequence[Hit]) -> None:
    k, own = view.question.k, view.info.metric
    note = "" if view.question.limit is None else f" The limit on {own} is not applied here."
    if view.judged is None:
        st.markdown(f"**{metric}**", help=metric.direction)
    else:
        value = precision(hits, expected=view.judged, k=k)
        ahead = value - precision(before, expected=view.judged, k=k)
        st.metric(
            str(metric),
            f"{value:.2f}",
            delta=f"{ahead:+.2f}" if abs(ahead) >= _SHOWN_GAP else None,
            help=f"precision@{k}, with its difference to {own}. {metric.direction}.{note}",
        )
    if metric is own:
        st.caption("the chosen metric")
    elif hits or before:
        st.caption(
            f"overlap@{k} **{overlap(hits, before):.2f}**",
            help=f"Share of hits in common with {own}, 0 to 1. An arrow says how many ranks higher"
            " or lower a picture stands than there; *new* is not among its hits." + note,
        )


def _hit(hit: Hit, metric: Metric, thumbnails: Thumbnails, frame: Frame, change: str) -> None:
    tile = grid.tile(hit, metric, thumbnails, width=Width.LINE, key=f"duel_{metric}", frame=frame)
    lines = [plain(hit.record.label or "no class"), plain(metric.formatted(hit.score)), change]
    if not tile.shown:
        lines.append(plain(hit.record.path))
    st.markdown("  \n".join(filter(None, lines)), width="content")
