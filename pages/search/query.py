"""The pictures and marks of a session -> one embedding to search with, and what is known of it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.collection.catalogue import Catalogue
from core.collection.info import CollectionInfo
from core.errors import EncoderMismatchError, FileError, ImageError, WeightsError
from core.records import ImageRecord
from core.search.feedback import FeedbackWeights, mean_embedding, moved_query
from core.search.query_picture import QueryPicture
from core.ui import resources
from core.ui.text import plain
from pages.search import cache
from pages.search.cache import Embedded
from pages.search.state import Session

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched with.

    Attributes:
        embedding: (D,) float32.
        parts: What each picture took.
    """

    embedding: NDArray[np.float32]
    parts: tuple[Embedded, ...]


def query_of(session: Session, info: CollectionInfo, weights: FeedbackWeights) -> Query | None:
    """Return the mean of the pictures, moved by the marks; None if no picture can be used.

    A picture that cannot be used is named on the page.

    Raises:
        QueryError: The weights leave no query.
        StoreError: The database failed.
    """
    found = [_embedded(picture, info) for picture in session.pictures]
    parts = tuple(part for part in found if part is not None)
    if not parts:
        return None
    moved = moved_query(
        mean_embedding(np.stack([part.embedding for part in parts])),
        more=_marked(session.more, info),
        less=_marked(session.less, info),
        weights=weights,
    )
    return Query(moved, parts)


def own_ids(session: Session, catalogue: Catalogue) -> frozenset[int]:
    """Return the rows that are the query itself: by id, or files with the same bytes."""
    ids: set[int] = set()
    for picture in session.pictures:
        ids.update(catalogue.by_digest.get(picture.digest, ()))
        if picture.record:
            ids.add(picture.record.id)
    return frozenset(ids)


def copies_of(pictures: Sequence[QueryPicture], catalogue: Catalogue) -> list[ImageRecord]:
    """Return the rows with the bytes of the query's pictures, without those that were picked."""
    picked = {picture.record.id for picture in pictures if picture.record}
    same = (number for p in pictures for number in catalogue.by_digest.get(p.digest, ()))
    return [catalogue.by_id[number] for number in dict.fromkeys(same) if number not in picked]


def class_of(session: Session, catalogue: Catalogue) -> str | None:
    """Return the class that all pictures of the query have; None if it is not known."""
    labels = {_label(picture, catalogue) for picture in session.pictures}
    return next(iter(labels)) or None if len(labels) == 1 else None


def _label(picture: QueryPicture, catalogue: Catalogue) -> str:
    if picture.record:
        # It may have been given another class since it was picked.
        return catalogue.by_id.get(picture.record.id, picture.record).label
    # An upload whose bytes are in the collection, if all copies agree.
    same = catalogue.by_digest.get(picture.digest, ())
    labels = {catalogue.by_id[number].label for number in same}
    return labels.pop() if len(labels) == 1 else ""


def _embedded(picture: QueryPicture, info: CollectionInfo) -> Embedded | None:
    try:
        part = cache.embed(picture, info)
    except (ImageError, EncoderMismatchError, WeightsError, FileError) as error:
        logger.info("no embedding for a query: %s", error)
        st.error(plain(f"{picture.name}: {error}"), icon=":material/error:")
        return None
    if part is None:
        st.warning(
            f"{plain(picture.name)} is no longer in the collection. Pick another one.",
            icon=":material/warning:",
        )
    return part


def _marked(ids: list[int], info: CollectionInfo) -> NDArray[np.float32]:
    found = [resources.get_stored_embedding(info, number) for number in ids]
    there = [embedding for embedding in found if embedding is not None]
    return np.stack(there) if there else np.empty((0, info.dimension), dtype=np.float32)
