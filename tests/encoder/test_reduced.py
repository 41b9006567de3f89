"""An encoder whose identity names a reduction makes embeddings that small, by the same numbers."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.decomposition import PCA

from core.config import OFFLINE_ARCHITECTURE, Settings, load_settings
from core.encoder import weights
from core.encoder.encoder import Encoder
from core.encoder.weights import (
    Checkpoint,
    checkpoint_for,
    checkpoints_at_hand,
    offline_weights,
    reduced_as,
)
from core.errors import ReductionError
from core.records import EncoderIdentity, Reduction
from core.reduction.files import file_of, save_fitted
from core.reduction.fitted import fit, reduced
from tests.encoder.test_encoder import drawn

PICTURES = [drawn((80 + 9 * n, 90), n) for n in range(7)]


@pytest.fixture
def settings(no_settings: None) -> Settings:
    return load_settings()


@pytest.fixture(scope="module")
def whole() -> Encoder:
    return Encoder(Checkpoint(offline_weights(), OFFLINE_ARCHITECTURE))


def test_a_query_is_what_scikit_learn_makes_of_the_raw_embedding(
    whole: Encoder, settings: Settings
) -> None:
    raw = whole.encode(PICTURES)
    fitted = save_fitted(fit(raw, Reduction(pca=3), centred=True), settings.reductions)
    identity = reduced(whole.identity, fitted)
    encoder = Encoder(checkpoint_for(EncoderIdentity.parse(str(identity)), settings))
    assert encoder.identity == identity
    query = Image.new("RGB", (90, 70), "orange")
    theirs = PCA(3, svd_solver="full").fit(raw).transform(whole.encode([query]))
    np.testing.assert_allclose(encoder.encode([query]), theirs, rtol=1e-3, atol=1e-3)


def test_whoever_tries_known_encoders_tries_them_reduced(settings: Settings) -> None:
    rows = np.random.default_rng(0).normal(size=(9, 2_048)).astype(np.float32)
    fitted = save_fitted(fit(rows, Reduction(pca=3), centred=True), settings.reductions)
    whole = EncoderIdentity("resnet14", "c987d52c", "p", 2_048)
    tried = [*checkpoints_at_hand(reduced(whole, fitted), settings)]
    assert "resnet14" in {one.architecture for one in tried}
    assert all(one.reduction and one.reduction.takes == 2_048 for one in tried)
    assert [one.path for one in checkpoints_at_hand(whole, settings)] == [one.path for one in tried]


def test_without_what_was_fitted_nothing_is_encoded_nor_fetched(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[Callable[[], None]] = []
    monkeypatch.setattr(weights, "fetch_weights", fetched.append)
    some = Reduction(pca=3, fitted="1a2b3c4d")
    identity = EncoderIdentity("resnet50", "0676ba61", "resize256-crop224-imagenet", 3, some)
    with pytest.raises(ReductionError, match=r"pca3-1a2b3c4d\.npz.*Copy the file"):
        checkpoint_for(identity, settings)
    checkpoint = Checkpoint(Path("/none.pth"), "resnet50")
    with pytest.raises(ReductionError, match="Copy the file"):
        reduced_as(identity, checkpoint, settings)
    assert reduced_as(replace(identity, reduction=Reduction()), checkpoint, settings) == checkpoint
    assert not fetched


def test_what_was_fitted_to_another_network_is_refused(settings: Settings) -> None:
    rows = np.random.default_rng(0).normal(size=(9, 5)).astype(np.float32)
    fitted = save_fitted(fit(rows, Reduction(pca=3), centred=True), settings.reductions)
    assert file_of(fitted.reduction, settings.reductions).is_file()
    with pytest.raises(ReductionError, match=r"fitted to embeddings of 5 numbers.*have 2,048"):
        Encoder(Checkpoint(offline_weights(), OFFLINE_ARCHITECTURE, reduction=fitted))
