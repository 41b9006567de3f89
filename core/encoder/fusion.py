"""A ResNet whose additions and ReLUs happen inside its convolutions, where the processor can.

A convolution that leaves its result to a separate addition and a separate ReLU sends every number
through memory three times. oneDNN, which PyTorch computes convolutions with on a processor, does
all of it in one pass. PyTorch's compiler uses the same operators, but needs a C++ compiler on the
user's machine and half a minute at every start.

oneDNN computes with weights in an order of its own, and PyTorch brings them into it at every call.
Beside a batch that is nothing, beside a single picture a quarter of the time. So for single
pictures, which queries are, they are kept in that order too.
"""

import logging

import torch
from torch import Tensor, nn

from core.encoder.precision import agrees
from core.encoder.vision import ResNet

logger = logging.getLogger(__name__)


@torch.inference_mode()
def fused(model: nn.Module, pixels: Tensor, *, name: str) -> nn.Module:
    """Return a network with the same output in less time, or `model` itself where there is none.

    The two share their weights; those for single pictures are a second copy.

    Args:
        model: On a processor, its batch norms folded; of torchvision's ResNets there is a faster
            one.
        pixels: (N, 3, H, W), N >= 2 different pictures, as the network takes them. The two must
            agree on them.
        name: Of the network, for the log.
    """
    is_resnet = isinstance(model, ResNet)
    if not is_resnet or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return model
    network = _Fused(model)
    try:
        # The single picture goes another way than a batch.
        found = torch.cat([network(pixels[:1]), network(pixels[1:])])
    except (AttributeError, RuntimeError):
        # The operators are not part of PyTorch's public interface, so another version may have
        # others; and a processor may lack one for some type.
        logger.warning("%s runs without fused convolutions", name, exc_info=True)
        return model
    if not agrees(found, model(pixels)):
        logger.warning("%s runs without fused convolutions, which change its output", name)
        return model
    return network


class _Fused(nn.Module):
    def __init__(self, model: ResNet) -> None:
        super().__init__()
        self.stem, self.pool = Convolution(model.conv1), model.maxpool
        layers = (model.layer1, model.layer2, model.layer3, model.layer4)
        self.blocks = nn.Sequential(*(_FusedBlock(block) for layer in layers for block in layer))
        self.head = nn.Sequential(model.avgpool, nn.Flatten(), model.fc)

    def forward(self, pixels: Tensor) -> Tensor:
        found: Tensor = self.head(self.blocks(self.pool(self.stem(pixels, relu=True))))
        return found


class _FusedBlock(nn.Module):
    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        found = (getattr(block, f"conv{number}", None) for number in "123")
        *self.first, self.last = (Convolution(c) for c in found if isinstance(c, nn.Conv2d))
        shortcut = block.downsample
        self.shortcut = Convolution(shortcut) if isinstance(shortcut, nn.Conv2d) else None

    def forward(self, x: Tensor) -> Tensor:
        # The sum is written into the shortcut's result, or into `x`, which nobody reads after this.
        total = x if self.shortcut is None else self.shortcut(x, relu=False)
        for convolution in self.first:
            x = convolution(x, relu=True)
        return self.last.into(total, x)


class Convolution:
    """A convolution of the fused network, by oneDNN's own operators."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        c = convolution
        self._weight, self._bias = c.weight, c.bias
        self._how = (c.padding, c.stride, c.dilation, c.groups)
        self._ordered: Tensor | None = None

    def __call__(self, x: Tensor, *, relu: bool) -> Tensor:
        """Return the convolution of `x`, or ReLU of it."""
        found: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self._weight_for(x), self._bias, *self._how, "relu" if relu else "none", [], ""
        )
        return found

    def into(self, total: Tensor, x: Tensor) -> Tensor:
        """Return ReLU(total + convolution(x)), in the memory of `total`."""
        found: Tensor = torch.ops.mkldnn._convolution_pointwise_.binary(
            total, x, self._weight_for(x), self._bias, *self._how, "add", 1.0, "relu", [], ""
        )
        return found

    def _weight_for(self, x: Tensor) -> Tensor:
        if len(x) > 1:
            # The best order differs from that for a single picture; with it float32 was slower.
            return self._weight
        if self._ordered is None:
            self._ordered = torch.ops.mkldnn._reorder_convolution_weight(
                self._weight, *self._how, list(x.shape)
            )
        return self._ordered
