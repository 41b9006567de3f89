"""The encoder against plain torchvision in float32, and what it refuses to load."""

import copy
import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file
from torch import nn
from torchvision import transforms
from torchvision.models import get_model
from torchvision.transforms._presets import ImageClassification

from core.config import ARCHITECTURES, Precision
from core.dataset.decoding import decode
from core.encoder.checkpoint import load_state
from core.encoder.encoder import Encoder
from core.encoder.network import build_model, drop_classifier, load_into
from core.encoder.weights import Checkpoint, offline_weights
from core.errors import DeviceMemoryError, WeightsError
from core.records import EncoderIdentity

PHOTOS = Path(__file__).resolve().parents[3] / "shared" / "data"


def lively(model: nn.Module, seed: int = 0) -> nn.Module:
    """Give every batch norm statistics and factors that matter, as training would."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values, low, high in (
                (module.running_mean, -0.3, 0.3),
                (module.running_var, 0.6, 1.8),
                (module.weight.data, 0.4, 1.0),
                (module.bias.data, -0.2, 0.3),
            ):
                values.uniform_(low, high, generator=generator)
    return model.eval()


def drawn(size: tuple[int, int], seed: int) -> Image.Image:
    random = np.random.default_rng(seed)
    picture = Image.new("RGB", size, tuple(random.integers(0, 256, 3).tolist()))
    draw = ImageDraw.Draw(picture)
    for _ in range(25):
        x, y = random.integers(0, size[0]), random.integers(0, size[1])
        r = int(random.integers(3, max(4, min(size) // 3)))
        draw.ellipse((x - r, y - r, x + r, y + r), tuple(random.integers(0, 256, 3).tolist()))
    return picture


PICTURES = [drawn(size, n) for n, size in enumerate([(320, 240), (240, 500), (64, 64), (257, 900)])]


@pytest.fixture(scope="module")
def plain() -> nn.Module:
    torch.manual_seed(0)
    return lively(get_model("resnet18", weights=None))


@pytest.fixture(scope="module")
def file(plain: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(plain.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def encoder(file: Path) -> Encoder:
    # tests/encoder/test_precision.py is about the others.
    return Encoder(Checkpoint(file, "resnet18"), precision=Precision.FLOAT32)


@pytest.fixture(scope="module")
def embeddings(encoder: Encoder) -> np.ndarray:
    """Of `PICTURES`."""
    return encoder.encode(PICTURES)


@pytest.fixture(scope="module")
def expected(plain: nn.Module) -> np.ndarray:
    """Of `PICTURES`, by plain torchvision."""
    return reference(plain, PICTURES)


@torch.inference_mode()
def reference(
    model: nn.Module, pictures: list[Image.Image], *, resize: int = 256, crop: int = 224
) -> np.ndarray:
    """Pooled features of plain torchvision: its own preset and layers, batch norms unfolded."""
    body = copy.deepcopy(model)
    body.fc = nn.Identity()
    preset = ImageClassification(crop_size=crop, resize_size=resize)
    return torch.cat([body(preset(picture)[None]) for picture in pictures]).numpy()


def assert_agree(found: np.ndarray, expected: np.ndarray) -> None:
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    assert ((found * expected).sum(axis=1) / lengths >= 0.9999).all()
    # Float32 has 24 bits; sums over thousands of terms in another order lose about ten of them.
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_embeddings_agree_with_plain_torchvision(
    encoder: Encoder, embeddings: np.ndarray, expected: np.ndarray
) -> None:
    assert embeddings.shape == (len(PICTURES), encoder.identity.dimension)
    assert embeddings.dtype == np.float32
    assert_agree(embeddings, expected)
    assert not [m for m in encoder._model.modules() if isinstance(m, nn.BatchNorm2d)]
    # The pictures are told apart, else agreement would mean little.
    assert np.abs(expected[0] - expected[1]).max() > 0.01 * np.abs(expected).max()


@pytest.mark.parametrize("in_training", [False, True])
@torch.inference_mode()
def test_squashed_pictures_agree_with_a_plain_network_in_evaluation_and_in_training_mode(
    file: Path, plain: nn.Module, expected: np.ndarray, *, in_training: bool
) -> None:
    name = "squash224-clip-train" if in_training else "squash224-clip"
    encoder = Encoder(Checkpoint(file, "resnet18", preprocessing=name), precision=Precision.FLOAT32)
    weights = encoder.identity.weights
    assert str(encoder.identity) == f"resnet18/{weights}/{name}/512"
    body = copy.deepcopy(plain).train(in_training)
    body.fc = nn.Identity()
    # As the tutorial writes it, one picture at a time.
    preset = transforms.Compose(
        [
            transforms.Resize((224, 224)),
            transforms.ToTensor(),
            transforms.Normalize(
                (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
            ),
        ]
    )
    # Of two shapes that are not square.
    squashed = torch.cat([body(preset(picture)[None]) for picture in PICTURES[:2]]).numpy()
    assert_agree(encoder.encode(PICTURES[:2]), squashed)
    # It is another answer than that of the usual preprocessing.
    assert np.abs(expected[:2] - squashed).max() > 0.01 * np.abs(squashed).max()


class SmallMemory(Encoder):
    """On a device whose memory is too small for more than `most` pictures at a time."""

    most = 3

    def _features(self, batch: torch.Tensor) -> np.ndarray:
        if len(batch) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB.")
        return super()._features(batch)


@pytest.fixture
def small(encoder: Encoder) -> SmallMemory:
    """The same network; which batches were too large it learns for itself."""
    one = SmallMemory.__new__(SmallMemory)
    vars(one).update(vars(encoder), _pace=copy.deepcopy(encoder._pace))
    return one


def test_pictures_too_many_for_the_memory_are_taken_in_smaller_batches(
    small: SmallMemory, embeddings: np.ndarray
) -> None:
    assert small.batch_size > small.most
    found = small.encode(PICTURES * 2)
    assert_agree(found, np.concatenate([embeddings] * 2))


def test_memory_too_small_for_a_single_picture_is_said(small: SmallMemory) -> None:
    small.most = 0
    with pytest.raises(DeviceMemoryError, match=r"too small for a single picture\. End other"):
        small.encode(PICTURES)


def test_other_faults_of_a_computation_are_not_taken_for_a_small_memory(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(batch: torch.Tensor) -> np.ndarray:
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(encoder, "_features", broken)
    with pytest.raises(RuntimeError, match="shapes differ"):
        encoder.encode(PICTURES)


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="no photos beside the repository (../shared/data)")
def test_embeddings_of_photos_agree_with_plain_torchvision(
    encoder: Encoder, plain: nn.Module
) -> None:
    files = sorted(PHOTOS.rglob("*.jpg"))[::700][:4]
    assert files
    pictures = [
        decode(file.read_bytes(), name=file.name, short_side=encoder.short_side) for file in files
    ]
    whole = [Image.open(file).convert("RGB") for file in files]
    assert_agree(encoder.encode(pictures), reference(plain, whole))


def test_the_shipped_offline_encoder_agrees_with_plain_torchvision() -> None:
    path = offline_weights()
    encoder = Encoder(Checkpoint(path, "resnet14"), precision=Precision.FLOAT32)
    assert encoder.identity == EncoderIdentity(
        "resnet14",
        hashlib.sha256(path.read_bytes()).hexdigest()[:8],
        "resize160-crop160-imagenet",
        2048,
    )
    model = build_model("resnet14")
    state = torch.load(path, weights_only=True)
    missing = model.load_state_dict(state, strict=False).missing_keys
    assert missing == ["fc.weight", "fc.bias"]
    expected = reference(model.eval(), PICTURES[:2], resize=160, crop=160)
    assert_agree(encoder.encode(PICTURES[:2]), expected)


# One of each kind of block beside resnet18, which most tests here have; the other networks are
# deeper or wider ones of these.
@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["resnet50", "resnext50_32x4d"])
@torch.inference_mode()
def test_networks_of_every_kind_agree_with_plain_torchvision_on_random_weights(
    architecture: str, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    plain = lively(build_model(architecture))
    plain.fc = nn.Identity()
    torch.save(plain.state_dict(), tmp_path / "w.pth")
    encoder = Encoder(Checkpoint(tmp_path / "w.pth", architecture), precision=Precision.FLOAT32)
    # Half the side: a quarter of the time, and every layer still has more than one position.
    pictures = [encoder.prepare(picture)[:, ::2, ::2] for picture in PICTURES[:2]]
    preset = ImageClassification(crop_size=pictures[0].shape[1], resize_size=pictures[0].shape[1])
    expected = plain(preset(torch.stack(pictures))).numpy()
    found = encoder.encode(pictures)
    assert found.shape == (2, 2048)
    assert encoder.identity.dimension == found.shape[1]
    assert_agree(found, expected)
    assert not [m for m in encoder._model.modules() if isinstance(m, nn.BatchNorm2d)]


@pytest.mark.parametrize(
    "architecture", sorted(set(ARCHITECTURES) - {"efficientnet_lite2", "resnet14"})
)
def test_every_network_is_torchvisions_without_its_classifier(architecture: str) -> None:
    with torch.device("meta"):
        model, plain = build_model(architecture), get_model(architecture, weights=None)
    width = drop_classifier(model)
    # He et al. 2015: 512 features with basic blocks, four times as many with bottlenecks.
    assert width == (512 if architecture in ("resnet18", "resnet34") else 2048)
    shapes = {name: values.shape for name, values in plain.state_dict().items()}
    del shapes["fc.weight"], shapes["fc.bias"]
    assert {name: values.shape for name, values in model.state_dict().items()} == shapes


def test_embeddings_are_raw_not_normalised(embeddings: np.ndarray, expected: np.ndarray) -> None:
    lengths = np.linalg.norm(embeddings, axis=1)
    np.testing.assert_allclose(lengths, np.linalg.norm(expected, axis=1), rtol=1e-3)
    assert (np.abs(lengths - 1) > 0.01).all()


def test_the_identity_names_file_network_preprocessing_and_dimension(
    encoder: Encoder, file: Path, plain: nn.Module
) -> None:
    assert encoder.identity == EncoderIdentity(
        "resnet18",
        hashlib.sha256(file.read_bytes()).hexdigest()[:8],
        "resize256-crop224-imagenet",
        plain.fc.in_features,
    )
    assert EncoderIdentity.parse(str(encoder.identity)) == encoder.identity


def test_no_pictures_give_no_rows_of_the_right_width(encoder: Encoder) -> None:
    empty = encoder.encode([])
    assert empty.shape == (0, 512)
    assert empty.dtype == np.float32


def test_neither_batch_size_nor_neighbours_change_an_embedding(encoder: Encoder) -> None:
    many = [PICTURES[n % len(PICTURES)] for n in range(encoder.batch_size + 3)]
    together = encoder.encode(many)  # a full batch and a rest
    alone = np.concatenate([encoder.encode([picture]) for picture in PICTURES])
    expected = alone[[n % len(PICTURES) for n in range(len(many))]]
    np.testing.assert_allclose(together, expected, rtol=1e-4, atol=1e-5 * np.abs(alone).max())


def test_the_same_input_gives_the_same_output(encoder: Encoder) -> None:
    # Batch norms or dropout in training mode would not.
    assert (encoder.encode(PICTURES[:2]) == encoder.encode(PICTURES[:2])).all()


def test_prepared_pictures_may_be_mixed_with_others(encoder: Encoder) -> None:
    prepared = encoder.prepare(PICTURES[0])
    assert prepared.shape == (3, 224, 224)
    assert prepared.dtype == torch.uint8
    found = encoder.encode([prepared, PICTURES[1]])
    assert (found == encoder.encode(PICTURES[:2])).all()


@pytest.mark.parametrize("size", [(1, 1), (2, 31), (16, 256), (1, 100_000), (100_000, 10)])
def test_tiny_and_endless_pictures_are_prepared_in_bounded_memory(
    encoder: Encoder, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels: list[int] = []
    resize = Image.Image.resize

    def counted(self: Image.Image, size: tuple[int, int], *how: int) -> Image.Image:
        pixels.append(size[0] * size[1])
        return resize(self, size, *how)

    monkeypatch.setattr(Image.Image, "resize", counted)
    assert encoder.prepare(Image.new("RGB", size, "red")).shape == (3, 224, 224)
    # The short side becomes 256, the long one at most 16 (and a bit) times that.
    assert pixels
    assert max(pixels) <= 256 * 256 * 18


def test_of_an_endless_picture_the_middle_is_seen(encoder: Encoder) -> None:
    strip = Image.new("RGB", (10_001, 10), "blue")
    strip.paste("red", (4_900, 0, 5_101, 10))
    prepared = encoder.prepare(strip)
    assert prepared.float().mean(dim=(1, 2)).tolist() == [255, 0, 0]


def changed(plain: nn.Module, path: Path, **changes: torch.Tensor | None) -> Checkpoint:
    state = dict(plain.state_dict())
    for name, value in changes.items():
        if value is None:
            del state[name]
        else:
            state[name] = value
    torch.save(state, path)
    return Checkpoint(path, "resnet18")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"layer1.0.conv1.weight": None}, "1 weights are missing, the first is 'layer1.0.conv1"),
        ({"extra.weight": torch.ones(1)}, "1 are not expected, the first is 'extra.weight'"),
        ({"bn1.weight": torch.ones(7)}, "1 have another shape, the first is 'bn1.weight'"),
    ],
    ids=["missing", "unexpected", "shape"],
)
def test_weights_that_do_not_fit_are_told_each_in_its_own_words(
    plain: nn.Module, tmp_path: Path, change: dict[str, torch.Tensor | None], words: str
) -> None:
    path = tmp_path / "other.pth"
    with pytest.raises(WeightsError) as caught:
        Encoder(changed(plain, path, **change))
    message = str(caught.value)
    assert words in message
    assert message.count("the first is") == 1
    assert str(path) in message
    assert "ORCHARD_ARCHITECTURE" in message


def test_nothing_is_loaded_when_something_does_not_fit(plain: nn.Module, tmp_path: Path) -> None:
    model = build_model("resnet18")
    before = copy.deepcopy(model.state_dict())
    other = changed(plain, tmp_path / "w.pth", **{"bn1.weight": torch.ones(7)})
    with pytest.raises(WeightsError):
        load_into(model, load_state(other.path), path=other.path, architecture="resnet18")
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (torch.full((64,), torch.nan), "hold numbers that are not finite, the first is 'bn1.bias'"),
        (torch.full((64,), torch.inf), "hold numbers that are not finite, the first is 'bn1.bias'"),
        (torch.ones(64, dtype=torch.int8), "are quantised or sparse, the first is 'bn1.bias'"),
        (torch.ones(64).to_sparse(), "are quantised or sparse, the first is 'bn1.bias'"),
    ],
    ids=["nan", "inf", "integers", "sparse"],
)
@pytest.mark.filterwarnings("ignore:Validating sparse")
def test_weights_that_are_no_finite_numbers_are_refused_before_anything_is_encoded(
    plain: nn.Module, tmp_path: Path, value: torch.Tensor, words: str
) -> None:
    path = tmp_path / "broken.pth"
    with pytest.raises(WeightsError, match=words) as caught:
        Encoder(changed(plain, path, **{"bn1.bias": value}))
    assert str(path) in str(caught.value)


def test_half_precision_checkpoints_and_safetensors_give_the_same_embeddings(
    plain: nn.Module, tmp_path: Path
) -> None:
    half = {n: v.half() if v.is_floating_point() else v for n, v in plain.state_dict().items()}
    torch.save(half, tmp_path / "half.pth")
    save_file(half, tmp_path / "half.safetensors")
    rounded = copy.deepcopy(plain)
    rounded.load_state_dict(half)
    expected = reference(rounded, PICTURES[:2])
    for name in ("half.pth", "half.safetensors"):
        encoder = Encoder(Checkpoint(tmp_path / name, "resnet18"), precision=Precision.FLOAT32)
        assert_agree(encoder.encode(PICTURES[:2]), expected)


def test_weights_of_another_network_are_refused(file: Path) -> None:
    with pytest.raises(WeightsError, match="does not fit resnet50"):
        Encoder(Checkpoint(file, "resnet50"))


def test_weights_from_before_the_batch_counters_and_with_another_classifier_fit(
    plain: nn.Module, encoder: Encoder, tmp_path: Path
) -> None:
    state = {k: v for k, v in plain.state_dict().items() if "num_batches_tracked" not in k}
    state |= {"fc.weight": torch.zeros(17, 512), "fc.bias": torch.zeros(17)}
    torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}}, tmp_path / "w.pth")
    other = Encoder(Checkpoint(tmp_path / "w.pth", "resnet18"), precision=Precision.FLOAT32)
    assert (other.encode(PICTURES[:1]) == encoder.encode(PICTURES[:1])).all()
    assert other.identity.weights != encoder.identity.weights
