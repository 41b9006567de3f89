"""The column's upper half: where pictures come from, and those that are searched with."""

import random

import streamlit as st

from core.catalogue import Catalogue
from core.errors import ImageError
from core.query_picture import QueryPicture
from core.records import CollectionInfo, ImageRecord
from core.ui import resources_search, search_state
from core.ui.components import plain
from core.ui.search_state import Session

UPLOAD, CAMERA, STORED = "Upload", "Camera", "Collection"
UPLOAD_TYPES = ["jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff"]
# No wider than the column of controls in a window of 1,400 pixels.
PREVIEW_PIXELS = 170
_MATCHES = 50


def query_list(session: Session, info: CollectionInfo) -> None:
    """List the pictures that are searched with, each with what can be done with it."""
    if not session.pictures:
        return
    if len(session.pictures) > 1:
        st.caption(f"The mean of {len(session.pictures)} embeddings is searched with:")
    with st.container(horizontal=True, gap="small", key="queries"):
        for picture in session.pictures:
            width = PREVIEW_PIXELS if len(session.pictures) == 1 else PREVIEW_PIXELS // 2
            with st.container(width=width, gap=None):
                _query(session, picture, info)


def source_panel(session: Session, catalogue: Catalogue) -> None:
    """Ask for pictures; once there are some, the panel is closed until it is wanted again."""
    if not session.pictures:
        _sources(catalogue, session, combine=False)
        return
    with st.expander("Another picture", icon=":material/add_photo_alternate:"):
        combine = st.toggle(
            "Combine",
            key="combine",
            help="Add to the pictures above instead of replacing them: the search then goes by the "
            "mean of their embeddings.",
        )
        _sources(catalogue, session, combine=combine)


def _sources(catalogue: Catalogue, session: Session, *, combine: bool) -> None:
    source = st.radio(
        "Search with a picture from",
        [UPLOAD, CAMERA, STORED],
        horizontal=True,
        key="source",
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
            on_change=search_state.take_uploads,
            args=(key,),
            kwargs={"combine": combine},
        )
        return
    st.file_uploader(
        "Pictures",
        type=UPLOAD_TYPES,
        accept_multiple_files=True,
        key=key,
        on_change=search_state.take_uploads,
        args=(key,),
        kwargs={"combine": combine},
        help="They stay in the memory of your session; nobody else sees them.",
    )


def _query(session: Session, picture: QueryPicture, info: CollectionInfo) -> None:
    part = "" if picture.crop.is_whole else "a part of "
    try:
        st.image(
            resources_search.get_preview(session, picture, info),
            width="stretch",
            alt=f"the query, {part}{picture.name}",
        )
    except ImageError as error:
        st.warning(plain(f"{picture.name}: {error}"), icon=":material/broken_image:")
    st.caption(plain(part + picture.name))
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Crop",
            icon=":material/crop:",
            key=f"crop_{picture.key}",
            type="tertiary",
            help=f"Search with a part of {plain(picture.name)}",
            on_click=search_state.start_cropping,
            args=(picture.key,),
        )
        st.button(
            "Remove",
            icon=":material/close:",
            key=f"remove_{picture.key}",
            type="tertiary",
            help=f"Search without {plain(picture.name)}",
            on_click=search_state.remove,
            args=(picture.key,),
        )


def _stored(catalogue: Catalogue, *, combine: bool) -> None:
    label = st.selectbox(
        "Class",
        list(catalogue.by_class),
        index=None,
        format_func=lambda name: name or "no class",
        placeholder="Any class",
        key="query_class",
    )
    words = st.text_input(
        "Words in the path", key="query_words", placeholder="Such as golden or test_"
    )
    among = catalogue.by_class.get(label, ()) if label is not None else None
    matching = [
        record
        for record in catalogue.matching(words, limit=len(catalogue.by_id) if among else _MATCHES)
        if among is None or record.label == label
    ][:_MATCHES]
    names = {record.path: record for record in matching}
    st.selectbox(
        "Picture" if len(matching) < _MATCHES else f"Picture (the first {_MATCHES})",
        list(names),
        index=None,
        placeholder="Choose a picture" if names else "No picture has these words in its path",
        key="picture",
        on_change=_choose,
        args=(names,),
        kwargs={"combine": combine},
    )
    st.button(
        "Random picture",
        icon=":material/casino:",
        on_click=_choose_random,
        args=(catalogue, label),
        kwargs={"combine": combine},
    )


def _choose(names: dict[str, ImageRecord], *, combine: bool) -> None:
    record = names.get(st.session_state["picture"])
    if record:
        (search_state.add if combine else search_state.search_with)(record)
    st.session_state["picture"] = None


def _choose_random(catalogue: Catalogue, label: str | None, *, combine: bool) -> None:
    among = catalogue.by_class.get(label, ()) if label is not None else ()
    record = random.choice(among or list(catalogue.by_id.values()))  # noqa: S311
    (search_state.add if combine else search_state.search_with)(record)
