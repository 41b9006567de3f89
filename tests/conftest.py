"""Fixtures that several test files share."""

import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from core.config import Settings
from core.records import EncoderIdentity
from core.store import VectorStore

DIMENSION = 8


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A developer's environment, `.env` and data folder stay out of the test."""
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    for name in list(os.environ):
        if name.startswith(("ORCHARD_", "MILVUS_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ORCHARD_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "test.db"


@pytest.fixture
def store(database: Path) -> Iterator[VectorStore]:
    store = VectorStore(str(database), database="pictures")
    yield store
    store.close()


class ColourEncoder:
    """Stands in for the real encoder where its speed matters: colours in, eight numbers out.

    The first three numbers are the mean colour, so that pictures of one colour are alike. `calls`
    counts encoded pictures; after `stop_after` of them `stop_with` is raised.
    """

    def __init__(self, weights: str = "00000000") -> None:
        self.identity = EncoderIdentity("colour", weights, "none", DIMENSION)
        self.short_side = 8
        self.calls = 0
        self.stop_after: int | None = None
        self.stop_with: type[BaseException] = KeyboardInterrupt

    def prepare(self, image: Image.Image) -> NDArray[np.float32]:
        return np.asarray(image.resize((2, 2)), dtype=np.float32)

    def encode(self, images: Sequence[NDArray[np.float32] | Image.Image]) -> NDArray[np.float32]:
        if self.stop_after is not None and self.calls + len(images) > self.stop_after:
            raise self.stop_with
        self.calls += len(images)
        pixels = [self.prepare(i) if isinstance(i, Image.Image) else i for i in images]
        means = [p.reshape(-1, 3).mean(axis=0) for p in pixels]
        return np.array([[*m, m[0] - m[1], m[1] - m[2], m.sum(), 1, 0] for m in means], np.float32)


@pytest.fixture
def encoder() -> ColourEncoder:
    return ColourEncoder()


def picture_bytes(seed: int, *, side: int = 12, format: str = "PNG") -> bytes:
    """Return a small picture; other seeds give other bytes and another colour."""
    colour = tuple(int(c) for c in np.random.default_rng(seed).integers(0, 256, 3))
    out = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(out, format)
    return out.getvalue()


def draw_dataset(root: Path, names: Sequence[str], *, first_seed: int = 0) -> Path:
    """Write one small picture for each relative path; returns `root`."""
    for seed, name in enumerate(names, first_seed):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(picture_bytes(seed))
    return root


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Twelve pictures in three classes."""
    names = [f"{label}/{n}.png" for label in ("apple", "pear", "plum") for n in range(4)]
    return draw_dataset(tmp_path / "photos", names)
