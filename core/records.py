"""Frozen records that cross module borders."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

# What else is known of a picture, as names and texts: what a labels file says besides the class,
# such as its variety, and what was measured. In order of the names; what is empty is left out.
Further = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One picture of a dataset.

    Attributes:
        id: 0 <= id < 2**63; the first 63 bits of BLAKE2b over `path`, so the same file has the
            same id on every machine and in every run. In a collection that others made, any int64.
        path: Relative to the dataset folder, with forward slashes.
        label: The first folder of `path`; empty for a picture that lies in no folder.
        digest: BLAKE2b of the file's bytes, 32 hexadecimal digits; empty where nobody took it.
        further: What else is known of it.
    """

    id: int
    path: str
    label: str
    digest: str
    further: Further = ()


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

    @property
    def further(self) -> Sequence[Further]:
        """(N,) what else is known of them; empty as a whole where nothing is of any."""


def record_at(columns: RecordColumns, position: int) -> ImageRecord:
    """Return the picture at a position, from 0, of the columns."""
    return ImageRecord(
        int(columns.ids[position]),
        columns.paths[position],
        columns.labels[position],
        columns.digests[position],
        columns.further[position] if columns.further else (),
    )


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file that was left out, and why, in words fit for a report."""

    path: str
    reason: str


# Of a folder of a million texts nobody reads every name.
MOST_NAMED = 1_000


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What lies among the pictures and is none: other files, folders of other programs.

    Attributes:
        kinds: How many there are of each kind, the most frequent first.
        named: The first `MOST_NAMED` by path, with what each is; a folder ends in a slash.
    """

    kinds: Mapping[str, int] = field(default_factory=dict)
    named: tuple[SkippedFile, ...] = ()

    @property
    def count(self) -> int:
        """How many files and folders there are."""
        return sum(self.kinds.values())

    def said(self, *, most: int = 6) -> str:
        """Return such as `text 12, video (AVI) 3, other kinds 2`; empty if there is nothing."""
        shown = [f"{kind} {count:,}" for kind, count in [*self.kinds.items()][:most]]
        rest = sum([*self.kinds.values()][most:])
        return ", ".join([*shown, *([f"other kinds {rest:,}"] if rest else [])])


def left_out(found: Iterable[SkippedFile]) -> LeftOut:
    """Count by reason and name the first."""
    ordered = sorted(found, key=lambda one: one.path)
    kinds = Counter(one.reason for one in ordered).most_common()
    return LeftOut(dict(kinds), tuple(ordered[:MOST_NAMED]))


class Rounding(StrEnum):
    """How few bits each number of an embedding has; the value is how an identity writes it."""

    NONE = ""
    FLOAT16 = "float16"
    INT8 = "int8"


_NORMALISED, _PCA = "normalised", "pca"
_HASH = re.compile("[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Reduction:
    """What is done to embeddings after the network, in this order; by default nothing.

    Attributes:
        normalised: Whether each is scaled to length 1.
        pca: How many principal components are kept; 0 keeps all numbers as they are.
        rounding: Of the numbers that are left, which stay float32.
        fitted: First eight hexadecimal digits of the SHA-256 of the file with what was fitted to
            embeddings, see `core.reduction`; empty where nothing needs to be, or was not yet.
    """

    normalised: bool = False
    pca: int = 0
    rounding: Rounding = Rounding.NONE
    fitted: str = ""

    def __post_init__(self) -> None:
        # It becomes part of a file's name.
        named = not self.fitted or (self.is_fitted and _HASH.fullmatch(self.fitted))
        if self.pca < 0 or not named:
            raise ValueError(f"'{self}' is no reduction")

    def __str__(self) -> str:
        """Return such as `pca256+int8-1a2b3c4d`, which `parse` reads back; empty for nothing."""
        steps = [
            *([_NORMALISED] if self.normalised else []),
            *([f"{_PCA}{self.pca}"] if self.pca else []),
            *([self.rounding.value] if self.rounding else []),
        ]
        return "+".join(steps) + (f"-{self.fitted}" if self.fitted else "")

    @classmethod
    def parse(cls, text: str) -> "Reduction":
        """Read what `str` wrote.

        Raises:
            ValueError: `text` has another form.
        """
        steps, _, fitted = text.partition("-")
        given = steps.split("+")
        pca = next((step.removeprefix(_PCA) for step in given if step.startswith(_PCA)), "0")
        rounding = next((one for one in Rounding if one and one.value in given), Rounding.NONE)
        read = cls(_NORMALISED in given, int(pca), rounding, fitted)
        # Another order, a step twice or one of another name would be written otherwise.
        if str(read) != text:
            raise ValueError(f"{text!r} is no reduction")
        return read

    @property
    def title(self) -> str:
        """How a person reads it, such as `PCA to 256 numbers, int8 numbers`; empty for nothing."""
        steps = [
            *(["normalised vectors"] if self.normalised else []),
            *([f"PCA to {self.pca} numbers"] if self.pca else []),
            *([f"{self.rounding} numbers"] if self.rounding else []),
        ]
        return ", ".join(steps)

    @property
    def is_nothing(self) -> bool:
        """Whether embeddings stay as the network gives them."""
        return not (self.normalised or self.pca or self.rounding)

    @property
    def is_fitted(self) -> bool:
        """Whether it depends on the embeddings that it was found with."""
        return bool(self.pca) or self.rounding is Rounding.INT8


NOT_REDUCED = Reduction()
_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class EncoderIdentity:
    """What must agree for two embeddings to be comparable.

    Attributes:
        architecture: Name of the network, such as `resnet50`.
        weights: First eight hexadecimal digits of the SHA-256 of the weights file.
        preprocessing: Short text such as `resize256-crop224-imagenet`.
        dimension: Numbers in an embedding, after the reduction.
        reduction: What is done to what the network gives.
    """

    architecture: str
    weights: str
    preprocessing: str
    dimension: int
    reduction: Reduction = NOT_REDUCED

    def __str__(self) -> str:
        """Return the identity as one string; `parse` reads it back."""
        parts = (self.architecture, self.weights, self.preprocessing, self.dimension)
        reduction = [] if self.reduction.is_nothing else [self.reduction]
        return "/".join(map(str, [*parts, *reduction]))

    @classmethod
    def parse(cls, text: str) -> "EncoderIdentity":
        """Read what `str` wrote.

        Raises:
            ValueError: `text` has another form.
        """
        architecture, weights, preprocessing, dimension, *more = text.split("/", maxsplit=4)
        reduction = Reduction.parse(more[0]) if more else NOT_REDUCED
        if more and reduction.is_nothing:
            raise ValueError(f"the last part of {text!r} says nothing")
        return cls(architecture, weights, preprocessing, int(dimension), reduction)

    @property
    def title(self) -> str:
        """How a person reads it, such as `resnet50 (0676ba61), PCA to 256 numbers`."""
        network = f"{self.architecture} ({self.weights})"
        return ", ".join(filter(None, [network, self.reduction.title]))

    @property
    def short_title(self) -> str:
        """In a word or two, such as `resnet50 pca256`; `unknown encoder` where nobody knows."""
        if not self.is_known:
            return "unknown encoder"
        return f"{self.architecture} {replace(self.reduction, fitted='')}".rstrip()

    def made_by_the_network_of(self, other: "EncoderIdentity") -> bool:
        """Whether two kinds of embeddings differ in nothing but their reduction."""
        here = (self.architecture, self.weights, self.preprocessing)
        return here == (other.architecture, other.weights, other.preprocessing)

    @classmethod
    def unknown(cls, dimension: int) -> "EncoderIdentity":
        """Return what stands for the encoder of a collection that does not name it."""
        return cls(_UNKNOWN, _UNKNOWN, _UNKNOWN, dimension)

    @property
    def short_side(self) -> int | None:
        """Pixels a picture's shorter side is resized to; None where the whole is used as it is."""
        resized = re.match(r"resize(\d+)-", self.preprocessing)
        return int(resized[1]) if resized else None

    @property
    def is_known(self) -> bool:
        """Whether pictures can be encoded alike; else only stored ones can be searched with."""
        return self.architecture != _UNKNOWN
