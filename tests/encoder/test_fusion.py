"""Convolutions that add and clamp by themselves: used where they can be, and never if they differ.

That every network keeps torchvision's embeddings with them is tested in `test_encoder.py`.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from core.encoder.fusion import Convolution, fused
from core.encoder.network import build_model, fold_batch_norms
from tests.encoder.test_encoder import lively

PIXELS = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))

needs_onednn = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="PyTorch was built without oneDNN here"
)


class Calls(TorchDispatchMode):
    """Counts the operators that run."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(
        self,
        function: Any,
        types: Any,
        arguments: tuple[Any, ...] = (),
        options: dict[str, Any] | None = None,
    ) -> Any:
        self.counts[str(function.overloadpacket).rpartition(".")[2]] += 1
        return function(*arguments, **(options or {}))


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    network = build_model("resnet18")
    network.fc = nn.Identity()
    return fold_batch_norms(lively(network)).requires_grad_(requires_grad=False)


@needs_onednn
def test_no_addition_and_no_relu_is_left_outside_the_convolutions(model: nn.Module) -> None:
    network = fused(model, PIXELS, name="resnet18")
    with Calls() as before:
        expected = model(PIXELS)
    with Calls() as after:
        found = network(PIXELS)
    # 8 blocks of two convolutions, and one at the start: 17 ReLUs and 8 additions, as in the paper.
    assert (before.counts["relu_"], before.counts["add_"]) == (17, 8)
    assert (after.counts["relu_"], after.counts["add_"]) == (0, 0)
    assert after.counts["_convolution_pointwise_"] == 8
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@needs_onednn
def test_the_pictures_and_the_weights_stay_as_they_are(model: nn.Module) -> None:
    pixels = PIXELS.clone()
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    network = fused(model, pixels, name="resnet18")
    assert torch.equal(network(pixels), network(pixels))
    assert torch.equal(pixels, PIXELS)
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())


@needs_onednn
def test_the_weights_are_brought_into_onednns_order_once_for_all_single_pictures(
    model: nn.Module,
) -> None:
    network = fused(model, PIXELS, name="resnet18")
    with Calls() as single:
        found = torch.cat([network(PIXELS[:1]), network(PIXELS[1:])])
    # 17 convolutions in the blocks and at the start, and 3 at shortcuts, for each of two pictures.
    assert single.counts["_convolution_pointwise"] + single.counts["_convolution_pointwise_"] == 40
    assert single.counts["_reorder_convolution_weight"] == 0
    torch.testing.assert_close(found, network(PIXELS), rtol=1e-4, atol=1e-5)


@needs_onednn
def test_an_order_that_changes_the_output_of_a_single_picture_is_not_used(
    model: nn.Module, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def turned(weight: Tensor, *_: object) -> Tensor:
        return weight.flip(0)

    monkeypatch.setattr(torch.ops.mkldnn, "_reorder_convolution_weight", turned)
    assert fused(model, PIXELS, name="resnet18") is model
    assert "change its output" in caplog.text


def missing(*_: object, **__: object) -> Tensor:
    raise AttributeError("'_OpNamespace' 'mkldnn' object has no attribute")


def unable(*_: object, **__: object) -> Tensor:
    raise RuntimeError("bf16 path needs the cpu support avx512bw, avx512vl and avx512dq")


@needs_onednn
@pytest.mark.parametrize("operator", [missing, unable])
def test_without_the_operators_the_network_runs_as_it_is(
    model: nn.Module,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    operator: Callable[..., Tensor],
) -> None:
    monkeypatch.setattr(Convolution, "into", operator)
    assert fused(model, PIXELS, name="resnet18") is model
    assert "resnet18 runs without fused convolutions" in caplog.text


@needs_onednn
def test_operators_that_change_the_output_are_not_used(
    model: nn.Module, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # The addition is forgotten.
    monkeypatch.setattr(Convolution, "into", lambda self, _, x: self(x, relu=True))
    assert fused(model, PIXELS, name="resnet18") is model
    assert "change its output" in caplog.text


def test_without_onednn_the_network_runs_as_it_is(
    model: nn.Module, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert fused(model, PIXELS, name="resnet18") is model
    assert caplog.text == ""
