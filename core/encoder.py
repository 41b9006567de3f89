"""Pictures -> embeddings (N, D) float32, with a pretrained ResNet."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.transforms import v2

from core.errors import WeightsError
from core.records import EncoderIdentity
from core.weights import OFFLINE_ARCHITECTURE, Checkpoint, load_state, sha256_prefix

if TYPE_CHECKING:
    from torchvision.models.resnet import ResNet

logger = logging.getLogger(__name__)

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

# Sides in pixels (resize, crop). ImageNet weights: torchvision's own preset. The offline encoder
# was trained at 128 px, where whole pictures look as its crops did.
IMAGENET_SIDES = (256, 224)
OFFLINE_SIDES = (160, 160)

# Of a picture longer than this many short sides only the middle is resized: the centre crop sees no
# more of it, and a strip of 100,000 x 10 pixels resized in full would take gigabytes.
_LONGEST = 16

# More pictures at once gain nothing on a processor and cost memory.
BATCH = 16


class Encoder:
    """A ResNet without its classifier, ready to encode.

    Attributes:
        identity: What must agree for embeddings to be comparable.
        short_side: Pixels that a picture's shorter side is resized to; decoding a large JPEG
            needs no more than twice that.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        """Load a checkpoint.

        Raises:
            WeightsError: The file is damaged or does not fit the architecture.
        """
        model = build_model(checkpoint.architecture)
        dimension = int(model.fc.in_features)
        _load(model, load_state(checkpoint.path), checkpoint.path, checkpoint.architecture)
        model.fc = nn.Identity()
        offline = checkpoint.architecture == OFFLINE_ARCHITECTURE
        self.short_side, crop = OFFLINE_SIDES if offline else IMAGENET_SIDES
        self.identity = EncoderIdentity(
            checkpoint.architecture,
            sha256_prefix(checkpoint.path),
            f"resize{self.short_side}-crop{crop}-imagenet",
            dimension,
        )
        self._prepare = v2.Compose(
            [v2.Resize(self.short_side), v2.CenterCrop(crop), v2.PILToTensor()]
        )
        self._device = _best_device()
        model = fold_batch_norms(model.eval())
        self._model = model.to(memory_format=torch.channels_last).to(self._device)
        self._mean = torch.tensor(IMAGENET_MEAN, device=self._device).view(1, 3, 1, 1)
        self._std = torch.tensor(IMAGENET_STD, device=self._device).view(1, 3, 1, 1)
        # The first call chooses and compiles kernels; no query should have to wait for that.
        self.encode([Image.new("RGB", (crop, crop))])

    def prepare(self, image: Image.Image) -> Tensor:
        """Resize the shorter side, cut the centre; (3, crop, crop) uint8. Safe in threads."""
        tensor: Tensor = self._prepare(_middle(image))
        return tensor

    def encode(self, images: Sequence[Image.Image | Tensor]) -> NDArray[np.float32]:
        """Return the pooled features before the classifier, not normalised: (N, D) float32.

        Args:
            images: RGB pictures, or what `prepare` made of them.
        """
        prepared = [image if isinstance(image, Tensor) else self.prepare(image) for image in images]
        out = np.empty((len(prepared), self.identity.dimension), dtype=np.float32)
        for start in range(0, len(prepared), BATCH):
            batch = torch.stack(prepared[start : start + BATCH])
            out[start : start + len(batch)] = self._features(batch)
        return out

    @torch.inference_mode()
    def _features(self, batch: Tensor) -> NDArray[np.float32]:
        pixels = batch.to(self._device).float().div_(255).sub_(self._mean).div_(self._std)
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        features: NDArray[np.float32] = self._model(pixels).float().cpu().numpy()
        return features


def build_model(architecture: str) -> "ResNet":
    """Return a ResNet with random weights, by torchvision's name or `resnet14`."""
    from torchvision.models import get_model
    from torchvision.models.resnet import Bottleneck, ResNet

    if architecture == OFFLINE_ARCHITECTURE:
        return ResNet(Bottleneck, [1, 1, 1, 1])
    model: ResNet = get_model(architecture, weights=None)
    return model


def fold_batch_norms(model: nn.Module) -> nn.Module:
    """Fold every batch norm into the convolution before it; same output up to rounding.

    Works on the naming of torchvision's ResNets: `conv1`/`bn1`, and `downsample.0`/`.1`.
    """
    for module in list(model.modules()):
        for number in ("1", "2", "3"):
            norm = getattr(module, f"bn{number}", None)
            if isinstance(norm, nn.BatchNorm2d):
                convolution = getattr(module, f"conv{number}")
                setattr(module, f"conv{number}", fuse_conv_bn_eval(convolution, norm))
                setattr(module, f"bn{number}", nn.Identity())
        shortcut = getattr(module, "downsample", None)
        if isinstance(shortcut, nn.Sequential):
            convolution, norm = shortcut
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module.downsample = fuse_conv_bn_eval(convolution, norm)
    return model


def _middle(image: Image.Image) -> Image.Image:
    width, height = image.size
    limit = _LONGEST * min(width, height)
    left, top = max(0, width - limit) // 2, max(0, height - limit) // 2
    if not left and not top:
        return image
    return image.crop((left, top, width - left, height - top))


def _load(model: "ResNet", state: dict[str, Tensor], path: Path, architecture: str) -> None:
    expected = {n: v for n, v in model.state_dict().items() if not n.startswith("fc.")}
    # Checkpoints from before PyTorch 0.4.1 lack these counters, which inference never reads.
    missing = [n for n in expected if n not in state and not n.endswith("num_batches_tracked")]
    unexpected = [n for n in state if n not in expected]
    wrong = [n for n, v in state.items() if n in expected and v.shape != expected[n].shape]
    problems = [
        f"{len(names)} {words}, the first is {names[0]!r}"
        for names, words in (
            (missing, "weights are missing"),
            (unexpected, "are not expected"),
            (wrong, "have another shape"),
        )
        if names
    ]
    if problems:
        raise WeightsError(
            f"{str(path)!r} does not fit {architecture}: {'; '.join(problems)}. Set "
            "ORCHARD_ARCHITECTURE to the network the file was saved from, or use another file."
        )
    model.load_state_dict(state, strict=False)


def _best_device() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")
