"""What the Search page keeps between reruns: query embeddings, exact scores, thumbnails.

Caches are addressed by digests and hold numbers and the collection's own thumbnails. Pictures that
a person uploads stay in their session.
"""

import hashlib
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.collection.info import CollectionInfo
from core.dataset.files import changed_inside
from core.dataset.thumbnails import cached_thumbnail
from core.dataset_root import parse_root
from core.embeddings.one_query import exact_scores
from core.metric import Metric
from core.records import ImageRecord
from core.search.exact_index import ExactIndex
from core.search.query_picture import QueryPicture, encode_query, open_query, preview, stage
from core.ui import resources
from pages.search.state import Session

_FILES_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Embedded:
    """A query picture as an embedding (D,), and what that took.

    Attributes:
        decode_ms: 0 for a stored embedding.
        encode_ms: 0 for a stored embedding.
        cached: Whether nothing was decoded or encoded for it in this run.
    """

    embedding: NDArray[np.float32]
    decode_ms: float
    encode_ms: float
    cached: bool


def get_scores(
    query: NDArray[np.float32], *, metric: Metric, reference: ExactIndex
) -> NDArray[np.float32]:
    """Return the exact score of every row with a query: (N,); the same query is compared once."""
    key = hashlib.blake2b(query.tobytes(), digest_size=16).hexdigest()
    return _scores(key, metric, reference.matrix.fingerprint, _query=query, _reference=reference)


@st.cache_resource(show_spinner=False, max_entries=32)
def _scores(
    query: str,
    metric: Metric,
    fingerprint: str,
    *,
    _query: NDArray[np.float32],
    _reference: ExactIndex,
) -> NDArray[np.float32]:
    return exact_scores(_reference.matrix.embeddings, _query, metric=metric)


def embed(picture: QueryPicture, info: CollectionInfo) -> Embedded | None:
    """Return the embedding of a query picture; None if its row is gone.

    Raises:
        ImageError: It is no picture, or its file is gone or outside the dataset folder.
        EncoderMismatchError: The encoder of the collection is not at hand.
    """
    if not picture.needs_encoder and picture.record:
        stored = resources.get_stored_embedding(info, picture.record.id)
        return None if stored is None else Embedded(stored, 0.0, 0.0, cached=True)
    asked = time.perf_counter()
    # Rows of other programs have no digest.
    content = picture.digest or f"{info.name} {picture.name}"
    key = f"{content} {picture.crop}"
    found, made = _encoded(key, str(info.encoder), _picture=picture, _info=info)
    return replace(found, cached=made < asked)


@st.cache_data(show_spinner="Encoding the picture", ttl=3600, max_entries=256)
def _encoded(
    key: str, encoder: str, *, _picture: QueryPicture, _info: CollectionInfo
) -> tuple[Embedded, float]:
    """Return an embedding, and when it was made by `time.perf_counter`."""
    # The folder of an upload is asked for by nobody, and need not be known.
    root = resources.dataset_folder(_info) if _picture.record else Path()
    decoded = open_query(_picture, root=root, encoder=_info.encoder)
    embedding, encode_ms = encode_query(
        decoded.image, encoder=resources.get_encoder(_info.encoder), info=_info
    )
    made = Embedded(embedding, decoded.milliseconds, encode_ms, cached=False)
    return made, time.perf_counter()


def get_preview(session: Session, picture: QueryPicture, info: CollectionInfo) -> bytes:
    """Return a small JPEG of what is searched with; it is made once and stays in the session.

    Raises:
        ImageError: As `core.search.query_picture.preview`.
    """
    key = (picture.key, str(picture.crop))
    if key not in session.previews:
        session.previews[key] = preview(picture, root=resources.dataset_folder(info))
    return session.previews[key]


def get_stage(picture: QueryPicture, info: CollectionInfo) -> bytes:
    """Return the whole picture to draw a crop on; raises ImageError."""
    return stage(picture, root=resources.dataset_folder(info))


class Thumbnails:
    """The thumbnails of one run: it counts how many were at hand and how long all took."""

    def __init__(self, info: CollectionInfo) -> None:
        self._info = info
        self.milliseconds = 0.0
        self.shown = self.made = 0

    def get(self, record: ImageRecord) -> bytes:
        """Return the JPEG thumbnail of a row.

        Raises:
            ImageError: The file is gone, is no picture, or lies outside the dataset folder.
        """
        started = time.perf_counter()
        self.shown += 1
        try:
            content, fresh = _thumbnail_of(record, self._info)
        finally:
            self.milliseconds += 1000 * (time.perf_counter() - started)
        self.made += fresh
        return content


def _thumbnail_of(record: ImageRecord, info: CollectionInfo) -> tuple[bytes, bool]:
    """Return a thumbnail, and whether it was read or made in this run."""
    asked = time.perf_counter()
    folder = str(resources.dataset_folder(info))
    changed = _changed(folder, record.path)
    content, made = _thumbnail(folder, record.path, record.digest, changed)
    return content, made >= asked


# A file that is deleted is missed this much later, its thumbnail cached or not; a slider that moves
# asks no disk meanwhile.
@st.cache_data(show_spinner=False, ttl=_FILES_SECONDS, max_entries=2000)
def _changed(folder: str, path: str) -> int:
    """Return when a picture's file inside the folder was changed."""
    return changed_inside(parse_root(folder), path)


# About 15 kB each.
@st.cache_resource(show_spinner=False, max_entries=1000)
def _thumbnail(folder: str, path: str, digest: str, changed: int) -> tuple[bytes, float]:
    """Return a thumbnail, and when it was read or made by `time.perf_counter`."""
    cache = resources.get_settings().data.thumbnails
    small = cached_thumbnail(parse_root(folder), path, key=digest, cache=cache)
    return small, time.perf_counter()
