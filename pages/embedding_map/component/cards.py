"""What stands beside a point or a placed picture that somebody looks at: picture, class, file."""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from core.errors import OrchardError
from core.files import fingerprint_of
from core.projection.rows import MapRows
from core.records import ImageRecord
from core.ui.tiles import data_url

logger = logging.getLogger(__name__)


class Card(TypedDict):
    """One card, as JSON; texts of data, never markup.

    Attributes:
        label: The class.
        file: The path below the dataset folder.
        about: The id, and the purity where it is known.
        picture: The thumbnail as a data URL; empty where there is none.
        problem: Why there is no thumbnail; empty where there is one.
    """

    label: str
    file: str
    about: str
    picture: str
    problem: str


@dataclass(frozen=True, slots=True)
class Cards:
    """The cards of a map's points.

    Attributes:
        rows: The rows of the map.
        purity: (N,) purities, NaN where there is none; None while they are not computed.
        read: Returns the thumbnail of a picture of the collection, or raises OrchardError.
    """

    rows: MapRows
    purity: NDArray[np.float32] | None
    read: Callable[[ImageRecord], bytes]

    @property
    def name(self) -> str:
        """Another one as soon as a card may say something else."""
        return fingerprint_of(self.rows.seen, str(self.purity is not None))

    def card(self, row: int) -> Card:
        """Return the card of a row from 0 to N - 1; what is wrong with its file is on it."""
        record = self.rows.record(row)
        share = math.nan if self.purity is None else float(self.purity[row])
        picture, problem = "", ""
        try:
            picture = data_url(self.read(record))
        except OrchardError as error:
            logger.info("no thumbnail: %s", error)
            problem = str(error)
        return Card(
            label=record.label or "no class",
            file=record.path,
            about=f"id {record.id}" + ("" if math.isnan(share) else f", purity {share:.2f}"),
            picture=picture,
            problem=problem,
        )


@dataclass(frozen=True, slots=True)
class PlacedCard:
    """The card of a picture that is no point of the map.

    Attributes:
        name: Another one for another picture.
        file: Of the picture, as its owner calls it.
        similarity: With the nearest picture of the map, in [-1, 1].
        picture: A small JPEG; empty where there is none.
    """

    name: str
    file: str
    similarity: float
    picture: bytes = field(repr=False)

    def card(self) -> Card:
        """Return the card."""
        return Card(
            label="Your picture",
            file=self.file,
            about=f"nearest similarity {self.similarity:.3f}",
            picture=data_url(self.picture) if self.picture else "",
            problem="",
        )
