"""The plain way from photos to embeddings, which the benchmarks measure Orchard against."""

import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.dataset.listing import list_dataset
from core.encoder.weights import Checkpoint
from core.errors import DatasetError

if TYPE_CHECKING:
    from torch import nn

    from core.encoder.encoder import Encoder

Rows = NDArray[np.float32]


def plain_loop(files: Iterable[Path], model: "nn.Module") -> Iterator[Rows]:
    """Yield embeddings (1, D) as a first attempt would make them.

    Whole decode, squashed to 224 x 224, one at a time, float32, gradients on.
    """
    from torchvision.transforms import v2
    from torchvision.transforms._presets import ImageClassification

    squash, preset = v2.Resize((224, 224)), ImageClassification(crop_size=224, resize_size=224)
    for file in files:
        yield model(preset(squash(Image.open(file).convert("RGB")))[None]).detach().numpy()


def reference(files: Iterable[Path], plain: "nn.Module", encoder: "Encoder") -> Rows:
    """Embed with torchvision's own preset and network, in float32 and from whole decodes."""
    import torch
    from torchvision.transforms._presets import ImageClassification

    preset = ImageClassification(crop_size=crop_side(encoder), resize_size=encoder.short_side)
    with torch.inference_mode():
        rows = [plain(preset(Image.open(file).convert("RGB"))[None]).numpy() for file in files]
    return np.concatenate(rows)


def plain_network(checkpoint: Checkpoint) -> "nn.Module":
    """Return torchvision's network with the weights of a checkpoint, without its classifier."""
    from torch import nn

    from core.encoder.checkpoint import load_state
    from core.encoder.network import build_model

    model: nn.Module = build_model(checkpoint.architecture)
    model.load_state_dict(load_state(checkpoint.path), strict=False)
    model.fc = nn.Identity()
    return model.eval()


def random_weights(folder: Path, architecture: str) -> Path:
    """Write weights of a fixed seed whose blocks add little to what they are given.

    A network of torchvision's plain random weights magnifies rounding from layer to layer as no
    trained one does, and would tell nothing about half precision.
    """
    import torch

    from core.encoder.network import build_model

    torch.manual_seed(0)
    model = build_model(architecture)
    for name, parameter in model.named_parameters():
        if name.endswith(("bn3.weight", "bn2.weight")) and name.startswith("layer"):
            torch.nn.init.constant_(parameter, 0.25)
    torch.save(model.state_dict(), folder / f"{architecture}.pth")
    return folder / f"{architecture}.pth"


def sample(folder: Path, rows: int) -> list[Path]:
    """Return `rows` pictures of a folder, drawn with a fixed seed.

    Raises:
        DatasetError: The folder holds fewer.
    """
    paths = list(list_dataset(folder).paths)
    if len(paths) < rows:
        raise DatasetError(
            f"{str(folder)!r} holds {len(paths):,} pictures, {rows:,} are wanted. Give another "
            "folder, or a smaller --rows."
        )
    return [folder / path for path in sorted(random.Random(0).sample(paths, rows))]  # noqa: S311


def crop_side(encoder: "Encoder") -> int:
    """Return the side of what the network sees, in pixels."""
    return int(encoder.prepare(Image.new("RGB", (8, 8))).shape[1])
