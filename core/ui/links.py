"""Links between pages: the Search page with pictures of the collection, the map with one of them.

`search_parameters` and `map_parameters` build what goes into the address; `open_*` go there from a
button, `link_search` draws a link.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import streamlit as st

from core.metric import Metric
from core.records import ImageRecord
from core.search.query_picture import MAX_QUERIES
from core.ui import resources
from core.ui.keys import TO_MAP, TO_SEARCH, Handed

# Absolute, since Streamlit looks for a relative path beside the router.
_PAGES = Path(__file__).resolve().parents[2] / "pages"
SEARCH_PAGE = str(_PAGES / "search" / "page.py")
EVALUATION_PAGE = str(_PAGES / "evaluation" / "page.py")
MAP_PAGE = str(_PAGES / "embedding_map" / "page.py")
COLLECTION_PAGE = str(_PAGES / "collection" / "page.py")
# A link takes as many pictures as a search.
MAX_LINKED = MAX_QUERIES


def search_parameters(
    ids: Sequence[int] = (),
    *,
    metric: Metric | None = None,
    k: int | None = None,
    nprobe: int | None = None,
) -> dict[str, str]:
    """Return the query parameters of a search; what is left open is left to the page.

    Args:
        ids: Pictures of the collection; the first five are taken, their embeddings are averaged.
    """
    given = {
        Handed.QUERIES: ",".join(str(number) for number in ids[:MAX_LINKED]),
        Handed.METRIC: metric.value if metric else "",
        Handed.K: str(k or ""),
        Handed.NPROBE: str(nprobe or ""),
    }
    return {name.value: value for name, value in given.items() if value}


def open_search(
    ids: Sequence[int] = (),
    *,
    metric: Metric | None = None,
    k: int | None = None,
    nprobe: int | None = None,
) -> NoReturn:
    """Go to the Search page; not from within a callback, where Streamlit cannot change the page."""
    _forget(*TO_SEARCH)
    st.switch_page(
        SEARCH_PAGE, query_params=search_parameters(ids, metric=metric, k=k, nprobe=nprobe)
    )


def link_search(
    ids: Sequence[int] = (),
    *,
    label: str = "Search with it",
    metric: Metric | None = None,
    k: int | None = None,
    nprobe: int | None = None,
) -> None:
    """Draw a link to the Search page."""
    st.page_link(
        SEARCH_PAGE,
        label=label,
        icon=":material/image_search:",
        query_params=search_parameters(ids, metric=metric, k=k, nprobe=nprobe),
    )


def map_parameters(picture: int) -> dict[str, str]:
    """Return the query parameters of the map with the picture of that id picked, if there is one.

    Raises:
        StoreError: The database failed.
    """
    record = resources.get_catalogue().by_id.get(picture)
    return {} if record is None else place_on_map(record)


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


def open_map(picture: int) -> NoReturn:
    """Go to the map with a picture picked; not from within a callback."""
    _forget(*TO_MAP)
    st.switch_page(MAP_PAGE, query_params=map_parameters(picture))


def handed(key: Handed) -> str | None:
    """Return what a control of this or another page says, or will say once it is drawn.

    Before that it is in the address alone; on another page the session still remembers it.
    """
    return st.session_state.get(key) or st.query_params.get(key)


def _forget(*keys: Handed) -> None:
    # A control that still has a value from an earlier visit would win over the address.
    for key in keys:
        st.session_state.pop(key, None)
