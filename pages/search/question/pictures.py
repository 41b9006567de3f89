"""Where pictures come from, those to start with, and those that are searched with."""

import random
from collections.abc import Sequence

import streamlit as st

from core.collection.catalogue import Catalogue
from core.collection.info import CollectionInfo
from core.dataset.formats.kinds import FORMAT_NAMES
from core.errors import ImageError
from core.records import ImageRecord
from core.search.query_picture import QueryPicture
from core.ui.controls import UPLOAD_TYPES
from core.ui.text import plain
from core.ui.tiles import Tile, Width, data_url, draw_tile, press, with_path
from pages.search import cache, state
from pages.search.cache import Thumbnails
from pages.search.keys import Address, Key, Takes
from pages.search.state import Session

UPLOAD, CAMERA, STORED = "Upload", "Camera", "Collection"
SOURCES = (UPLOAD, CAMERA, STORED)
# No wider than the side bar.
PREVIEW_PIXELS = 170
_MATCHES = 50
_STARTERS = 18


def query_list(session: Session, info: CollectionInfo) -> None:
    """List the pictures that are searched with, each with what can be done with it."""
    if not session.pictures:
        return
    if len(session.pictures) > 1:
        st.caption(f"Searching for the mix of {len(session.pictures)} pictures")
    with st.container(gap="small", key="queries"):
        if len(session.pictures) == 1:
            with st.container(width=PREVIEW_PIXELS, gap=None):
                _query(session, session.pictures[0], info)
            return
        for picture in session.pictures:
            _query_row(session, picture, info)


def recent_queries(session: Session, info: CollectionInfo) -> None:
    """Offer what was searched with before, uploads included: a browser's Back knows no uploads."""
    if not session.recent:
        return
    st.caption("Recent")
    with st.container(horizontal=True, gap="small", key="recent"):
        for number, pictures in enumerate(session.recent):
            key = f"recent_{number}"
            place = st.container(key=f"tile_none_{key}", width=Width.SIGN, gap=None)
            with place:
                _preview(session, pictures[0], info)
            others = len(pictures) - 1
            names = plain(pictures[0].name) + (f" and {others} more" if others else "")
            press(
                Tile(place, shown=True),
                f"Search again with {names}",
                key=key,
                help=names,
                on_click=state.search_again,
                args=(pictures,),
            )


def source_panel(session: Session, catalogue: Catalogue) -> None:
    """Ask for pictures; once there are some, the panel is closed until it is wanted again."""
    if not session.pictures:
        _sources(catalogue, session, combine=False)
        return
    with st.expander("Another picture", icon=":material/add_photo_alternate:"):
        combine = st.toggle(
            "Combine",
            key=Key.COMBINE,
            help="Add to the pictures above instead of replacing them: the search then goes by the "
            "mean of their embeddings.",
        )
        _sources(catalogue, session, combine=combine)


def starters(session: Session, catalogue: Catalogue, thumbnails: Thumbnails) -> None:
    """Offer pictures to whoever has none at hand: one of every class, or several of a class."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.markdown("**Or start with one of these**", width="content")
        label = st.selectbox(
            "Class to start with",
            list(catalogue.by_class),
            index=None,
            format_func=lambda name: name or "no class",
            placeholder="One of every class",
            key=Key.START_CLASS,
            label_visibility="collapsed",
            width=220,
        )
        st.button("Shuffle", icon=":material/shuffle:", type="tertiary", on_click=state.shuffle)
    with st.container(horizontal=True, gap="small", key="starters"):
        for record in _drawn(catalogue, label, random.Random(session.shuffles)):  # noqa: S311
            name = record.label or "no class"
            key = f"start_{record.id}"
            tile = draw_tile(record, thumbnails.get, alt=f"{name}, {record.path}", key=key)
            tile.below.caption(plain(name))
            press(
                tile,
                f"Search with this picture of {plain(name)}",
                key=key,
                help=plain(record.path),
                on_click=state.search_with,
                args=(record,),
            )


def _drawn(catalogue: Catalogue, label: str | None, chance: random.Random) -> Sequence[ImageRecord]:
    """Return pictures of a class, or one of every class where none is chosen."""
    if label is not None:
        records = catalogue.by_class[label]
        return chance.sample(records, min(_STARTERS, len(records)))
    classes = list(catalogue.by_class.values())
    chosen = sorted(chance.sample(range(len(classes)), min(_STARTERS, len(classes))))
    return [chance.choice(classes[number]) for number in chosen]


def takes() -> Takes:
    """Return what the choice of a source takes from the address."""
    return {Address.SOURCE: SOURCES.__contains__}


def _sources(catalogue: Catalogue, session: Session, *, combine: bool) -> None:
    source = st.radio(
        "Search with a picture from",
        SOURCES,
        horizontal=True,
        key=Address.SOURCE,
        bind="query-params",
    )
    if source == STORED:
        _stored(catalogue, combine=combine)
        return
    key = f"{'camera' if source == CAMERA else 'upload'}_{session.uploads}"
    if source == CAMERA:
        st.camera_input(
            "Take a picture",
            key=key,
            on_change=state.take_uploads,
            args=(key,),
            kwargs={"combine": combine},
        )
        return
    limit = round(st.get_option("server.maxUploadSize"))
    st.file_uploader(
        "Pictures",
        type=UPLOAD_TYPES,
        accept_multiple_files=True,
        key=key,
        on_change=state.take_uploads,
        args=(key,),
        kwargs={"combine": combine},
        help="They stay in the memory of your session; nobody else sees them.",
    )
    # The uploader itself cuts its list of types off, and marks what it refuses with a sign alone.
    st.caption(f"{FORMAT_NAMES}, up to {limit} MB each; others are refused.")


def _query(session: Session, picture: QueryPicture, info: CollectionInfo) -> None:
    _preview(session, picture, info)
    folder, slash, name = picture.name.rpartition("/")
    # A path breaks at its folder rather than within a name.
    st.caption(_part(picture) + plain(folder + slash) + ("  \n" if folder else "") + plain(name))
    with st.container(horizontal=True, gap="small"):
        _query_actions(picture)


def _query_row(session: Session, picture: QueryPicture, info: CollectionInfo) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="center", wrap=False):
        with st.container(width=PREVIEW_PIXELS // 2):
            _preview(session, picture, info)
        with st.container(gap=None):
            # The folders are in the helps of the buttons.
            st.caption(plain(_part(picture) + picture.name.rpartition("/")[2]))
            _query_actions(picture)


def _preview(session: Session, picture: QueryPicture, info: CollectionInfo) -> None:
    try:
        st.image(
            data_url(cache.get_preview(session, picture, info)),
            width="stretch",
            alt=f"the query, {_part(picture)}{picture.name}",
        )
    except ImageError as error:
        st.warning(with_path(error, picture.name), icon=":material/broken_image:")


def _part(picture: QueryPicture) -> str:
    return "" if picture.crop.is_whole else "a part of "


def _query_actions(picture: QueryPicture) -> None:
    st.button(
        "Crop",
        icon=":material/crop:",
        key=f"crop_{picture.key}",
        type="tertiary",
        help=f"Search with a part of {plain(picture.name)}",
        on_click=state.start_cropping,
        args=(picture.key,),
    )
    st.button(
        "Remove",
        icon=":material/close:",
        key=f"remove_{picture.key}",
        type="tertiary",
        help=f"Search without {plain(picture.name)}",
        on_click=state.remove,
        args=(picture.key,),
    )


def _stored(catalogue: Catalogue, *, combine: bool) -> None:
    label = st.selectbox(
        "Class",
        list(catalogue.by_class),
        index=None,
        format_func=lambda name: name or "no class",
        placeholder="Any class",
        key=Key.QUERY_CLASS,
    )
    words = st.text_input(
        "Words in the path", key=Key.QUERY_WORDS, placeholder="Such as golden or test_"
    )
    matching = catalogue.matching(words, label=label)
    names = {record.path: record for record in matching[:_MATCHES]}
    st.selectbox(
        "Picture" if len(matching) <= _MATCHES else f"Picture (the first {_MATCHES})",
        list(names),
        index=None,
        placeholder="Choose a picture" if names else "No picture has these words in its path",
        key=Key.PICTURE,
        on_change=_choose,
        args=(names,),
        kwargs={"combine": combine},
    )
    st.button(
        "Random picture",
        icon=":material/casino:",
        disabled=not matching,
        help="One of those with this class and these words.",
        on_click=_choose_random,
        args=(matching,),
        kwargs={"combine": combine},
    )


def _choose(names: dict[str, ImageRecord], *, combine: bool) -> None:
    record = names.get(state.take_choice())
    if record:
        (state.add if combine else state.search_with)(record)


def _choose_random(among: Sequence[ImageRecord], *, combine: bool) -> None:
    record = random.choice(among)  # noqa: S311
    (state.add if combine else state.search_with)(record)
