"""The crops that teacher and student both see: several of every picture, always the same."""

import io
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageEnhance
from torch import Tensor
from torch.utils.data import Dataset

from core.dataset.files import read_picture
from scripts.offline_encoder.photos import Photo

_LEAST_AREA = 0.3
_RATIOS = (3 / 4, 4 / 3)
_UNLIT = 0.4


class Crops(Dataset[tuple[Tensor, int]]):
    """Random crops, (3, side, side) uint8, with their index: those of one picture in a row.

    A crop is drawn from seed and index, so it is the same at every call.
    """

    def __init__(self, photos: Sequence[Photo], *, side: int, seed: int, each: int = 1) -> None:
        self.photos, self.side, self.seed, self.each = photos, side, seed, each

    def __len__(self) -> int:
        return len(self.photos) * self.each

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        chance = np.random.default_rng((self.seed, 0, index))
        picture = _opened(self.photos[index // self.each], self.side, chance)
        picture = _lit(_cropped(picture, self.side, chance), chance)
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1), index


def _opened(photo: Photo, side: int, chance: np.random.Generator) -> Image.Image:
    """Decode; what is transparent is laid over white or over any colour."""
    _, content = read_picture(photo.source.root, photo.path)
    with Image.open(io.BytesIO(content)) as picture:
        picture.draft("RGB", (2 * side, 2 * side))
        if picture.mode not in ("RGBA", "LA", "PA") and "transparency" not in picture.info:
            return picture.convert("RGB")
        cut = picture.convert("RGBA")
        red, green, blue = (int(value) for value in chance.integers(0, 256, 3))
        if chance.random() < 0.5:
            red = green = blue = 255
        ground = Image.new("RGBA", cut.size, (red, green, blue, 255))
        return Image.alpha_composite(ground, cut).convert("RGB")


def _cropped(picture: Image.Image, side: int, chance: np.random.Generator) -> Image.Image:
    width, height = picture.size
    area = width * height * chance.uniform(_LEAST_AREA, 1.0)
    ratio = np.exp(chance.uniform(*np.log(_RATIOS)))
    wide = min(width, max(1, round(float(np.sqrt(area * ratio)))))
    high = min(height, max(1, round(float(np.sqrt(area / ratio)))))
    left = int(chance.integers(0, width - wide + 1))
    top = int(chance.integers(0, height - high + 1))
    box = (left, top, left + wide, top + high)
    return picture.resize((side, side), Image.Resampling.BILINEAR, box=box)


def _lit(picture: Image.Image, chance: np.random.Generator) -> Image.Image:
    """Change light and colours as lamps and cameras do: shops differ in them more than in fruit."""
    if chance.random() < _UNLIT:
        return picture
    gains = chance.uniform(0.9, 1.1, 3) * chance.uniform(0.7, 1.25)
    table = [min(255, round(level * float(gain))) for gain in gains for level in range(256)]
    picture = picture.point(table)
    picture = ImageEnhance.Contrast(picture).enhance(float(chance.uniform(0.8, 1.25)))
    return ImageEnhance.Color(picture).enhance(float(chance.uniform(0.8, 1.25)))
