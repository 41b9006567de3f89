"""A network by name: built, given a state dict that fits it in full, made lighter for inference."""

from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.overrides import TorchFunctionMode

from core.config import IMAGENET_ARCHITECTURE, OFFLINE_ARCHITECTURE
from core.encoder.checkpoint import without_classifier
from core.encoder.efficientnet import build_efficientnet, fold_efficientnet
from core.encoder.vision import Bottleneck, ResNet, get_model
from core.errors import WeightsError


def build_model(architecture: str) -> nn.Module:
    """Return a network with random weights, by torchvision's name, `resnet14` or another of ours.

    Raises:
        WeightsError: It needs a package that is not installed.
    """
    if architecture == IMAGENET_ARCHITECTURE:
        return build_efficientnet()
    if architecture == OFFLINE_ARCHITECTURE:
        return cast("nn.Module", ResNet(Bottleneck, [1, 1, 1, 1]))
    return cast("nn.Module", get_model(architecture, weights=None))


def empty_model(architecture: str) -> nn.Module:
    """Return a network on the `meta` device: shapes without numbers; raises as `build_model`."""
    with torch.device("meta"), _Unfilled():
        return build_model(architecture)


class _Unfilled(TorchFunctionMode):
    """Leaves out random numbers, for which PyTorch would load its compiler on the meta device."""

    def __torch_function__(
        self,
        func: Any,  # noqa: ANN401
        types: Any,  # noqa: ANN401
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        if func in (Tensor.normal_, Tensor.uniform_):
            return args[0]
        return func(*args, **(kwargs or {}))


def features_of(architecture: str) -> int:
    """Return how many numbers an embedding of a network has; no weights are made."""
    return drop_classifier(empty_model(architecture))


def drop_classifier(model: nn.Module) -> int:
    """Let a network return the pooled features before its classifier; returns how many they are."""
    name = "fc" if hasattr(model, "fc") else "_fc"
    features = int(getattr(model, name).in_features)
    setattr(model, name, nn.Identity())
    return features


def load_into(model: nn.Module, state: dict[str, Tensor], *, path: Path, architecture: str) -> None:
    """Give a model its weights, all of them or none.

    Args:
        model: Its own tensors are replaced, so they may be on the `meta` device, which spares the
            time to fill them with random numbers.
        state: Without the classifier, whose random weights stay.
        path: Of the checkpoint, for messages.

    Raises:
        WeightsError: Weights are missing, unexpected, of another shape, or no finite numbers.
    """
    expected = without_classifier(model.state_dict())
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


def normalise_alone(model: nn.Module) -> nn.Module:
    """Let every batch norm take mean and deviation of the picture itself, not those it learned.

    It is what a batch of one picture meets in training mode: over height and width of each channel,
    with the biased deviation (Ulyanov, Vedaldi, Lempitsky, *Instance Normalization*, 2016, is the
    same formula); here it holds in batches too.
    """
    for module in list(model.modules()):
        for name, norm in list(module.named_children()):
            if isinstance(norm, nn.BatchNorm2d):
                alone = nn.InstanceNorm2d(norm.num_features, eps=norm.eps, affine=True)
                alone.weight, alone.bias = norm.weight, norm.bias
                setattr(module, name, alone)
    return model


def fold_batch_norms(model: nn.Module) -> nn.Module:
    """Fold every batch norm into the convolution before it; same output up to rounding.

    Works on the naming of torchvision's ResNets: `conv1`/`bn1`, and `downsample.0`/`.1`; and on
    EfficientNet-Lite.
    """
    if hasattr(model, "_conv_stem"):
        return fold_efficientnet(model)
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
