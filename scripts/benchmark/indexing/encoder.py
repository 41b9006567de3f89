"""Measure the encoder: photos to embeddings, against a plain loop and against the machine's limit.

    python -m scripts.benchmark encoder PHOTOS
    python -m scripts.benchmark encoder PHOTOS --weights resnet50-0676ba61.pth

The plain loop opens a picture, makes it 224 x 224, and runs torchvision's network on it alone, in
float32 and with gradients on. The limit is what the matrix product of the precision in use would
allow, were a network nothing but one. Wall seconds depend on what else the machine does; processor
seconds hardly do, so both are told. Without --weights the network is random, of a fixed seed.
"""

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.config import ARCHITECTURES, DEFAULT_ARCHITECTURE, OFFLINE_ARCHITECTURE, Precision
from core.dataset.decoding import decode
from core.embeddings.neighbours import exact_neighbours
from core.encoder.weights import Checkpoint, offline_weights
from core.indexing.encoding import AHEAD_BATCHES, DECODE_THREADS
from core.indexing.prefetch import prefetch
from core.metric import Metric
from scripts.benchmark.indexing.plain_encoder import (
    Rows,
    crop_side,
    plain_loop,
    plain_network,
    random_weights,
    reference,
    sample,
)
from scripts.benchmark.measuring import (
    median_seconds,
    median_times,
    peak_bytes,
    print_figures,
)
from scripts.shared.terminal import guarded

if TYPE_CHECKING:
    from torch import Tensor, nn

    from core.encoder.encoder import Encoder

K = 10
# Side of the matrices of the product that stands for the limit, and how many at a time.
_SIDE, _PRODUCTS = 2048, 20
_MEMORY_ROWS = (500, 5_000)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns 0 when every requirement holds, otherwise 1."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.benchmark encoder",
        description="Measure the encoder on photos.",
    )
    parser.add_argument("photos", type=Path, help="folder that holds one folder per class")
    parser.add_argument("--rows", type=int, default=300, help="photos to encode (default 300)")
    parser.add_argument("--rounds", type=int, default=9, help="times everything is timed")
    parser.add_argument("--architecture", choices=ARCHITECTURES, default=DEFAULT_ARCHITECTURE)
    parser.add_argument("--weights", type=Path, help="a checkpoint; default: random weights")
    parser.add_argument("--precision", type=Precision, choices=list(Precision), default="auto")
    parser.add_argument("--no-memory", action="store_true", help="leave out the memory of 5,000")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--peak-of", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    return guarded(lambda: _run(arguments), None, on_interrupt="stopped")


def _run(arguments: argparse.Namespace) -> int:
    files = sample(arguments.photos, arguments.rows)
    if arguments.peak_of:
        print(_peak(files, arguments.peak_of))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.weights or random_weights(Path(folder), arguments.architecture)
        figures = _measure(files, Checkpoint(path, arguments.architecture), arguments)
    if not arguments.no_memory:
        small, large = (_peak_in_new_process(arguments, rows) for rows in _MEMORY_ROWS)
        figures |= {"peak_mb_500": small / 1e6, "peak_mb_5000": large / 1e6}
        figures["memory_grows_by"] = large / small - 1
    wanted: dict[str, Callable[[float], bool]] = {
        "times_the_plain_loop": lambda x: x >= 3.3,
        "share_of_the_limit": lambda x: x >= 0.75,
        "least_cosine": lambda x: x >= 0.999,
        "overlap_of_10_neighbours": lambda x: x >= 0.98,
        "precision_at_10_differs_by": lambda x: x <= 0.005,
        "memory_grows_by": lambda x: x <= 0.10,
    }
    holds = {name: test(figures[name]) for name, test in wanted.items() if name in figures}
    missed = [name for name, held in holds.items() if not held]
    print_figures(figures | {"missed": ", ".join(missed) or "nothing"}, as_json=arguments.json)
    return 1 if missed else 0


def _measure(
    files: list[Path], checkpoint: Checkpoint, arguments: argparse.Namespace
) -> dict[str, Any]:
    from core.encoder.encoder import Encoder

    encoder = Encoder(checkpoint, precision=arguments.precision)
    plain = plain_network(checkpoint)
    found = np.concatenate(list(ours(files, encoder)))  # and times the batch sizes
    wall, processor = median_times(
        {
            "plain": lambda: list(plain_loop(files, plain)),
            "ours": lambda: list(ours(files, encoder)),
            "product": lambda: _products(encoder.precision),
        },
        rounds=arguments.rounds,
    )
    operations = _operations(plain, crop_side(encoder))
    figures: dict[str, Any] = {
        "rows": len(files),
        "architecture": checkpoint.architecture,
        "precision": encoder.precision,
        "batch": encoder.fastest_batch,
        "processors": os.cpu_count(),
        "gflop_a_picture": operations / 1e9,
    }
    for kind, taken in (("", wall), ("processor_", processor)):
        plain_rate, our_rate = len(files) / taken["plain"], len(files) / taken["ours"]
        limit = 2 * _SIDE**3 * _PRODUCTS / taken["product"] / operations
        figures |= {
            f"{kind}plain_pictures_per_second": plain_rate,
            f"{kind}pictures_per_second": our_rate,
            f"{kind}limit_pictures_per_second": limit,
            f"{kind}times_the_plain_loop": our_rate / plain_rate,
            f"{kind}limit_times_the_plain_loop": limit / plain_rate,
            f"{kind}share_of_the_limit": our_rate / limit,
        }
    middle = sorted(files, key=lambda file: file.stat().st_size)[len(files) // 2]
    figures |= query_steps(middle.read_bytes(), encoder)
    return figures | _agreement(found, reference(files, plain, encoder), files)


def ours(files: Iterable[Path], encoder: "Encoder") -> Iterator[Rows]:
    """Embed as indexing does: decoded and cut in threads ahead, encoded in batches."""

    def load(file: Path) -> "Tensor":
        picture = decode(file.read_bytes(), name=file.name, short_side=encoder.short_side)
        return encoder.prepare(picture)

    window = AHEAD_BATCHES * encoder.batch_size
    batch: list[Tensor] = []
    for prepared in prefetch(load, files, threads=DECODE_THREADS, window=window):
        batch.append(prepared)
        if len(batch) == encoder.batch_size:
            yield encoder.encode(batch)
            batch = []
    yield encoder.encode(batch)


def _agreement(found: Rows, expected: Rows, files: list[Path]) -> dict[str, float]:
    cosines = (found * expected).sum(axis=1) / (
        np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    )
    labels = np.array([file.parent.name for file in files])
    lists = [
        exact_neighbours(rows, queries=np.arange(len(rows)), metric=Metric.COSINE, k=K).positions
        for rows in (found, expected)
    ]
    shared = [len(set(a) & set(b)) / len(a) for a, b in zip(*lists, strict=True)]
    right = [float((labels[positions] == labels[:, None]).mean()) for positions in lists]
    return {
        "least_cosine": float(cosines.min()),
        "overlap_of_10_neighbours": float(np.mean(shared)),
        "precision_at_10": right[0],
        "precision_at_10_differs_by": abs(right[0] - right[1]),
    }


def query_steps(content: bytes, encoder: "Encoder", *, rounds: int = 20) -> dict[str, float]:
    """Return what one picture costs from its bytes to its embedding, and each step of that.

    Args:
        content: Of a file.
    """
    image = decode(content, name="query", short_side=encoder.short_side)
    prepared = encoder.prepare(image)
    medians = median_seconds(
        {
            "decode": lambda: decode(content, name="query", short_side=encoder.short_side),
            "resize": lambda: encoder.prepare(image),
            "network": lambda: encoder.encode([prepared]),
        },
        rounds=rounds,
    )
    return {
        "query_ms": 1000 * sum(medians.values()),
        **{f"query_{step}_ms": 1000 * taken for step, taken in medians.items()},
    }


def _products(precision: str) -> None:
    import torch

    left = torch.ones(_SIDE, _SIDE, dtype=getattr(torch, precision))
    for _ in range(_PRODUCTS):
        torch.mm(left, left)


def _operations(model: "nn.Module", side: int) -> int:
    """Floating-point operations for one picture; a multiplication with its addition is two."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(torch.zeros(1, 3, side, side))
    return int(counter.get_total_flops())


def _peak(files: list[Path], rows: int) -> int:
    """Return the peak memory of encoding `rows` pictures with the shipped network, in bytes."""
    from core.encoder.encoder import Encoder

    encoder = Encoder(Checkpoint(offline_weights(), OFFLINE_ARCHITECTURE))
    for _ in ours(itertools.islice(itertools.cycle(files), rows), encoder):
        pass  # as indexing does, which writes a batch to the database and forgets it
    return peak_bytes()


def _peak_in_new_process(arguments: argparse.Namespace, rows: int) -> int:
    command = [sys.executable, "-m", "scripts.benchmark.indexing.encoder", str(arguments.photos)]
    command += ["--rows", str(arguments.rows), "--peak-of", str(rows)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return int(done.stdout)


if __name__ == "__main__":
    raise SystemExit(main())
