"""Measure the offline encoder on photos it was not trained on, beside two plain baselines.

    python -m scripts.offline_encoder.measure DATA [--group fruit]

Queries are the held-out photos that the split beside the weights lists, the gallery is what it was
trained on; both are taken from DATA. A hit is right when it lies in the same class folder below
the group, and precision@k is the share of right hits among the first k by cosine similarity.

Photos of one shelf, taken moments apart, lie on both sides of the split and flatter every figure.
`--unlike` leaves out, for each query, the gallery photos whose 16 x 16 greyscale thumbnail
correlates with the query's beyond a limit, and so tells how much.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.config import OFFLINE_ARCHITECTURE, load_settings
from core.dataset.files import read_picture
from core.dataset.pictures import decode
from core.encoder.weights import Checkpoint, offline_weights
from core.errors import DatasetError
from core.progress import Stage
from scripts.terminal import ProgressBar, guarded

CUTOFFS = (1, 5, 10)
Embed = Callable[[Sequence[Image.Image]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Photos:
    """Decoded pictures of one side of the split, with their classes."""

    images: list[Image.Image]
    labels: NDArray[np.str_]


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.offline_encoder.measure",
        description="precision@k of the offline encoder on held-out photos.",
    )
    parser.add_argument("data", type=Path, help="the folder it was trained on")
    parser.add_argument("--group", default="fruit", help="first folder to measure, default fruit")
    parser.add_argument(
        "--unlike", type=float, help="leave out gallery photos this alike in layout, such as 0.5"
    )
    parser.add_argument("--weights", type=Path, help="default: the weights that ship")
    arguments = parser.parse_args(argv)
    return guarded(
        lambda: _run(
            arguments.data,
            arguments.group,
            arguments.weights or offline_weights(),
            arguments.unlike,
        ),
        load_settings(),
        on_interrupt="stopped",
    )


def precision_at(
    queries: NDArray[np.float32],
    query_labels: NDArray[np.str_],
    gallery: NDArray[np.float32],
    gallery_labels: NDArray[np.str_],
    *,
    left_out: NDArray[np.bool_] | None = None,
) -> dict[int, float]:
    """Return mean precision@k over queries by cosine similarity, for k in `CUTOFFS`.

    Args:
        queries: (Q, D) float32.
        gallery: (N, D) float32, N at least the largest k.
        left_out: (Q, N), gallery photos that do not count for a query.
    """
    similarity = _normalised(queries) @ _normalised(gallery).T
    if left_out is not None:
        similarity[left_out] = -np.inf
    order = np.argsort(-similarity, axis=1, kind="stable")[:, : max(CUTOFFS)]
    right = gallery_labels[order] == query_labels[:, None]
    return {k: float(right[:, :k].mean()) for k in CUTOFFS}


def hsv_histogram(images: Sequence[Image.Image]) -> NDArray[np.float32]:
    """Return colour histograms: 16 hues x 4 saturations x 4 values, (N, 256) float32."""
    rows = []
    for image in images:
        pixels = np.asarray(image.resize((96, 96)).convert("HSV")).reshape(-1, 3)
        counts, _ = np.histogramdd(pixels, bins=(16, 4, 4), range=[(0, 256)] * 3)
        rows.append(counts.ravel() / counts.sum())
    return np.array(rows, dtype=np.float32)


def layout_correlation(
    queries: Sequence[Image.Image], gallery: Sequence[Image.Image]
) -> NDArray[np.float32]:
    """Return Pearson's correlation of 16 x 16 greyscale thumbnails, (Q, N) in [-1, 1]."""

    def centred(images: Sequence[Image.Image]) -> NDArray[np.float32]:
        small = [np.asarray(i.convert("L").resize((16, 16)), dtype=np.float32) for i in images]
        rows = np.array(small).reshape(len(small), -1)
        return _normalised(rows - rows.mean(axis=1, keepdims=True))

    return centred(queries) @ centred(gallery).T


def _run(data: Path, group: str, weights: Path, unlike: float | None) -> int:
    split = json.loads(weights.with_suffix(".json").read_text(encoding="utf-8"))
    queries = _read(data, group, [item["path"] for item in split["held_out"]])
    gallery = _read(data, group, [item["path"] for item in split["trained_on"]])
    shares = np.array([np.mean(gallery.labels == label) for label in queries.labels])
    print(
        f"{len(queries.images)} held-out queries, {len(gallery.images)} gallery photos, "
        f"{len(set(gallery.labels))} classes, chance {shares.mean():.2f}"
    )
    left_out = None
    if unlike is not None:
        left_out = layout_correlation(queries.images, gallery.images) > unlike
        print(
            f"left out beyond a correlation of {unlike}: {left_out.sum(axis=1).mean():.1f} a query"
        )
    with tempfile.TemporaryDirectory() as folder:
        encoders: dict[str, Embed] = {
            "offline encoder": _embed(weights, OFFLINE_ARCHITECTURE),
            "HSV colour histogram": hsv_histogram,
            "ResNet-14, random weights": _embed(
                _random_weights(Path(folder), OFFLINE_ARCHITECTURE), OFFLINE_ARCHITECTURE
            ),
            "ResNet-18, random weights": _embed(
                _random_weights(Path(folder), "resnet18"), "resnet18"
            ),
        }
        for name, embed in encoders.items():
            figures = precision_at(
                embed(queries.images),
                queries.labels,
                embed(gallery.images),
                gallery.labels,
                left_out=left_out,
            )
            cells = "  ".join(f"precision@{k} {value:.2f}" for k, value in figures.items())
            print(f"{name:<28}{cells}", flush=True)
    return 0


def _read(data: Path, group: str, paths: Sequence[str]) -> Photos:
    chosen = [path for path in paths if path.startswith(f"{group}/")]
    if not chosen:
        raise DatasetError(f"the split lists no photos below {group!r}. Check --group.")
    images = []
    with ProgressBar() as bar:
        for number, path in enumerate(chosen, 1):
            _, content = read_picture(data, path)
            images.append(decode(content, name=path))
            bar(Stage.INSPECT, number, len(chosen))
    return Photos(images, np.array([path.split("/")[1] for path in chosen]))


def _embed(weights: Path, architecture: str) -> Embed:
    from core.encoder.encoder import Encoder

    return Encoder(Checkpoint(weights, architecture)).encode


def _random_weights(folder: Path, architecture: str) -> Path:
    import torch

    from core.encoder.network import build_model

    torch.manual_seed(0)
    path = folder / f"{architecture}.pth"
    torch.save(build_model(architecture).state_dict(), path)
    return path


def _normalised(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    result: NDArray[np.float32] = vectors / np.maximum(norms, 1e-12)
    return result


if __name__ == "__main__":
    sys.exit(main())
