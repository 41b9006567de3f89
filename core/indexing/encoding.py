"""Who turns pictures into embeddings: here the network and the threads of this process.

A run gives out candidates and takes back what became of them; whether that happens here or on the
machines of a cluster (`core.indexing.cluster`) is all the same to it.
"""

import contextlib
import os
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.dataset.decoding import decode, whole_size
from core.dataset.files import read_picture
from core.dataset.quality import measure, measured
from core.dataset_root import Root
from core.errors import ImageError
from core.indexing.prefetch import prefetch
from core.records import EncoderIdentity, Further, ImageRecord, SkippedFile

if TYPE_CHECKING:
    from core.encoder.encoder import Encoder

# Decoding releases the interpreter lock. A GPU needs every core for it; beside a model on the same
# cores the threads are idle most of the time, since they stop when they are far enough ahead.
DECODE_THREADS = min(16, max(2, os.cpu_count() or 2))
# Batches decoded ahead of the model: enough to hide a slow file, few enough to keep memory flat.
AHEAD_BATCHES = 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """A picture of the dataset that is to be looked at.

    Attributes:
        path: Relative to the dataset folder.
        label, further: What the listing knows of it.
        stored: Digests of the bytes of which an embedding is stored, with what was measured of
            them.
    """

    path: str
    label: str
    further: Further = ()
    stored: Mapping[str, Further] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture that was read.

    Attributes:
        record: As the file is now.
        embedding: (D,) float32; None where the same bytes have one that is stored.
    """

    record: ImageRecord
    embedding: NDArray[np.float32] | None = None


Outcome = Seen | SkippedFile


@runtime_checkable
class Encoding(Protocol):
    """Reads, decodes and encodes pictures, wherever that is done."""

    @property
    def identity(self) -> EncoderIdentity:
        """What makes the embeddings."""

    def outcomes(
        self, root: Root, candidates: Iterable[Candidate], *, total: int
    ) -> Generator[Sequence[Outcome], None, None]:
        """Yield what became of every candidate, exactly once, some at a time, in any order.

        Closing the generator stops the work. It may yield nothing, (), so that whoever wants to do
        that waits no longer than for a picture.

        Args:
            root: The dataset folder.
            total: How many candidates there are.
        """


@dataclass(frozen=True)
class EncodingHere:
    """The network of this process; pictures are decoded ahead of it in threads, in order."""

    encoder: "Encoder"
    threads: int = DECODE_THREADS

    @property
    def identity(self) -> EncoderIdentity:
        """What makes the embeddings."""
        return self.encoder.identity

    def outcomes(
        self, root: Root, candidates: Iterable[Candidate], *, total: int
    ) -> Generator[Sequence[Outcome], None, None]:
        """Yield what became of every candidate, in order, a batch of the network at a time."""
        window = AHEAD_BATCHES * self.encoder.batch_size
        look = partial(_look, root, self.encoder)
        batch: list[_Ready] = []
        with contextlib.closing(
            prefetch(look, candidates, threads=self.threads, window=window)
        ) as looked_at:
            for found in looked_at:
                if not isinstance(found, _Ready):
                    yield [found]
                    continue
                batch.append(found)
                if len(batch) < self.encoder.batch_size:
                    yield ()
                    continue
                yield self._encoded(batch)
                batch = []
        if batch:
            yield self._encoded(batch)

    def _encoded(self, batch: Sequence["_Ready"]) -> list[Seen]:
        embeddings = self.encoder.encode([ready.prepared for ready in batch])
        return [Seen(one.record, row) for one, row in zip(batch, embeddings, strict=True)]


@dataclass(frozen=True, slots=True)
class _Ready:
    """A picture as the network takes it."""

    record: ImageRecord
    prepared: Any


def _look(root: Root, encoder: "Encoder", candidate: Candidate) -> _Ready | Outcome:
    path = candidate.path
    try:
        record, content = read_picture(root, path, label=candidate.label, further=candidate.further)
        known = candidate.stored.get(record.digest)
        if known is not None:
            return Seen(_as_measured(record, known, content, short_side=encoder.short_side))
        record, image = _measured(record, content, short_side=encoder.short_side)
        return _Ready(record, encoder.prepare(image))
    except ImageError as error:
        return SkippedFile(path, str(error))


def _as_measured(
    record: ImageRecord, known: Further, content: bytes, *, short_side: int
) -> ImageRecord:
    """Return a record with what was measured of the same bytes before, or is measured now."""
    record = replace(record, further=tuple(sorted((*record.further, *known))))
    if not measured(record.further):
        # A damaged file that was read before keeps its row.
        with contextlib.suppress(ImageError):
            record, _ = _measured(record, content, short_side=short_side)
    return record


def _measured(
    record: ImageRecord, content: bytes, *, short_side: int
) -> tuple[ImageRecord, Image.Image]:
    image = decode(content, name=record.path, short_side=short_side)
    further = (*record.further, *measure(image, size=whole_size(image)))
    return replace(record, further=tuple(sorted(further))), image
