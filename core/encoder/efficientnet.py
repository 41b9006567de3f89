"""EfficientNet-Lite2: its network as the package builds it, made lighter for inference."""

from typing import cast

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from core.encoder.imagenet_package import INSTALL
from core.errors import WeightsError


def build_efficientnet() -> nn.Module:
    """Return EfficientNet-Lite2 with random weights; its classifier is called `_fc`.

    Raises:
        WeightsError: The package that describes it is not installed.
    """
    try:
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise WeightsError(f"EfficientNet-Lite2 is not installed. {INSTALL}") from error
    return cast("nn.Module", EfficientNet.from_name("efficientnet-lite2"))


def fold_efficientnet(model: nn.Module) -> nn.Module:
    """Fold every batch norm into the convolution before it; same output up to rounding."""
    _fold(model, "_conv_stem", "_bn0")
    _fold(model, "_conv_head", "_bn1")
    for block in cast("nn.ModuleList", model._blocks):
        # The first block of all does not widen its input.
        if hasattr(block, "_expand_conv"):
            _fold(block, "_expand_conv", "_bn0")
        _fold(block, "_depthwise_conv", "_bn1")
        _fold(block, "_project_conv", "_bn2")
    return model


def _fold(owner: nn.Module, convolution: str, norm: str) -> None:
    folded = fuse_conv_bn_eval(getattr(owner, convolution), getattr(owner, norm))
    setattr(owner, convolution, folded)
    setattr(owner, norm, nn.Identity())
