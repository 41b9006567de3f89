"""A picture that is searched with: an upload in memory, or a row of the collection."""

import io
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.collection.info import CollectionInfo
from core.dataset.decoding import decode
from core.dataset.files import read_picture
from core.dataset.thumbnails import THUMBNAIL_SIDE, small_jpeg
from core.dataset_root import Root
from core.errors import EncoderMismatchError, ImageError
from core.records import EncoderIdentity, ImageRecord
from core.search.crop import WHOLE, Crop, cut
from core.search.instruments import DECODE_SECONDS, ENCODE_SECONDS
from core.wording import REPLACE_IT, counted

if TYPE_CHECKING:
    from core.encoder.encoder import Encoder

# Pictures that are combined to one query.
MAX_QUERIES = 5
# Enough to draw a crop by, little enough to send at once.
STAGE_SIDE = 800
_FULL_SIDE = 1600


@dataclass(frozen=True, slots=True)
class QueryPicture:
    """One picture of a query.

    Attributes:
        name: Of the uploaded file, or the path in the dataset.
        digest: BLAKE2b of the file's bytes; empty for a row of another program.
        record: The row it is; None for an upload.
        content: The bytes of an upload, which stay in the memory of one session; empty for a row.
        crop: The part that is searched with.
    """

    name: str
    digest: str
    record: ImageRecord | None
    content: bytes = field(default=b"", repr=False)
    crop: Crop = WHOLE

    @property
    def key(self) -> str:
        """What tells the pictures of a query apart; letters and digits."""
        return f"row{self.record.id}" if self.record else f"upload{self.digest}"

    @property
    def needs_encoder(self) -> bool:
        """Whether the embedding is not stored: an upload, or a part of a picture."""
        return self.record is None or not self.crop.is_whole


@dataclass(frozen=True, slots=True)
class Decoded:
    """The part of a picture that is searched with, and the milliseconds it took."""

    image: Image.Image
    milliseconds: float


def open_query(picture: QueryPicture, *, root: Root, encoder: EncoderIdentity) -> Decoded:
    """Decode what is searched with, at the scale that pictures are indexed at by this encoder.

    A picture of the collection that is uploaded again thus finds itself, to the last digit.

    Args:
        root: A row is read from below it only; an upload is in memory.

    Raises:
        ImageError: It is no picture, damaged, too large, gone, or outside the dataset folder.
    """
    started = time.perf_counter()
    image = _opened(picture, root, encoder.short_side)
    seconds = time.perf_counter() - started
    DECODE_SECONDS.observe(seconds)
    return Decoded(image, 1000 * seconds)


def _opened(picture: QueryPicture, root: Root, side: int | None) -> Image.Image:
    """Decode the part that is searched with; its shorter side has `side` pixels or twice more."""
    content = picture.content
    if picture.record:
        _, content = read_picture(root, picture.record.path)
    if side is not None:
        side = math.ceil(side / picture.crop.least_share)
    return cut(decode(content, name=picture.name, short_side=side), picture.crop)


def preview(picture: QueryPicture, *, root: Root) -> bytes:
    """Return the part that is searched with as a small JPEG; raises as `open_query`."""
    return small_jpeg(_opened(picture, root, THUMBNAIL_SIDE))


def stage(picture: QueryPicture, *, root: Root) -> bytes:
    """Return the whole picture as a JPEG to draw a crop on; raises as `open_query`."""
    whole = QueryPicture(picture.name, picture.digest, picture.record, picture.content)
    return _jpeg(_opened(whole, root, STAGE_SIDE), STAGE_SIDE)


def full_picture(record: ImageRecord, *, root: Root) -> bytes:
    """Return a row's picture as a JPEG of up to 1,600 pixels a side.

    Raises:
        ImageError: The file is gone, no picture, or outside the dataset folder.
    """
    _, content = read_picture(root, record.path)
    return _jpeg(decode(content, name=record.path, short_side=_FULL_SIDE), _FULL_SIDE)


def choose_uploads(
    files: list[tuple[str, bytes]], *, digests: list[str], before: Sequence[QueryPicture]
) -> "Chosen":
    """Take the first files that are pictures and not there yet, and say what happens to the rest.

    Args:
        files: Names and contents.
        digests: Of the files, in the same order.
        before: Uploads and rows that are searched with already.
    """
    taken: list[QueryPicture] = []
    refused: list[str] = []
    too_many = 0
    room = MAX_QUERIES - len(before)
    present = {picture.digest for picture in before if picture.record is None}
    for (name, content), digest in zip(files, digests, strict=True):
        if digest in present:
            refused.append(f"{name!r} was not added: the same picture is there already.")
            continue
        if len(taken) == room:
            too_many += 1
            continue
        try:
            decode(content, name=name, short_side=THUMBNAIL_SIDE)
        except ImageError as error:
            refused.append(str(error))
            continue
        taken.append(QueryPicture(name, digest, None, content))
        present.add(digest)
    if too_many:
        given = counted(len(files), "picture")
        refused.append(
            f"{too_many} of {given} left out: up to {MAX_QUERIES} are combined to one query."
        )
    return Chosen(tuple(taken), tuple(refused))


@dataclass(frozen=True, slots=True)
class Chosen:
    """Uploads that are searched with, and a sentence for each thing that was left out."""

    taken: tuple[QueryPicture, ...]
    refused: tuple[str, ...]


def _jpeg(image: Image.Image, side: int) -> bytes:
    image.thumbnail((side, side))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()


def encode_query(
    image: Image.Image, *, encoder: "Encoder", info: CollectionInfo
) -> tuple[NDArray[np.float32], float]:
    """Return the embedding (D,) float32 of a query picture and the milliseconds it took.

    Raises:
        EncoderMismatchError: The collection was built with another encoder.
    """
    if encoder.identity != info.encoder:
        raise EncoderMismatchError(
            f"{info.name} was built with {info.encoder}, the query would be encoded by "
            f"{encoder.identity}; the answer would mean nothing. Set ORCHARD_WEIGHTS to the "
            f"weights of the collection, or {REPLACE_IT}."
        )
    started = time.perf_counter()
    embedding = encoder.encode([image])[0]
    seconds = time.perf_counter() - started
    ENCODE_SECONDS.observe(seconds)
    return embedding, 1000 * seconds
