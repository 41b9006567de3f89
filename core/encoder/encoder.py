"""Pictures -> embeddings (N, D) float32, with a pretrained network."""

import logging
import time
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from core.config import Precision
from core.encoder.batch_pace import BatchPace
from core.encoder.checkpoint import load_state, sha256_prefix
from core.encoder.fusion import fused
from core.encoder.network import (
    drop_classifier,
    empty_model,
    fold_batch_norms,
    load_into,
    normalise_alone,
)
from core.encoder.precision import best_device, choose_type, in_half, probes
from core.encoder.published import preprocessing_for
from core.encoder.vision import center_crop, pil_to_tensor, resize
from core.encoder.weights import Checkpoint
from core.errors import DeviceMemoryError
from core.records import EncoderIdentity
from core.reduction.fitted import reduced

logger = logging.getLogger(__name__)

# Of a picture longer than this many short sides only the middle is resized: the centre crop sees no
# more of it, and a strip of 100,000 x 10 pixels resized in full would take gigabytes.
_LONGEST = 16

# Candidates; on a processor the caches decide (on two cores 8 was best, and long batches make
# progress and Ctrl-C wait), on a GPU how many of its cores find work.
_BATCH_SIZES = {"cpu": (4, 8, 16), "cuda": (32, 64, 128, 256), "mps": (8, 16, 32, 64)}


class Encoder:
    """A network without its classifier, ready to encode.

    Attributes:
        identity: What must agree for embeddings to be comparable.
        short_side: Pixels that a picture's shorter side is resized to; decoding a large JPEG
            needs no more than twice that.
        precision: What it computes with on this machine: `float32`, `bfloat16` or `float16`.
        batch_size: Pictures to hand to `encode` at a time, where there are many.
    """

    def __init__(self, checkpoint: Checkpoint, *, precision: Precision = Precision.AUTO) -> None:
        """Load a checkpoint.

        Args:
            precision: Half precision is used only where the hardware has it and the embeddings
                agree with float32, see `core.encoder.precision`; otherwise float32, and the log
                says why.

        Raises:
            WeightsError: The file is damaged or does not fit the architecture.
            ReductionError: The reduction was fitted to embeddings of another size.
        """
        path, architecture = checkpoint.path, checkpoint.architecture
        model = empty_model(architecture)
        load_into(model, load_state(path), path=path, architecture=architecture)
        dimension = drop_classifier(model)
        weights = sha256_prefix(path)
        how = preprocessing_for(architecture, weights, named=checkpoint.preprocessing)
        self.short_side, crop, colours = how.resize, how.crop, how.colours
        self._reduction = checkpoint.reduction
        self.identity = EncoderIdentity(architecture, weights, how.name, dimension)
        if self._reduction:
            self.identity = reduced(self.identity, self._reduction)
        self._is_squashed = how.is_squashed
        self._crop = crop
        self._resized = [crop, crop] if how.is_squashed else [self.short_side]
        self._device = best_device()
        self._mean = torch.tensor(colours.mean, device=self._device).view(1, 3, 1, 1)
        self._std = torch.tensor(colours.deviation, device=self._device).view(1, 3, 1, 1)
        lighten = normalise_alone if how.is_normalised_alone else fold_batch_norms
        model = lighten(model.eval()).to(memory_format=torch.channels_last)
        self._exact = model.to(self._device).requires_grad_(requires_grad=False)
        self._model, self._dtype = self._exact, torch.float32
        wanted, name = choose_type(self._device, precision), str(self.identity)
        if how.is_normalised_alone:
            # Such features agree with those of a collection to their last digits, or not at all.
            wanted = torch.float32
        pixels = self._pixels(probes(crop))
        half = None
        if wanted is not torch.float32:
            half = in_half(self._exact, wanted, pixels, name=name)
        if half is not None:
            self._model, self._dtype = half, wanted
        if self._device.type == "cpu" and not how.is_normalised_alone:
            self._model = fused(self._model, pixels.to(self._dtype), name=name)
        self.precision = str(self._dtype).removeprefix("torch.")
        self._pace = BatchPace(_BATCH_SIZES[self._device.type])
        self.batch_size = max(self._pace.sizes)
        # The first call chooses and compiles kernels; no query should have to wait for that.
        self._features(torch.zeros(1, 3, crop, crop, dtype=torch.uint8))

    @property
    def fastest_batch(self) -> int:
        """The batch size that has proved fastest so far."""
        return self._pace.fastest

    def prepare(self, image: Image.Image) -> Tensor:
        """Return the square that the network sees; (3, crop, crop) uint8. Safe in threads."""
        whole = image if self._is_squashed else _middle(image)
        tensor: Tensor = pil_to_tensor(center_crop(resize(whole, self._resized), [self._crop]))
        return tensor

    def encode(self, images: Sequence[Image.Image | Tensor]) -> NDArray[np.float32]:
        """Return the pooled features before the classifier, reduced where that is asked: (N, D).

        They are float32, and as the network gives them, not normalised, unless that is asked too.

        Args:
            images: RGB pictures, or what `prepare` made of them. A batch is taken at a time, so a
                sequence that loads its pictures when asked is never in memory as a whole. Where
                the device's memory is too small for a batch, smaller ones are taken from then on.

        Raises:
            DeviceMemoryError: It is too small for a single picture.
        """
        out = np.empty((len(images), self.identity.dimension), dtype=np.float32)
        start = 0
        while start < len(images):
            end = start + self._pace.next(len(images) - start)
            batch = [images[number] for number in range(start, end)]
            pixels = [
                image if isinstance(image, Tensor) else self.prepare(image) for image in batch
            ]
            started = time.perf_counter()
            features = self._features_or_none(torch.stack(pixels))
            if features is None:
                self._pace.rule_out(end - start)
                continue
            out[start:end] = self._reduction.apply(features) if self._reduction else features
            self._pace.record(end - start, time.perf_counter() - started)
            start = end
        return out

    def _features_or_none(self, batch: Tensor) -> NDArray[np.float32] | None:
        """Return the features, or None where the memory is too small for so many at a time."""
        try:
            return self._features(batch)
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            if len(batch) == 1:
                raise DeviceMemoryError(
                    f"the memory of the {self._device.type} device is too small for a single "
                    "picture. End other programs that use it, or set ORCHARD_ARCHITECTURE to a "
                    "smaller network for a new collection."
                ) from error
            logger.warning("%d pictures at a time need too much memory; taking fewer", len(batch))
        # Only here, where the failed computation holds on to nothing any more.
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        return None

    @torch.inference_mode()
    def _features(self, batch: Tensor) -> NDArray[np.float32]:
        pixels = self._pixels(batch)
        features = self._model(pixels.to(self._dtype)).float()
        if self._dtype is not torch.float32 and not torch.isfinite(features).all():
            # Half precision has a smaller range, which a rare picture may leave.
            features = self._exact(pixels)
        found: NDArray[np.float32] = features.cpu().numpy()
        return found

    def _pixels(self, batch: Tensor) -> Tensor:
        """(N, 3, H, W) uint8 -> normalised float32 on the device."""
        if self._device.type == "cuda":
            batch = batch.pin_memory().to(self._device, non_blocking=True)
        pixels = batch.to(self._device).float().div_(255).sub_(self._mean).div_(self._std)
        return pixels.contiguous(memory_format=torch.channels_last)


def _is_out_of_memory(error: RuntimeError) -> bool:
    # Only CUDA has an exception of its own for it; the wordings are those of MPS and processors.
    words = ("out of memory", "not enough memory")
    return isinstance(error, torch.OutOfMemoryError) or any(word in str(error) for word in words)


def _middle(image: Image.Image) -> Image.Image:
    width, height = image.size
    limit = _LONGEST * min(width, height)
    left, top = max(0, width - limit) // 2, max(0, height - limit) // 2
    if not left and not top:
        return image
    return image.crop((left, top, width - left, height - top))
