"""Ways from one page to another: to Search with pictures, to the map, to a class's confusions.

Controls that more than one page must know, since a way leads to them, are `Handed`; every other key
belongs to the one page whose `keys.py` names it, as a key that two pages bind to the address would
carry the choice of one into the other. Only the collection that is looked at is meant for all of
them: every way carries it, see `core.ui.choosing.looked_at`.

`to_*` build where a way leads; a button takes it by `on_click=leave`, `link_search` draws a link.
What no address can hold is `Carried`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Unpack

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.collection.index_types.parameters import Effort
from core.metric import Metric
from core.records import ImageRecord
from core.search.link import read_ids
from core.search.query_picture import MAX_QUERIES
from core.ui.choosing import looked_at

# Absolute, since Streamlit looks for a relative path beside the router.
_PAGES = Path(__file__).resolve().parents[2] / "pages"
SEARCH_PAGE = str(_PAGES / "search" / "page.py")
EVALUATION_PAGE = str(_PAGES / "evaluation" / "page.py")
MAP_PAGE = str(_PAGES / "embedding_map" / "page.py")
COLLECTION_PAGE = str(_PAGES / "collection" / "page.py")
# A link takes as many pictures as a search.
MAX_LINKED = MAX_QUERIES
# More ids would make an address that browsers and chat programs cut off.
MAX_RINGED = 60
# The view of a report that a class's confusions are in.
CONFUSION_VIEW = "Confusion"
# And the one that compares reports.
COMPARE_VIEW = "Compare"


class Handed(StrEnum):
    """What links hand to another page; the control of that page alone is bound to it.

    The Search page is opened with pictures, and as the map and the evaluation compare them: by
    their metric, with the k and the effort that was looked at. The map is opened with a picture or
    some that are ringed, by the metric they came with; the evaluation with a pair of classes, or
    with a report.
    """

    QUERIES = "queries"
    METRIC = "metric"
    K = "k"
    NPROBE = "nprobe"
    EF = "ef"
    REORDER_K = "reorder_k"
    SEARCH_LIST = "search_list"
    REFINE_K = "refine_k"
    MAP_CLASS = "map_class"
    MAP_PICTURE = "map_picture"
    MAP_METRIC = "map_metric"
    RING = "ring"
    VIEW = "view"
    REPORT = "report"
    ASKED = "asked"
    GOT = "got"


EFFORTS = (Handed.NPROBE, Handed.EF, Handed.REORDER_K, Handed.SEARCH_LIST, Handed.REFINE_K)
TO_SEARCH = (Handed.METRIC, Handed.K, *EFFORTS)
TO_MAP = (Handed.MAP_CLASS, Handed.MAP_PICTURE, Handed.MAP_METRIC)
TO_EVALUATION = (Handed.ASKED, Handed.GOT)

# Where the session keeps which page it is about to change to, and what is taken there.
LEAVING, CARRIED = "leaving", "carried"


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """A query on its way to the map, in the memory of its session alone.

    Attributes:
        name: Of the uploaded file, or the path of the picture.
        id: The row that the query is; None where it is none, as an upload or a mix.
        embedding: (D,) float32.
        picture: A small JPEG; empty where it cannot be read.
    """

    name: str
    id: int | None
    embedding: NDArray[np.float32] = field(repr=False)
    picture: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Destination:
    """A page and what its controls are to say.

    Attributes:
        parameters: Of its address; what is left open is left to the page.
        forgotten: Controls that would otherwise keep what an earlier visit chose.
        carried: What is taken along beside the address.
    """

    page: str
    parameters: Mapping[str, str]
    forgotten: tuple[Handed, ...]
    carried: Carried | None = None


def to_search(
    ids: Sequence[int] = (),
    *,
    metric: Metric | None = None,
    k: int | None = None,
    **effort: Unpack[Effort],
) -> Destination:
    """Lead to a search; what is left open is left to the page.

    Args:
        ids: Pictures of the collection; the first five are taken, their embeddings are averaged.
    """
    given = {
        Handed.QUERIES: ",".join(str(number) for number in ids[:MAX_LINKED]),
        Handed.METRIC: metric.value if metric else "",
        Handed.K: str(k or ""),
        **{Handed(name): str(value or "") for name, value in effort.items()},
    }
    return Destination(SEARCH_PAGE, _filled(given), TO_SEARCH)


def to_search_in(family: str, picture: int) -> Destination:
    """Lead from the Search page to a picture of another collection; the controls stay as they are.

    Streamlit lets no page set what its own controls are bound to.
    """
    given = {looked_at.PARAMETER: family, Handed.QUERIES.value: str(picture)}
    return Destination(SEARCH_PAGE, given, ())


def to_map(record: ImageRecord, *, metric: Metric | None = None) -> Destination:
    """Lead to the map with a picture picked.

    Args:
        metric: Of the map. IP is left to the page: no map can be drawn by it.
    """
    given = {**looked_at.parameters(), **place_on_map(record), **_map_metric(metric)}
    return Destination(MAP_PAGE, given, TO_MAP)


def to_ring(
    ids: Sequence[int],
    *,
    metric: Metric | None = None,
    picked: ImageRecord | None = None,
    carried: Carried | None = None,
) -> Destination:
    """Lead to the map with pictures ringed, the first `MAX_RINGED` of them.

    Args:
        picked: A picture that is picked there as well.
        carried: What the pictures were found with, to be placed there.
    """
    ringed = {Handed.RING: ",".join(str(number) for number in ids[:MAX_RINGED])}
    one = place_on_map(picked) if picked else {}
    given = {**_filled(ringed), **one, **_map_metric(metric)}
    return Destination(MAP_PAGE, given, TO_MAP, carried)


def read_ring(text: str, known: Collection[int]) -> tuple[tuple[int, ...], list[str]]:
    """Return the ids that `to_ring` wrote, and a sentence about those that are none.

    Args:
        known: Ids on the map.
    """
    notices: list[str] = []
    return read_ids(Handed.RING, {Handed.RING: text}, known, notices), notices


def to_confusions(asked: str, got: str = "") -> Destination:
    """Lead to what pictures of a class bring back, in the report that is open or the newest.

    Args:
        got: The class they are confused with; the most frequent one if not given.
    """
    given = {Handed.VIEW: CONFUSION_VIEW, Handed.ASKED: asked, Handed.GOT: got}
    return Destination(EVALUATION_PAGE, _filled(given), TO_EVALUATION)


def to_comparison() -> Destination:
    """Lead to the comparison of reports."""
    return Destination(EVALUATION_PAGE, _filled({Handed.VIEW: COMPARE_VIEW}), ())


def to_report(name: str, *, family: str) -> Destination:
    """Lead to a saved report, with the collection that it is about."""
    given = {Handed.REPORT.value: name, looked_at.PARAMETER: family}
    return Destination(EVALUATION_PAGE, given, ())


def leave(destination: Destination) -> None:
    """Go there in the run that follows; a callback, which itself cannot change the page."""
    st.session_state[LEAVING] = destination
    st.session_state[CARRIED] = (looked_at.family(), destination.carried)


def carried() -> Carried | None:
    """Return what this session took along when it last changed the page by `leave`.

    Not where another collection is looked at by now: what its embedding is near there says nothing.
    """
    found: tuple[str, Carried | None] = st.session_state.get(CARRIED, ("", None))
    family, carried = found
    return carried if family == looked_at.family() else None


def put_down() -> None:
    """Forget what was taken along."""
    st.session_state[CARRIED] = ("", None)


def follow() -> None:
    """Change the page if that was asked for."""
    destination = st.session_state.pop(LEAVING, None)
    if destination is None:
        return
    for key in destination.forgotten:
        # A control that still has a value from an earlier visit would win over the address.
        st.session_state.pop(key, None)
    st.switch_page(destination.page, query_params=destination.parameters)


def link_search(
    ids: Sequence[int] = (),
    *,
    label: str = "Search with it",
    metric: Metric | None = None,
) -> None:
    """Draw a link to the Search page."""
    st.page_link(
        SEARCH_PAGE,
        label=label,
        icon=":material/image_search:",
        query_params=to_search(ids, metric=metric).parameters,
    )


def place_on_map(record: ImageRecord) -> dict[str, str]:
    """Return what the map's controls must say so that a picture is picked, by their keys."""
    return {
        Handed.MAP_CLASS.value: record.label,
        Handed.MAP_PICTURE.value: name_in_class(record.path, record.label),
    }


def name_in_class(path: str, label: str) -> str:
    """Return how the map calls a picture of a class.

    The class's folder need not be the first one: a dataset may be split above the classes.
    """
    return path.removeprefix(f"{label}/")


def handed(key: Handed) -> str | None:
    """Return what a control of this or another page says, or will say once it is drawn.

    Before that it is in the address alone; on another page the session still remembers it.
    """
    return st.session_state.get(key) or st.query_params.get(key)


def _map_metric(metric: Metric | None) -> dict[str, str]:
    is_distance = metric is not None and metric is not Metric.IP
    return {Handed.MAP_METRIC.value: metric.value} if metric and is_distance else {}


def _filled(given: Mapping[Handed, str]) -> dict[str, str]:
    told = {name.value: value for name, value in given.items() if value}
    return looked_at.parameters() | told
