"""A collection that does not name its encoder: which of the known ones made it."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision import transforms
from torchvision.models import get_model

from core.config import Settings, load_settings
from core.dataset.decoding import decode
from core.encoder.encoder import Encoder
from core.encoder.weights import checkpoint_for
from core.errors import EncoderMismatchError
from core.metric import Metric
from core.search.index_search import search
from core.search.query_picture import encode_query
from core.store.connection import DataType
from core.store.vector_store import VectorStore, open_store
from scripts import recognise as script
from tests.encoder.test_encoder import drawn, lively
from tests.support.bare_client import bare_client

FAMILY = "image_embeddings"
NAMES = [f"{label}/{number}.png" for label in ("apple", "kiwi") for number in range(3)]

pytestmark = pytest.mark.slow


def tutorials_embedding(body: nn.Module, picture: Image.Image) -> np.ndarray:
    """As the widely copied tutorial computes it; it never calls `eval()`."""
    preset = transforms.Compose(
        [
            transforms.Resize((224, 224)),
            transforms.ToTensor(),
            transforms.Normalize(
                (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
            ),
        ]
    )
    with torch.no_grad():
        found: np.ndarray = body(preset(picture)[None])[0].numpy()
    return found


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number, name in enumerate(NAMES):
        file = tmp_path / "photos" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        drawn((300, 200 + 20 * number), number).save(file)
    return tmp_path / "photos"


@pytest.fixture
def settings(
    no_settings: None, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    torch.manual_seed(0)
    torch.save(lively(get_model("resnet18", weights=None)).state_dict(), tmp_path / "r18.pth")
    monkeypatch.setenv("ORCHARD_ARCHITECTURE", "resnet18")
    monkeypatch.setenv("ORCHARD_WEIGHTS", str(tmp_path / "r18.pth"))
    monkeypatch.setenv("ORCHARD_COLLECTION", FAMILY)
    monkeypatch.setenv("ORCHARD_DATASET", str(photos))
    monkeypatch.setenv("ORCHARD_PATH_PREFIX", "/data")
    # The weights that others of this machine have fetched are not tried.
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return load_settings()


@pytest.fixture
def store(settings: Settings) -> Iterator[VectorStore]:
    store = open_store(settings)
    yield store
    store.close()


def fill(store: VectorStore, photos: Path, weights: Path, *, in_training: bool) -> None:
    """Make the collection of the tutorial."""
    body = get_model("resnet18", weights=None)
    body.load_state_dict(torch.load(weights, weights_only=True))
    body.fc = nn.Identity()
    body.train(in_training)
    client = bare_client(store)
    schema = client.create_schema(auto_id=False, enable_dynamic_field=True)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=512)
    schema.add_field("path", DataType.VARCHAR, max_length=256)
    client.create_collection(FAMILY, schema=schema)
    index = client.prepare_index_params()
    index.add_index("vector", index_type="IVF_FLAT", metric_type="L2", params={"nlist": 2})
    client.create_index(FAMILY, index)
    client.insert(
        FAMILY,
        [
            {
                "id": number,
                "vector": tutorials_embedding(
                    body, Image.open(photos / name).convert("RGB")
                ).tolist(),
                "path": f"/data/{name}",
            }
            for number, name in enumerate(NAMES)
        ],
    )
    client.flush(FAMILY)


@pytest.mark.parametrize("in_training", [False, True])
def test_the_tutorials_collection_is_recognised_and_a_photo_finds_itself_at_distance_0(
    settings: Settings,
    store: VectorStore,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    in_training: bool,
) -> None:
    assert settings.weights
    fill(store, photos, settings.weights, in_training=in_training)
    info = store.info(FAMILY, Metric.L2)
    with pytest.raises(EncoderMismatchError, match=r"scripts\.recognise"):
        checkpoint_for(info.encoder, settings)
    store.close()
    assert script.main([]) == 0
    told = re.search("set ORCHARD_ASSUMED_ENCODER=(.*)", capsys.readouterr().out)
    expected = "squash224-clip-train" if in_training else "squash224-clip"
    assert told and told[1].split("/")[2] == expected

    monkeypatch.setenv("ORCHARD_ASSUMED_ENCODER", told[1])
    named = open_store(load_settings())
    try:
        info = named.info(FAMILY, Metric.L2)
        encoder = Encoder(checkpoint_for(info.encoder, settings))
        for number, name in enumerate(NAMES):
            image = decode((photos / name).read_bytes(), name=name)
            embedding, _ = encode_query(image, encoder=encoder, info=info)
            first = search(embedding, store=named, info=info, k=1).hits[0]
            assert first.record.id == number
            # Squared distance of vectors of length about 20, in float32 and in half precision
            # of the encoder where that is used.
            assert first.score <= 1e-3 * float(embedding @ embedding)
    finally:
        named.close()


def test_where_no_known_encoder_fits_none_is_named(
    settings: Settings,
    store: VectorStore,
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    torch.manual_seed(1)
    other = tmp_path / "other.pth"
    torch.save(lively(get_model("resnet18", weights=None), seed=1).state_dict(), other)
    fill(store, photos, other, in_training=False)
    store.close()
    assert script.main([]) == 1
    out = capsys.readouterr().out
    assert "none of 3 known encoders at hand made these" in out and "it fits" not in out
    for name in NAMES:
        (photos / name).unlink()
    assert script.main([]) == 2
    assert "can be read below" in capsys.readouterr().err
