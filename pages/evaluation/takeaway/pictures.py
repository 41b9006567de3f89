"""Pictures of a report in a file: small JPEGs in the page itself, with what is known of them."""

import base64
import html
import logging
from collections.abc import Callable
from dataclasses import dataclass

from core.dataset.thumbnails import thumbnail
from core.errors import ImageError
from core.evaluation.report import Hits, Report
from core.evaluation.tables import confused_pairs, worst_queries
from core.measures.confusions import largest_confusions
from core.measures.summary import Summary, confusion
from core.records import ImageRecord

logger = logging.getLogger(__name__)

_CLASSES, _HITS, _CONFUSIONS = 3, 5, 5
# A page of so many stays far below a megabyte.
_SIDE = 112


@dataclass(frozen=True, slots=True)
class Album:
    """The hits of a report and how to read their pictures.

    Attributes:
        read: Returns the thumbnail of a picture.
    """

    report: Report
    hits: Hits
    read: Callable[[ImageRecord], bytes]


def worst_html(album: Album, summary: Summary, *, k: int) -> str:
    """Return the worst classes, each with its worst query and the first hits."""
    parts = []
    name = f"precision@{k}"
    for c in summary.worst_first(name)[:_CLASSES]:
        query = worst_queries(album.report, album.hits.judged, k=k, label=c.label)[0]
        shown = [_query(album, query)]
        shown += [_hit(album, query, rank) for rank in range(min(_HITS, k))]
        found = str(c.measures[name])
        parts.append(
            f"<section><h3>{html.escape(c.label)}: {found}</h3>"
            f"<div class='row'>{''.join(shown)}</div></section>"
        )
    return "".join(parts)


def confusions_html(album: Album, *, k: int) -> str:
    """Return the largest confusions, each with a query and the hit of the other class."""
    report, judged = album.report, album.hits.judged
    classes = report.rows.classes
    shares = confusion(judged, report.rows, k=k)
    parts = []
    for row, column in largest_confusions(shares, most=_CONFUSIONS):
        asked, got = classes[row], classes[column]
        query, rank = confused_pairs(judged, classes, asked=asked, got=got, k=k)[0]
        parts.append(
            f"<div class='pair'><h3>{html.escape(asked)} → {html.escape(got)} "
            f"{shares[row, column]:.0%}</h3>"
            f"<div class='row'>{_query(album, query)}{_hit(album, query, rank)}</div></div>"
        )
    return f"<div class='pairs'>{''.join(parts)}</div>" if parts else ""


def _query(album: Album, query: int) -> str:
    record = album.report.record(int(album.report.queries[query]))
    return _figure(album, record, f"query: {record.label}", "")


def _hit(album: Album, query: int, rank: int) -> str:
    lists = album.hits.lists
    position = int(lists.positions[query, rank]) if rank < lists.depth else -1
    if position < 0:
        return ""
    record = album.report.record(position)
    right = bool(album.hits.judged.right[query, rank])
    text = f"{rank + 1} {'✓' if right else '✗'} {record.label or 'no class'}"
    return _figure(album, record, text, "right" if right else "wrong")


def _figure(album: Album, record: ImageRecord, text: str, style: str) -> str:
    said = html.escape(text)
    try:
        small = thumbnail(album.read(record), name=record.path, side=_SIDE)
    except ImageError as error:
        logger.info("no picture in the report: %s", error)
        picture = "<div class='none'></div>"
    else:
        data = base64.b64encode(small).decode()
        picture = f"<img src='data:image/jpeg;base64,{data}' alt='{said}'>"
    return f"<figure class='{style}'>{picture}<figcaption>{said}</figcaption></figure>"
