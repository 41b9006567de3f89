"""The section of the Evaluation page about confusions: matrix, the largest ones, and pictures."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.collection.info import CollectionInfo
from core.evaluation.report import Hits, Report
from core.evaluation.tables import confused_pairs
from core.measures.confusions import by_similarity, largest_confusions, most_confused
from core.measures.summary import confusion
from core.ui import links
from core.ui.controls import is_dark
from core.ui.text import plain
from core.wording import classes as classes_text
from core.wording import counted
from pages.evaluation import state
from pages.evaluation.cache import Figures
from pages.evaluation.keys import Address
from pages.evaluation.mistakes.lists import more_button
from pages.evaluation.mistakes.matrix import confusion_figure
from pages.evaluation.tiles import hit_picture, picture_pair, query_picture, query_record

_LARGEST = 6
_PAIRS = 6
# More would be cells too small for a number, and for a finger.
_MOST_CLASSES = 30


@dataclass(frozen=True, slots=True)
class Pair:
    """A cell of the confusion matrix: pictures of one class that brought back another."""

    asked: str = ""
    got: str = ""


def pair_controls(report: Report) -> tuple[Pair, list[str]]:
    """Choose a pair of classes; an empty one leaves it open.

    Returns:
        The pair, and what an address asks for that the report does not have.
    """
    options = ["", *report.rows.classes]
    unknown = state.open_pair(report.rows.classes)
    asked = _class_control("Picture shown", options, nothing="Of any class", key=Address.ASKED)
    got = _class_control("Came back", options, nothing="The class confused most", key=Address.GOT)
    pair = Pair(asked, got)
    state.write_pair(pair.asked, pair.got)
    return pair, unknown


def _class_control(label: str, options: list[str], *, nothing: str, key: Address) -> str:
    chosen = st.selectbox(label, options, format_func=lambda name: name or nothing, key=key)
    return chosen or ""


def confusion_section(
    report: Report, figures: Figures, info: CollectionInfo, chosen: Pair, *, k: int, focus: str
) -> None:
    """Show the confusion matrix, its largest confusions, and the pictures of one of them.

    Args:
        chosen: What to show the pictures of.
        focus: The class whose confusions are looked at; empty for all.
    """
    classes = report.rows.classes
    shares = confusion(figures.judged, report.rows, k=k)
    pair = _pair(shares, classes, asked=chosen.asked or focus, got=chosen.got)
    beside, matrix = st.columns([11, 10], gap="medium")
    with beside:
        st.subheader("Confused most", anchor=False)
        _largest(shares, classes, pair, focus=focus)
        if pair:
            _pictures(report, figures, info, pair, k=k)
    with matrix:
        _matrix(shares, classes, pair, name=report.name, k=k)


def _pair(
    shares: NDArray[np.float64], classes: tuple[str, ...], *, asked: str, got: str
) -> Pair | None:
    """Return the pair to look at: what is left open is filled with the largest confusion."""
    if asked and got:
        return Pair(asked, got)
    of = shares.T if got else shares
    place = classes.index(got or asked) if got or asked else None
    [*found] = largest_confusions(of, most=1, asked=place)
    if not found:
        return Pair(asked, asked) if asked else None
    first, second = (classes[number] for number in found[0])
    return Pair(second, first) if got else Pair(first, second)


def _largest(
    shares: NDArray[np.float64], classes: tuple[str, ...], pair: Pair | None, *, focus: str
) -> None:
    """Offer the largest confusions, of the class that is looked at or of all."""
    of = classes.index(focus) if focus else None
    found = largest_confusions(shares, most=_LARGEST, asked=of)
    if not found:
        st.caption("No hit is of another class.")
    with st.container(horizontal=True, gap="xsmall"):
        for row, column in found:
            one = Pair(classes[row], classes[column])
            st.button(
                f"{plain(one.asked)} → {plain(one.got)} {shares[row, column]:.0%}",
                key=f"confusion {row} {column}",
                type="primary" if one == pair else "secondary",
                on_click=state.choose_pair,
                args=(one.asked, one.got),
            )


def _pictures(
    report: Report, figures: Figures, info: CollectionInfo, pair: Pair, *, k: int
) -> None:
    """Show the hits of a pair, each beside its query, and lead on with them."""
    found = confused_pairs(figures.judged, report.rows.classes, asked=pair.asked, got=pair.got, k=k)
    hits = Hits(figures.lists, figures.judged)
    st.markdown(
        f"**{plain(pair.asked)}** pictures that brought back **{plain(pair.got)}**: "
        f"{counted(len(found), 'hit')}"
    )
    if not found:
        return
    _lead_on(report, hits, found, info, k=k)
    key = f"pairs {report.name} {k} {pair.asked} {pair.got}"
    with st.container(horizontal=True, gap="small"):
        for query, rank in found[: state.shown(key, _PAIRS)]:
            with picture_pair():
                of_pair = f"pair_{query}_{rank}"
                query_picture(report, query, info, key=of_pair)
                hit_picture(report, hits, query, rank, info, key=of_pair)
    more_button(key, _PAIRS, len(found))


def _lead_on(
    report: Report, hits: Hits, found: list[tuple[int, int]], info: CollectionInfo, *, k: int
) -> None:
    """Offer the map with these pictures ringed, and a search with the first of the queries."""
    ids = dict.fromkeys(
        number
        for query, rank in found
        for number in (
            query_record(report, query).id,
            report.record(int(hits.lists.positions[query, rank])).id,
        )
    )
    many = counted(len(ids), "picture")
    if len(ids) > links.MAX_RINGED:
        many = f"first {links.MAX_RINGED} of {many}"
    with st.container(horizontal=True, gap="small"):
        st.button(
            f"Show these {many} on the map",
            icon=":material/scatter_plot:",
            on_click=links.leave,
            args=(links.to_ring(list(ids), metric=info.metric),),
        )
        st.button(
            "Search with this query",
            icon=":material/image_search:",
            help="With the first query below.",
            on_click=links.leave,
            args=(links.to_search([next(iter(ids))], metric=info.metric, k=k),),
        )


def _matrix(
    shares: NDArray[np.float64],
    classes: tuple[str, ...],
    pair: Pair | None,
    *,
    name: str,
    k: int,
) -> None:
    """Draw the matrix; a click on a cell shows its pictures."""
    keep = [classes.index(label) for label in (pair.asked, pair.got)] if pair else []
    shown = most_confused(shares, most=_MOST_CLASSES, keep=keep)
    ordered = [shown[place] for place in by_similarity(shares[np.ix_(shown, shown)])]
    drawn = [classes[number] for number in ordered]
    chart = f"confusion {name}"
    st.plotly_chart(
        confusion_figure(
            shares[np.ix_(ordered, ordered)],
            drawn,
            chosen=(pair.asked, pair.got) if pair else ("", ""),
            dark=is_dark(),
        ),
        key=chart,
        on_select=partial(state.choose_cell, chart),
        selection_mode="points",
        config={"displayModeBar": False},
        alt="Share of hits by class of the query and class of the hit",
    )
    part = ""
    if len(drawn) < len(classes):
        part = f"The {classes_text(len(drawn))} confused most, of {len(classes):,}. "
    st.caption(
        f"{part}Percent of the first {k} hits. Click a cell for its pictures.",
        help="Grey: right hits. Orange: wrong ones, numbered from 5 % on. A row adds up to "
        "100 %, less what came back empty or without a class. Classes that are confused stand "
        "together.",
    )
