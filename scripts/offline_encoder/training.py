"""One training of the offline encoder: its recipe, its steps and checkpoints, what it exports."""

import copy
import hashlib
import io
import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import (
    cosine_similarity,
    cross_entropy,
    interpolate,
    kl_div,
    log_softmax,
    normalize,
)

from core.config import OFFLINE_ARCHITECTURE
from core.encoder.checkpoint import load_state
from core.encoder.network import build_model, drop_classifier, load_into
from core.encoder.precision import bfloat16_or_float32
from core.encoder.published import IMAGENET_COLOURS
from core.errors import DatasetError
from scripts.offline_encoder.photos import Photo, epoch_indices
from scripts.offline_encoder.teacher import FEATURES, STUDENT_SIDE, Seen

_UNLABELLED = -1
_REPORT_EVERY = 25
_SAVE_EVERY = 100
# The mean of the teacher's features is taken over one picture in this many.
_MEAN_STRIDE = 7


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides the result, besides the pictures and the machine.

    Attributes:
        steps: How many to go; None goes on for `minutes` of training instead.
        minutes: The schedule then follows the clock, for a machine that has other work to do.
        stages: Pairs of side in pixels and part of the run. Small pictures first, since they cost
            a quarter of those twice as large; in the end about as large as what is searched with.
        crops: Of every picture; an epoch shows one of them, drawn anew.
        batch: Pictures a step.
        learning_rate: Peak; it rises over the first twentieth and falls by a cosine.
        weight_decay: L2 penalty on convolutions and heads, not on batch norms and biases.
        average_decay: Per step, of the moving average of the weights that is shipped.
        features, relations, logits, classes: Weights of the four parts of the loss.
        teacher_heat, student_heat: Temperatures of the similarities within a batch.
        logit_heat: Temperature of the teacher's 1,000 classes.
        label_smoothing: In [0, 1), of the classes.
        seed: Of crops, order and new heads.
    """

    steps: int | None = None
    minutes: float = 77.0
    stages: tuple[tuple[int, float], ...] = ((64, 0.45), (96, 0.3), (128, 0.25))
    crops: int = 3
    batch: int = 64
    learning_rate: float = 0.05
    weight_decay: float = 1e-4
    average_decay: float = 0.999
    features: float = 4.0
    relations: float = 2.0
    logits: float = 1.5
    classes: float = 0.4
    teacher_heat: float = 0.1
    student_heat: float = 0.08
    logit_heat: float = 2.0
    label_smoothing: float = 0.1
    seed: int = 0

    def side(self, progress: float) -> int:
        """Return the picture side in pixels at a progress in [0, 1]."""
        for side, part in self.stages:
            if progress < part:
                return side
            progress -= part
        return self.stages[-1][0]

    def rate(self, progress: float) -> float:
        """Return the learning rate at a progress in [0, 1]."""
        warm = 0.05
        if progress < warm:
            return self.learning_rate * (warm + (1 - warm) * progress / warm)
        fallen = 0.5 * (1 + math.cos(math.pi * (progress - warm) / (1 - warm)))
        return self.learning_rate * max(0.002, fallen)


class Student(nn.Module):
    """The network that ships, with two heads that do not: to the teacher's features, to classes."""

    def __init__(self, classes: int, start: Path | None) -> None:
        super().__init__()
        body = build_model(OFFLINE_ARCHITECTURE)
        if start is not None:
            load_into(body, load_state(start), path=start, architecture=OFFLINE_ARCHITECTURE)
        width = drop_classifier(body)
        self.body = body
        self.to_teacher = nn.Linear(width, FEATURES)
        # A layer without outputs cannot be made.
        self.to_class = nn.Linear(width, max(1, classes))


class TrainingRun:
    """Student, optimiser and moving average, with the checkpoint that carries them over a stop."""

    def __init__(
        self,
        recipe: Recipe,
        photos: Sequence[Photo],
        seen: Seen,
        out: Path,
        *,
        classifier: nn.Module,
        start: Path | None,
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.photos, self.seen, self.out = recipe, photos, seen, out
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.half = bfloat16_or_float32(self.device) is torch.bfloat16
        self.classifier = classifier.requires_grad_(requires_grad=False)
        names = sorted({photo.label for photo in photos} - {""})
        number = {name: index for index, name in enumerate(names)}
        self.labels = torch.tensor([number.get(photo.label, _UNLABELLED) for photo in photos])
        student = Student(len(names), start).to(self.device)
        self.student = student.to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.student.body)
        self.optimizer = self._optimizer()
        self.mean = torch.from_numpy(
            np.asarray(seen.features[::_MEAN_STRIDE], dtype=np.float32).mean(axis=0)
        ).to(self.device)
        self.steps_an_epoch = len(epoch_indices(photos, np.random.default_rng(0))) // recipe.batch
        if not self.steps_an_epoch:
            raise DatasetError(
                f"{len(photos)} pictures are fewer than a batch of {recipe.batch}. Give more "
                "pictures."
            )
        self.step, self.seconds = 0, 0.0
        self.steps_at: dict[str, int] = {}
        self._order: tuple[int, np.ndarray[tuple[int], np.dtype[np.int64]]] | None = None
        self._resume()

    @property
    def progress(self) -> float:
        """How much of the run is done, in [0, 1]."""
        if self.recipe.steps is not None:
            return min(1.0, self.step / self.recipe.steps)
        return min(1.0, self.seconds / (60 * self.recipe.minutes))

    def train(self) -> None:
        """Go on to the end, telling how it goes and writing checkpoints."""
        self.student.train()
        since, losses = time.monotonic(), []
        while self.progress < 1:
            started = time.monotonic()
            losses.append(self._train_step())
            self.seconds += time.monotonic() - started
            if self.step % _REPORT_EVERY == 0:
                rate = len(losses) * self.recipe.batch / (time.monotonic() - since)
                self._report(np.mean(losses, axis=0), rate=rate)
                since, losses = time.monotonic(), []
            if self.step % _SAVE_EVERY == 0:
                self.save()
        self.save()

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
        }
        buffer = io.BytesIO()
        torch.save(weights, buffer)
        prefix = hashlib.sha256(buffer.getvalue()).hexdigest()[:8]
        path = self.out / f"{OFFLINE_ARCHITECTURE}-{prefix}.pth"
        path.write_bytes(buffer.getvalue())
        return path

    def _train_step(self) -> list[float]:
        side = self.recipe.side(self.progress)
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.rate(self.progress)
        pixels, theirs, labels = self._batch(side)
        parts = self._losses(pixels, theirs, labels)
        recipe = self.recipe
        weights = (recipe.features, recipe.relations, recipe.logits, recipe.classes)
        loss = sum((w * part for w, part in zip(weights, parts, strict=True)), torch.zeros(()))
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.student.parameters(), 10.0)
        self.optimizer.step()
        self.step += 1
        self.steps_at[str(side)] = self.steps_at.get(str(side), 0) + 1
        self._update_average()
        return [loss.item(), *(part.item() for part in parts)]

    def _losses(self, pixels: Tensor, theirs: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        """Return how far the student is from the teacher: features, relations, logits; classes."""
        recipe = self.recipe
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            own = self.student.body(pixels)
        own = own.float()
        guess, centred = self.student.to_teacher(own), theirs - self.mean
        features = (1 - cosine_similarity(guess - self.mean, centred)).mean()
        relations = _divergence(
            _similarities(own) / recipe.student_heat, _similarities(centred) / recipe.teacher_heat
        )
        logits = _divergence(
            self.classifier(guess) / recipe.logit_heat, self.classifier(theirs) / recipe.logit_heat
        )
        known = labels != _UNLABELLED
        classes = torch.zeros((), device=self.device)
        if known.any():
            classes = cross_entropy(
                self.student.to_class(own[known]),
                labels[known],
                label_smoothing=recipe.label_smoothing,
            )
        return features, relations, logits, classes

    def _batch(self, side: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return pictures as the student sees them, the teacher's features, and labels."""
        epoch, within = divmod(self.step, self.steps_an_epoch)
        order = self._epoch_order(epoch)
        photos = np.sort(order[within * self.recipe.batch : (within + 1) * self.recipe.batch])
        # Seeding by step makes a resumed run see the same as one that never stopped.
        chance = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + self.step)
        drawn = torch.randint(self.recipe.crops, (len(photos),), generator=chance).numpy()
        where = photos * self.recipe.crops + drawn
        pixels = _varied(torch.from_numpy(self.seen.pixels[where]), side, chance)
        mean, deviation = (
            torch.tensor(values).view(1, 3, 1, 1)
            for values in (IMAGENET_COLOURS.mean, IMAGENET_COLOURS.deviation)
        )
        ready = pixels.div_(255).sub_(mean).div_(deviation)
        return (
            ready.to(self.device, memory_format=torch.channels_last),
            torch.from_numpy(self.seen.features[where]).float().to(self.device),
            self.labels[photos].to(self.device),
        )

    def _epoch_order(self, epoch: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
        if self._order is None or self._order[0] != epoch:
            chance = np.random.default_rng((self.recipe.seed, 7, epoch))
            self._order = (epoch, epoch_indices(self.photos, chance))
        return self._order[1]

    def _optimizer(self) -> torch.optim.Optimizer:
        groups: list[dict[str, Any]] = [
            {"params": [p for p in self.student.parameters() if p.ndim > 1]},
            {"params": [p for p in self.student.parameters() if p.ndim == 1], "weight_decay": 0.0},
        ]
        recipe = self.recipe
        return torch.optim.SGD(
            groups,
            lr=recipe.learning_rate,
            momentum=0.9,
            nesterov=True,
            weight_decay=recipe.weight_decay,
        )

    @torch.no_grad()
    def _update_average(self) -> None:
        # Every fourth step, for the time it takes. Early on a slow average would still hold the
        # start.
        every = 4
        if self.step % every:
            return
        decay = min(self.recipe.average_decay, (1 + self.step) / (10 + self.step)) ** every
        new = self.student.body.state_dict()
        for name, value in self.average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(new[name], 1 - decay)
            else:
                value.copy_(new[name])

    def _report(self, losses: "np.ndarray[Any, Any]", *, rate: float) -> None:
        total, *parts = (f"{value:.3f}" for value in losses)
        left = self.seconds / max(self.progress, 1e-9) * (1 - self.progress) / 60
        print(
            f"step {self.step}  {self.progress:.1%}  {self.recipe.side(self.progress)} px  "
            f"loss {total} (features, relations, logits, classes: {', '.join(parts)})  "
            f"{rate:.0f} pictures/s  about {left:.0f} min left",
            flush=True,
        )

    def _state(self) -> dict[str, Any]:
        return {
            "settings": self._settings(),
            "step": self.step,
            "seconds": self.seconds,
            "steps_at": self.steps_at,
            "student": self.student.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def _settings(self) -> str:
        digests = hashlib.sha256("".join(photo.digest for photo in self.photos).encode())
        return json.dumps([asdict(self.recipe), digests.hexdigest()])

    def _resume(self) -> None:
        path = self.out / "checkpoint.pth"
        if not path.exists():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state["settings"] != self._settings():
            raise DatasetError(
                f"{str(path)!r} belongs to a run with other settings or pictures. Continue that "
                "run with its settings, or give another output folder."
            )
        self.student.load_state_dict(state["student"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]
        self.steps_at = cast("dict[str, int]", state["steps_at"])
        print(f"continuing after step {self.step}")


def _varied(pixels: Tensor, side: int, chance: torch.Generator) -> Tensor:
    """Return a slightly smaller cut, half of them mirrored, all of a little other light: float."""
    cut = int(torch.randint(STUDENT_SIDE * 27 // 32, STUDENT_SIDE + 1, (1,), generator=chance))
    left, top = torch.randint(0, STUDENT_SIDE + 1 - cut, (2,), generator=chance).tolist()
    found = pixels[:, :, top : top + cut, left : left + cut].float()
    if side != cut:
        found = interpolate(found, size=side, mode="bilinear", antialias=True)
    mirrored = torch.rand(len(found), generator=chance) < 0.5
    found[mirrored] = found[mirrored].flip(3)
    light = 1 + 0.1 * (2 * torch.rand(len(found), 1, 1, 1, generator=chance) - 1)
    tint = 1 + 0.03 * (2 * torch.rand(len(found), 3, 1, 1, generator=chance) - 1)
    return (found * light * tint).clamp_(0, 255)


def _similarities(vectors: Tensor) -> Tensor:
    """Return cosines of all pairs, (N, N), with what equals itself out of reach."""
    unit = normalize(vectors, dim=1)
    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    return (unit @ unit.T).masked_fill(itself, -1e3)


def _divergence(found: Tensor, expected: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence of the softmaxes, a mean over rows."""
    return kl_div(
        log_softmax(found, 1), log_softmax(expected, 1), log_target=True, reduction="batchmean"
    )
