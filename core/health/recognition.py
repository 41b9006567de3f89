"""Which encoder made the embeddings of a collection that does not say so: the known ones, tried."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.collection.info import CollectionInfo, dataset_folder
from core.config import Precision, Settings
from core.dataset.decoding import decode
from core.dataset.files import read_picture
from core.encoder.weights import Checkpoint, checkpoints_at_hand
from core.errors import EncoderMismatchError, ImageError
from core.records import EncoderIdentity
from core.store.vector_store import VectorStore

# Photos that are compared, and rows that are looked at to find so many whose files are there.
PHOTOS, _LOOKED_AT = 4, 200
# The same numbers rounded by another machine differ by a thousandth of their length and less, which
# is a cosine similarity of 1 - 0.001**2 / 2; this leaves ten times that for another JPEG decoder.
FITS = 0.99995


@dataclass(frozen=True, slots=True)
class Fit:
    """How well an encoder agrees with what is stored.

    Attributes:
        similarity: Cosine similarity of its embeddings to the stored ones, the least of the photos.
    """

    identity: EncoderIdentity
    similarity: float

    @property
    def fits(self) -> bool:
        """Whether it made the embeddings, as far as rounding goes."""
        return self.similarity >= FITS


def recognise(
    store: VectorStore, info: CollectionInfo, *, family: str, settings: Settings
) -> list[Fit]:
    """Encode a few photos with every known encoder at hand; returns them, the best first.

    Raises:
        EncoderMismatchError: No photo of the collection can be read, or no encoder at hand makes
            embeddings of this size.
        ReductionError: What its embeddings were made smaller with is gone.
        StoreError: The database failed.
    """
    photos, stored = _photos(store, info, family, settings)
    fits = [
        _tried(checkpoint, photos, stored)
        for checkpoint in checkpoints_at_hand(info.encoder, settings)
    ]
    if not fits:
        raise EncoderMismatchError(
            f"no encoder at hand makes embeddings of {info.dimension} numbers. Set ORCHARD_WEIGHTS "
            "and ORCHARD_ARCHITECTURE to the weights that may have been used, then try again."
        )
    return sorted(fits, key=lambda fit: -fit.similarity)


def _photos(
    store: VectorStore, info: CollectionInfo, family: str, settings: Settings
) -> tuple[list[Image.Image], NDArray[np.float32]]:
    root = dataset_folder(info, setting=settings.of(family).dataset)
    photos: list[Image.Image] = []
    ids: list[int] = []
    for record in islice(store.records(family, info.metric), _LOOKED_AT):
        try:
            photos.append(decode(read_picture(root, record.path)[1], name=record.path))
        except ImageError:
            continue
        ids.append(record.id)
        if len(ids) == PHOTOS:
            break
    if not ids:
        raise EncoderMismatchError(
            f"none of the first {_LOOKED_AT} pictures of {info.name} can be read below "
            f"{str(root)!r}. Set ORCHARD_DATASET to the folder that holds them, then try again."
        )
    rows = store.embeddings(family, info.metric, ids)
    return photos, np.stack([rows[number] for number in ids])


def _tried(
    checkpoint: Checkpoint, photos: Sequence[Image.Image], stored: NDArray[np.float32]
) -> Fit:
    from core.encoder.encoder import Encoder

    encoder = Encoder(checkpoint, precision=Precision.FLOAT32)
    made = encoder.encode(photos)
    lengths = np.linalg.norm(made, axis=1) * np.linalg.norm(stored, axis=1)
    alike = np.divide((made * stored).sum(axis=1), lengths, where=lengths > 0, out=0 * lengths)
    return Fit(encoder.identity, float(alike.min()))
