"""Draw the sample dataset: `python -m scripts.make_sample OUT`."""

import argparse
from pathlib import Path

from core.sample.drawing import CLASSES, draw_sample
from scripts.shared.terminal import ProgressBar, guarded


def main(argv: list[str] | None = None) -> int:
    """Draw the pictures; 0 when done, 2 for input that cannot be used, 130 when interrupted."""
    options = _parser().parse_args(argv)
    return guarded(
        lambda: _run(options),
        None,
        on_interrupt=f"interrupted: the pictures drawn so far are in {options.out}; running the "
        "same command again finishes.",
    )


def _run(options: argparse.Namespace) -> int:
    with ProgressBar() as bar:
        count = draw_sample(
            options.out,
            per_class=options.per_class,
            size=options.size,
            seed=options.seed,
            workers=options.workers,
            on_progress=bar,
        )
    print(f"{count} pictures of {len(CLASSES)} classes in {options.out}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.make_sample",
        description="Draw a dataset of ten kinds of fruit, one folder each. The same seed gives "
        "the same pictures. Files that an earlier run has not made are never touched.",
    )
    parser.add_argument("out", metavar="OUT", type=Path, help="folder to draw into: new or empty")
    parser.add_argument("--per-class", type=int, default=60, help="pictures a class (default: 60)")
    parser.add_argument("--size", type=int, default=256, help="pixels a side (default: 256)")
    parser.add_argument("--seed", type=int, default=0, help="which pictures (default: 0)")
    parser.add_argument("--workers", type=int, help="processes (default: one a processor)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
