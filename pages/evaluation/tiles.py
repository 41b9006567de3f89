"""The tile of a picture on the Evaluation page: it says what it is, and leads on."""

from functools import partial

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator

from core.collection.info import CollectionInfo
from core.evaluation.report import Hits, Report
from core.records import ImageRecord
from core.ui import resources
from core.ui.text import plain
from core.ui.tile_actions import lead_on
from core.ui.tiles import Frame, Width, draw_tile, rank_chip, tile_line

QUERY = ":material/search:"


def picture(
    record: ImageRecord,
    info: CollectionInfo,
    *,
    key: str,
    name: str,
    frame: Frame = Frame.NONE,
    chip: str = "",
    detail: str = "",
) -> None:
    """Draw a picture with its class below it, its path for whoever points there, and its icons.

    Args:
        key: Tells the pictures of a page apart.
        name: What it is called for those who do not see it, such as `the query`.
        chip: Markdown of our own in the corner of the picture.
        detail: What else is known of it.
    """
    label = record.label or "no class"
    said = [name, label, detail, frame.words]
    tile = draw_tile(
        record,
        partial(resources.get_thumbnail, info=info),
        alt=", ".join(filter(None, said)),
        width=Width.MEDIUM,
        key=key,
        frame=frame,
        chip=chip,
    )
    with tile.below:
        tile_line(label, help=plain("; ".join(filter(None, [record.path, *said[2:]]))))
        lead_on(record, key=key, name=name, metric=info.metric)


def query_picture(report: Report, query: int, info: CollectionInfo, *, key: str) -> None:
    """Draw the picture of a query."""
    picture(query_record(report, query), info, key=f"{key}_query", name="the query", chip=QUERY)


def hit_picture(
    report: Report,
    hits: Hits,
    query: int,
    rank: int,
    info: CollectionInfo,
    *,
    key: str,
    shared: bool | None = None,
) -> None:
    """Draw one hit of a query with its rank and whether it is right.

    Args:
        rank: From 0.
        shared: Whether exact search has it too; None where exact search is what found it.
    """
    record = report.record(int(hits.lists.positions[query, rank]))
    if hits.judged.right[query, rank]:
        frame = Frame.RIGHT
    elif not hits.judged.faults[query, rank]:
        frame = Frame.BEYOND
    elif shared is None:
        frame = Frame.WRONG
    else:
        frame = Frame.ENCODER if shared else Frame.INDEX
    metric, score = report.configuration.metric, float(hits.lists.scores[query, rank])
    picture(
        record,
        info,
        key=f"{key}_{rank}",
        name=f"rank {rank + 1}",
        frame=frame,
        chip=rank_chip(rank + 1, frame),
        detail=f"{metric.noun} {metric.formatted(score)}",
    )


def query_with_hits(
    report: Report,
    hits: Hits,
    query: int,
    info: CollectionInfo,
    *,
    key: str,
    most: int,
    shared: NDArray[np.bool_] | None = None,
) -> None:
    """Draw a query and its first hits in a row.

    Args:
        shared: (D,), which of the hits exact search has too; None where it is what found them.
    """
    with st.container(horizontal=True, gap="xsmall"):
        query_picture(report, query, info, key=key)
        for rank in range(min(most, hits.lists.depth)):
            if hits.lists.positions[query, rank] >= 0:
                too = None if shared is None else bool(shared[rank])
                hit_picture(report, hits, query, rank, info, key=key, shared=too)


def picture_pair() -> DeltaGenerator:
    """Return a container with room for two pictures and the gap between them."""
    return st.container(horizontal=True, gap="xxsmall", width=2 * Width.MEDIUM + 4)


def query_record(report: Report, query: int) -> ImageRecord:
    """Return the picture that a query asked with."""
    return report.record(int(report.queries[query]))
