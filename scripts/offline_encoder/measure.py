"""Measure the offline encoder on pictures it was not trained on, beside its teacher and baselines.

    python -m scripts.offline_encoder.measure DATA [--group fruit] [--unlike 0.5]
    python -m scripts.offline_encoder.measure DATA --group fruit --reason series
    python -m scripts.offline_encoder.measure DATA --reason category
    python -m scripts.offline_encoder.measure DATA --each

Queries are held-out pictures that the record beside the weights lists, taken from DATA; the gallery
is every other picture of DATA that it lists. For whole categories, and with `--each` for all
pictures of DATA, the queries are the gallery, each without itself. A hit is right when it lies in
the same class folder, and precision@k is the share of right hits among the first k by cosine.

Photos of one shelf, taken moments apart, lie on both sides and flatter every figure. `--unlike`
leaves out, for each query, the gallery photos whose 16 x 16 greyscale thumbnail correlates with the
query's beyond a limit, and so tells how much; `--reason series` asks with whole series, of which
nothing was trained on.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.config import IMAGENET_ARCHITECTURE, OFFLINE_ARCHITECTURE, load_settings
from core.dataset.decoding import decode
from core.dataset.files import read_picture
from core.dataset.listing import list_dataset
from core.encoder.efficientnet import installed_weights, is_installed
from core.encoder.weights import Checkpoint, offline_weights
from core.errors import DatasetError
from core.progress import Stage
from scripts.offline_encoder.layout import layout_correlation
from scripts.offline_encoder.photos import Reason
from scripts.shared.terminal import ProgressBar, guarded

CUTOFFS = (1, 5, 10)
Embed = Callable[[Sequence[Image.Image]], NDArray[np.float32]]


class Asked(StrEnum):
    """Which held-out pictures ask."""

    PHOTO = "photo"
    SERIES = "series"
    CATEGORY = "category"


# Records of before reasons were kept held out one photo in six, and so do those who keep them.
_REASONS = {
    Asked.PHOTO: Reason.EARLIER,
    Asked.SERIES: Reason.SERIES,
    Asked.CATEGORY: Reason.CATEGORY,
}


@dataclass(frozen=True, slots=True)
class Photos:
    """Decoded pictures with their classes."""

    images: list[Image.Image]
    labels: NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Trial:
    """What is asked and where; `itself` tells that the queries are the gallery."""

    queries: Photos
    gallery: Photos
    itself: bool


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.offline_encoder.measure",
        description="precision@k of the offline encoder on held-out pictures.",
    )
    parser.add_argument("data", type=Path, help="a folder it was trained on, or any with --each")
    parser.add_argument("--group", default="", help="first folder to measure, such as fruit")
    parser.add_argument("--reason", type=Asked, choices=list(Asked), default=Asked.PHOTO)
    parser.add_argument("--each", action="store_true", help="every picture asks all others")
    parser.add_argument(
        "--unlike", type=float, help="leave out gallery photos this alike in layout, such as 0.5"
    )
    parser.add_argument("--weights", type=Path, help="default: the weights that ship")
    parser.add_argument("--teacher", action="store_true", help="also the network it learned from")
    arguments = parser.parse_args(argv)
    return guarded(lambda: _run(arguments), load_settings(), on_interrupt="stopped")


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
    order = nearest(queries, gallery, left_out=left_out)
    right = gallery_labels[order] == query_labels[:, None]
    return {k: float(right[:, :k].mean()) for k in CUTOFFS}


def nearest(
    queries: NDArray[np.float32],
    gallery: NDArray[np.float32],
    *,
    left_out: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64]:
    """Return the gallery's ten nearest to each query by cosine, nearest first: (Q, 10) int64."""
    similarity = _normalised(queries) @ _normalised(gallery).T
    if left_out is not None:
        similarity[left_out] = -np.inf
    return np.argsort(-similarity, axis=1, kind="stable")[:, : max(CUTOFFS)]


def shared_neighbours(found: NDArray[np.int64], expected: NDArray[np.int64]) -> float:
    """Return the share of each row of neighbours that the other's row has as well, a mean."""
    common = (found[:, :, None] == expected[:, None, :]).any(axis=2)
    return float(common.mean())


def hsv_histogram(images: Sequence[Image.Image]) -> NDArray[np.float32]:
    """Return colour histograms: 16 hues x 4 saturations x 4 values, (N, 256) float32."""
    rows = []
    for image in images:
        pixels = np.asarray(image.resize((96, 96)).convert("HSV")).reshape(-1, 3)
        counts, _ = np.histogramdd(pixels, bins=(16, 4, 4), range=[(0, 256)] * 3)
        rows.append(counts.ravel() / counts.sum())
    return np.array(rows, dtype=np.float32)


def _run(arguments: argparse.Namespace) -> int:
    weights = arguments.weights or offline_weights()
    trial = _trial(arguments, weights)
    queries, gallery = trial.queries, trial.gallery
    left_out = np.eye(len(queries.images), len(gallery.images), dtype=bool) & trial.itself
    shares = np.array([np.mean(gallery.labels == label) for label in queries.labels])
    print(
        f"{len(queries.images)} queries, {len(gallery.images)} gallery photos, "
        f"{len(set(gallery.labels))} classes, chance {shares.mean():.2f}"
    )
    if arguments.unlike is not None:
        alike = layout_correlation(queries.images, gallery.images) > arguments.unlike
        print(
            f"left out beyond a correlation of {arguments.unlike}: "
            f"{alike.sum(axis=1).mean():.1f} a query"
        )
        left_out |= alike
    with tempfile.TemporaryDirectory() as folder:
        ours: NDArray[np.int64] | None = None
        for name, embed in _encoders(weights, Path(folder), teacher=arguments.teacher).items():
            asked = embed(queries.images)
            found = asked if trial.itself else embed(gallery.images)
            figures = precision_at(asked, queries.labels, found, gallery.labels, left_out=left_out)
            cells = [f"precision@{k} {value:.3f}" for k, value in figures.items()]
            order = nearest(asked, found, left_out=left_out)
            if ours is None:
                ours = order
            else:
                cells.append(f"ten neighbours shared {shared_neighbours(ours, order):.3f}")
            print(f"{name:<28}{'  '.join(cells)}", flush=True)
    return 0


def _trial(arguments: argparse.Namespace, weights: Path) -> Trial:
    if arguments.each:
        paths = list_dataset(arguments.data).paths
        everything = _read(arguments.data, arguments.group, paths)
        return Trial(everything, everything, itself=True)
    record = json.loads(weights.with_suffix(".json").read_text(encoding="utf-8"))
    reason = _REASONS[arguments.reason]
    name = arguments.data.resolve().name
    held = [item for item in record["held_out"] if item.get("source", name) == name]
    asked = [item["path"] for item in held if item.get("reason", Reason.EARLIER) == reason]
    queries = _read(arguments.data, arguments.group, asked)
    if arguments.reason is Asked.CATEGORY:
        return Trial(queries, queries, itself=True)
    found = [item["path"] for item in record["trained_on"] if item.get("source", name) == name]
    if arguments.reason is Asked.PHOTO:
        found += [item["path"] for item in held if item["path"] not in set(asked)]
    return Trial(queries, _read(arguments.data, arguments.group, found), itself=False)


def _encoders(weights: Path, folder: Path, *, teacher: bool) -> dict[str, Embed]:
    found: dict[str, Embed] = {"offline encoder": _embed(weights, OFFLINE_ARCHITECTURE)}
    if teacher:
        found["its teacher"] = _teacher()
    if is_installed() and (path := installed_weights()):
        found["EfficientNet-Lite2"] = _embed(path, IMAGENET_ARCHITECTURE)
    found["HSV colour histogram"] = hsv_histogram
    for label, architecture in (("ResNet-14", OFFLINE_ARCHITECTURE), ("ResNet-18", "resnet18")):
        random = _random_weights(folder, architecture)
        found[f"{label}, random weights"] = _embed(random, architecture)
    return found


def _read(data: Path, group: str, paths: Sequence[str]) -> Photos:
    chosen = [path for path in paths if not group or path.startswith(f"{group}/")]
    if not chosen:
        raise DatasetError(
            f"no such photos lie below {group!r} in {str(data)!r}. Check --group and --reason."
        )
    images = []
    with ProgressBar() as bar:
        for number, path in enumerate(chosen, 1):
            _, content = read_picture(data, path)
            images.append(decode(content, name=path, short_side=260))
            bar(Stage.INSPECT, number, len(chosen))
    depth = 1 if group else 0
    return Photos(images, np.array([path.split("/")[depth] for path in chosen]))


def _embed(weights: Path, architecture: str) -> Embed:
    from core.encoder.encoder import Encoder

    return Encoder(Checkpoint(weights, architecture)).encode


def _teacher() -> Embed:
    import torch
    from torchvision.transforms import v2

    from scripts.offline_encoder.teacher import TEACHER_SIDE, Teacher

    teacher = Teacher()
    prepare = v2.Compose([v2.Resize(TEACHER_SIDE), v2.CenterCrop(TEACHER_SIDE), v2.PILToTensor()])

    def embed(images: Sequence[Image.Image]) -> NDArray[np.float32]:
        batches = [images[start : start + 32] for start in range(0, len(images), 32)]
        rows = [teacher.features(torch.stack([prepare(i) for i in batch])) for batch in batches]
        found: Any = torch.cat(rows).cpu().numpy()
        return np.asarray(found, dtype=np.float32)

    return embed


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
