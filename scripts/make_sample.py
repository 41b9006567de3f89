"""Draw the sample dataset: `python -m scripts.make_sample OUT`."""

import argparse
import sys
import time
from pathlib import Path

from core.errors import OrchardError
from core.sample.drawing import CLASSES, draw_sample


def main(argv: list[str] | None = None) -> int:
    """Draw the pictures; 0 when done, 2 for input that cannot be used, 130 when interrupted."""
    options = _parser().parse_args(argv)
    progress = _Progress()
    try:
        count = draw_sample(
            options.out,
            per_class=options.per_class,
            size=options.size,
            seed=options.seed,
            workers=options.workers,
            on_progress=progress.show,
        )
    except OrchardError as error:
        progress.end_line()
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        progress.end_line()
        print(
            f"interrupted: {progress.done} of {progress.total} pictures are drawn in "
            f"{options.out}; running the same command again finishes.",
            file=sys.stderr,
        )
        return 130
    progress.end_line()
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


class _Progress:
    """Count, rate and time left on stderr: one line that renews itself, or a line every tenth."""

    def __init__(self) -> None:
        self.done = 0
        self.total = 0
        self._start = time.monotonic()
        self._tenth = 0
        self._live = sys.stderr.isatty()
        self._open = False

    def show(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        if done == 0:
            return
        tenth = done * 10 // total
        if not self._live and tenth == self._tenth:
            return
        self._tenth = tenth
        rate = done / max(time.monotonic() - self._start, 1e-3)
        left = (total - done) / rate
        line = f"drawing {done}/{total}, {rate:.1f} a second, {left:.0f} s left"
        if self._live:
            print(f"\r{line}\x1b[K", end="", file=sys.stderr, flush=True)
            self._open = True
        else:
            print(line, file=sys.stderr, flush=True)

    def end_line(self) -> None:
        """Leave the line that renews itself, so that what follows starts on a new one."""
        if self._open:
            print(file=sys.stderr)
            self._open = False


if __name__ == "__main__":
    raise SystemExit(main())
