"""One training of the offline encoder: its recipe, its photos, its epochs and checkpoints."""

import copy
import hashlib
import io
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.models.resnet import Bottleneck, ResNet
from torchvision.transforms import v2

from core.dataset.files import read_picture
from core.errors import DatasetError
from core.records import ImageRecord

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides the result, besides the photos and the machine.

    Attributes:
        stages: Pairs of picture side in pixels and number of epochs, in order. Small pictures
            first, since an epoch at 64 px costs a quarter of one at 128 px.
        batch: Pictures a step.
        learning_rate: Peak of the one-cycle schedule.
        weight_decay: L2 penalty on convolution and classifier weights, not on batch norms.
        label_smoothing: In [0, 1).
        average_decay: Per step, of the moving average of the weights that is shipped.
        seed: Of weights, order and augmentation.
    """

    stages: tuple[tuple[int, int], ...] = ((64, 12), (96, 20), (128, 12))
    batch: int = 32
    learning_rate: float = 0.05
    weight_decay: float = 5e-4
    label_smoothing: float = 0.1
    average_decay: float = 0.998
    seed: int = 0

    @property
    def epochs(self) -> int:
        """Number of passes over the training photos."""
        return sum(count for _, count in self.stages)

    def size(self, epoch: int) -> int:
        """Return the picture side in pixels of an epoch, counted from 0."""
        for side, count in self.stages:
            if epoch < count:
                return side
            epoch -= count
        return self.stages[-1][0]


def folder_of(path: str) -> str:
    """Return the class a photo is trained as: the folder it lies in, relative to the data."""
    return PurePosixPath(path).parent.as_posix()


class Photos(Dataset[tuple[Tensor, int]]):
    """The training photos, decoded once to a short side that every augmented crop is cut from."""

    def __init__(self, root: Path, records: list[ImageRecord], numbers: dict[str, int]) -> None:
        shrink = v2.Resize(176)
        self.pictures: list[Image.Image] = []
        for record in records:
            _, content = read_picture(root, record.path)
            with Image.open(io.BytesIO(content)) as picture:
                self.pictures.append(shrink(picture.convert("RGB")))
        self.labels = [numbers[folder_of(record.path)] for record in records]
        self.augment = v2.Identity()

    def use_size(self, side: int) -> None:
        """Cut crops of this side, in pixels, from now on."""
        self.augment = v2.Compose(
            [
                v2.RandomResizedCrop(side, scale=(0.3, 1.0)),
                v2.RandomHorizontalFlip(),
                v2.ColorJitter(brightness=0.3, contrast=0.3, saturation=0.3, hue=0.02),
                v2.ToImage(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(IMAGENET_MEAN, IMAGENET_STD),
            ]
        )

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.augment(self.pictures[index]), self.labels[index]


class TrainingRun:
    """Model, optimiser and moving average, with the checkpoint that carries them over a stop."""

    def __init__(
        self, recipe: Recipe, classes: list[str], out: Path, *, steps_an_epoch: int
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.out = recipe, out
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        model = ResNet(Bottleneck, [1, 1, 1, 1], num_classes=len(classes))
        self.model = model.to(self.device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.model)
        groups: list[dict[str, Any]] = [
            {"params": [p for p in model.parameters() if p.ndim > 1]},
            {"params": [p for p in model.parameters() if p.ndim == 1], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.SGD(
            groups,
            lr=recipe.learning_rate,
            momentum=0.9,
            nesterov=True,
            weight_decay=recipe.weight_decay,
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer,
            max_lr=recipe.learning_rate,
            total_steps=max(1, recipe.epochs * steps_an_epoch),
            pct_start=0.15,
        )
        self.loss = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
        self.epoch = 0
        self._resume(classes)

    def train_epoch(self, photos: Photos, epoch: int) -> None:
        """Go once over all photos and tell how it went; epochs are counted from 0."""
        self.model.train()
        photos.use_size(self.recipe.size(epoch))
        started, total, right, seen = time.monotonic(), 0.0, 0, 0
        for pictures, labels in self._batches(photos, epoch):
            scores = self.model(pictures)
            loss = self.loss(scores, labels)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.schedule.step()
            self._update_average()
            total += loss.item() * len(labels)
            right += int((scores.argmax(1) == labels).sum())
            seen += len(labels)
        self.epoch = epoch + 1
        seconds = time.monotonic() - started
        left = (self.recipe.epochs - self.epoch) * seconds / 60
        print(
            f"epoch {self.epoch}/{self.recipe.epochs}  {self.recipe.size(epoch)} px  "
            f"loss {total / seen:.3f}  accuracy {right / seen:.3f}  "
            f"{seen / seconds:.0f} images/s  about {left:.0f} min left at this size",
            flush=True,
        )

    def save(self) -> None:
        """Write the checkpoint beside the old one, then swap, so that a stop never leaves half."""
        partial = self.out / "checkpoint.partial"
        torch.save(self._state(), partial)
        partial.replace(self.out / "checkpoint.pth")

    def export(self) -> Path:
        """Write the averaged weights in half precision, named by their SHA-256 prefix."""
        weights = {
            name: value.cpu().contiguous().half() if value.is_floating_point() else value.cpu()
            for name, value in self.average.state_dict().items()
            if not name.startswith("fc.")
        }
        buffer = io.BytesIO()
        torch.save(weights, buffer)
        prefix = hashlib.sha256(buffer.getvalue()).hexdigest()[:8]
        path = self.out / f"resnet14-{prefix}.pth"
        path.write_bytes(buffer.getvalue())
        return path

    def _batches(self, photos: Photos, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        # Seeding by epoch makes a resumed run see the same crops as one that never stopped.
        order = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + epoch)
        loader = DataLoader(
            photos,
            self.recipe.batch,
            shuffle=True,
            drop_last=True,
            num_workers=2,
            generator=order,
        )
        for pictures, labels in loader:
            yield (
                pictures.to(self.device, memory_format=torch.channels_last),
                labels.to(self.device),
            )

    @torch.no_grad()
    def _update_average(self) -> None:
        # Early on a slow average would still hold the random start.
        steps = self.schedule.last_epoch
        decay = min(self.recipe.average_decay, (1 + steps) / (10 + steps))
        new = self.model.state_dict()
        for name, value in self.average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(new[name], 1 - decay)
            else:
                value.copy_(new[name])

    def _state(self) -> dict[str, Any]:
        return {
            "recipe": json.dumps(asdict(self.recipe)),
            "epoch": self.epoch,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
        }

    def _resume(self, classes: list[str]) -> None:
        path = self.out / "checkpoint.pth"
        if not path.exists():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        same = state["recipe"] == json.dumps(asdict(self.recipe))
        if not same or len(state["model"]["fc.weight"]) != len(classes):
            raise DatasetError(
                f"{str(path)!r} belongs to a run with other settings or classes. Continue that "
                "run with its settings, or give another output folder."
            )
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.epoch = state["epoch"]
        print(f"continuing after epoch {self.epoch}")
