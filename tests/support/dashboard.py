"""A small indexed dataset for tests of pages: three classes, one with an awkward name."""

import io
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from scripts import build_index

AWKWARD = "<script>alert(1)</script> **bold**"
COLOURS = {"lime": "#7fbf3f", "plum": "#5b2a6b", AWKWARD.replace("/", ":"): "#d9a520"}
PER_CLASS = 6
# The class of the large pictures of `draw_endless`.
LARGE = "large"


@dataclass(frozen=True)
class Indexed:
    """Pictures and the data folder in which they are indexed, for several modules to share.

    The index names the pictures by their path, so they stay where they are and as they are.
    """

    pictures: Path
    data: Path

    def copied_to(self, data_dir: Path) -> Path:
        """Copy the data folder for a module to write to; returns the pictures."""
        shutil.copytree(self.data, data_dir)
        return self.pictures


def draw_pictures(root: Path) -> Path:
    """Draw three classes of six pictures below `root`: discs of one colour on another."""
    for label, colour in COLOURS.items():
        folder = root / label
        folder.mkdir(parents=True)
        for number in range(PER_CLASS):
            picture = Image.new("RGB", (200, 180), (40 * number, 90, 120))
            ImageDraw.Draw(picture).ellipse((20, 10, 150 + 5 * number, 160), fill=colour)
            picture.save(folder / f"{number}.jpg", quality=95)
    return root


def draw_endless(root: Path) -> Path:
    """Draw as `draw_pictures`, and so many large pictures that only a fault or a person ends a run.

    The picture is one colour, so it is a small file; to decode it takes a tenth of a second.
    """
    draw_pictures(root)
    content = io.BytesIO()
    Image.new("RGB", (4000, 3000), "#7fbf3f").save(content, "PNG")
    (root / LARGE).mkdir()
    for number in range(600):
        # Other bytes, so that each has to be encoded.
        (root / LARGE / f"{number}.png").write_bytes(content.getvalue() + number.to_bytes(2))
    return root


def set_environment(patch: pytest.MonkeyPatch, data_dir: Path) -> None:
    """Point every setting at `data_dir` and the offline encoder."""
    for name in ("MILVUS_URI", "MILVUS_TOKEN", "COLLECTION", "DATASET", "WEIGHTS"):
        patch.delenv(f"ORCHARD_{name}", raising=False)
    patch.setenv("ORCHARD_DATA_DIR", str(data_dir))
    patch.setenv("ORCHARD_ARCHITECTURE", "resnet14")


def build(dataset: Path, *arguments: str) -> None:
    """Index the dataset; by default three metrics in two lists, so that nprobe means something."""
    assert build_index.main([str(dataset), *(arguments or ("--nlist", "2"))]) == 0
