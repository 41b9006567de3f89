"""What the routes need of the process they run in, such as its one connection to the database."""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from core.collection.catalogue import Catalogue
from core.collection.info import CollectionInfo
from core.config import Settings
from core.metric import Metric
from core.records import EncoderIdentity, ImageRecord
from core.search.exact_index import ExactIndex
from core.store.vector_store import VectorStore

if TYPE_CHECKING:
    from core.encoder.encoder import Encoder


class Services(Protocol):
    """What pages and routes share; every call may raise an `OrchardError`."""

    def get_settings(self) -> Settings:
        """Return the settings of the process."""

    def get_store(self) -> VectorStore:
        """Return the one connection of the process."""

    def get_collections(self) -> dict[Metric, CollectionInfo]:
        """Describe the collections of the family; raises CollectionNotFoundError."""

    def get_catalogue(self) -> Catalogue:
        """Return the pictures of the collection."""

    def get_encoder(self, identity: EncoderIdentity) -> "Encoder":
        """Return the encoder a collection was built with, waiting until it is loaded."""

    def get_stored_embedding(self, name: str, picture: int) -> NDArray[np.float32] | None:
        """Return the embedding (D,) of a row; None if it is gone."""

    def get_thumbnail(self, record: ImageRecord, *, info: CollectionInfo) -> bytes:
        """Return the JPEG thumbnail of a row; raises ImageError."""

    def dataset_folder(self, info: CollectionInfo) -> Path:
        """Return the folder that paths are relative to; raises ImageError."""

    def exact_index_at_hand(self) -> ExactIndex | None:
        """Return the embeddings if they are in memory; starts to read them if not."""
