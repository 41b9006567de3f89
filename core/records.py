"""Frozen records that cross module borders."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One picture of a dataset.

    Attributes:
        id: 0 <= id < 2**63; the first 63 bits of BLAKE2b over `path`, so the same file has the
            same id on every machine and in every run. In a collection that others made, any int64.
        path: Relative to the dataset folder, with forward slashes.
        label: The first folder of `path`; empty for a picture that lies in no folder.
        digest: BLAKE2b of the file's bytes, 32 hexadecimal digits; empty where nobody took it.
    """

    id: int
    path: str
    label: str
    digest: str


class RecordColumns(Protocol):
    """Pictures as columns, one place a picture in each."""

    @property
    def ids(self) -> NDArray[np.int64]:
        """(N,) int64."""

    @property
    def paths(self) -> Sequence[str]:
        """(N,) relative to the dataset folder."""

    @property
    def labels(self) -> Sequence[str]:
        """(N,) classes; empty for a picture without one."""

    @property
    def digests(self) -> Sequence[str]:
        """(N,) BLAKE2b of the files; empty where nobody took it."""


def record_at(columns: RecordColumns, position: int) -> ImageRecord:
    """Return the picture at a position, from 0, of the columns."""
    return ImageRecord(
        int(columns.ids[position]),
        columns.paths[position],
        columns.labels[position],
        columns.digests[position],
    )


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file that was left out, and why, in words fit for a report."""

    path: str
    reason: str


_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class EncoderIdentity:
    """What must agree for two embeddings to be comparable.

    Attributes:
        architecture: Name of the network, such as `resnet50`.
        weights: First eight hexadecimal digits of the SHA-256 of the weights file.
        preprocessing: Short text such as `resize256-crop224-imagenet`.
        dimension: Numbers in an embedding.
    """

    architecture: str
    weights: str
    preprocessing: str
    dimension: int

    def __str__(self) -> str:
        """Return the identity as one string; `parse` reads it back."""
        return f"{self.architecture}/{self.weights}/{self.preprocessing}/{self.dimension}"

    @classmethod
    def parse(cls, text: str) -> "EncoderIdentity":
        """Read what `str` wrote.

        Raises:
            ValueError: `text` has another form.
        """
        architecture, weights, preprocessing, dimension = text.split("/")
        return cls(architecture, weights, preprocessing, int(dimension))

    @classmethod
    def unknown(cls, dimension: int) -> "EncoderIdentity":
        """Return what stands for the encoder of a collection that does not name it."""
        return cls(_UNKNOWN, _UNKNOWN, _UNKNOWN, dimension)

    @property
    def is_known(self) -> bool:
        """Whether pictures can be encoded alike; else only stored ones can be searched with."""
        return self.architecture != _UNKNOWN
