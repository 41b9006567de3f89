"""When half precision is used: where the hardware has it, and only as long as nothing changes.

The processors that run these tests seldom have bfloat16; it is emulated then, slowly and alike.
"""

import logging

import numpy as np
import pytest
import torch
from torch import nn

from core.config import Precision
from core.encoder.encoder import Encoder
from core.encoder.precision import choose_type, in_half, probes
from core.encoder.weights import Checkpoint, offline_weights
from tests.encoder.test_encoder import PICTURES

CPU = torch.device("cpu")


def on_a_processor(monkeypatch: pytest.MonkeyPatch, **able: bool) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)


@pytest.mark.parametrize(
    ("able", "expected"),
    [
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": True, "avx512_bf16": False}, torch.bfloat16),
        # AVX-512 alone would emulate it.
        ({"avx512_f": True, "avx512_bf16": False, "amx_bf16": False}, torch.float32),
        ({}, torch.float32),
    ],
)
def test_a_processor_takes_bfloat16_only_where_it_has_it(
    monkeypatch: pytest.MonkeyPatch, able: dict[str, bool], expected: torch.dtype
) -> None:
    on_a_processor(monkeypatch, **able)
    assert choose_type(CPU, Precision.AUTO) is expected
    assert choose_type(CPU, Precision.BFLOAT16) is expected
    assert choose_type(CPU, Precision.FLOAT32) is torch.float32


def test_what_would_be_emulated_is_replaced_by_float32_and_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    on_a_processor(monkeypatch, avx512_bf16=True)
    assert choose_type(CPU, Precision.FLOAT16) is torch.float32
    assert "ORCHARD_PRECISION=float16" in caplog.text
    caplog.clear()
    choose_type(CPU, Precision.AUTO)
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("bfloat16", "wanted", "expected"),
    [
        (True, Precision.AUTO, torch.float16),
        (True, Precision.BFLOAT16, torch.bfloat16),
        (False, Precision.BFLOAT16, torch.float32),
        (False, Precision.AUTO, torch.float16),
    ],
)
def test_a_gpu_takes_float16_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, bfloat16: bool, wanted: Precision, expected: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: bfloat16)
    assert choose_type(torch.device("cuda"), wanted) is expected


@pytest.mark.slow
def test_an_encoder_in_bfloat16_is_interchangeable_with_one_in_float32(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checkpoint = Checkpoint(offline_weights(), "resnet14")
    exact = Encoder(checkpoint, precision=Precision.FLOAT32)
    on_a_processor(monkeypatch, avx512_bf16=True)
    half = Encoder(checkpoint)
    assert (exact.precision, half.precision) == ("float32", "bfloat16")
    assert half.identity == exact.identity
    expected, found = exact.encode(PICTURES), half.encode(PICTURES)
    assert found.dtype == np.float32
    assert (found != expected).any()  # it was really computed in bfloat16
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    assert ((found * expected).sum(axis=1) / lengths >= 0.999).all()


class Scaled(nn.Module):
    """Small differences on a large common part: what bfloat16 rounds away."""

    def __init__(self, common: float) -> None:
        super().__init__()
        self.common = common

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.mean(dim=(2, 3)) + self.common


def test_a_network_whose_differences_half_precision_rounds_away_stays_in_float32(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pixels = probes(32).float() / 255
    assert in_half(Scaled(0), torch.bfloat16, pixels, name="near") is not None
    assert caplog.text == ""
    # bfloat16 has 8 bits: beside 1,000 its steps are 4, and the differences here are below 1. The
    # plain cosine would not notice.
    assert in_half(Scaled(1000), torch.bfloat16, pixels, name="far") is None
    assert "far stays in float32" in caplog.text
    assert caplog.records[0].levelno == logging.WARNING


def test_an_overflow_at_the_start_keeps_float32() -> None:
    # The largest float16 is 65,504.
    assert in_half(Scaled(70_000), torch.float16, probes(32).float() / 255, name="n") is None


@pytest.mark.slow
def test_a_picture_that_overflows_half_precision_is_encoded_in_float32(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checkpoint = Checkpoint(offline_weights(), "resnet14")
    exact = Encoder(checkpoint, precision=Precision.FLOAT32)
    on_a_processor(monkeypatch, avx512_bf16=True)
    half = Encoder(checkpoint)
    monkeypatch.setattr(half, "_model", lambda pixels: torch.full((len(pixels), 2048), torch.inf))
    # Not bit for bit: the one falls back to the network before its additions were fused.
    np.testing.assert_allclose(
        half.encode(PICTURES[:2]), exact.encode(PICTURES[:2]), rtol=1e-4, atol=1e-5
    )


def test_probes_are_pictures_that_differ() -> None:
    pictures = probes(160)
    assert pictures.shape == (4, 3, 160, 160)
    assert pictures.dtype == torch.uint8
    flat = pictures.float().flatten(1)
    assert torch.corrcoef(flat).fill_diagonal_(0).max() < 0.9
    assert (flat.std(dim=1) > 10).all()
    assert torch.equal(pictures, probes(160))
