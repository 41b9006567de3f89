"""What is used of torchvision, imported without PyTorch's compiler.

torchvision's detection operators import `torch._dynamo`, which takes as long as the rest of
torchvision and PyTorch together, to ask later whether they are being compiled. None of them is used
here, so while torchvision is imported a stand-in answers.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import torch  # noqa: F401 - before the stand-in: it may import parts of the compiler itself

__all__ = [
    "Bottleneck",
    "ResNet",
    "center_crop",
    "get_model",
    "get_model_weights",
    "pil_to_tensor",
    "resize",
]

_COMPILER = "torch._dynamo"


@contextmanager
def _without_compiler() -> Iterator[None]:
    if _COMPILER in sys.modules:
        yield
        return
    package, utils = ModuleType(_COMPILER), ModuleType(f"{_COMPILER}.utils")
    package.__path__ = []
    utils.is_compile_supported = lambda device_type: False  # type: ignore[attr-defined]
    stand_in = {module.__name__: module for module in (package, utils)}
    sys.modules.update(stand_in)
    try:
        yield
    finally:
        for name in stand_in:
            del sys.modules[name]


with _without_compiler():
    from torchvision.models import get_model, get_model_weights
    from torchvision.models.resnet import Bottleneck, ResNet
    from torchvision.transforms.functional import center_crop, pil_to_tensor, resize
