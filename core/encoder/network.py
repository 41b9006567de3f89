"""A ResNet by name: built, given a state dict that fits it in full, made lighter for inference."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from core.config import OFFLINE_ARCHITECTURE
from core.errors import WeightsError

if TYPE_CHECKING:
    from torchvision.models.resnet import ResNet


def build_model(architecture: str) -> "ResNet":
    """Return a ResNet with random weights, by torchvision's name or `resnet14`."""
    from torchvision.models import get_model
    from torchvision.models.resnet import Bottleneck, ResNet

    if architecture == OFFLINE_ARCHITECTURE:
        return ResNet(Bottleneck, [1, 1, 1, 1])
    model: ResNet = get_model(architecture, weights=None)
    return model


def load_into(model: "ResNet", state: dict[str, Tensor], *, path: Path, architecture: str) -> None:
    """Give a model its weights, all of them or none.

    Args:
        model: Its own tensors are replaced, so they may be on the `meta` device, which spares the
            time to fill them with random numbers.
        state: Without the classifier, whose random weights stay.
        path: Of the checkpoint, for messages.

    Raises:
        WeightsError: Weights are missing, unexpected, of another shape, or no finite numbers.
    """
    expected = {n: v for n, v in model.state_dict().items() if not n.startswith("fc.")}
    # Checkpoints from before PyTorch 0.4.1 lack these counters, which inference never reads.
    missing = [n for n in expected if n not in state and not n.endswith("num_batches_tracked")]
    unexpected = [n for n in state if n not in expected]
    present = {n: v for n, v in state.items() if n in expected}
    wrong = [n for n, v in present.items() if v.shape != expected[n].shape]
    problems = _told(
        (missing, "weights are missing"),
        (unexpected, "are not expected"),
        (wrong, "have another shape"),
    )
    if problems:
        raise WeightsError(
            f"{str(path)!r} does not fit {architecture}: {problems}. Set ORCHARD_ARCHITECTURE to "
            "the network the file was saved from, or use another file."
        )
    floating = {n: v for n, v in present.items() if expected[n].is_floating_point()}
    packed = [
        n for n, v in floating.items() if not v.is_floating_point() or v.layout != torch.strided
    ]
    broken = [n for n, v in floating.items() if n not in packed and not torch.isfinite(v).all()]
    problems = _told(
        (packed, "weights are quantised or sparse"),
        (broken, "weights hold numbers that are not finite"),
    )
    if problems:
        raise WeightsError(
            f"{str(path)!r} cannot be used: {problems}. Save the weights as dense floating-point "
            "numbers, from before training went wrong, or fetch the file again."
        )
    same_type = {n: v.to(expected[n].dtype) for n, v in present.items()}
    model.load_state_dict(same_type, strict=False, assign=True)


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


def _told(*groups: tuple[list[str], str]) -> str:
    return "; ".join(
        f"{len(names)} {words}, the first is {names[0]!r}" for names, words in groups if names
    )
